//===- zero_copy.cu -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Memory of the host that kernels use where it lies.
#include "check.h"

__global__ void twice(int *out, const int *in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    out[i] = 2 * in[i];
}

int main() {
  const int n = 4096;
  CHECK(cudaSetDeviceFlags(cudaDeviceMapHost));
  int *a, *b, *da, *db;
  CHECK(cudaHostAlloc(&a, n * 4, cudaHostAllocMapped | cudaHostAllocPortable));
  b = (int *)std::aligned_alloc(4096, n * 4);
  CHECK(cudaHostRegister(b, n * 4, cudaHostRegisterMapped));
  CHECK(cudaHostGetDevicePointer(&da, a, 0));
  CHECK(cudaHostGetDevicePointer(&db, b, 0));
  for (int i = 0; i < n; ++i)
    a[i] = i;
  twice<<<n / 256, 256>>>(db, da, n);
  CHECK_LAUNCH();
  for (int i = 0; i < n; ++i)
    EXPECT(b[i] == 2 * i);
  cudaPointerAttributes at;
  CHECK(cudaPointerGetAttributes(&at, a));
  EXPECT(at.type == cudaMemoryTypeHost && at.hostPointer == a);
  CHECK(cudaPointerGetAttributes(&at, &at));
  EXPECT(at.type == cudaMemoryTypeUnregistered);
  void *p;
  CHECK(cudaMalloc(&p, 16));
  CHECK(cudaPointerGetAttributes(&at, p));
  EXPECT(at.type == cudaMemoryTypeDevice && at.device == 0);
  CHECK(cudaMemset(a, 0, n * 4)); // done when it returns
  EXPECT(a[n - 1] == 0);
  CHECK(cudaHostUnregister(b));
  EXPECT_ERROR(cudaErrorHostMemoryNotRegistered, cudaHostUnregister(b));
  EXPECT(cudaGetLastError() == cudaErrorHostMemoryNotRegistered);
  CHECK(cudaGetLastError());
  CHECK(cudaFreeHost(a));
  CHECK(cudaFree(p));
  std::free(b);
  return done();
}
