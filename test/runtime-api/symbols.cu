//===- symbols.cu ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Constants and variables of the device by their names on the host.
#include "check.h"

__constant__ float coefficients[16];
__device__ int counter = 40;
__device__ double table[4][8];
static __constant__ int scale = 3;

__global__ void evaluate(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  float sum = 0;
  for (int k = 15; k >= 0; --k)
    sum = sum * x[i] + coefficients[k];
  y[i] = sum * scale;
  atomicAdd(&counter, 1);
}

int main() {
  float c[16], x[100], y[100], *dx, *dy;
  for (int i = 0; i < 16; ++i)
    c[i] = i % 3;
  for (int i = 0; i < 100; ++i)
    x[i] = i % 2;
  CHECK(cudaMemcpyToSymbol(coefficients, c, sizeof c));
  CHECK(cudaMemcpyToSymbol(coefficients, &c[1], sizeof(float), 0));
  CHECK(cudaMalloc(&dx, sizeof x));
  CHECK(cudaMalloc(&dy, sizeof y));
  CHECK(cudaMemcpy(dx, x, sizeof x, cudaMemcpyHostToDevice));
  evaluate<<<2, 64>>>(dx, dy, 100);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(y, dy, sizeof y, cudaMemcpyDeviceToHost));
  float all = 1; // the first was replaced by the second
  for (int i = 1; i < 16; ++i)
    all += c[i];
  for (int i = 0; i < 100; ++i)
    EXPECT(y[i] == 3 * (x[i] ? all : 1));
  int value = 0;
  CHECK(cudaMemcpyFromSymbol(&value, counter, sizeof value));
  EXPECT(value == 140);
  size_t bytes = 0;
  CHECK(cudaGetSymbolSize(&bytes, table));
  EXPECT(bytes == sizeof(double) * 32);
  double *address = nullptr, one = 1.5, back = 0;
  CHECK(cudaGetSymbolAddress((void **)&address, table));
  cudaStream_t s;
  CHECK(cudaStreamCreate(&s));
  CHECK(cudaMemcpyToSymbolAsync(table, &one, 8, 31 * 8, cudaMemcpyHostToDevice,
                                s));
  CHECK(cudaStreamSynchronize(s));
  CHECK(cudaMemcpy(&back, address + 31, 8, cudaMemcpyDeviceToHost));
  EXPECT(back == 1.5);
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpyToSymbol(table, &one, 8, 256));
  EXPECT_ERROR(cudaErrorInvalidSymbol,
               cudaGetSymbolAddress((void **)&address, (const void *)&value));
  EXPECT_ERROR(cudaErrorInvalidMemcpyDirection,
               cudaMemcpyToSymbol(table, &one, 8, 0, cudaMemcpyDeviceToHost));
  EXPECT(cudaGetLastError() == cudaErrorInvalidMemcpyDirection);
  CHECK(cudaFree(dx));
  CHECK(cudaFree(dy));
  return done();
}
