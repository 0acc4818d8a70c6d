//===- driver_nvrtc.c -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Compiled at run time by nvrtc, then loaded and launched. */
#include "driver_check.h"
#include <nvrtc.h>

int main(void) {
  const char *source =
      "extern \"C\" __global__ void k(float *o) { o[threadIdx.x] = "
      "threadIdx.x; }";
  const char *options[] = {"--gpu-architecture=compute_90"};
  CUdevice device;
  CUmodule module;
  CUdeviceptr memory;
  float out[32];
  size_t bytes;
  openDevice(&device);
  const void *table = &bytes;
  CUuuid id = {{0}};
  WANT(cuGetExportTable(&table, &id), CUDA_ERROR_NOT_FOUND);
  WANT((size_t)table, 0);
  nvrtcProgram program;
  CHECK(nvrtcCreateProgram(&program, source, "a.cu", 0, 0, 0));
  CHECK(nvrtcCompileProgram(program, 1, options));
  CHECK(nvrtcGetPTXSize(program, &bytes));
  char *ptx = malloc(bytes);
  CHECK(nvrtcGetPTX(program, ptx));
  CHECK(cuModuleLoadData(&module, ptx));
  CHECK(cuMemAlloc(&memory, sizeof out));
  void *arguments[] = {&memory};
  CHECK(launch(kernelOf(module, "k"), 32, 0, arguments));
  CHECK(cuMemcpyDtoH(out, memory, sizeof out));
  for (int i = 0; i < 32; i++)
    WANT(out[i], i);
  return finish();
}
