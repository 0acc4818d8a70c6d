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
  u64 begin = 0, end = 0;
  u8 *host = nullptr;
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
/// range.
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
  /// The allocation that holds `address`, null if none. The pointer stays valid
  /// until the allocation is freed.
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

  static constexpr u64 kRange = u64(1) << 40;
  static constexpr u64 kGap = u64(1) << 20;

private:
  u64 base, next, usedBytes = 0, limitBytes;
  mutable std::mutex mutex;
  std::map<u64, std::unique_ptr<Allocation>> table;
  std::map<u64, u64> freed;
};

} // namespace hamlet::emu
