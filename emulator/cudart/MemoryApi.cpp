//===- MemoryApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Device, pinned and managed memory, pools, and what pointers are.
#include "emulator/cudart/Runtime.h"

using namespace hamlet::emu::cudart;

namespace {
enum MemoryType { kUnregistered, kHost, kDevice, kManaged };
enum PointerAttribute { // CUpointer_attribute
  kMemoryType = 2,
  kIsManaged = 8,
  kOrdinal = 9,
};
constexpr int kNoDevice = -2;

CUdeviceptr *addressIn(void **p) { return reinterpret_cast<CUdeviceptr *>(p); }

/// An allocation of no bytes is null, and no error.
template <class F> cudaError_t allocate(void **p, size_t bytes, F get) {
  return enter([&]() -> cudaError_t {
    if (!p)
      return kInvalidValue;
    *p = nullptr;
    return bytes ? get() : int(kSuccess);
  });
}
} // namespace

HAMLET_CUDART cudaMalloc(void **p, size_t bytes) {
  return allocate(p, bytes, [&] { return cuMemAlloc_v2(addressIn(p), bytes); });
}
HAMLET_CUDART cudaMallocManaged(void **p, size_t bytes, unsigned flags) {
  return enter([&] { return cuMemAllocManaged(addressIn(p), bytes, flags); });
}
HAMLET_CUDART cudaMallocHost(void **p, size_t bytes) {
  return allocate(p, bytes, [&] { return cuMemAllocHost_v2(p, bytes); });
}
HAMLET_CUDART cudaHostAlloc(void **p, size_t bytes, unsigned flags) {
  return allocate(p, bytes, [&] { return cuMemHostAlloc(p, bytes, flags); });
}
HAMLET_CUDART cudaMallocPitch(void **p, size_t *pitch, size_t width,
                              size_t height) {
  return enter([&] {
    return cuMemAllocPitch_v2(addressIn(p), pitch, width, height, 4);
  });
}
HAMLET_CUDART cudaMalloc3D(cudaPitchedPtr *out, cudaExtent e) {
  return enter([&]() -> cudaError_t {
    size_t rows;
    if (!out || __builtin_mul_overflow(e.height, e.depth, &rows))
      return kInvalidValue;
    out->xsize = e.width;
    out->ysize = e.height;
    return cuMemAllocPitch_v2(addressIn(&out->ptr), &out->pitch, e.width, rows,
                              4);
  });
}
HAMLET_CUDART cudaFree(void *p) {
  return enter([&] { return cuMemFree_v2(number(p)); });
}
HAMLET_CUDART cudaFreeHost(void *p) {
  return enter([&] { return p ? cuMemFreeHost(p) : int(kSuccess); });
}
HAMLET_CUDART cudaHostRegister(void *p, size_t bytes, unsigned flags) {
  return enter([&] { return cuMemHostRegister_v2(p, bytes, flags); });
}
HAMLET_CUDART cudaHostUnregister(void *p) {
  return enter([&] { return cuMemHostUnregister(p); });
}
HAMLET_CUDART cudaHostGetDevicePointer(void **device, void *host,
                                       unsigned flags) {
  return enter([&] {
    return cuMemHostGetDevicePointer_v2(addressIn(device), host, flags);
  });
}
HAMLET_CUDART cudaHostGetFlags(unsigned *flags, void *p) {
  return enter([&] { return cuMemHostGetFlags(flags, p); });
}
HAMLET_CUDART cudaMemGetInfo(size_t *free, size_t *total) {
  return enter([&] { return cuMemGetInfo_v2(free, total); });
}

HAMLET_CUDART cudaPointerGetAttributes(cudaPointerAttributes *a,
                                       const void *p) {
  return enter([&]() -> cudaError_t {
    if (!a)
      return kInvalidValue;
    *a = {};
    int managed = 0, ordinal = 0, type = 0;
    a->hostPointer = const_cast<void *>(p);
    a->device = kNoDevice;
    if (cuPointerGetAttribute(&type, kMemoryType, number(p)))
      return kSuccess; // the program's own
    cuPointerGetAttribute(&managed, kIsManaged, number(p));
    cuPointerGetAttribute(&ordinal, kOrdinal, number(p));
    a->type = managed ? kManaged : type == 1 ? kHost : kDevice;
    a->device = ordinal;
    a->devicePointer = const_cast<void *>(p);
    if (a->type == kDevice)
      a->hostPointer = nullptr;
    return kSuccess;
  });
}

// ---- allocations in the order of a stream ----
HAMLET_CUDART_STREAM(cudaMallocAsync, _ptsz,
                     (void **p, size_t bytes, CUstream s), (p, bytes, s)) {
  return cuMemAllocAsync(addressIn(p), bytes, streamOf(s));
}
HAMLET_CUDART_STREAM(cudaFreeAsync, _ptsz, (void *p, CUstream s), (p, s)) {
  return cuMemFreeAsync(number(p), streamOf(s));
}
HAMLET_CUDART_STREAM(cudaMallocFromPoolAsync, _ptsz,
                     (void **p, size_t bytes, CUmemoryPool pool, CUstream s),
                     (p, bytes, pool, s)) {
  return cuMemAllocFromPoolAsync(addressIn(p), bytes, pool, streamOf(s));
}
HAMLET_CUDART cudaDeviceGetDefaultMemPool(CUmemoryPool *pool, int d) {
  return enter(Needs::Driver,
               [&] { return cuDeviceGetDefaultMemPool(pool, d); });
}
HAMLET_CUDART cudaDeviceGetMemPool(CUmemoryPool *pool, int d) {
  return enter(Needs::Driver, [&] { return cuDeviceGetMemPool(pool, d); });
}
HAMLET_CUDART cudaDeviceSetMemPool(int d, CUmemoryPool pool) {
  return enter(Needs::Driver, [&] { return cuDeviceSetMemPool(d, pool); });
}
HAMLET_CUDART cudaMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *p) {
  return enter(Needs::Driver, [&] { return cuMemPoolCreate(pool, p); });
}
HAMLET_CUDART cudaMemPoolDestroy(CUmemoryPool pool) {
  return enter(Needs::Driver, [&] { return cuMemPoolDestroy(pool); });
}
HAMLET_CUDART cudaMemPoolTrimTo(CUmemoryPool pool, size_t keep) {
  return enter(Needs::Driver, [&] { return cuMemPoolTrimTo(pool, keep); });
}
HAMLET_CUDART cudaMemPoolSetAttribute(CUmemoryPool pool, int id, void *value) {
  return enter(Needs::Driver,
               [&] { return cuMemPoolSetAttribute(pool, id, value); });
}
HAMLET_CUDART cudaMemPoolGetAttribute(CUmemoryPool pool, int id, void *value) {
  return enter(Needs::Driver,
               [&] { return cuMemPoolGetAttribute(pool, id, value); });
}
HAMLET_CUDART cudaMemPoolSetAccess(CUmemoryPool pool,
                                   const CUmemAccessDesc *list, size_t n) {
  return enter(Needs::Driver,
               [&] { return cuMemPoolSetAccess(pool, list, n); });
}
HAMLET_CUDART cudaMemPoolGetAccess(int *flags, CUmemoryPool pool,
                                   CUmemLocation *where) {
  return enter(Needs::Driver,
               [&] { return cuMemPoolGetAccess(flags, pool, where); });
}

// ---- managed memory ----
HAMLET_CUDART_STREAM(cudaMemPrefetchAsync, _ptsz,
                     (const void *p, size_t bytes, CUmemLocation to,
                      unsigned flags, CUstream s),
                     (p, bytes, to, flags, s)) {
  return cuMemPrefetchAsync_v2(number(p), bytes, to, flags, streamOf(s));
}
HAMLET_CUDART cudaMemAdvise(const void *p, size_t bytes, int advice,
                            CUmemLocation where) {
  return enter([&] { return cuMemAdvise_v2(number(p), bytes, advice, where); });
}
HAMLET_CUDART_STREAM(cudaStreamAttachMemAsync, _ptsz,
                     (CUstream s, void *p, size_t bytes, unsigned flags),
                     (s, p, bytes, flags)) {
  return cuStreamAttachMemAsync(streamOf(s), number(p), bytes, flags);
}
