//===- multi_kernels.cu ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The second file of multi_main: kernels of the same names, its own variables.
#include "check.h"

static __device__ int own = 20;
namespace {
__global__ void local(int *p) { *p += own; }
} // namespace
template <class T> __global__ void shared(T *p, T by) { *p *= by; }

void second(int *p) {
  local<<<1, 1>>>(p);
  CHECK_LAUNCH();
  shared<int><<<1, 1>>>(p, 3);
  CHECK_LAUNCH();
  int value = 21;
  CHECK(cudaMemcpyToSymbol(own, &value, sizeof value));
}
