//===- PoolApi.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Pools of device memory. They keep nothing back, so that what is written to
// memory that was freed is found.
#include "emulator/driver/Declarations.h"
#include "emulator/driver/State.h"

#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
/// CUmemPool_attribute.
enum PoolAttribute {
  kReuseFollowEvents = 1,
  kReuseOpportunistic,
  kReuseDependencies,
  kReleaseThreshold,
  kReservedNow,
  kReservedHigh,
  kUsedNow,
  kUsedHigh,
};
enum LocationType { kDeviceLocation = 1 };
constexpr int kPinnedAllocation = 1, kReadWrite = 3;

bool known(CUmemoryPool p) { return state().pools.count(p) != 0; }
bool validDevice(int d) {
  return d >= 0 && d < static_cast<int>(state().devices.size());
}
CUmemoryPool newPool(Device &d) {
  auto *p = new CUmemPool_st{&d, {}};
  state().pools.insert(p);
  return p;
}
/// The device's default pool or its current one.
CUresult poolOf(CUmemoryPool *p, CUdevice d, CUmemoryPool Device::*which) {
  if (!p)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  Device &device = *state().devices[static_cast<size_t>(d)];
  if (!device.ownPool)
    device.pool = device.ownPool = newPool(device);
  *p = device.*which;
  return kSuccess;
}
bool isCount(int id) { return id >= kReleaseThreshold; }
} // namespace

HAMLET_CUDA cuDeviceGetDefaultMemPool(CUmemoryPool *p, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetDefaultMemPool, false);
  return poolOf(p, d, &Device::ownPool);
}
HAMLET_CUDA cuDeviceGetMemPool(CUmemoryPool *p, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetMemPool, false);
  return poolOf(p, d, &Device::pool);
}
HAMLET_CUDA cuDeviceSetMemPool(CUdevice d, CUmemoryPool pool) {
  HAMLET_ENTER(cuDeviceSetMemPool, false);
  CUmemoryPool old;
  if (CUresult r = poolOf(&old, d, &Device::pool))
    return r;
  Device &device = *state().devices[static_cast<size_t>(d)];
  if (!known(pool) || pool->device != &device)
    return kInvalidValue;
  device.pool = pool;
  return kSuccess;
}
HAMLET_CUDA cuMemPoolCreate(CUmemoryPool *p, const CUmemPoolProps *props) {
  HAMLET_ENTER(cuMemPoolCreate, false);
  if (!p || !props || props->allocType != kPinnedAllocation)
    return kInvalidValue;
  // Pools of the host, and those that other processes open, are not offered.
  if (props->locationType != kDeviceLocation || props->handleTypes)
    return kNotSupported;
  if (!validDevice(props->location))
    return kInvalidDevice;
  *p = newPool(*state().devices[static_cast<size_t>(props->location)]);
  return kSuccess;
}
HAMLET_CUDA cuMemPoolDestroy(CUmemoryPool p) {
  HAMLET_ENTER(cuMemPoolDestroy, false);
  if (!known(p) || p == p->device->ownPool)
    return kInvalidValue;
  if (p->device->pool == p)
    p->device->pool = p->device->ownPool;
  state().pools.erase(p);
  delete p;
  return kSuccess;
}
HAMLET_CUDA cuMemPoolSetAttribute(CUmemoryPool p, int id, void *value) {
  HAMLET_ENTER(cuMemPoolSetAttribute, false);
  if (!known(p) || !value || id < kReuseFollowEvents || id > kUsedHigh ||
      id == kReservedNow || id == kUsedNow)
    return kInvalidValue;
  u64 v = 0;
  std::memcpy(&v, value, isCount(id) ? 8 : 4);
  p->attributes[id] = v;
  return kSuccess;
}
HAMLET_CUDA cuMemPoolGetAttribute(CUmemoryPool p, int id, void *value) {
  HAMLET_ENTER(cuMemPoolGetAttribute, false);
  if (!known(p) || !value || id < kReuseFollowEvents || id > kUsedHigh)
    return kInvalidValue;
  auto set = p->attributes.find(id);
  u64 v = set != p->attributes.end() ? set->second
          : id < kReleaseThreshold   ? 1 // reuse is allowed
          : id == kReleaseThreshold  ? 0
                                     : p->device->memory->used();
  std::memcpy(value, &v, isCount(id) ? 8 : 4);
  return kSuccess;
}
HAMLET_CUDA cuMemPoolSetAccess(CUmemoryPool p, const CUmemAccessDesc *list,
                               size_t n) {
  HAMLET_ENTER(cuMemPoolSetAccess, false);
  if (!known(p) || (n && !list))
    return kInvalidValue;
  for (size_t i = 0; i < n; ++i) {
    if (list[i].locationType != kDeviceLocation)
      return kInvalidValue;
    if (!validDevice(list[i].location))
      return kInvalidDevice;
    // Another device's kernels reach it by peer access, as all memory.
    if (list[i].location != p->device->ordinal)
      return kNotSupported;
  }
  return kSuccess;
}
HAMLET_CUDA cuMemPoolGetAccess(int *flags, CUmemoryPool p,
                               CUmemLocation *location) {
  HAMLET_ENTER(cuMemPoolGetAccess, false);
  if (!flags || !known(p) || !location || location->type != kDeviceLocation)
    return kInvalidValue;
  *flags = location->id == p->device->ordinal ? kReadWrite : 0;
  return kSuccess;
}
HAMLET_CUDA cuMemPoolTrimTo(CUmemoryPool p, size_t) {
  HAMLET_ENTER(cuMemPoolTrimTo, false);
  return known(p) ? kSuccess : kInvalidValue;
}
