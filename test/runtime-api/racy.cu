//===- racy.cu ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A barrier is missing. Without the sanitizer nothing is said.
#include "check.h"

__global__ void rotate(int *p) {
  __shared__ int s[128];
  s[threadIdx.x] = p[threadIdx.x];
  p[threadIdx.x] = s[(threadIdx.x + 1) % 128];
}

int main() {
  int *p;
  CHECK(cudaMalloc(&p, 128 * sizeof(int)));
  CHECK(cudaMemset(p, 1, 128 * sizeof(int)));
  rotate<<<1, 128>>>(p);
  CHECK_LAUNCH();
  CHECK(cudaFree(p));
  return done();
}
