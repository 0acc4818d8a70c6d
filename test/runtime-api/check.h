//===- check.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the programs of this folder say of themselves: "ok", or what is wrong.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>

#define CHECK(call)                                                            \
  do {                                                                         \
    cudaError_t e_ = (call);                                                   \
    if (e_ != cudaSuccess) {                                                   \
      std::printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #call,                \
                  cudaGetErrorName(e_));                                       \
      std::exit(1);                                                            \
    }                                                                          \
  } while (0)
#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);      \
      std::exit(1);                                                            \
    }                                                                          \
  } while (0)
#define EXPECT_ERROR(wanted, call)                                             \
  do {                                                                         \
    cudaError_t e_ = (call);                                                   \
    if (e_ != (wanted)) {                                                      \
      std::printf("%s:%d: %s: %s, expected %s\n", __FILE__, __LINE__, #call,   \
                  cudaGetErrorName(e_), cudaGetErrorName(wanted));             \
      std::exit(1);                                                            \
    }                                                                          \
  } while (0)

/// A launch and its end.
#define CHECK_LAUNCH()                                                         \
  do {                                                                         \
    CHECK(cudaGetLastError());                                                 \
    CHECK(cudaDeviceSynchronize());                                            \
  } while (0)

inline int done() {
  std::puts("ok");
  return 0;
}
