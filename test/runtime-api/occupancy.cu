//===- occupancy.cu -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is known of kernels, and the launch shapes that follow from it.
#include "check.h"

__global__ void square(int *p, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    p[i] *= p[i];
}
__global__ void __launch_bounds__(128, 2) bounded(int *p) {
  __shared__ int s[64];
  s[threadIdx.x % 64] = threadIdx.x;
  __syncthreads();
  p[threadIdx.x] = s[0];
}
__global__ void muchShared(int *p, int n) {
  extern __shared__ int s[];
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    s[i] = i;
  __syncthreads();
  if (threadIdx.x == 0)
    *p = s[n - 1];
}

int main() {
  cudaFuncAttributes a;
  CHECK(cudaFuncGetAttributes(&a, bounded));
  EXPECT(a.maxThreadsPerBlock == 128);
  EXPECT(a.sharedSizeBytes == 256);
  EXPECT(a.numRegs > 0 && a.ptxVersion >= 70 && a.binaryVersion >= 80);
  CHECK(cudaFuncGetAttributes(&a, square));
  EXPECT(a.maxThreadsPerBlock == 1024 && a.sharedSizeBytes == 0);

  int grid = 0, block = 0, blocks = 0;
  CHECK(cudaOccupancyMaxPotentialBlockSize(&grid, &block, square, 0, 0));
  EXPECT(grid > 0 && block >= 32 && block % 32 == 0);
  CHECK(cudaOccupancyMaxPotentialBlockSizeVariableSMem(
      &grid, &block, muchShared, [](int b) { return size_t(b) * 64; }));
  EXPECT(block >= 32);
  CHECK(
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, bounded, 128, 0));
  EXPECT(blocks >= 2);
  EXPECT_ERROR(
      cudaErrorInvalidValue,
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, bounded, 0, 0));
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  const int n = 3000;
  int h[n], *p;
  for (int i = 0; i < n; ++i)
    h[i] = i;
  CHECK(cudaMalloc(&p, sizeof h));
  CHECK(cudaMemcpy(p, h, sizeof h, cudaMemcpyHostToDevice));
  CHECK(cudaOccupancyMaxPotentialBlockSize(&grid, &block, square, 0, n));
  square<<<(n + block - 1) / block, block>>>(p, n);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i)
    EXPECT(h[i] == i * i);

  // More shared memory than what is given unasked.
  const int bytes = 64 << 10;
  muchShared<<<1, 64, bytes>>>(p, bytes / 4);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(cudaFuncSetAttribute(
      muchShared, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  CHECK(cudaFuncGetAttributes(&a, muchShared));
  EXPECT(a.maxDynamicSharedSizeBytes == bytes);
  CHECK(cudaFuncSetAttribute(
      muchShared, cudaFuncAttributePreferredSharedMemoryCarveout, 50));
  muchShared<<<1, 64, bytes>>>(p, bytes / 4);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h, p, 4, cudaMemcpyDeviceToHost));
  EXPECT(h[0] == bytes / 4 - 1);
  EXPECT_ERROR(cudaErrorInvalidValue,
               cudaFuncSetAttribute(muchShared,
                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    1 << 30));
  const char *name = nullptr;
  CHECK(cudaFuncGetName(&name, square));
  EXPECT(name && name[0] == '_');
  CHECK(cudaFuncSetCacheConfig(square, cudaFuncCachePreferL1));
  CHECK(cudaFree(p));
  return done();
}
