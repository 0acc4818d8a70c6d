//===- Malloc.cpp - malloc that never gives null --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR allocates its operations with malloc and does not look at what it gets:
// without memory the compiler would end by writing to null. The program's own
// functions of these names stand before the C library's. Sanitizers bring
// theirs.

#include "container/OutOfMemory.h"

#include <cstdlib>
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define HAMLET_KEEPS_MALLOC
#endif
#endif

#if defined(__GLIBC__) && !defined(HAMLET_KEEPS_MALLOC)
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) {
  void *memory = __libc_malloc(size);
  if (!memory)
    hamlet::endOutOfMemory();
  return memory;
}

void *calloc(size_t count, size_t size) {
  void *memory = __libc_calloc(count, size);
  if (!memory)
    hamlet::endOutOfMemory();
  return memory;
}

void *realloc(void *old, size_t size) {
  void *memory = __libc_realloc(old, size);
  if (!memory && size)
    hamlet::endOutOfMemory();
  return memory;
}
}
#endif
