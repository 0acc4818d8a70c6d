//===- driver_limits.c ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Limits of a context, and how faults of a kernel come out. */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c,\n"
    "  .param .b64 d, .param .b64 e);\n"
    ".visible .entry asserts() { .reg .b64 %d; .reg .b32 %r;\n"
    "  mov.u64 %d, 0; mov.u32 %r, 0;\n"
    "  { .param .b64 a; st.param.b64 [a], %d; .param .b64 b;\n"
    "    st.param.b64 [b], %d; .param .b32 c; st.param.b32 [c], %r;\n"
    "    .param .b64 d; st.param.b64 [d], %d; .param .b64 e;\n"
    "    st.param.b64 [e], %d; call.uni __assertfail, (a, b, c, d, e); }\n"
    "  ret; }\n"
    ".visible .entry traps() { trap; }\n"
    ".visible .entry strays() { .reg .b64 %d; mov.u64 %d, 64;\n"
    "  st.global.u32 [%d], 1; ret; }\n"
    ".visible .entry crooked(.param .u64 p) { .reg .b64 %d;\n"
    "  ld.param.u64 %d, [p]; st.global.u32 [%d + 2], 1; ret; }\n";

int main(void) {
  CUdevice device;
  openDevice(&device);
  size_t value;
  struct {
    CUlimit id;
    size_t usual, next;
  } limits[] = {{CU_LIMIT_STACK_SIZE, 1024, 4096},
                {CU_LIMIT_PRINTF_FIFO_SIZE, 1 << 20, 4 << 20},
                {CU_LIMIT_MALLOC_HEAP_SIZE, 8 << 20, 64 << 20}};
  for (int i = 0; i < 3; i++) {
    CHECK(cuCtxGetLimit(&value, limits[i].id));
    WANT(value, limits[i].usual);
    CHECK(cuCtxSetLimit(limits[i].id, limits[i].next));
    CHECK(cuCtxGetLimit(&value, limits[i].id));
    WANT(value, limits[i].next);
  }
  WANT(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 1 << 30), CUDA_ERROR_INVALID_VALUE);
  WANT(cuCtxGetLimit(&value, 77), CUDA_ERROR_UNSUPPORTED_LIMIT);
  WANT(cuCtxSetLimit(77, 1), CUDA_ERROR_UNSUPPORTED_LIMIT);
  /* A fault stays with its context, and with no other. */
  struct {
    const char *kernel;
    CUresult result;
  } faults[] = {{"asserts", CUDA_ERROR_ASSERT},
                {"traps", CUDA_ERROR_LAUNCH_FAILED},
                {"strays", CUDA_ERROR_ILLEGAL_ADDRESS},
                {"crooked", CUDA_ERROR_MISALIGNED_ADDRESS}};
  for (int i = 0; i < 4; i++) {
    CUcontext c;
    CUmodule module;
    CUdeviceptr p;
    CHECK(cuCtxCreate(&c, 0, 0, device));
    CHECK(cuCtxGetLimit(&value, CU_LIMIT_STACK_SIZE));
    WANT(value, 1024);
    CHECK(cuModuleLoadData(&module, text));
    CHECK(cuMemAlloc(&p, 64));
    void *arguments[] = {&p};
    CHECK(launch(kernelOf(module, faults[i].kernel), 1, 0, arguments));
    WANT(cuCtxSynchronize(), faults[i].result);
    WANT(cuMemAlloc(&p, 64), faults[i].result);
    CHECK(cuCtxDestroy(c));
  }
  return finish();
}
