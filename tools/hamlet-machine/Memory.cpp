//===- Memory.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-machine/Memory.h"

#include "tools/hamlet-machine/Loops.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace hamlet::machine {

Result<Memory> Memory::map(size_t bytes) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return failure("no ", bytes >> 20,
                   " MiB of memory to read: ", std::strerror(errno),
                   "; ask for less with --megabytes");
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 1, bytes);
  return Memory(static_cast<char *>(memory), bytes);
}

Memory::Memory(Memory &&other) noexcept
    : first(std::exchange(other.first, nullptr)), bytes(other.bytes) {}

Memory::~Memory() {
  if (first)
    munmap(first, bytes);
}

double Memory::readRate(unsigned threads, int rounds,
                        void (*reader)(const char *, const char *)) const {
  size_t part = bytes / threads / 4096 * 4096;
  double seconds = best(threads, rounds, [&](unsigned thread) {
    reader(first + thread * part, first + (thread + 1) * part);
  });
  return double(part) * threads / seconds;
}

} // namespace hamlet::machine
