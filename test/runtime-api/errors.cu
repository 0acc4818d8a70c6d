//===- errors.cu ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Errors of calls are kept until they are read, those of kernels for good.
#include "check.h"

#include <cstring>

__global__ void store(int *p) { p[threadIdx.x] = threadIdx.x; }

int main() {
  EXPECT(!std::strcmp(cudaGetErrorName(cudaErrorIllegalAddress),
                      "cudaErrorIllegalAddress"));
  EXPECT(!std::strcmp(cudaGetErrorString(cudaErrorInvalidValue),
                      "invalid argument"));
  EXPECT(!std::strcmp(cudaGetErrorString(cudaErrorInvalidConfiguration),
                      "invalid configuration argument"));
  EXPECT(!std::strcmp(cudaGetErrorString((cudaError_t)12345),
                      "unrecognized error code"));
  int *p, h[64];
  CHECK(cudaMalloc(&p, sizeof h));
  store<<<1, 2048>>>(p); // more threads than a block has
  EXPECT(cudaPeekAtLastError() == cudaErrorInvalidConfiguration);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError());
  store<<<0, 32>>>(p);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
  store<<<1, 32, 100 << 10>>>(p);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  EXPECT_ERROR(cudaErrorInvalidMemcpyDirection,
               cudaMemcpy(h, p, 4, (cudaMemcpyKind)17));
  EXPECT_ERROR(cudaErrorInvalidValue,
               cudaMemcpy(h, p, sizeof h + 4, cudaMemcpyDeviceToHost));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(h));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMalloc((int **)nullptr, 4));
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&p, size_t(1) << 45));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle,
               cudaStreamSynchronize((cudaStream_t)h));
  EXPECT_ERROR(cudaErrorInvalidDeviceFunction,
               cudaLaunchKernel((void *)main, 1, 1, nullptr, 0, 0));
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaSetDevice(-1));
  EXPECT(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError());
  CHECK(cudaMalloc(&p, sizeof h));
  store<<<1, 64>>>(p);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  EXPECT(h[63] == 63);

  store<<<1, 65>>>(p); // one too many
  CHECK(cudaGetLastError());
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaDeviceSynchronize());
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaGetLastError());
  EXPECT_ERROR(cudaErrorIllegalAddress,
               cudaMemcpy(h, p, 4, cudaMemcpyDeviceToHost));
  // A new context has no such past.
  CHECK(cudaDeviceReset());
  CHECK(cudaMalloc(&p, sizeof h));
  store<<<1, 64>>>(p);
  CHECK_LAUNCH();
  return done();
}
