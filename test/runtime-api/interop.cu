//===- interop.cu ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The driver's functions beside the runtime's, a library loaded by hand, two
// devices.
#include "check.h"

#include <cuda.h>

__global__ void add(int *p, int by) { p[threadIdx.x] += by; }
__global__ void fromPeer(int *to, const int *from) {
  to[threadIdx.x] = from[threadIdx.x];
}
static const char text[] = R"(.version 8.0
.target sm_80
.address_size 64
.visible .global .align 4 .u32 value = 9;
.visible .entry put(.param .u64 p)
{ .reg .b64 %d<3>; .reg .b32 %r<2>;
 ld.param.u64 %d1, [p]; ld.global.u32 %r1, [value]; st.global.u32 [%d1], %r1; ret; }
)";

int main() {
  int devices = 0;
  CHECK(cudaGetDeviceCount(&devices));
  EXPECT(devices == 2);
  void *entry = nullptr;
  cudaDriverEntryPointQueryResult status;
  CHECK(cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", &entry, 12000,
                                         cudaEnableDefault, &status));
  EXPECT(entry && status == cudaDriverEntryPointSuccess);
  CUcontext context = nullptr;
  auto getCurrent = (CUresult (*)(CUcontext *))entry;
  CHECK(cudaFree(0));
  EXPECT(getCurrent(&context) == CUDA_SUCCESS && context);
  CHECK(cudaGetDriverEntryPointByVersion("cuNothing", &entry, 12000,
                                         cudaEnableDefault, &status));
  EXPECT(!entry && status == cudaDriverEntryPointSymbolNotFound);

  int *p, h[32] = {};
  CHECK(cudaMalloc(&p, sizeof h));
  CHECK(cudaMemset(p, 0, sizeof h));
  cudaKernel_t kernel;
  CHECK(cudaGetKernel(&kernel, add));
  int by = 4;
  void *arguments[] = {&p, &by};
  CHECK(cudaLaunchKernel((void *)kernel, 1, 32, arguments, 0, 0));
  cudaLibrary_t library;
  cudaKernel_t put;
  CHECK(cudaLibraryLoadData(&library, text, nullptr, nullptr, 0, nullptr,
                            nullptr, 0));
  CHECK(cudaLibraryGetKernel(&put, library, "put"));
  void *variable = nullptr;
  size_t bytes = 0;
  CHECK(cudaLibraryGetGlobal(&variable, &bytes, library, "value"));
  EXPECT(bytes == 4);
  CHECK(cudaLaunchKernel((void *)put, 1, 1, arguments, 0, 0));
  CHECK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  EXPECT(h[0] == 9 && h[1] == 4);
  CHECK(cudaLibraryUnload(library));

  int can = 0, device = -1, *q;
  CHECK(cudaDeviceCanAccessPeer(&can, 1, 0));
  EXPECT(can == 1);
  CHECK(cudaSetDevice(1));
  CHECK(cudaGetDevice(&device));
  EXPECT(device == 1);
  CHECK(cudaMalloc(&q, sizeof h));
  CHECK(cudaDeviceEnablePeerAccess(0, 0));
  EXPECT_ERROR(cudaErrorPeerAccessAlreadyEnabled,
               cudaDeviceEnablePeerAccess(0, 0));
  EXPECT(cudaGetLastError() == cudaErrorPeerAccessAlreadyEnabled);
  fromPeer<<<1, 32>>>(q, p);
  add<<<1, 32>>>(q, 1);
  CHECK_LAUNCH();
  CHECK(cudaMemcpyPeer(p, 0, q, 1, 8));
  CHECK(cudaSetDevice(0));
  CHECK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  EXPECT(h[0] == 10 && h[1] == 5 && h[2] == 4);
  CHECK(cudaFree(p));
  return done();
}
