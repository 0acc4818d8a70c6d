//===- AtomicFile.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_ATOMICFILE_H
#define HAMLET_CONTAINER_ATOMICFILE_H

#include "container/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace hamlet {

/// A file written under a temporary name beside its own and renamed by
/// `commit`, so that nobody ever sees a part of it. Destroyed without
/// `commit`, it leaves nothing behind. Of a link, the file that it leads to is
/// replaced. What is not a regular file, and all of /dev (/dev/shm apart) and
/// /proc, is written in place, `/dev/stdout` after what stands there. Not
/// thread-safe.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile();

  /// Creates the temporary file of `path`. A command opens its outputs before
  /// any work: what cannot be written is told at once, and what stands there
  /// stays until `commit`.
  Status open(std::string path);
  bool isOpen() const { return fd >= 0; }
  /// Whether it is written in place: then only `write` is sure to work.
  bool inPlace() const { return !temporary; }
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
  /// The same with another name; what is written in place has its own.
  Status commitAs(const std::string &name);

  /// For a command, at its start: a signal that ends the process removes first
  /// what is not committed. A limit on file sizes is a failed write.
  static void handleSignals();
  /// Removes all that is not committed, for a process that ends at once; safe
  /// in the handler of a signal.
  static void discardAll();

private:
  struct Temporary;
  Status fail(const char *what) const;
  void discard();

  std::string path;
  std::string target;             ///< what `commit` replaces
  Temporary *temporary = nullptr; ///< none: in place
  int fd = -1;
};

/// Writes a whole file through AtomicFile.
Status writeFileAtomically(const std::string &path, std::string_view contents);

/// Whether two outputs would replace the same file; false for what is written
/// in place.
bool sameOutput(const std::string &a, const std::string &b);

/// Flushes standard output; fails if any of it was lost, now or earlier.
Status flushStandardOutput();

} // namespace hamlet

#endif // HAMLET_CONTAINER_ATOMICFILE_H
