#include "emulator/memory/DeviceMemory.h"

#include "emulator/core/Decode.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace hamlet::emu {
namespace {
u64 roundUp(u64 v, u64 a) { return (v + a - 1) / a * a; }
constexpr u64 kMapFrom = 1 << 16; // bytes from which mmap serves
} // namespace

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

DeviceMemory::~DeviceMemory() {
  while (!table.empty())
    free(table.begin()->first);
}

u64 DeviceMemory::allocate(u64 bytes, u64 align, bool track) {
  std::lock_guard lock(mutex);
  if (bytes == 0 || bytes > limitBytes || usedBytes + bytes > limitBytes)
    return 0;
  u64 at = roundUp(next, std::max<u64>(align, 256));
  if (at + bytes + kGap > base + kRange)
    return 0;
  auto a = std::make_unique<Allocation>();
  // 64 bytes beyond the end: vector code may read a whole register.
  u64 host = roundUp(bytes + 64, 256);
  if (bytes >= kMapFrom) {
    void *p = mmap(nullptr, host, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
      return 0;
    a->host = static_cast<u8 *>(p);
    if (bytes < (u64(64) << 20))
      std::memset(a->host, 0xff, bytes); // larger ones stay untouched pages
  } else {
    a->host = static_cast<u8 *>(std::aligned_alloc(256, host));
    if (!a->host)
      return 0;
    std::memset(a->host, 0xff, host);
  }
  a->begin = at;
  a->end = at + bytes;
  if (track) {
    a->written = std::make_unique<u64[]>((bytes + 63) / 64);
  }
  usedBytes += bytes;
  next = roundUp(a->end + kGap, 256);
  table.emplace(at, std::move(a));
  return at;
}

bool DeviceMemory::free(u64 address) {
  std::lock_guard lock(mutex);
  auto it = table.find(address);
  if (it == table.end())
    return false;
  Allocation &a = *it->second;
  u64 bytes = a.end - a.begin;
  if (bytes >= kMapFrom)
    munmap(a.host, roundUp(bytes + 64, 256));
  else
    std::free(a.host);
  usedBytes -= bytes;
  freed[a.begin] = a.end;
  table.erase(it);
  return true;
}

Allocation *DeviceMemory::find(u64 address) const {
  std::lock_guard lock(mutex);
  auto it = table.upper_bound(address);
  if (it == table.begin())
    return nullptr;
  --it;
  return address < it->second->end ? it->second.get() : nullptr;
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

size_t DeviceMemory::count() const {
  std::lock_guard lock(mutex);
  return table.size();
}

} // namespace hamlet::emu
