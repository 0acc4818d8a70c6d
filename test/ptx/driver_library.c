//===- driver_library.c ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Libraries and their kernels, in contexts of two devices. */
#include "driver_check.h"

static const char text[] = ".version 8.0\n.target sm_80\n.address_size 64\n"
                           ".visible .global .align 8 .b64 counter = 5;\n"
                           ".visible .entry count(.param .u64 out)\n"
                           "{ .reg .b64 %d<3>; ld.param.u64 %d1, [out];\n"
                           "  atom.global.add.u64 %d2, [counter], 1; "
                           "st.global.u64 [%d1], %d2; ret; }\n"
                           ".visible .entry other(.param .u32 a, .param .align "
                           "8 .b8 b[24]) { ret; }\n";

int main(void) {
  CUdevice device;
  CUlibrary library;
  CUkernel count, kernels[3];
  CUfunction f, again;
  CUmodule module;
  CUdeviceptr out, global;
  size_t bytes, offset;
  unsigned n;
  const char *name;
  CHECK(cuInit(0));
  WANT(cuLibraryLoadData(&library, ".version 8.0\n.target sm_80\nnonsense", 0,
                         0, 0, 0, 0, 0),
       CUDA_ERROR_INVALID_PTX);
  char log[200] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)sizeof log};
  WANT(cuLibraryLoadData(&library,
                         ".version 8.0\n.target sm_80\n.address_size 64\n"
                         ".entry k() { unheard.of; }",
                         options, values, 2, 0, 0, 0),
       CUDA_ERROR_INVALID_PTX);
  WANT(!strstr(log, "line 4"), 0);
  WANT(cuLibraryLoadFromFile(&library, "/no/such/file", 0, 0, 0, 0, 0, 0),
       CUDA_ERROR_FILE_NOT_FOUND);
  /* Without any context. */
  CHECK(cuLibraryLoadData(&library, text, 0, 0, 0, 0, 0, 0));
  CHECK(cuLibraryGetKernelCount(&n, library));
  WANT(n, 2);
  CHECK(cuLibraryEnumerateKernels(kernels, 3, library));
  CHECK(cuLibraryGetKernel(&count, library, "count"));
  WANT(count == kernels[0] || count == kernels[1], 1);
  WANT(cuLibraryGetKernel(&count, library, "nothing"), CUDA_ERROR_NOT_FOUND);
  CHECK(cuKernelGetName(&name, count));
  WANT(strcmp(name, "count"), 0);
  CUlibrary back;
  CHECK(cuKernelGetLibrary(&back, count));
  WANT(back == library, 1);
  int value;
  CHECK(cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_PTX_VERSION, count, 0));
  WANT(value, 80);
  WANT(cuLibraryGetModule(&module, library), CUDA_ERROR_INVALID_CONTEXT);
  for (int i = 0; i < 2; i++) {
    CUcontext context;
    unsigned long long before, held;
    CHECK(cuDeviceGet(&device, i));
    CHECK(cuDevicePrimaryCtxRetain(&context, device));
    CHECK(cuCtxSetCurrent(context));
    CHECK(cuMemAlloc(&out, 8));
    void *arguments[] = {&out};
    CHECK(cuLibraryGetModule(&module, library));
    CHECK(cuLibraryGetGlobal(&global, &bytes, library, "counter"));
    WANT(bytes, 8);
    /* Each context has its own variables. */
    CHECK(cuMemcpyDtoH(&held, global, 8));
    WANT(held, 5);
    /* A kernel is launched as a function is. */
    CHECK(launch((CUfunction)count, 1, 0, arguments));
    CHECK(cuMemcpyDtoH(&before, out, 8));
    WANT(before, 5);
    CHECK(cuKernelGetFunction(&f, count));
    CHECK(cuModuleGetFunction(&again, module, "count"));
    WANT(f == again, 1);
    CHECK(launch(f, 1, 0, arguments));
    CHECK(cuMemcpyDtoH(&before, out, 8));
    WANT(before, 6);
    /* An attribute of a kernel is of one device. */
    CHECK(cuFuncGetAttribute(
        &value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
    WANT(value, 49152);
    CHECK(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                               65536 + i, count, device));
    CHECK(cuFuncGetAttribute(
        &value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
    WANT(value, 65536 + i);
    WANT(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 65536 + i, 0, arguments, 0), 0);
    WANT(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
    CHECK(cuMemFree(out));
  }
  CUkernel other;
  CHECK(cuLibraryGetKernel(&other, library, "other"));
  CHECK(cuKernelGetParamInfo(other, 1, &offset, &bytes));
  WANT(offset, 8);
  WANT(bytes, 24);
  WANT(cuKernelGetParamInfo(other, 2, &offset, &bytes),
       CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLibraryUnload(library));
  WANT(cuLibraryUnload(library), CUDA_ERROR_INVALID_HANDLE);
  WANT(cuKernelGetName(&name, count), CUDA_ERROR_INVALID_HANDLE);
  WANT(launch((CUfunction)count, 1, 0, 0), CUDA_ERROR_INVALID_HANDLE);
  WANT(launch(f, 1, 0, 0), CUDA_ERROR_INVALID_HANDLE);
  for (int i = 0; i < 2; i++)
    CHECK(cuDevicePrimaryCtxRelease(i));
  return finish();
}
