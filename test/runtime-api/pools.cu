//===- pools.cu -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Allocations in the order of a stream.
#include "check.h"

__global__ void fill(int *p, int value, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    p[i] = value;
}

int main() {
  int supported = 0;
  CHECK(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, 0));
  EXPECT(supported == 1);
  cudaStream_t s;
  CHECK(cudaStreamCreate(&s));
  const int n = 5000;
  static int h[n];
  for (int round = 0; round < 3; ++round) {
    int *p;
    CHECK(cudaMallocAsync(&p, sizeof h, s));
    fill<<<1, 256, 0, s>>>(p, round, n);
    CHECK(cudaMemcpyAsync(h, p, sizeof h, cudaMemcpyDeviceToHost, s));
    CHECK(cudaFreeAsync(p, s));
    CHECK(cudaStreamSynchronize(s));
    EXPECT(h[0] == round && h[n - 1] == round);
  }
  cudaMemPool_t pool, own;
  CHECK(cudaDeviceGetDefaultMemPool(&pool, 0));
  unsigned long long threshold = 1 << 20, back = 0;
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold,
                                &threshold));
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &back));
  EXPECT(back == threshold);
  cudaMemPoolProps props = {};
  props.allocType = cudaMemAllocationTypePinned;
  props.location.type = cudaMemLocationTypeDevice;
  CHECK(cudaMemPoolCreate(&own, &props));
  CHECK(cudaDeviceSetMemPool(0, own));
  CHECK(cudaDeviceGetMemPool(&pool, 0));
  EXPECT(pool == own);
  int *p;
  CHECK(cudaMallocFromPoolAsync((void **)&p, sizeof h, own, s));
  fill<<<1, 256, 0, s>>>(p, 77, n);
  CHECK(cudaMemcpyAsync(h, p, sizeof h, cudaMemcpyDeviceToHost, s));
  CHECK(cudaFreeAsync(p, s));
  CHECK(cudaStreamSynchronize(s));
  EXPECT(h[n / 2] == 77);
  CHECK(cudaMemPoolTrimTo(own, 0));
  CHECK(cudaMemPoolDestroy(own));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemPoolDestroy(own));
  CHECK(cudaStreamDestroy(s));
  return done();
}
