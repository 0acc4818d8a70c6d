//===- Refused.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What CUDA's runtime has and this one has not: each says so once, by name, and
// is an error. Whatever the arguments, they are not looked at.
#include "emulator/cudart/Runtime.h"

#include <cstdio>

using namespace hamlet::emu::cudart;

static cudaError_t refuse(bool &said, const char *name, const char *what) {
  if (!said)
    std::fprintf(stderr, "[emulator] %s is not supported (%s)\n", name, what);
  said = true;
  return ended(kNotSupported);
}

#define REFUSED(name, what)                                                    \
  HAMLET_CUDART name() {                                                       \
    static bool said = false;                                                  \
    return refuse(said, #name, what);                                          \
  }
#include "emulator/cudart/Refused.inc"

/// What elements of a texture are; harmless without one.
extern "C" __attribute__((visibility("default"))) cudaChannelFormatDesc
cudaCreateChannelDesc(int x, int y, int z, int w, int f) {
  return {x, y, z, w, f};
}
