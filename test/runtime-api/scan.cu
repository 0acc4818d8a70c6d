//===- scan.cu ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A prefix sum by warp shuffles, in three launches.
#include "check.h"

#include <vector>

__device__ int scanWarp(int value) {
  for (int d = 1; d < 32; d *= 2) {
    int other = __shfl_up_sync(~0u, value, d);
    if (threadIdx.x % 32 >= d)
      value += other;
  }
  return value;
}
__global__ void scanBlocks(const int *in, int *out, int *sums, int n) {
  __shared__ int warps[32];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int value = scanWarp(i < n ? in[i] : 0);
  int warp = threadIdx.x / 32;
  if (threadIdx.x % 32 == 31)
    warps[warp] = value;
  __syncthreads();
  if (warp == 0) {
    int w = threadIdx.x < blockDim.x / 32 ? warps[threadIdx.x] : 0;
    warps[threadIdx.x] = scanWarp(w);
  }
  __syncthreads();
  if (warp)
    value += warps[warp - 1];
  if (i < n)
    out[i] = value;
  if (sums && threadIdx.x == blockDim.x - 1)
    sums[blockIdx.x] = value;
}
__global__ void addSums(int *out, const int *sums, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.x && i < n)
    out[i] += sums[blockIdx.x - 1];
}

int main() {
  const int n = 100000, block = 512, blocks = (n + block - 1) / block;
  std::vector<int> h(n), got(n);
  for (int i = 0; i < n; ++i)
    h[i] = i % 11 - 4;
  int *in, *out, *sums, *scanned;
  CHECK(cudaMalloc(&in, n * 4));
  CHECK(cudaMalloc(&out, n * 4));
  CHECK(cudaMalloc(&sums, blocks * 4));
  CHECK(cudaMalloc(&scanned, blocks * 4));
  CHECK(cudaMemcpy(in, h.data(), n * 4, cudaMemcpyHostToDevice));
  scanBlocks<<<blocks, block>>>(in, out, sums, n);
  scanBlocks<<<1, block>>>(sums, scanned, nullptr, blocks);
  addSums<<<blocks, block>>>(out, scanned, n);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(got.data(), out, n * 4, cudaMemcpyDeviceToHost));
  for (int i = 0, sum = 0; i < n; ++i)
    EXPECT(got[i] == (sum += h[i]));
  CHECK(cudaFree(in));
  CHECK(cudaFree(out));
  CHECK(cudaFree(sums));
  CHECK(cudaFree(scanned));
  return done();
}
