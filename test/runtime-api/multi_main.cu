//===- multi_main.cu ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Two files of one program, compiled apart.
#include "check.h"

void second(int *p);

static __device__ int own = 1;
namespace {
__global__ void local(int *p) { *p += own; }
} // namespace
template <class T> __global__ void shared(T *p, T by) { *p *= by; }

int main() {
  int *p, h = 4;
  CHECK(cudaMalloc(&p, 4));
  CHECK(cudaMemcpy(p, &h, 4, cudaMemcpyHostToDevice));
  local<<<1, 1>>>(p); // 5
  second(p);          // 75
  shared<int><<<1, 1>>>(p, 2);
  CHECK_LAUNCH();
  local<<<1, 1>>>(p);
  second(p); // (151 + 21) * 3
  CHECK(cudaMemcpy(&h, p, 4, cudaMemcpyDeviceToHost));
  EXPECT(h == 516);
  CHECK(cudaFree(p));
  return done();
}
