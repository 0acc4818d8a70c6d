//===- MemoryApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Device memory.
#include "emulator/driver/Graph.h"

#include <cstdlib>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
constexpr size_t kPitch = 512; ///< bytes that rows begin at multiples of
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
    return freeHost(call, reinterpret_cast<void *>(p), Pinned::Kind::Managed,
                    kInvalidValue);
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
HAMLET_CUDA cuMemAllocPitch_v2(CUdeviceptr *p, size_t *pitch, size_t width,
                               size_t height, unsigned element) {
  HAMLET_ENTER(cuMemAllocPitch_v2, true);
  size_t row, bytes;
  if (!pitch || !width || !height ||
      (element != 4 && element != 8 && element != 16) ||
      __builtin_add_overflow(width, kPitch - 1, &row) ||
      __builtin_mul_overflow(row / kPitch * kPitch, height, &bytes))
    return kInvalidValue;
  CUresult r = allocate(call, p, bytes);
  if (!r)
    *pitch = row / kPitch * kPitch;
  return r;
}
HAMLET_CUDA cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream stream) {
  HAMLET_ENTER(cuMemAllocAsync, true);
  return validStream(stream) ? allocate(call, p, bytes) : int(kInvalidHandle);
}
HAMLET_CUDA cuMemAllocFromPoolAsync(CUdeviceptr *p, size_t bytes,
                                    CUmemoryPool pool, CUstream stream) {
  HAMLET_ENTER(cuMemAllocFromPoolAsync, true);
  if (!state().pools.count(pool) || pool->device != deviceOf(currentContext()))
    return kInvalidValue;
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
