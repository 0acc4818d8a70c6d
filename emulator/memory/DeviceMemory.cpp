//===- DeviceMemory.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/memory/DeviceMemory.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace hamlet::emu {
namespace {
constexpr u64 kMapFrom = 1 << 16; // bytes from which mmap serves
// 64 bytes beyond the end: vector code may read a whole register.
u64 mappedBytes(u64 bytes) { return alignUp(bytes + 64, 256); }
u8 *mapPages(u64 bytes) {
  void *p = mmap(nullptr, mappedBytes(bytes), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<u8 *>(p);
}
} // namespace

Allocation::~Allocation() {
  if (backing == Backing::Map)
    munmap(host, mappedBytes(end - begin));
  if (backing == Backing::Heap)
    std::free(host);
}

void Allocation::markWritten(u64 address, u64 bytes) {
  if (!written)
    return;
  u64 i = address - begin, last = i + bytes;
  while (i < last) {
    u64 word = i >> 6, bit = i & 63, n = std::min<u64>(64 - bit, last - i);
    u64 mask = n == 64 ? ~u64(0) : ((u64(1) << n) - 1) << bit;
    __atomic_fetch_or(&written[word], mask, __ATOMIC_RELAXED);
    i += n;
  }
}

DeviceMemory::DeviceMemory(u32 device, u64 limit)
    : base(kDeviceBase + (u64(device) << 40)), next(base + kGap),
      limitBytes(limit) {}

DeviceMemory::~DeviceMemory() = default;

u64 DeviceMemory::allocate(u64 bytes, u64 align, bool track) {
  std::lock_guard lock(mutex);
  if (bytes == 0 || bytes > limitBytes || usedBytes + bytes > limitBytes)
    return 0;
  u64 at = alignUp(next, std::max<u64>(align, 256));
  if (at + bytes + kGap > base + kRange)
    return 0;
  auto a = std::make_shared<Allocation>();
  a->begin = at;
  a->end = at + bytes;
  if (bytes >= kMapFrom) {
    a->host = mapPages(bytes);
    if (!a->host)
      return 0;
    a->backing = Allocation::Backing::Map;
    if (bytes < (u64(64) << 20))
      std::memset(a->host, 0xff, bytes); // larger ones stay untouched pages
  } else {
    a->host = static_cast<u8 *>(std::aligned_alloc(256, mappedBytes(bytes)));
    if (!a->host)
      return 0;
    a->backing = Allocation::Backing::Heap;
    std::memset(a->host, 0xff, mappedBytes(bytes));
  }
  if (track) {
    a->written = std::make_unique<u64[]>((bytes + 63) / 64);
  }
  usedBytes += bytes;
  next = alignUp(a->end + kGap, 256);
  table.emplace(at, std::move(a));
  return at;
}

bool DeviceMemory::map(void *host, u64 bytes) {
  std::lock_guard lock(mutex);
  auto begin = reinterpret_cast<u64>(host);
  auto after = table.lower_bound(begin);
  if ((after != table.end() && after->first - begin < bytes) ||
      (after != table.begin() && std::prev(after)->second->end > begin))
    return false;
  auto a = std::make_shared<Allocation>();
  a->begin = begin;
  a->end = begin + bytes;
  a->host = static_cast<u8 *>(host);
  table.emplace(begin, std::move(a));
  freed.erase(begin);
  return true;
}

void *DeviceMemory::allocateHost(u64 bytes) {
  u8 *host = mapPages(bytes);
  if (!host)
    return nullptr;
  if (!map(host, bytes)) { // registered, then unmapped by its owner
    munmap(host, mappedBytes(bytes));
    return nullptr;
  }
  std::lock_guard lock(mutex);
  table.at(reinterpret_cast<u64>(host))->backing = Allocation::Backing::Map;
  return host;
}

std::shared_ptr<Allocation> DeviceMemory::take(u64 address) {
  std::lock_guard lock(mutex);
  auto it = table.find(address);
  if (it == table.end())
    return nullptr;
  std::shared_ptr<Allocation> a = std::move(it->second);
  if (owns(a->begin)) {
    usedBytes -= a->end - a->begin;
    freed[a->begin] = a->end;
  }
  table.erase(it);
  return a;
}

bool DeviceMemory::free(u64 address) { return take(address) != nullptr; }

void DeviceMemory::reach(const DeviceMemory &other) {
  std::lock_guard lock(mutex);
  auto more = std::make_shared<Others>(*others);
  more->push_back(&other);
  others = std::move(more);
}

void DeviceMemory::unreach(const DeviceMemory &other) {
  std::lock_guard lock(mutex);
  auto fewer = std::make_shared<Others>(*others);
  if (auto it = std::ranges::find(*fewer, &other); it != fewer->end())
    fewer->erase(it); // reached as often as it was asked for
  others = std::move(fewer);
}

Allocation *DeviceMemory::findOwn(u64 address) const {
  std::lock_guard lock(mutex);
  auto it = table.upper_bound(address);
  if (it == table.begin())
    return nullptr;
  --it;
  return address < it->second->end ? it->second.get() : nullptr;
}

Allocation *DeviceMemory::find(u64 address) const {
  if (Allocation *a = findOwn(address))
    return a;
  std::shared_ptr<const Others> reached;
  {
    std::lock_guard lock(mutex);
    reached = others;
  }
  // One memory's lock at a time: peers reach each other.
  for (const DeviceMemory *other : *reached)
    if (Allocation *a = other->findOwn(address))
      return a;
  return nullptr;
}

bool DeviceMemory::wasFreed(u64 address) const {
  std::lock_guard lock(mutex);
  auto it = freed.upper_bound(address);
  return it != freed.begin() && address < std::prev(it)->second;
}

u8 *DeviceMemory::host(u64 address, u64 bytes) const {
  Allocation *a = find(address);
  if (!a || bytes > a->end - address)
    return nullptr;
  return a->host + (address - a->begin);
}

u64 DeviceMemory::heapAllocate(u64 bytes, bool track) {
  {
    std::lock_guard lock(mutex);
    if (bytes > heapLimitBytes || heapUsed + bytes > heapLimitBytes)
      return 0;
  }
  u64 at = allocate(bytes, 256, track);
  if (!at)
    return 0;
  std::lock_guard lock(mutex);
  heap[at] = bytes;
  heapUsed += bytes;
  return at;
}

bool DeviceMemory::heapFree(u64 address) {
  {
    std::lock_guard lock(mutex);
    auto it = heap.find(address);
    if (it == heap.end())
      return false;
    heapUsed -= it->second;
    heap.erase(it);
  }
  return free(address);
}

size_t DeviceMemory::count() const {
  std::lock_guard lock(mutex);
  return table.size();
}

} // namespace hamlet::emu
