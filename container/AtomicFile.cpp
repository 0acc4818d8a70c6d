#include "container/AtomicFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hamlet {

Status AtomicFile::fail(const char *what) const {
  return failure("cannot ", what, " '", path, "': ", std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (fd < 0)
    return;
  close(fd);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

Status AtomicFile::open(std::string name) {
  assert(fd < 0 && "one file at a time");
  path = std::move(name);
  struct stat info;
  if (!stat(path.c_str(), &info) && !S_ISREG(info.st_mode)) {
    fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    return fd < 0 ? fail("write") : Status();
  }
  temporary = path + ".tmp" + std::to_string(getpid());
  fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  return fd < 0 ? fail("create") : Status();
}

Status AtomicFile::write(const void *data, size_t size) {
  const char *at = static_cast<const char *>(data);
  while (size) {
    ssize_t n = ::write(fd, at, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fail("write");
    at += n;
    size -= static_cast<size_t>(n);
  }
  return {};
}

Status AtomicFile::writeAt(uint64_t offset, const void *data, size_t size) {
  const char *at = static_cast<const char *>(data);
  while (size) {
    ssize_t n = pwrite(fd, at, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fail("write");
    at += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
  return {};
}

Status AtomicFile::readAt(uint64_t offset, void *data, size_t size) {
  char *at = static_cast<char *>(data);
  while (size) {
    ssize_t n = pread(fd, at, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      return failure("cannot read back '", path, "': it ends at byte ", offset);
    if (n < 0)
      return fail("read back");
    at += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
  return {};
}

Status AtomicFile::truncate(uint64_t size) {
  return ftruncate(fd, static_cast<off_t>(size)) ? fail("truncate") : Status();
}

Status AtomicFile::commit() {
  // A full disk may show only here.
  int closed = close(fd);
  fd = -1;
  if (closed) {
    Status status = fail("write");
    unlink(temporary.c_str());
    return status;
  }
  if (temporary.empty())
    return {};
  if (rename(temporary.c_str(), path.c_str())) {
    Status status = fail("rename the finished file to");
    unlink(temporary.c_str());
    return status;
  }
  return {};
}

Status writeFileAtomically(const std::string &path, std::string_view contents) {
  AtomicFile file;
  HAMLET_TRY(file.open(path));
  HAMLET_TRY(file.write(contents));
  return file.commit();
}

} // namespace hamlet
