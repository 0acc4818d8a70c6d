//===- AtomicFile.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/AtomicFile.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hamlet {
namespace {

/// What a write to a path reaches.
struct Destination {
  std::string name; ///< absolute, its folder without links
  bool inPlace = false;
  int descriptor = -1; ///< in place: one that this process has open
};

/// N of `/proc/self/fd/N` (and so of /dev/stdout and /dev/fd/N), else -1.
int ownDescriptor(const std::string &folder, const std::string &name) {
  int number = -1;
  auto [stop, error] =
      std::from_chars(name.data(), name.data() + name.size(), number);
  bool whole = error == std::errc() && stop == name.data() + name.size();
  return whole && folder == "/proc/" + std::to_string(getpid()) + "/fd" ? number
                                                                        : -1;
}

/// Follows links. None, with errno, if there is no such folder.
std::optional<Destination> resolve(std::string path) {
  constexpr int kMostLinks = 40; // as many as Linux follows
  for (int links = 0; links < kMostLinks; ++links) {
    size_t slash = path.rfind('/');
    bool bare = slash == std::string::npos;
    char *real =
        realpath(bare ? "." : path.substr(0, slash + 1).c_str(), nullptr);
    if (!real)
      return std::nullopt;
    std::string folder = real;
    std::free(real);
    std::string name = bare ? path : path.substr(slash + 1);
    Destination to;
    to.name = (folder == "/" ? "" : folder) + "/" + name;
    to.descriptor = ownDescriptor(folder, name);
    to.inPlace = to.descriptor >= 0 || to.name.starts_with("/proc/");
    if (to.inPlace)
      return to;
    struct stat info = {};
    bool exists = lstat(to.name.c_str(), &info) == 0;
    if (!exists || !S_ISLNK(info.st_mode)) {
      to.inPlace =
          (exists && !S_ISREG(info.st_mode)) ||
          (to.name.starts_with("/dev/") && !to.name.starts_with("/dev/shm/"));
      return to;
    }
    char link[PATH_MAX];
    ssize_t length = readlink(to.name.c_str(), link, sizeof(link));
    if (length < 0)
      return std::nullopt;
    std::string leadsTo(link, static_cast<size_t>(length));
    path = leadsTo.starts_with('/') ? "" : folder + "/";
    path += leadsTo;
  }
  errno = ELOOP;
  return std::nullopt;
}

} // namespace

/// The name of a file that has to go if the process is ended. All are in a list
/// that only grows and whose members are used again, so that the handler of a
/// signal can walk it at any time.
struct AtomicFile::Temporary {
  std::atomic<bool> taken{true}, there{false};
  char name[PATH_MAX] = "";
  Temporary *next = nullptr;

  static std::atomic<Temporary *> all;

  static Temporary *take() {
    for (Temporary *one = all; one; one = one->next) {
      bool isTaken = false;
      if (one->taken.compare_exchange_strong(isTaken, true))
        return one;
    }
    auto *made = new Temporary;
    made->next = all;
    while (!all.compare_exchange_weak(made->next, made)) {
    }
    return made;
  }
  void release() {
    there = false;
    taken = false;
  }
  static void removeAll(int signal) {
    unlinkAll();
    raise(signal); // by now with its default action, which ends the process
  }
  static void unlinkAll() {
    for (Temporary *one = all; one; one = one->next)
      if (one->there)
        unlink(one->name);
  }
};

std::atomic<AtomicFile::Temporary *> AtomicFile::Temporary::all;

void AtomicFile::handleSignals() {
  std::signal(SIGXFSZ, SIG_IGN);
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM,
                     SIGUSR1, SIGUSR2, SIGXCPU, SIGABRT}) {
    struct sigaction before = {}, action = {};
    // One that is ignored, by nohup say, stays so.
    if (sigaction(signal, nullptr, &before) || before.sa_handler != SIG_DFL)
      continue;
    action.sa_handler = Temporary::removeAll;
    action.sa_flags = SA_RESETHAND;
    sigaction(signal, &action, nullptr);
  }
}

void AtomicFile::discardAll() { Temporary::unlinkAll(); }

Status AtomicFile::fail(const char *what) const {
  return failure("cannot ", what, " '", path, "': ", std::strerror(errno));
}

void AtomicFile::discard() {
  if (!temporary)
    return;
  unlink(temporary->name);
  temporary->release();
  temporary = nullptr;
}

AtomicFile::~AtomicFile() {
  if (fd < 0)
    return;
  close(fd);
  discard();
}

Status AtomicFile::open(std::string name) {
  assert(fd < 0 && "one file at a time");
  path = std::move(name);
  if (path.empty())
    return failure("cannot create a file: its name is empty");
  std::optional<Destination> to = resolve(path);
  if (!to)
    return fail("create");
  if (to->inPlace) {
    fd = to->descriptor >= 0
             ? fcntl(to->descriptor, F_DUPFD_CLOEXEC, 0)
             : ::open(to->name.c_str(),
                      O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? fail("write") : Status();
  }
  target = std::move(to->name);
  temporary = Temporary::take();
  // One that an ended process left may have the name.
  static std::atomic<unsigned> number;
  do {
    std::string beside = target + ".tmp" + std::to_string(getpid()) + "-" +
                         std::to_string(number++);
    if (beside.size() >= sizeof(temporary->name)) {
      errno = ENAMETOOLONG;
      break;
    }
    std::ranges::copy(beside, temporary->name);
    temporary->name[beside.size()] = '\0';
    temporary->there = true;
    fd = ::open(temporary->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
      temporary->there = false; // it is not ours
  } while (fd < 0 && errno == EEXIST);
  if (fd >= 0)
    return {};
  Status status = fail("create");
  temporary->release();
  temporary = nullptr;
  return status;
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
  Status status;
  if (closed)
    status = fail("write");
  else if (temporary && rename(temporary->name, target.c_str()))
    status = fail("rename the finished file to");
  if (status.failed()) {
    discard();
  } else if (temporary) {
    temporary->release();
    temporary = nullptr;
  }
  return status;
}

Status AtomicFile::commitAs(const std::string &name) {
  if (temporary) {
    std::optional<Destination> to = resolve(name);
    if (!to)
      return failure("cannot create '", name, "': ", std::strerror(errno));
    target = std::move(to->name);
    path = name;
  }
  return commit();
}

Status writeFileAtomically(const std::string &path, std::string_view contents) {
  AtomicFile file;
  HAMLET_TRY(file.open(path));
  HAMLET_TRY(file.write(contents));
  return file.commit();
}

bool sameOutput(const std::string &a, const std::string &b) {
  std::optional<Destination> first = resolve(a), second = resolve(b);
  // One that cannot be reached says so when it is opened.
  return first && second && !first->inPlace && !second->inPlace &&
         first->name == second->name;
}

Status flushStandardOutput() {
  const char *what = "cannot write to standard output";
  bool lost = std::ferror(stdout) != 0;
  if (std::fflush(stdout))
    return failure(what, ": ", std::strerror(errno));
  return lost ? failure(what, ": a part of it is lost") : Status();
}

} // namespace hamlet
