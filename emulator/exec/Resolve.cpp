//===- Resolve.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Addresses to host memory, with exact bounds.
#include "emulator/check/Checker.h"
#include "emulator/core/Decode.h"
#include "emulator/exec/Warp.h"

#include <cstdio>

namespace hamlet::emu {
namespace {
std::string hex(u64 v) {
  char s[24];
  std::snprintf(s, sizeof s, "0x%llx", static_cast<unsigned long long>(v));
  return s;
}

[[noreturn]] void outOfBounds(Warp &w, const Op &op, u32 lane, Space space,
                              u64 address, u32 bytes, bool write,
                              const std::string &why) {
  std::string what = std::string(write ? "write" : "read") + " of " +
                     std::to_string(bytes) + " bytes at " + spaceName(space) +
                     " address " + hex(address) + " is out of bounds: " + why;
  if (w.check) {
    Finding f;
    f.kind = "out-of-bounds";
    f.space = spaceName(space);
    f.address = address;
    f.bytes = bytes;
    f.message = what;
    f.first = siteOf(*w.program, w.pcOf(op), w.cta->linear, w.index, lane);
    w.engine->findings->push_back(f);
  }
  w.fault(op, LaunchStatus::IllegalAddress, what, lane);
}

std::string describe(const DeviceMemory &memory, u64 address) {
  if (memory.wasFreed(address))
    return "the buffer was freed";
  for (u64 back = 1; back <= DeviceMemory::kGap; back <<= 1)
    if (Allocation *a = memory.find(address - back)) {
      return std::to_string(address - a->end) +
             " bytes past the end of a buffer of " +
             std::to_string(a->end - a->begin) + " bytes";
    }
  return address < 4096 ? "null pointer" : "no buffer is there";
}
} // namespace

Resolved resolve(Warp &w, const Op &op, Space space, u64 address, u32 bytes,
                 u32 lane, bool write) {
  if (space == Space::Generic) {
    u64 high = address & ~u64(0xffffffff);
    if (high == kSharedWindow)
      space = Space::SharedCluster;
    else if (high == kLocalWindow)
      space = Space::Local;
    else if (high == kParamWindow)
      space = Space::Param;
    else
      space = Space::Global;
    if (space != Space::Global)
      address &= 0xffffffff;
  }
  switch (space) {
  case Space::Global:
  case Space::Const: {
    LookupCache &c = w.caches[op.e];
    if (address < c.begin || address >= c.end || bytes > c.end - address) {
      Allocation *a = w.engine->memory->find(address);
      if (!a || bytes > a->end - address)
        outOfBounds(w, op, lane, space, address, bytes, write,
                    a ? "the buffer ends " + std::to_string(a->end - address) +
                            " bytes after the address"
                      : describe(*w.engine->memory, address));
      c = {a->begin, a->end, a->host, a};
    }
    return {c.host + (address - c.begin), Space::Global, nullptr, address,
            c.allocation};
  }
  case Space::Shared:
  case Space::SharedCluster: {
    u64 field = address >> kClusterShift;
    Cta *cta = w.cta;
    if (field) {
      if (field > w.cluster->ctas.size())
        outOfBounds(w, op, lane, space, address, bytes, write,
                    "the cluster has " +
                        std::to_string(w.cluster->ctas.size()) + " CTAs");
      cta = w.cluster->ctas[field - 1].get();
      if (cta != w.cta && cta->liveThreads == 0)
        outOfBounds(w, op, lane, space, address, bytes, write,
                    "CTA " + std::to_string(cta->rank) +
                        " of the cluster has exited; a cluster barrier must "
                        "keep it alive");
    }
    u64 offset = address & ((1u << kClusterShift) - 1);
    if (offset < kSharedStart ||
        offset - kSharedStart + bytes > cta->sharedBytes)
      outOfBounds(w, op, lane, space, address, bytes, write,
                  "shared memory of the CTA is [" + hex(kSharedStart) + ", " +
                      hex(kSharedStart + cta->sharedBytes) + ")");
    return {cta->shared + (offset - kSharedStart), Space::Shared, cta, offset,
            nullptr};
  }
  case Space::Local: {
    if (address < kLocalStart || address - kLocalStart + bytes > w.localStride)
      outOfBounds(w, op, lane, space, address, bytes, write,
                  "a thread has " + std::to_string(w.localStride) + " bytes");
    return {w.local + u64(lane) * w.localStride + (address - kLocalStart),
            Space::Local, nullptr, address, nullptr};
  }
  default: {
    if (write)
      outOfBounds(w, op, lane, space, address, bytes, write,
                  "kernel parameters cannot be written");
    if (address + bytes > w.program->paramBytes)
      outOfBounds(w, op, lane, space, address, bytes, write,
                  "parameters have " + std::to_string(w.program->paramBytes) +
                      " bytes");
    return {const_cast<u8 *>(w.engine->params) + address, Space::Param, nullptr,
            address, nullptr};
  }
  }
}

} // namespace hamlet::emu
