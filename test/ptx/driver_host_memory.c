//===- driver_host_memory.c -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Pinned host memory: kernels reach it at its own address; what pointers are.
 */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    /* to[i] = from[i] + 1, generic addresses; *global: they are of global. */
    ".visible .entry next(.param .u64 to, .param .u64 from, .param .u64 "
    "global)\n"
    "{ .reg .b64 %d<5>; .reg .b32 %r<3>; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [to]; ld.param.u64 %d2, [from];\n"
    "  ld.param.u64 %d4, [global]; mov.u32 %r1, %tid.x;\n"
    "  mul.wide.u32 %d3, %r1, 4; add.u64 %d1, %d1, %d3;\n"
    "  add.u64 %d2, %d2, %d3; ld.u32 %r2, [%d2]; add.u32 %r2, %r2, 1;\n"
    "  st.u32 [%d1], %r2; isspacep.global %p, %d1; selp.u32 %r2, 1, 0, %p;\n"
    "  st.global.u32 [%d4], %r2; ret; }\n";

static CUfunction next;
static CUdeviceptr global;

static CUresult increment(CUdeviceptr to, CUdeviceptr from) {
  void *arguments[] = {&to, &from, &global};
  CHECK(launch(next, 32, 0, arguments));
  return cuCtxSynchronize();
}
static void wantReached(const char *what, unsigned *host) {
  CUdeviceptr at;
  unsigned flag = 0;
  CHECK(cuMemHostGetDevicePointer(&at, host, 0));
  WANT(at, (CUdeviceptr)host); /* unified addressing */
  for (int i = 0; i < 32; i++)
    host[i] = i;
  WANT(increment(at, at), 0);
  int wrong = 0;
  for (unsigned i = 0; i < 32; i++)
    wrong += host[i] != i + 1;
  CHECK(cuMemcpyDtoH(&flag, global, 4));
  if (wrong || flag != 1) {
    printf("%s: %d words wrong, global %u\n", what, wrong, flag);
    failures++;
  }
}

struct Attributes {
  CUcontext context;
  unsigned type;
  CUdeviceptr device;
  void *host;
  int managed, ordinal, mapped;
  CUdeviceptr start;
  size_t size;
};
static const CUpointer_attribute ids[] = {
    CU_POINTER_ATTRIBUTE_CONTEXT,        CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
    CU_POINTER_ATTRIBUTE_DEVICE_POINTER, CU_POINTER_ATTRIBUTE_HOST_POINTER,
    CU_POINTER_ATTRIBUTE_IS_MANAGED,     CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
    CU_POINTER_ATTRIBUTE_MAPPED,         CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
    CU_POINTER_ATTRIBUTE_RANGE_SIZE};
static struct Attributes attributes(CUdeviceptr p) {
  struct Attributes a;
  memset(&a, 0x55, sizeof a);
  void *out[] = {&a.context, &a.type,   &a.device, &a.host, &a.managed,
                 &a.ordinal, &a.mapped, &a.start,  &a.size};
  CHECK(cuPointerGetAttributes(sizeof ids / sizeof *ids,
                               (CUpointer_attribute *)ids, out, p));
  return a;
}

int main(void) {
  CUdevice device;
  CUmodule module;
  int value;
  CUcontext context = openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  next = kernelOf(module, "next");
  CHECK(cuMemAlloc(&global, 4));
  static const CUdevice_attribute features[] = {
      CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING,
      CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY,
      CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM,
      CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED};
  for (int i = 0; i < 4; i++) {
    CHECK(cuDeviceGetAttribute(&value, features[i], device));
    WANT(value, 1);
  }
  void *allocated, *chosen, *heap = malloc(512);
  unsigned stack[64], flags;
  static unsigned data[64];
  CHECK(cuMemAllocHost(&allocated, 256));
  CHECK(cuMemHostAlloc(&chosen, 100 << 10,
                       CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP));
  CHECK(cuMemHostRegister(heap, 512, 0));
  CHECK(cuMemHostRegister(stack, sizeof stack, CU_MEMHOSTREGISTER_DEVICEMAP));
  CHECK(cuMemHostRegister(data, sizeof data, 0));
  wantReached("cuMemAllocHost", allocated);
  wantReached("cuMemHostAlloc", (unsigned *)chosen + 1000);
  wantReached("registered heap", (unsigned *)heap + 3);
  wantReached("registered stack", stack);
  wantReached("registered data", data + 32);
  CHECK(cuMemHostGetFlags(&flags, chosen));
  WANT(flags, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP);
  /* Handles of no memory, of too much, of the wrong kind. */
  CUdeviceptr at;
  unsigned stray;
  WANT(cuMemHostGetDevicePointer(&at, &stray, 0), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemHostGetDevicePointer(&at, heap, 1), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemHostGetFlags(&flags, &stray), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemHostRegister((char *)heap + 500, 100, 0),
       CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  WANT(cuMemHostRegister((char *)heap - 50, 100, 0),
       CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  WANT(cuMemHostRegister(0, 100, 0), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemHostRegister(&stray, 0, 0), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemHostUnregister(allocated), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  WANT(cuMemHostUnregister((char *)heap + 4),
       CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  WANT(cuMemFreeHost(heap), CUDA_ERROR_INVALID_VALUE);
  /* Every call that takes a device address takes a mapped one. */
  CHECK(cuMemsetD32((CUdeviceptr)allocated, 9, 8));
  CHECK(cuMemcpyDtoD((CUdeviceptr)stack, (CUdeviceptr)allocated, 32));
  CHECK(cuMemcpyHtoD((CUdeviceptr)data, stack, 32));
  CHECK(cuMemcpy((CUdeviceptr)heap, (CUdeviceptr)data, 32));
  CHECK(cuCtxSynchronize());
  WANT(((unsigned *)heap)[7], 9);
  WANT(cuMemsetD8((CUdeviceptr)allocated, 0, 257), CUDA_ERROR_INVALID_VALUE);
  WANT(cuMemcpyHtoD((CUdeviceptr)&stray, stack, 4), CUDA_ERROR_INVALID_VALUE);
  /* What pointers are. */
  CUdeviceptr memory, base;
  size_t bytes;
  CHECK(cuMemAlloc(&memory, 1000));
  struct Attributes a = attributes(memory + 8);
  WANT(a.context == context, 1);
  WANT(a.type, CU_MEMORYTYPE_DEVICE);
  WANT(a.device, memory + 8);
  WANT((size_t)a.host, 0);
  WANT(a.managed, 0);
  WANT(a.ordinal, 0);
  WANT(a.mapped, 1);
  WANT(a.start, memory);
  WANT(a.size, 1000);
  a = attributes((CUdeviceptr)heap + 8);
  WANT(a.context == context, 1);
  WANT(a.type, CU_MEMORYTYPE_HOST);
  WANT(a.device, (CUdeviceptr)heap + 8);
  WANT((CUdeviceptr)a.host, (CUdeviceptr)heap + 8);
  WANT(a.ordinal, 0);
  WANT(a.start, (CUdeviceptr)heap);
  WANT(a.size, 512);
  a = attributes((CUdeviceptr)&stray);
  WANT((size_t)a.context, 0);
  WANT(a.device, 0);
  WANT((size_t)a.host, 0);
  WANT(a.ordinal, CU_DEVICE_INVALID);
  WANT(a.size, 0);
  WANT(cuPointerGetAttribute(&value, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                             (CUdeviceptr)&stray),
       CUDA_ERROR_INVALID_VALUE);
  WANT(cuPointerGetAttribute(&at, CU_POINTER_ATTRIBUTE_HOST_POINTER, memory),
       CUDA_ERROR_INVALID_VALUE);
  WANT(cuPointerGetAttribute(&value, 99, memory), CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemGetAddressRange(&base, &bytes, memory + 999));
  WANT(base, memory);
  WANT(bytes, 1000);
  WANT(cuMemGetAddressRange(&base, &bytes, memory + 1000),
       CUDA_ERROR_NOT_FOUND);
  CHECK(cuMemHostUnregister(stack));
  CHECK(cuMemHostUnregister(data));
  CHECK(cuMemFreeHost(chosen));
  WANT(cuMemFreeHost(chosen), CUDA_ERROR_INVALID_VALUE);
  /* What is no longer mapped, and what lies behind, is out of reach. */
  WANT(increment((CUdeviceptr)heap + 400, memory), CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuDevicePrimaryCtxReset(device));
  context = openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  next = kernelOf(module, "next");
  CHECK(cuMemAlloc(&global, 4));
  CHECK(cuMemHostUnregister(heap));
  WANT(increment((CUdeviceptr)heap, global), CUDA_ERROR_ILLEGAL_ADDRESS);
  return finish();
}
