//===- per_thread.cu ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Compiled with --default-stream per-thread: null streams do not wait for one
// another.
#include "check.h"

#include <thread>

__global__ void waitFor(volatile int *flag, int *out) {
  while (!*flag)
    ;
  *out = 1;
}
__global__ void store(int *out) { *out = 2; }

int main() {
  int *flag, *a, *b, h = 0;
  CHECK(cudaHostAlloc(&flag, 4, cudaHostAllocMapped));
  *flag = 0;
  CHECK(cudaMalloc(&a, 4));
  CHECK(cudaMalloc(&b, 4));
  waitFor<<<1, 1>>>(flag, a);
  CHECK(cudaGetLastError());
  std::thread([&] {
    int mine = 0;
    store<<<1, 1>>>(b);
    CHECK(cudaStreamSynchronize(0));
    CHECK(cudaMemcpy(&mine, b, 4, cudaMemcpyDeviceToHost));
    EXPECT(mine == 2);
  }).join();
  EXPECT_ERROR(cudaErrorNotReady, cudaStreamQuery(0));
  __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
  CHECK(cudaMemcpy(&h, a, 4, cudaMemcpyDeviceToHost));
  EXPECT(h == 1);
  CHECK(cudaFreeHost(flag));
  return done();
}
