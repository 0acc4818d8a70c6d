//===- driver_peer.c ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Two devices: a kernel reaches the other's memory from the enabling on, and
 * until the disabling. */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".visible .entry add(.param .u64 to, .param .u64 from)\n"
    "{ .reg .b64 %d<3>; .reg .b32 %r<3>; ld.param.u64 %d1, [to];\n"
    "  ld.param.u64 %d2, [from]; ld.global.u32 %r1, [%d2];\n"
    "  atom.global.sys.add.u32 %r2, [%d1], %r1; ret; }\n";

static CUcontext contexts[2];
static CUdeviceptr memory[2];
static CUfunction add[2];

static void on(int device) { CHECK(cuCtxSetCurrent(contexts[device])); }
static CUresult run(int device, CUdeviceptr to, CUdeviceptr from) {
  void *arguments[] = {&to, &from};
  on(device);
  CHECK(launch(add[device], 32, 0, arguments));
  return cuCtxSynchronize();
}
static unsigned word(CUdeviceptr p) {
  unsigned value;
  CHECK(cuMemcpyDtoH(&value, p, 4));
  return value;
}

int main(void) {
  int can;
  CHECK(cuInit(0));
  for (int i = 0; i < 2; i++) {
    CUmodule module;
    unsigned values[2] = {10, 1 + i};
    CHECK(cuCtxCreate(&contexts[i], 0, 0, i));
    CHECK(cuDeviceCanAccessPeer(&can, i, 1 - i));
    WANT(can, 1);
    CHECK(cuDeviceCanAccessPeer(&can, i, i));
    WANT(can, 0);
    CHECK(cuMemAlloc(&memory[i], 8));
    CHECK(cuMemcpyHtoD(memory[i], values, 8));
    CHECK(cuModuleLoadData(&module, text));
    add[i] = kernelOf(module, "add");
  }
  /* Copies need no access of kernels. */
  on(0);
  CUdeviceptr copy;
  CHECK(cuMemAlloc(&copy, 8));
  CHECK(cuMemcpyPeer(copy, contexts[0], memory[1], contexts[1], 8));
  WANT(word(copy + 4), 2);
  CHECK(cuMemFree(copy));
  on(1);
  WANT(cuCtxEnablePeerAccess(contexts[1], 0), CUDA_ERROR_INVALID_DEVICE);
  WANT(cuCtxEnablePeerAccess(contexts[0], 1), CUDA_ERROR_INVALID_VALUE);
  WANT(cuCtxDisablePeerAccess(contexts[0]), CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
  CHECK(cuCtxEnablePeerAccess(contexts[0], 0));
  WANT(cuCtxEnablePeerAccess(contexts[0], 0),
       CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  WANT(run(1, memory[0], memory[1] + 4), 0); /* 32 threads add 2 */
  WANT(word(memory[0]), 10 + 64);
  WANT(run(1, memory[1], memory[0] + 4), 0); /* and 1 */
  WANT(word(memory[1]), 10 + 32);
  /* Access is of one direction: device 0 has none yet. */
  on(0);
  CHECK(cuCtxEnablePeerAccess(contexts[1], 0));
  void *mine[] = {&memory[0], &(CUdeviceptr){memory[1] + 4}};
  for (int i = 0; i < 20; i++) {
    for (int d = 0; d < 2; d++) {
      on(d);
      CHECK(launch(add[d], 32, 0, mine));
    }
  }
  for (int d = 0; d < 2; d++) {
    on(d);
    CHECK(cuCtxSynchronize());
  }
  WANT(word(memory[0]), 10 + 64 + 40 * 64);
  on(1);
  CHECK(cuCtxDisablePeerAccess(contexts[0]));
  WANT(run(1, memory[0], memory[1] + 4), CUDA_ERROR_ILLEGAL_ADDRESS);
  WANT(cuMemFree(memory[1]), CUDA_ERROR_ILLEGAL_ADDRESS);
  WANT(run(0, memory[1], memory[0] + 4), 0);
  for (int i = 0; i < 2; i++)
    CHECK(cuCtxDestroy(contexts[i]));
  return finish();
}
