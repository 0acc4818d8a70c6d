//===- managed.cu ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Managed memory and managed variables.
#include "check.h"

struct List {
  int value;
  List *next;
};
__managed__ int counter = 5;
__managed__ float values[64];
__device__ __managed__ List *head = nullptr;

__global__ void walk(int *sum) {
  for (List *l = head; l; l = l->next)
    *sum += l->value;
  counter += 10;
}
__global__ void fill() { values[threadIdx.x] = threadIdx.x * 0.5f; }

int main() {
  EXPECT(counter == 5);
  int *sum;
  List *cells;
  CHECK(cudaMallocManaged(&sum, sizeof *sum));
  CHECK(cudaMallocManaged(&cells, 10 * sizeof *cells));
  for (int i = 0; i < 10; ++i)
    cells[i] = {i, i ? &cells[i - 1] : nullptr};
  head = &cells[9];
  *sum = 100;
  cudaMemLocation gpu = {cudaMemLocationTypeDevice, 0};
  CHECK(cudaMemAdvise(cells, 10 * sizeof *cells, cudaMemAdviseSetReadMostly,
                      gpu));
  CHECK(cudaMemPrefetchAsync(cells, 10 * sizeof *cells, gpu, 0, 0));
  walk<<<1, 1>>>(sum);
  fill<<<1, 64>>>();
  CHECK_LAUNCH();
  EXPECT(*sum == 145 && counter == 15);
  for (int i = 0; i < 64; ++i)
    EXPECT(values[i] == i * 0.5f);
  cudaPointerAttributes at;
  CHECK(cudaPointerGetAttributes(&at, sum));
  EXPECT(at.type == cudaMemoryTypeManaged);
  int *symbol = nullptr, copied = 0;
  CHECK(cudaGetSymbolAddress((void **)&symbol, counter));
  EXPECT(symbol == &counter);
  CHECK(cudaMemcpyFromSymbol(&copied, counter, sizeof copied));
  EXPECT(copied == 15);
  cudaStream_t s;
  CHECK(cudaStreamCreate(&s));
  CHECK(cudaStreamAttachMemAsync(s, sum));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFreeHost(sum));
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(cudaFree(sum));
  CHECK(cudaFree(cells));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(cells));
  return done();
}
