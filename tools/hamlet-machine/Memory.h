//===- Memory.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_MACHINE_MEMORY_H
#define HAMLET_TOOLS_HAMLET_MACHINE_MEMORY_H

#include "container/Status.h"

#include <cstddef>

namespace hamlet::machine {

/// Memory of this process alone, in huge pages where the system gives them,
/// every byte written.
class Memory {
public:
  static Result<Memory> map(size_t bytes);
  Memory(Memory &&other) noexcept;
  Memory(const Memory &) = delete;
  Memory &operator=(Memory &&) = delete;
  ~Memory();

  const char *data() const { return first; }
  size_t size() const { return bytes; }

  /// Bytes a second that `threads` read together, each its part; the best of
  /// `rounds`.
  double readRate(unsigned threads, int rounds,
                  void (*reader)(const char *, const char *)) const;

private:
  Memory(char *first, size_t bytes) : first(first), bytes(bytes) {}
  char *first;
  size_t bytes;
};

} // namespace hamlet::machine

#endif // HAMLET_TOOLS_HAMLET_MACHINE_MEMORY_H
