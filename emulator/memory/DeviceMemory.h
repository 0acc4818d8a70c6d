//===- DeviceMemory.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Global memory of one emulated device: an allocation table over host memory.
#pragma once

#include "emulator/core/Types.h"

#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace hamlet::emu {

/// One allocation. Device addresses [begin, end); `host` is where they lie.
struct Allocation {
  /// What gives `host` back.
  enum class Backing : u8 { Heap, Map, Foreign };
  u64 begin = 0, end = 0;
  u8 *host = nullptr;
  Backing backing = Backing::Foreign;
  Allocation() = default;
  ~Allocation();
  Allocation(const Allocation &) = delete;
  Allocation &operator=(const Allocation &) = delete;
  /// One bit a byte: written since it was allocated. Empty: all are.
  std::unique_ptr<u64[]> written;
  bool initialised(u64 address) const {
    u64 i = address - begin;
    return !written || (written[i >> 6] >> (i & 63) & 1);
  }
  void markWritten(u64 address, u64 bytes);
};

/// Allocations have a guard gap of 1 MiB, are 256-byte aligned, exact to the
/// byte, and filled with 0xff. Freed ranges are not used again until the
/// address range is. Thread-safe except for find() against free() of the same
/// range: take() is for that.
class DeviceMemory {
public:
  /// `device` picks the address range; `limit` is the memory in bytes.
  DeviceMemory(u32 device, u64 limit);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// Address of `bytes` bytes, 0 when the budget or the host is exhausted.
  /// `track`: keep which bytes were written.
  u64 allocate(u64 bytes, u64 align = 256, bool track = false);
  bool free(u64 address);
  /// As free(), but what the caller gets keeps the bytes until it goes: others
  /// may be using them. Null where no allocation begins there.
  std::shared_ptr<Allocation> take(u64 address);
  /// Makes host memory an allocation at its own address; it stays its owner's.
  /// False: a part of it is one already.
  bool map(void *host, u64 bytes);
  /// A further mapping of page-aligned host memory, its own; null: none left.
  void *allocateHost(u64 bytes);
  /// Addresses that are not in this memory are looked up in `other`, which
  /// must outlive it, from now on or no longer.
  void reach(const DeviceMemory &other);
  void unreach(const DeviceMemory &other);
  /// The allocation that holds `address`, here or in what is reached; null if
  /// none. The pointer stays valid until the allocation is freed.
  Allocation *find(u64 address) const;
  /// Whether a freed allocation held `address`.
  bool wasFreed(u64 address) const;
  /// Host address of [address, address + bytes), null unless one allocation
  /// holds all of it.
  u8 *host(u64 address, u64 bytes) const;
  bool owns(u64 address) const {
    return address >= base && address < base + kRange;
  }
  u64 used() const { return usedBytes; }
  u64 limit() const { return limitBytes; }
  void setLimit(u64 bytes) { limitBytes = bytes; }
  size_t count() const;
  /// The allocation of this memory alone that holds `address`.
  Allocation *findOwn(u64 address) const;

  // What kernels malloc, of at most `heapLimit` bytes at a time.
  u64 heapAllocate(u64 bytes, bool track);
  /// False unless heapAllocate returned `address`.
  bool heapFree(u64 address);
  u64 heapLimit() const { return heapLimitBytes; }
  void setHeapLimit(u64 bytes) { heapLimitBytes = bytes; }

  static constexpr u64 kRange = u64(1) << 40;
  static constexpr u64 kGap = u64(1) << 20;

private:
  u64 base, next, usedBytes = 0, limitBytes;
  mutable std::mutex mutex;
  std::map<u64, std::shared_ptr<Allocation>> table;
  std::map<u64, u64> freed;
  using Others = std::vector<const DeviceMemory *>;
  std::shared_ptr<const Others> others = std::make_shared<Others>();
  std::map<u64, u64> heap; ///< bytes by address
  u64 heapUsed = 0;
  u64 heapLimitBytes = u64(8) << 20; ///< CUDA's default
};

} // namespace hamlet::emu
