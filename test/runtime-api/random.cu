//===- random.cu ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// cuRAND's device functions, which are a header.
#include "check.h"

#include <cmath>
#include <curand_kernel.h>
#include <vector>

__global__ void uniform(float *out, int each) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  curandStatePhilox4_32_10_t s;
  curand_init(1234, i, 0, &s);
  for (int k = 0; k < each; ++k)
    out[i * each + k] = curand_uniform(&s);
}
__global__ void normal(float *out, int each) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  curandState s; // XORWOW, with its tables
  curand_init(99, i, 0, &s);
  for (int k = 0; k < each; ++k)
    out[i * each + k] = curand_normal(&s);
}
/// The first output of Philox 4x32-10, worked out on the host.
unsigned philox(unsigned seed, unsigned subsequence) {
  unsigned c[4] = {0, 0, subsequence, 0}, k[2] = {seed, 0};
  for (int round = 0; round < 10; ++round) {
    unsigned long long a = 0xD2511F53ull * c[0], b = 0xCD9E8D57ull * c[2];
    unsigned n[4] = {unsigned(b >> 32) ^ c[1] ^ k[0], unsigned(b),
                     unsigned(a >> 32) ^ c[3] ^ k[1], unsigned(a)};
    for (int i = 0; i < 4; ++i)
      c[i] = n[i];
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c[0];
}

int main() {
  const int threads = 256, each = 8, n = threads * each;
  float *p;
  std::vector<float> h(n);
  CHECK(cudaMalloc(&p, n * 4));
  uniform<<<4, threads / 4>>>(p, each);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h.data(), p, n * 4, cudaMemcpyDeviceToHost));
  double mean = 0;
  for (float x : h) {
    EXPECT(x > 0 && x <= 1);
    mean += x / n;
  }
  EXPECT(std::fabs(mean - 0.5) < 0.03);
  for (unsigned i = 0; i < threads; ++i) {
    float wanted = philox(1234, i) * 2.3283064e-10f + 2.3283064e-10f / 2;
    EXPECT(std::fabs(h[i * each] - wanted) < 1e-6f);
  }
  normal<<<4, threads / 4>>>(p, each);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h.data(), p, n * 4, cudaMemcpyDeviceToHost));
  double sum = 0, squares = 0;
  for (float x : h) {
    sum += x;
    squares += x * x;
  }
  EXPECT(std::fabs(sum / n) < 0.1 && std::fabs(squares / n - 1) < 0.15);
  CHECK(cudaFree(p));
  return done();
}
