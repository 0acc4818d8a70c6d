//===- HostMemoryApi.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Pinned host memory, which kernels reach at its own address, and what pointers
// are.
#include "emulator/driver/State.h"

#include <algorithm>
#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
constexpr unsigned kMapped = 2; // of CU_MEMHOSTALLOC_ and _REGISTER_ flags
constexpr unsigned kAllocateFlags = 7, kRegisterFlags = 15;

CUresult hostAllocate(void **p, size_t bytes, unsigned flags) {
  if (!p || !bytes || flags & ~kAllocateFlags)
    return kInvalidValue;
  *p = state().host.allocateHost(bytes);
  if (!*p)
    return kOutOfMemory;
  state().pinned[*p] = {bytes, Pinned::Kind::Allocated, flags,
                        currentContext()};
  return kSuccess;
}

} // namespace

CUresult hamlet::emu::driver::freeHost(Call &call, void *p, Pinned::Kind kind,
                                       CUresult missing) {
  auto mine = [&] {
    auto it = state().pinned.find(p);
    return it != state().pinned.end() && it->second.kind == kind;
  };
  if (!mine())
    return missing;
  std::vector<MarkPointer> marks = newestOf(currentContext());
  if (CUcontext c = state().pinned[p].context; state().contexts.count(c))
    for (MarkPointer &m : newestOf(c))
      marks.push_back(std::move(m));
  CUresult r = call.finish(marks);
  if (!mine()) // another thread was as quick
    return missing;
  state().pinned.erase(p);
  release(reinterpret_cast<CUdeviceptr>(p));
  return r;
}

HAMLET_CUDA cuMemHostAlloc(void **p, size_t bytes, unsigned flags) {
  HAMLET_ENTER(cuMemHostAlloc, true);
  return hostAllocate(p, bytes, flags);
}
HAMLET_CUDA cuMemAllocHost_v2(void **p, size_t bytes) {
  HAMLET_ENTER(cuMemAllocHost_v2, true);
  return hostAllocate(p, bytes, kMapped);
}
HAMLET_CUDA cuMemFreeHost(void *p) {
  HAMLET_ENTER(cuMemFreeHost, true);
  return freeHost(call, p, Pinned::Kind::Allocated, kInvalidValue);
}
HAMLET_CUDA cuMemHostRegister_v2(void *p, size_t bytes, unsigned flags) {
  HAMLET_ENTER(cuMemHostRegister_v2, true);
  u64 end;
  if (!p || !bytes || flags & ~kRegisterFlags ||
      __builtin_add_overflow(reinterpret_cast<u64>(p), bytes, &end) ||
      end > kDeviceBase)
    return kInvalidValue;
  if (!state().host.map(p, bytes))
    return kHostAlreadyRegistered;
  state().pinned[p] = {bytes, Pinned::Kind::Registered, flags,
                       currentContext()};
  return kSuccess;
}
HAMLET_CUDA cuMemHostUnregister(void *p) {
  HAMLET_ENTER(cuMemHostUnregister, true);
  return freeHost(call, p, Pinned::Kind::Registered, kHostNotRegistered);
}
HAMLET_CUDA cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *p,
                                         unsigned flags) {
  HAMLET_ENTER(cuMemHostGetDevicePointer_v2, true);
  if (!device || flags || !isPinned(p, 1))
    return kInvalidValue;
  *device = reinterpret_cast<CUdeviceptr>(p); // unified addressing
  return kSuccess;
}
HAMLET_CUDA cuMemHostGetFlags(unsigned *flags, void *p) {
  HAMLET_ENTER(cuMemHostGetFlags, true);
  auto it = state().pinned.find(p);
  if (!flags || it == state().pinned.end())
    return kInvalidValue;
  *flags = it->second.flags | kMapped; // all of it is mapped
  return kSuccess;
}

namespace {
enum PointerAttribute {
  kContext = 1,
  kMemoryType,
  kDevicePointer,
  kHostPointer,
  kPeerTokens,
  kSyncMemops,
  kBufferId,
  kIsManaged,
  kDeviceOrdinal,
  kIpcCapable,
  kRangeStart,
  kRangeSize,
  kIsMapped,
  kHandleTypes,
  kRdmaCapable,
  kAccessFlags,
  kPool,
  kMappingSize,
  kMappingBase,
  kBlockId,
  kDecompressCapable,
};
constexpr unsigned kHostType = 1, kDeviceType = 2, kReadWrite = 3;
constexpr int kInvalidOrdinal = -2;

template <class T> CUresult put(void *out, T value) {
  std::memcpy(out, &value, sizeof value);
  return kSuccess;
}

/// One attribute of `p`; where nothing is there, `kInvalidValue` and its
/// default.
CUresult attributeOf(void *out, int id, CUdeviceptr p) {
  State &s = state();
  Allocation *a = allocationOf(p);
  DeviceMemory *m = memoryOf(p);
  bool device = a && m;
  Device *where = nullptr;
  for (auto &d : s.devices)
    if (d->memory.get() == m)
      where = d.get();
  CUcontext context = nullptr;
  bool managed = false;
  if (device) {
    auto owner = s.owners.find(a->begin);
    context = owner == s.owners.end() ? where->primary : owner->second;
  } else if (a) {
    // Not there: of a library that went while its kernels run.
    auto pinned = s.pinned.find(reinterpret_cast<void *>(a->begin));
    managed = pinned != s.pinned.end() &&
              pinned->second.kind == Pinned::Kind::Managed;
    if (pinned != s.pinned.end() && s.contexts.count(pinned->second.context)) {
      context = pinned->second.context;
      where = context->device;
    }
  }
  CUresult found = a ? kSuccess : kInvalidValue;
  auto with = [&](auto value) {
    put(out, a ? value : decltype(value)());
    return found;
  };
  switch (id) {
  case kContext:
    return with(context);
  case kMemoryType:
    return with(device || managed ? kDeviceType : kHostType);
  case kDevicePointer:
    return with(p);
  case kHostPointer:
    put(out, a && !device ? p : CUdeviceptr(0));
    return a && !device ? kSuccess : kInvalidValue;
  case kBufferId:
    return with(a ? a->begin : 0);
  case kDeviceOrdinal:
    put(out, !a ? kInvalidOrdinal : where ? where->ordinal : 0);
    return found;
  case kRangeStart:
  case kMappingBase:
    return with(a ? a->begin : 0);
  case kRangeSize:
  case kMappingSize:
    return with(a ? size_t(a->end - a->begin) : 0);
  case kIsMapped:
    return with(1);
  case kAccessFlags:
    return with(kReadWrite);
  case kHandleTypes:
  case kPool:
    return with(u64(0));
  case kIsManaged:
    return with(managed ? 1 : 0);
  case kSyncMemops:
  case kIpcCapable:
  case kRdmaCapable:
  case kBlockId:
  case kDecompressCapable:
    return with(0);
  case kPeerTokens:
    return kNotSupported;
  default:
    return kInvalidValue;
  }
}
} // namespace

HAMLET_CUDA cuPointerGetAttribute(void *out, int id, CUdeviceptr p) {
  HAMLET_ENTER(cuPointerGetAttribute, false);
  if (!out || id < kContext || id > kDecompressCapable)
    return kInvalidValue;
  alignas(8) u8 value[16] = {};
  CUresult r = attributeOf(value, id, p);
  return r ? r : attributeOf(out, id, p);
}
HAMLET_CUDA cuPointerGetAttributes(unsigned n, int *ids, void **out,
                                   CUdeviceptr p) {
  HAMLET_ENTER(cuPointerGetAttributes, false);
  if (!n || !ids || !out)
    return kInvalidValue;
  for (unsigned i = 0; i < n; ++i)
    if (!out[i] || ids[i] < kContext || ids[i] > kDecompressCapable)
      return kInvalidValue;
  // Where a pointer is none of the driver's, values are defaults, no errors.
  for (unsigned i = 0; i < n; ++i)
    attributeOf(out[i], ids[i], p);
  return kSuccess;
}
