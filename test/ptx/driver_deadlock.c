//===- driver_deadlock.c --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* A kernel that polls what nobody writes ends in an error, where
 * EMU_POLL_SECONDS says how soon; a process ends though a kernel does not. */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".visible .entry wait(.param .u64 flag)\n"
    "{ .reg .b64 %d; .reg .b32 %r; .reg .pred %p; ld.param.u64 %d, [flag];\n"
    "L: ld.acquire.sys.global.u32 %r, [%d]; setp.eq.u32 %p, %r, 0;\n"
    "  @%p bra L; ret; }\n"
    ".visible .entry forever() { L: bra L; }\n";

int main(void) {
  CUdevice device;
  CUcontext second;
  CUmodule module;
  CUdeviceptr flag;
  openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  CHECK(cuMemAlloc(&flag, 4));
  CHECK(cuMemsetD32(flag, 0, 1));
  void *arguments[] = {&flag};
  CHECK(launch(kernelOf(module, "wait"), 1, 0, arguments));
  WANT(cuCtxSynchronize(), CUDA_ERROR_LAUNCH_TIMEOUT);
  WANT(cuMemFree(flag), CUDA_ERROR_LAUNCH_TIMEOUT);
  CHECK(cuCtxCreate(&second, 0, 0, device));
  CHECK(cuModuleLoadData(&module, text));
  CHECK(launch(kernelOf(module, "forever"), 1, 0, 0));
  WANT(cuStreamQuery(0), CUDA_ERROR_NOT_READY);
  return finish();
}
