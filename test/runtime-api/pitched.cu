//===- pitched.cu ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Rows and slices with a pitch.
#include "check.h"

#include <vector>

__global__ void scale(char *p, size_t pitch, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < width && y < height)
    reinterpret_cast<float *>(p + y * pitch)[x] *= 2;
}
__global__ void fillBox(cudaPitchedPtr p, int width, int height, int depth) {
  int x = threadIdx.x, y = threadIdx.y, z = blockIdx.x;
  if (x < width && y < height && z < depth) {
    char *slice = static_cast<char *>(p.ptr) + z * p.pitch * p.ysize;
    reinterpret_cast<int *>(slice + y * p.pitch)[x] = z * 10000 + y * 100 + x;
  }
}

int main() {
  const int width = 77, height = 19, depth = 5;
  std::vector<float> a(width * height), b(width * height);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = i;
  void *p;
  size_t pitch = 0;
  CHECK(cudaMallocPitch(&p, &pitch, width * 4, height));
  EXPECT(pitch >= width * 4 && pitch % 32 == 0);
  CHECK(cudaMemset2D(p, pitch, 0, width * 4, height));
  CHECK(cudaMemcpy2D(p, pitch, a.data(), width * 4, width * 4, height,
                     cudaMemcpyHostToDevice));
  scale<<<dim3(3, 3), dim3(32, 8)>>>((char *)p, pitch, width, height);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy2D(b.data(), width * 4, p, pitch, width * 4, height,
                     cudaMemcpyDeviceToHost));
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT(b[i] == 2 * a[i]);
  EXPECT_ERROR(cudaErrorInvalidPitchValue,
               cudaMemcpy2D(p, 8, a.data(), width * 4, width * 4, height,
                            cudaMemcpyHostToDevice));
  EXPECT(cudaGetLastError() == cudaErrorInvalidPitchValue);

  cudaExtent extent = make_cudaExtent(width * 4, height, depth);
  cudaPitchedPtr box;
  CHECK(cudaMalloc3D(&box, extent));
  CHECK(cudaMemset3D(box, 0xff, extent));
  fillBox<<<depth, dim3(32, 32)>>>(box, 20, height, depth);
  CHECK_LAUNCH();
  std::vector<int> h(width * height * depth);
  cudaMemcpy3DParms copy = {};
  copy.srcPtr = box;
  copy.dstPtr = make_cudaPitchedPtr(h.data(), width * 4, width, height);
  copy.extent = extent;
  copy.kind = cudaMemcpyDeviceToHost;
  CHECK(cudaMemcpy3D(&copy));
  for (int z = 0; z < depth; ++z)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        EXPECT(h[(z * height + y) * width + x] ==
               (x < 20 ? z * 10000 + y * 100 + x : -1));
  // A part of it, in the order of a stream.
  int part[2][3] = {};
  copy.srcPos = make_cudaPos(4 * 4, 7, 2);
  copy.dstPtr = make_cudaPitchedPtr(part, 12, 3, 2);
  copy.extent = make_cudaExtent(12, 2, 1);
  CHECK(cudaMemcpy3DAsync(&copy, 0));
  CHECK(cudaDeviceSynchronize());
  EXPECT(part[0][0] == 20704 && part[1][2] == 20806);
  CHECK(cudaFree(p));
  CHECK(cudaFree(box.ptr));
  return done();
}
