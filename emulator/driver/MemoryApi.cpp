// Device and host memory, copies and fills.
#include "emulator/driver/State.h"

#include <cstdlib>
#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
DeviceMemory &memory() { return *deviceOf(currentContext())->memory; }

CUresult allocate(CUdeviceptr *p, size_t bytes) {
  if (!p || !bytes)
    return kInvalidValue;
  *p = memory().allocate(bytes, 256, std::getenv("EMU_CHECK") != nullptr);
  if (!*p)
    return kOutOfMemory;
  state().owners[*p] = currentContext();
  return kSuccess;
}

CUresult release(CUdeviceptr p) {
  // What a module owns is freed with it.
  if (!state().owners.erase(p))
    return kInvalidValue;
  return memoryOf(p)->free(p) ? kSuccess : kInvalidValue;
}

/// Device range to host memory; marks it written where `write`.
u8 *range(CUdeviceptr p, size_t bytes, bool write) {
  DeviceMemory *m = memoryOf(p);
  Allocation *a = m ? m->find(p) : nullptr;
  if (!a || bytes > a->end - p)
    return nullptr;
  if (write)
    a->markWritten(p, bytes);
  return a->host + (p - a->begin);
}
bool valid(CUdeviceptr p, size_t bytes) {
  return !bytes || range(p, bytes, false);
}

void spend(size_t bytes) {
  state().nanoseconds += 500 + static_cast<double>(bytes) / 50;
}

CUresult copyIn(CUdeviceptr to, const void *from, size_t bytes, CUstream stream,
                bool async) {
  if (!valid(to, bytes) || (!from && bytes))
    return kInvalidValue;
  if (async && isPinned(from, bytes))
    return enqueue(stream, [=] {
      u8 *d = range(to, bytes, true);
      if (bytes && !d)
        return kIllegalAddress;
      if (bytes)
        std::memcpy(d, from, bytes);
      spend(bytes);
      return kSuccess;
    });
  bool capturing = reinterpret_cast<uintptr_t>(stream) > 2 &&
                   validStream(stream) && stream->capture;
  if (!validStream(stream))
    return kInvalidHandle;
  if ((!async || state().queue.empty()) && !capturing) {
    // Nothing is ahead of it.
    CUresult r = drain();
    if (r)
      return r;
    // Work that was ahead may have freed it.
    u8 *d = range(to, bytes, true);
    if (bytes && !d)
      return kInvalidValue;
    if (bytes)
      std::memcpy(d, from, bytes);
    spend(bytes);
    return kSuccess;
  }
  // Pageable memory is read when the call is made.
  auto held = std::make_shared<std::vector<u8>>(
      static_cast<const u8 *>(from), static_cast<const u8 *>(from) + bytes);
  return enqueue(
      stream,
      [=] {
        u8 *d = range(to, bytes, true);
        if (bytes && !d)
          return kIllegalAddress;
        if (bytes)
          std::memcpy(d, held->data(), bytes);
        spend(bytes);
        return kSuccess;
      },
      bytes);
}

CUresult copyOut(void *to, CUdeviceptr from, size_t bytes, CUstream stream,
                 bool async) {
  if (!valid(from, bytes) || (!to && bytes))
    return kInvalidValue;
  auto run = [=]() -> CUresult {
    u8 *s = range(from, bytes, false);
    if (bytes && !s)
      return kIllegalAddress;
    if (bytes)
      std::memcpy(to, s, bytes);
    spend(bytes);
    return kSuccess;
  };
  bool capturing = validStream(stream) &&
                   reinterpret_cast<uintptr_t>(stream) > 2 && stream->capture;
  CUresult r = enqueue(stream, run);
  // Into pageable memory the call returns when the data is there.
  if (r || (async && (isPinned(to, bytes) || capturing)))
    return r;
  return drain();
}

CUresult copyWithin(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                    CUstream stream, bool async) {
  if (!valid(to, bytes) || !valid(from, bytes))
    return kInvalidValue;
  CUresult r = enqueue(stream, [=]() -> CUresult {
    if (!bytes)
      return kSuccess;
    u8 *s = range(from, bytes, false), *d = range(to, bytes, true);
    if (!s || !d)
      return kIllegalAddress;
    std::memmove(d, s, bytes);
    spend(bytes);
    return kSuccess;
  });
  return r || async ? r : drain();
}

bool isDevice(CUdeviceptr p) { return memoryOf(p) != nullptr; }
CUresult copyAny(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                 CUstream stream, bool async) {
  if (isDevice(to))
    return isDevice(from) ? copyWithin(to, from, bytes, stream, async)
                          : copyIn(to, reinterpret_cast<const void *>(from),
                                   bytes, stream, async);
  if (isDevice(from))
    return copyOut(reinterpret_cast<void *>(to), from, bytes, stream, async);
  std::memmove(reinterpret_cast<void *>(to),
               reinterpret_cast<const void *>(from), bytes);
  return kSuccess;
}

template <class T>
CUresult fill(CUdeviceptr to, T value, size_t n, CUstream stream, bool async) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(n, sizeof(T), &bytes) || !valid(to, bytes) ||
      (to & (sizeof(T) - 1)))
    return kInvalidValue;
  CUresult r = enqueue(stream, [=]() -> CUresult {
    if (!bytes)
      return kSuccess;
    u8 *d = range(to, bytes, true);
    if (!d)
      return kIllegalAddress;
    for (size_t i = 0; i < n; ++i)
      std::memcpy(d + i * sizeof(T), &value, sizeof(T));
    spend(bytes);
    return kSuccess;
  });
  return r || async ? r : drain();
}
} // namespace

HAMLET_CUDA cuMemAlloc_v2(CUdeviceptr *p, size_t bytes) {
  HAMLET_ENTER(cuMemAlloc_v2, true);
  return allocate(p, bytes);
}
HAMLET_CUDA cuMemFree_v2(CUdeviceptr p) {
  HAMLET_ENTER(cuMemFree_v2, true);
  if (!p)
    return kSuccess;
  CUresult r = drain();
  CUresult f = release(p);
  return r ? r : f;
}
HAMLET_CUDA cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream stream) {
  HAMLET_ENTER(cuMemAllocAsync, true);
  return validStream(stream) ? allocate(p, bytes) : kInvalidHandle;
}
HAMLET_CUDA cuMemAllocFromPoolAsync(CUdeviceptr *p, size_t bytes, CUmemoryPool,
                                    CUstream stream) {
  HAMLET_ENTER(cuMemAllocFromPoolAsync, true);
  return validStream(stream) ? allocate(p, bytes) : kInvalidHandle;
}
HAMLET_CUDA cuMemFreeAsync(CUdeviceptr p, CUstream stream) {
  HAMLET_ENTER(cuMemFreeAsync, true);
  if (!p)
    return kSuccess;
  if (!valid(p, 1))
    return kInvalidValue;
  return enqueue(stream, [p] { return release(p) ? kInvalidValue : kSuccess; });
}
HAMLET_CUDA cuMemGetInfo_v2(size_t *free, size_t *total) {
  HAMLET_ENTER(cuMemGetInfo_v2, true);
  if (!free || !total)
    return kInvalidValue;
  *total = memory().limit();
  *free = memory().limit() - memory().used();
  return kSuccess;
}
static CUresult hostAllocate(void **p, size_t bytes) {
  if (!p || !bytes)
    return kInvalidValue;
  *p = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (!*p)
    return kOutOfMemory;
  state().pinned[*p] = {bytes, false};
  return kSuccess;
}
HAMLET_CUDA cuMemHostAlloc(void **p, size_t bytes, unsigned) {
  HAMLET_ENTER(cuMemHostAlloc, true);
  return hostAllocate(p, bytes);
}
HAMLET_CUDA cuMemAllocHost_v2(void **p, size_t bytes) {
  HAMLET_ENTER(cuMemAllocHost_v2, true);
  return hostAllocate(p, bytes);
}
HAMLET_CUDA cuMemFreeHost(void *p) {
  HAMLET_ENTER(cuMemFreeHost, true);
  auto it = state().pinned.find(p);
  if (it == state().pinned.end() || it->second.second)
    return kInvalidValue;
  CUresult r = drain();
  state().pinned.erase(it);
  std::free(p);
  return r;
}
HAMLET_CUDA cuMemHostRegister_v2(void *p, size_t bytes, unsigned) {
  HAMLET_ENTER(cuMemHostRegister_v2, true);
  if (!p || !bytes)
    return kInvalidValue;
  if (isPinned(p, 1))
    return 712;
  state().pinned[p] = {bytes, true};
  return kSuccess;
}
HAMLET_CUDA cuMemHostUnregister(void *p) {
  HAMLET_ENTER(cuMemHostUnregister, true);
  auto it = state().pinned.find(p);
  if (it == state().pinned.end() || !it->second.second)
    return 713;
  CUresult r = drain();
  state().pinned.erase(p);
  return r;
}
HAMLET_CUDA cuMemHostGetDevicePointer_v2(CUdeviceptr *, void *, unsigned) {
  HAMLET_ENTER(cuMemHostGetDevicePointer_v2, true);
  return kNotSupported; // kernels reach device memory only
}
HAMLET_CUDA cuPointerGetAttribute(void *out, int id, CUdeviceptr p) {
  HAMLET_ENTER(cuPointerGetAttribute, false);
  if (!out)
    return kInvalidValue;
  DeviceMemory *m = memoryOf(p);
  Allocation *a = m ? m->find(p) : nullptr;
  bool host = !a && isPinned(reinterpret_cast<void *>(p), 1);
  if (!a && !host)
    return kInvalidValue;
  int ordinal = 0;
  for (auto &d : state().devices)
    if (d->memory.get() == m)
      ordinal = d->ordinal;
  switch (id) {
  case 1: // context
    *static_cast<CUcontext *>(out) =
        a ? state().devices[static_cast<size_t>(ordinal)]->primary : nullptr;
    return kSuccess;
  case 2: // memory type: 1 host, 2 device
    *static_cast<unsigned *>(out) = a ? 2 : 1;
    return kSuccess;
  case 3:
    *static_cast<CUdeviceptr *>(out) = p;
    return a ? kSuccess : kInvalidValue;
  case 4:
    *static_cast<void **>(out) = reinterpret_cast<void *>(p);
    return host ? kSuccess : kInvalidValue;
  case 8: // managed
    *static_cast<int *>(out) = 0;
    return kSuccess;
  case 9:
    *static_cast<int *>(out) = ordinal;
    return kSuccess;
  case 11:
    *static_cast<CUdeviceptr *>(out) = a ? a->begin : p;
    return kSuccess;
  case 12:
    *static_cast<size_t *>(out) = a ? a->end - a->begin : 0;
    return kSuccess;
  default:
    return kNotSupported;
  }
}

// ---- pools: one a device, which keeps nothing back ----
static CUresult pool(CUmemoryPool *p, CUdevice d) {
  if (!p)
    return kInvalidValue;
  if (d < 0 || d >= static_cast<int>(state().devices.size()))
    return kInvalidDevice;
  *p = reinterpret_cast<CUmemoryPool>(
      state().devices[static_cast<size_t>(d)].get());
  return kSuccess;
}
HAMLET_CUDA cuDeviceGetDefaultMemPool(CUmemoryPool *p, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetDefaultMemPool, false);
  return pool(p, d);
}
HAMLET_CUDA cuDeviceGetMemPool(CUmemoryPool *p, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetMemPool, false);
  return pool(p, d);
}
HAMLET_CUDA cuMemPoolSetAttribute(CUmemoryPool p, int, void *value) {
  HAMLET_ENTER(cuMemPoolSetAttribute, false);
  return p && value ? kSuccess : kInvalidValue;
}
HAMLET_CUDA cuMemPoolGetAttribute(CUmemoryPool p, int, void *value) {
  HAMLET_ENTER(cuMemPoolGetAttribute, false);
  if (!p || !value)
    return kInvalidValue;
  std::memset(value, 0, 8);
  return kSuccess;
}
HAMLET_CUDA cuMemPoolTrimTo(CUmemoryPool p, size_t) {
  HAMLET_ENTER(cuMemPoolTrimTo, false);
  return p ? kSuccess : kInvalidValue;
}

// ---- copies ----
HAMLET_CUDA cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n) {
  HAMLET_ENTER(cuMemcpyHtoD_v2, true);
  return copyIn(to, from, n, nullptr, false);
}
HAMLET_CUDA cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n) {
  HAMLET_ENTER(cuMemcpyDtoH_v2, true);
  return copyOut(to, from, n, nullptr, false);
}
HAMLET_CUDA cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n) {
  HAMLET_ENTER(cuMemcpyDtoD_v2, true);
  return copyWithin(to, from, n, nullptr, true);
}
HAMLET_CUDA cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n,
                                 CUstream s) {
  HAMLET_ENTER(cuMemcpyHtoDAsync_v2, true);
  return copyIn(to, from, n, s, true);
}
HAMLET_CUDA cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n,
                                 CUstream s) {
  HAMLET_ENTER(cuMemcpyDtoHAsync_v2, true);
  return copyOut(to, from, n, s, true);
}
HAMLET_CUDA cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n,
                                 CUstream s) {
  HAMLET_ENTER(cuMemcpyDtoDAsync_v2, true);
  return copyWithin(to, from, n, s, true);
}
HAMLET_CUDA cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n) {
  HAMLET_ENTER(cuMemcpy, true);
  return copyAny(to, from, n, nullptr, false);
}
HAMLET_CUDA cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n,
                          CUstream s) {
  HAMLET_ENTER(cuMemcpyAsync, true);
  return copyAny(to, from, n, s, true);
}
HAMLET_CUDA cuMemcpyPeerAsync(CUdeviceptr to, CUcontext tc, CUdeviceptr from,
                              CUcontext fc, size_t n, CUstream s) {
  HAMLET_ENTER(cuMemcpyPeerAsync, true);
  if (!state().contexts.count(tc) || !state().contexts.count(fc))
    return kInvalidContext;
  return copyWithin(to, from, n, s, true);
}
HAMLET_CUDA cuMemsetD8_v2(CUdeviceptr p, unsigned char v, size_t n) {
  HAMLET_ENTER(cuMemsetD8_v2, true);
  return fill<u8>(p, v, n, nullptr, true);
}
HAMLET_CUDA cuMemsetD16_v2(CUdeviceptr p, unsigned short v, size_t n) {
  HAMLET_ENTER(cuMemsetD16_v2, true);
  return fill<u16>(p, v, n, nullptr, true);
}
HAMLET_CUDA cuMemsetD32_v2(CUdeviceptr p, unsigned v, size_t n) {
  HAMLET_ENTER(cuMemsetD32_v2, true);
  return fill<u32>(p, v, n, nullptr, true);
}
HAMLET_CUDA cuMemsetD8Async(CUdeviceptr p, unsigned char v, size_t n,
                            CUstream s) {
  HAMLET_ENTER(cuMemsetD8Async, true);
  return fill<u8>(p, v, n, s, true);
}
HAMLET_CUDA cuMemsetD16Async(CUdeviceptr p, unsigned short v, size_t n,
                             CUstream s) {
  HAMLET_ENTER(cuMemsetD16Async, true);
  return fill<u16>(p, v, n, s, true);
}
HAMLET_CUDA cuMemsetD32Async(CUdeviceptr p, unsigned v, size_t n, CUstream s) {
  HAMLET_ENTER(cuMemsetD32Async, true);
  return fill<u32>(p, v, n, s, true);
}
