//===- histogram.cu -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Atomics in shared and global memory.
#include "check.h"

#include <cstring>
#include <vector>

__global__ void histogram(const unsigned char *in, unsigned *bins, int n) {
  __shared__ unsigned mine[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    mine[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += blockDim.x * gridDim.x)
    atomicAdd(&mine[in[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    atomicAdd(&bins[i], mine[i]);
}

int main() {
  const int n = 60000;
  std::vector<unsigned char> h(n);
  unsigned wanted[256] = {}, got[256];
  for (int i = 0; i < n; ++i)
    ++wanted[h[i] = (unsigned char)((i * 2654435761u) >> 13)];
  unsigned char *in;
  unsigned *bins;
  CHECK(cudaMalloc(&in, n));
  CHECK(cudaMalloc(&bins, sizeof got));
  CHECK(cudaMemcpy(in, h.data(), n, cudaMemcpyHostToDevice));
  CHECK(cudaMemset(bins, 0, sizeof got));
  histogram<<<10, 192>>>(in, bins, n);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(got, bins, sizeof got, cudaMemcpyDeviceToHost));
  EXPECT(!std::memcmp(got, wanted, sizeof got));
  CHECK(cudaFree(in));
  CHECK(cudaFree(bins));
  return done();
}
