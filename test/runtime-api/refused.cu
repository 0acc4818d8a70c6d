//===- refused.cu ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is not offered is refused by its name, and the program goes on.
#include "check.h"

__global__ void one(int *p) { *p = 1; }

int main() {
  cudaArray_t array = nullptr;
  cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  EXPECT(format.x == 32 && format.f == cudaChannelFormatKindFloat);
  EXPECT_ERROR(cudaErrorNotSupported, cudaMallocArray(&array, &format, 8, 8));
  cudaResourceDesc resource = {};
  cudaTextureDesc texture = {};
  cudaTextureObject_t object = 0;
  EXPECT_ERROR(cudaErrorNotSupported,
               cudaCreateTextureObject(&object, &resource, &texture, nullptr));
  EXPECT(cudaGetLastError() == cudaErrorNotSupported);
  CHECK(cudaGetLastError());
  int *p, h = 0;
  CHECK(cudaMalloc(&p, 4));
  one<<<1, 1>>>(p);
  CHECK(cudaMemcpy(&h, p, 4, cudaMemcpyDeviceToHost));
  EXPECT(h == 1);
  return done();
}
