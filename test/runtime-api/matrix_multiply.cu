//===- matrix_multiply.cu -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Tiles in shared memory, static and dynamic, as templates.
#include "check.h"

#include <vector>

template <int Tile>
__global__ void multiply(const float *a, const float *b, float *c, int n) {
  __shared__ float ta[Tile][Tile], tb[Tile][Tile];
  int x = threadIdx.x, y = threadIdx.y;
  int row = blockIdx.y * Tile + y, column = blockIdx.x * Tile + x;
  float sum = 0;
  for (int k = 0; k < n; k += Tile) {
    ta[y][x] = a[row * n + k + x];
    tb[y][x] = b[(k + y) * n + column];
    __syncthreads();
    for (int i = 0; i < Tile; ++i)
      sum += ta[y][i] * tb[i][x];
    __syncthreads();
  }
  c[row * n + column] = sum;
}
template <class T> __global__ void reverse(T *values) {
  extern __shared__ unsigned char raw[];
  T *s = reinterpret_cast<T *>(raw);
  s[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

template <int Tile> void run(int n) {
  std::vector<float> a(n * n), b(n * n), c(n * n);
  for (int i = 0; i < n * n; ++i) {
    a[i] = i % 7 - 3;
    b[i] = i % 5 - 2;
  }
  float *da, *db, *dc;
  size_t bytes = n * n * sizeof(float);
  CHECK(cudaMalloc(&da, bytes));
  CHECK(cudaMalloc(&db, bytes));
  CHECK(cudaMalloc(&dc, bytes));
  CHECK(cudaMemcpy(da, a.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(db, b.data(), bytes, cudaMemcpyHostToDevice));
  multiply<Tile><<<dim3(n / Tile, n / Tile), dim3(Tile, Tile)>>>(da, db, dc, n);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(c.data(), dc, bytes, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int k = 0; k < n; ++k)
        sum += a[i * n + k] * b[k * n + j];
      EXPECT(c[i * n + j] == sum); // small whole numbers
    }
  CHECK(cudaFree(da));
  CHECK(cudaFree(db));
  CHECK(cudaFree(dc));
}
template <class T> void turn() {
  T h[100], *d;
  for (int i = 0; i < 100; ++i)
    h[i] = T(i);
  CHECK(cudaMalloc(&d, sizeof h));
  CHECK(cudaMemcpy(d, h, sizeof h, cudaMemcpyHostToDevice));
  reverse<<<1, 100, sizeof h>>>(d);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost));
  for (int i = 0; i < 100; ++i)
    EXPECT(h[i] == T(99 - i));
  CHECK(cudaFree(d));
}

int main() {
  run<8>(64);
  run<16>(64);
  run<32>(64);
  turn<double>();
  turn<short>();
  return done();
}
