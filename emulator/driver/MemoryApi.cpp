//===- MemoryApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Device memory and its pools.
#include "emulator/driver/Graph.h"

#include <cstdlib>
#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
DeviceMemory &memory() { return *deviceOf(currentContext())->memory; }

CUresult allocate(Call &call, CUdeviceptr *p, size_t bytes) {
  if (!p || !bytes)
    return kInvalidValue;
  auto attempt = [&] {
    *p = memory().allocate(bytes, 256, std::getenv("EMU_CHECK") != nullptr);
    if (*p)
      state().owners[*p] = currentContext();
    return *p != 0;
  };
  if (attempt())
    return kSuccess;
  // What streams are still to free may be enough.
  if (bytes <= memory().limit())
    if (CUresult r = call.finish(currentContext()))
      return r;
  return currentContext() && attempt() ? kSuccess : kOutOfMemory;
}

/// Forgets the owner; what a module owns is freed with it.
CUresult giveBack(CUdeviceptr p) {
  return state().owners.erase(p) && release(p) ? kSuccess : kInvalidValue;
}
} // namespace

HAMLET_CUDA cuMemAlloc_v2(CUdeviceptr *p, size_t bytes) {
  HAMLET_ENTER(cuMemAlloc_v2, true);
  return allocate(call, p, bytes);
}
HAMLET_CUDA cuMemFree_v2(CUdeviceptr p) {
  HAMLET_ENTER(cuMemFree_v2, true);
  if (!p)
    return kSuccess;
  auto owner = state().owners.find(p);
  if (owner == state().owners.end())
    return kInvalidValue;
  // For all whose kernels reach it.
  std::vector<MarkPointer> marks;
  for (CUcontext c : state().contexts) {
    bool reaches = c->device == owner->second->device;
    for (CUcontext peer : c->peers)
      reaches |= peer->device == owner->second->device;
    if (reaches)
      for (MarkPointer &m : newestOf(c))
        marks.push_back(std::move(m));
  }
  CUresult r = call.finish(marks);
  CUresult freed = giveBack(p);
  return r ? r : freed;
}
HAMLET_CUDA cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream stream) {
  HAMLET_ENTER(cuMemAllocAsync, true);
  return validStream(stream) ? allocate(call, p, bytes) : int(kInvalidHandle);
}
HAMLET_CUDA cuMemAllocFromPoolAsync(CUdeviceptr *p, size_t bytes, CUmemoryPool,
                                    CUstream stream) {
  HAMLET_ENTER(cuMemAllocFromPoolAsync, true);
  return validStream(stream) ? allocate(call, p, bytes) : int(kInvalidHandle);
}
HAMLET_CUDA cuMemFreeAsync(CUdeviceptr p, CUstream stream) {
  HAMLET_ENTER(cuMemFreeAsync, true);
  if (!p)
    return kSuccess;
  if (!state().owners.count(p))
    return kInvalidValue;
  Contents c;
  c.type = kFreeNode;
  if (isCapturing(stream))
    // Every launch has it at the same place; it goes with the graph.
    c.memory = std::shared_ptr<void>(nullptr, [p](void *) { giveBack(p); });
  else
    c.action.run = [p](Running &) {
      std::lock_guard lock(state().mutex);
      return giveBack(p);
    };
  return enqueue(call, stream, std::move(c));
}
HAMLET_CUDA cuMemGetInfo_v2(size_t *free, size_t *total) {
  HAMLET_ENTER(cuMemGetInfo_v2, true);
  if (!free || !total)
    return kInvalidValue;
  *total = memory().limit();
  *free = memory().limit() - memory().used();
  return kSuccess;
}
HAMLET_CUDA cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes,
                                    CUdeviceptr p) {
  HAMLET_ENTER(cuMemGetAddressRange_v2, true);
  Allocation *a = allocationOf(p);
  if (!a)
    return kNotFound;
  if (base)
    *base = a->begin;
  if (bytes)
    *bytes = a->end - a->begin;
  return kSuccess;
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
