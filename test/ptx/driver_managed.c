//===- driver_managed.c ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Managed memory and variables, pools, pitches, the null stream of a thread. */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".global .attribute(.managed) .align 4 .u32 counter = 7;\n"
    ".global .attribute(.managed) .align 8 .u64 place = counter;\n"
    ".visible .entry count(.param .u64 out)\n"
    "{ .reg .b64 %d; .reg .b32 %r<2>; ld.param.u64 %d, [out];\n"
    "  ld.global.u32 %r0, [counter]; add.u32 %r0, %r0, 1;\n"
    "  st.global.u32 [counter], %r0; st.global.u32 [%d], %r0; ret; }\n"
    ".visible .entry waits(.param .u64 flag)\n"
    "{ .reg .b64 %d; .reg .b32 %r; .reg .pred %p; ld.param.u64 %d, [flag];\n"
    "L: ld.volatile.global.u32 %r, [%d]; setp.eq.u32 %p, %r, 0;\n"
    "  @%p bra L; ret; }\n";

static int isManaged(CUdeviceptr p) {
  int managed = -1;
  return cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, p)
             ? -1
             : managed;
}

static void memory(CUmodule module) {
  CUdeviceptr p, q;
  WANT(cuMemAllocManaged(&p, 0, CU_MEM_ATTACH_GLOBAL),
       CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemAllocManaged(&p, 64, 9), CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocManaged(&p, 64, CU_MEM_ATTACH_GLOBAL));
  CHECK(cuMemAlloc(&q, 64));
  WANT(isManaged(p), 1);
  WANT(isManaged(q), 0);
  *(unsigned *)p = 0; /* the host's as well */
  void *arguments[] = {&p};
  CHECK(launch(kernelOf(module, "count"), 1, 0, arguments));
  CHECK(cuCtxSynchronize());
  WANT(*(unsigned *)p, 8);
  CUmemLocation here = {CU_MEM_LOCATION_TYPE_DEVICE, 0},
                nowhere = {CU_MEM_LOCATION_TYPE_DEVICE, 5};
  CHECK(cuMemPrefetchAsync(p, 64, here, 0, 0));
  WANT(cuMemPrefetchAsync(p, 65, here, 0, 0), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemPrefetchAsync(q, 64, here, 0, 0), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemPrefetchAsync(p, 64, nowhere, 0, 0), CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuMemAdvise(p, 64, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, here));
  WANT(cuMemAdvise(p, 64, (CUmem_advise)77, here), CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamAttachMemAsync(0, p, 64, CU_MEM_ATTACH_SINGLE));
  WANT(cuMemFreeHost((void *)p), CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFree(p));
  WANT(cuMemFree(p), CUDA_ERROR_INVALID_VALUE);
  WANT(isManaged(p), -1);
  CHECK(cuMemFree(q));
}

static void variables(CUdevice device) {
  CUmodule module;
  CUdeviceptr counter, place, second;
  size_t bytes;
  CHECK(cuModuleLoadData(&module, text));
  CHECK(cuModuleGetGlobal(&counter, &bytes, module, "counter"));
  WANT(bytes, 4);
  WANT(*(unsigned *)counter, 7);
  CHECK(cuModuleGetGlobal(&place, &bytes, module, "place"));
  WANT(*(CUdeviceptr *)place, counter);
  WANT(isManaged(counter), 1);
  CHECK(cuModuleUnload(module));
  WANT(isManaged(counter), -1);
  /* A library's are one for all contexts, and keep their values. */
  CUlibrary library;
  CUcontext other;
  CHECK(cuLibraryLoadData(&library, text, 0, 0, 0, 0, 0, 0));
  CHECK(cuLibraryGetManaged(&counter, &bytes, library, "counter"));
  WANT(cuLibraryGetManaged(&place, &bytes, library, "none"),
       CUDA_ERROR_NOT_FOUND);
  *(unsigned *)counter = 50;
  CUkernel kernel;
  CHECK(cuLibraryGetKernel(&kernel, library, "count"));
  CHECK(cuCtxCreate(&other, 0, 0, device));
  CUdeviceptr out;
  CHECK(cuMemAlloc(&out, 4));
  void *arguments[] = {&out};
  CHECK(launch((CUfunction)kernel, 1, 0, arguments));
  CHECK(cuCtxSynchronize());
  WANT(*(unsigned *)counter, 51);
  CHECK(cuLibraryGetGlobal(&second, &bytes, library, "counter"));
  WANT(second, counter);
  CHECK(cuCtxDestroy(other));
  WANT(*(unsigned *)counter, 51);
  CHECK(cuLibraryUnload(library));
  WANT(isManaged(counter), -1);
}

static void pools(CUdevice device) {
  CUmemoryPool pool, usual, current;
  CUmemPoolProps props = {0};
  CUdeviceptr p;
  int flag = -1;
  cuuint64_t threshold = 4096, found = 0;
  CHECK(cuDeviceGetDefaultMemPool(&usual, device));
  WANT(cuMemPoolDestroy(usual), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemPoolCreate(&pool, &props), CUDA_ERROR_INVALID_VALUE);
  props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  props.location.type = CU_MEM_LOCATION_TYPE_HOST;
  WANT(cuMemPoolCreate(&pool, &props), CUDA_ERROR_NOT_SUPPORTED);
  props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  CHECK(cuMemPoolCreate(&pool, &props));
  CHECK(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
                              &threshold));
  CHECK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &found));
  WANT(found, 4096);
  CHECK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC,
                              &flag));
  WANT(flag, 1); /* an int, and no more was written */
  CHECK(cuDeviceSetMemPool(device, pool));
  CHECK(cuDeviceGetMemPool(&current, device));
  WANT(current == pool, 1);
  CHECK(cuMemAllocFromPoolAsync(&p, 100, pool, 0));
  CHECK(cuMemFreeAsync(p, 0));
  CHECK(cuMemPoolDestroy(pool));
  CHECK(cuDeviceGetMemPool(&current, device));
  WANT(current == usual, 1);
  WANT(cuMemAllocFromPoolAsync(&p, 100, pool, 0), CUDA_ERROR_INVALID_VALUE);
  size_t pitch = 0;
  CHECK(cuMemAllocPitch(&p, &pitch, 100, 3, 4));
  WANT(pitch >= 100 && pitch % 256 == 0, 1);
  WANT(cuMemAllocPitch(&p, &pitch, ~(size_t)0, 3, 4), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemAllocPitch(&p, &pitch, 100, 3, 5), CUDA_ERROR_INVALID_VALUE);
}

/* A kernel in the legacy stream that waits for what is in the thread's own. */
static void perThread(CUmodule module) {
  CUdeviceptr flag;
  unsigned one = 1;
  CUresult (*copy)(CUdeviceptr, const void *, size_t) = 0;
  CUdriverProcAddressQueryResult status;
  CHECK(cuGetProcAddress("cuMemcpyHtoD", (void **)&copy, 12000,
                         CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM,
                         &status));
  WANT(copy != 0, 1);
  CHECK(cuMemAlloc(&flag, 4));
  CHECK(cuMemsetD32(flag, 0, 1));
  CUstream stream;
  CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  void *arguments[] = {&flag};
  CHECK(cuCtxSynchronize());
  CHECK(launch(kernelOf(module, "waits"), 1, stream, arguments));
  CHECK(copy(flag, &one, 4));
  CHECK(cuStreamSynchronize(stream));
  CUresult (*query)(CUstream) = 0;
  CHECK(cuGetProcAddress("cuStreamQuery", (void **)&query, 12000,
                         CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM,
                         &status));
  /* Blocking streams hold up the legacy stream, not the thread's. */
  CUstream blocking;
  CHECK(cuStreamCreate(&blocking, 0));
  CHECK(cuMemsetD32(flag, 0, 1));
  CHECK(cuCtxSynchronize());
  CHECK(launch(kernelOf(module, "waits"), 1, blocking, arguments));
  WANT(query(0), CUDA_SUCCESS);
  WANT(cuStreamQuery(0), CUDA_ERROR_NOT_READY);
  CHECK(copy(flag, &one, 4));
  CHECK(cuCtxSynchronize());
  CHECK(cuMemFree(flag));
}

int main(void) {
  CUdevice device;
  CUmodule module;
  openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  memory(module);
  variables(device);
  pools(device);
  perThread(module);
  return finish();
}
