//===- ManagedMemoryApi.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Managed memory: pages of the host that kernels reach at the same address. No
// page moves, so that advice and prefetches are checked and have no effect.
#include "emulator/driver/Declarations.h"
#include "emulator/driver/Graph.h"

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
enum AttachFlags { kGlobal = 1, kHostOnly = 2, kSingle = 4 };
enum LocationType { kDeviceLocation = 1, kHostLocation, kNode, kCurrentNode };
constexpr int kCpu = -1; ///< as a device
constexpr int kFirstAdvice = 1, kLastAdvice = 6;

bool isManaged(CUdeviceptr p, size_t bytes) {
  Allocation *a = state().host.findOwn(p);
  if (!a || bytes > a->end - p)
    return false;
  auto it = state().pinned.find(reinterpret_cast<void *>(a->begin));
  return it != state().pinned.end() && it->second.kind == Pinned::Kind::Managed;
}
bool validLocation(const CUmemLocation &l) {
  return l.type == kDeviceLocation
             ? l.id >= 0 && static_cast<size_t>(l.id) < state().devices.size()
             : l.type >= kHostLocation && l.type <= kCurrentNode;
}
CUmemLocation locationOf(CUdevice d) {
  return d == kCpu ? CUmemLocation{kHostLocation, 0}
                   : CUmemLocation{kDeviceLocation, d};
}
CUresult prefetch(Call &call, CUdeviceptr p, size_t bytes, CUmemLocation to,
                  CUstream s) {
  if (!validStream(s))
    return kInvalidHandle;
  if (!validLocation(to))
    return kInvalidDevice;
  if (!bytes || !isManaged(p, bytes))
    return kInvalidValue;
  return isCapturing(s) ? int(kCaptureUnsupported) : enqueue(call, s, {});
}
CUresult advise(CUdeviceptr p, size_t bytes, int advice, CUmemLocation where) {
  if (advice < kFirstAdvice || advice > kLastAdvice || !bytes ||
      !isManaged(p, bytes))
    return kInvalidValue;
  // "Read mostly" has no place.
  return advice <= 2 || validLocation(where) ? kSuccess : kInvalidDevice;
}
} // namespace

HAMLET_CUDA cuMemAllocManaged(CUdeviceptr *p, size_t bytes, unsigned flags) {
  HAMLET_ENTER(cuMemAllocManaged, true);
  if (!p || !bytes || (flags != kGlobal && flags != kHostOnly))
    return kInvalidValue;
  void *host = state().host.allocateHost(bytes);
  if (!host)
    return kOutOfMemory;
  state().pinned[host] = {bytes, Pinned::Kind::Managed, 0, currentContext()};
  *p = reinterpret_cast<CUdeviceptr>(host);
  return kSuccess;
}
HAMLET_CUDA cuStreamAttachMemAsync(CUstream s, CUdeviceptr p, size_t bytes,
                                   unsigned flags) {
  HAMLET_ENTER(cuStreamAttachMemAsync, true);
  if (!validStream(s))
    return kInvalidHandle;
  if ((flags != kGlobal && flags != kHostOnly && flags != kSingle) ||
      !isManaged(p, bytes))
    return kInvalidValue;
  return kSuccess; // the host may look at any time
}
HAMLET_CUDA cuMemPrefetchAsync(CUdeviceptr p, size_t bytes, CUdevice d,
                               CUstream s) {
  HAMLET_ENTER(cuMemPrefetchAsync, true);
  return prefetch(call, p, bytes, locationOf(d), s);
}
HAMLET_CUDA cuMemPrefetchAsync_v2(CUdeviceptr p, size_t bytes, CUmemLocation to,
                                  unsigned flags, CUstream s) {
  HAMLET_ENTER(cuMemPrefetchAsync_v2, true);
  return flags ? int(kInvalidValue) : prefetch(call, p, bytes, to, s);
}
HAMLET_CUDA cuMemAdvise(CUdeviceptr p, size_t bytes, int advice, CUdevice d) {
  HAMLET_ENTER(cuMemAdvise, true);
  return advise(p, bytes, advice, locationOf(d));
}
HAMLET_CUDA cuMemAdvise_v2(CUdeviceptr p, size_t bytes, int advice,
                           CUmemLocation where) {
  HAMLET_ENTER(cuMemAdvise_v2, true);
  return advise(p, bytes, advice, where);
}
