#ifndef HAMLET_CONTAINER_ATOMICFILE_H
#define HAMLET_CONTAINER_ATOMICFILE_H

#include "container/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace hamlet {

/// A file written under a temporary name beside its own and renamed by
/// `commit`, so that nobody ever sees a part of it. Destroyed without
/// `commit`, it leaves nothing behind. A device or a pipe, `/dev/null` say, is
/// written in place. Not thread-safe.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile();

  /// Creates the temporary file of `path`.
  Status open(std::string path);
  /// Appends; fails for example on a full disk, naming the file.
  Status write(const void *data, size_t size);
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }
  /// Writes at a byte offset, independent of what `write` appended.
  Status writeAt(uint64_t offset, const void *data, size_t size);
  /// Reads back exactly `size` bytes.
  Status readAt(uint64_t offset, void *data, size_t size);
  Status truncate(uint64_t size);
  /// Closes the file and gives it its name.
  Status commit();

private:
  Status fail(const char *what) const;

  std::string path, temporary;
  int fd = -1;
};

/// Writes a whole file through AtomicFile.
Status writeFileAtomically(const std::string &path, std::string_view contents);

} // namespace hamlet

#endif // HAMLET_CONTAINER_ATOMICFILE_H
