//===- CacheManager.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/CacheManager.h"

#include "runtime/Footprint.h"

#include <algorithm>

namespace hamlet::runtime {

Result<CacheManager> CacheManager::make(const hmlt::ContainerT &file,
                                        Device &device, int slots,
                                        int64_t pages, int64_t pagesOfOne) {
  CacheManager manager;
  manager.file = &file;
  manager.device = &device;
  manager.pageCount = pages;
  for (const auto &cache : file.caches)
    manager.hasPages |= cache->per == hmlt::CachePer::page;
  Result<CachePlaces> places = placeCaches(file, slots, pages);
  if (places.failed())
    return places.status();
  manager.bases = std::move(places->offsets);
  auto memory = DeviceMemory::allocate(device, places->bytes);
  if (memory.failed())
    return memory.status().in("caches");
  manager.memory = std::move(*memory);
  for (DeviceAddress &base : manager.bases)
    base += manager.memory.address();
  manager.sequences.resize(static_cast<size_t>(slots));
  for (int slot = slots; slot-- > 0;)
    manager.freeSlots.push_back(slot);
  if (manager.hasPages) {
    if (pages > INT32_MAX)
      return failure(pages, " cache pages are too many");
    manager.freePages.reserve(static_cast<size_t>(pages));
    for (Sequence &sequence : manager.sequences)
      sequence.pages.reserve(static_cast<size_t>(std::min(pages, pagesOfOne)));
    for (int64_t page = pages; page-- > 0;)
      manager.freePages.push_back(static_cast<int32_t>(page));
  }
  return manager;
}

Status CacheManager::zero(hmlt::CachePer per, int64_t index) {
  for (size_t i = 0; i < bases.size(); ++i) {
    const hmlt::CacheT &cache = *file->caches[i];
    if (cache.per == per)
      HAMLET_TRY(
          device->zero(bases[i] + static_cast<uint64_t>(index * cache.bytes),
                       static_cast<uint64_t>(cache.bytes)));
  }
  return {};
}

Result<int> CacheManager::open() {
  if (freeSlots.empty())
    return failure("all ", sequences.size(), " sequences are in use");
  int slot = freeSlots.back();
  HAMLET_TRY(zero(hmlt::CachePer::slot, slot));
  freeSlots.pop_back();
  sequence(slot).open = true;
  touchedSlots = std::max<int64_t>(touchedSlots, slot + 1);
  return slot;
}

void CacheManager::close(int slot) {
  Sequence &closed = sequence(slot);
  for (size_t i = closed.pages.size(); i-- > 0;)
    freePages.push_back(closed.pages[i]);
  closed.open = false;
  closed.length = 0;
  closed.pages.clear(); // and keeps its memory
  freeSlots.push_back(slot);
}

Status CacheManager::extend(int slot, int64_t tokens) {
  if (!hasPages)
    return {};
  Sequence &grown = sequence(slot);
  auto wanted = static_cast<size_t>((grown.length + tokens + kPageTokens - 1) /
                                    kPageTokens);
  if (wanted > grown.pages.size() + freePages.size())
    return failure("no key/value pages left: ", wanted - grown.pages.size(),
                   " more wanted, ", freePages.size(), " of ", pageCount,
                   " free; allow a longer context or fewer sequences");
  while (grown.pages.size() < wanted) {
    int32_t page = freePages.back();
    HAMLET_TRY(zero(hmlt::CachePer::page, page));
    freePages.pop_back();
    grown.pages.push_back(page);
    touchedPages = std::max<int64_t>(touchedPages, page + 1);
  }
  return {};
}

uint64_t CacheManager::touchedBytes() const {
  int64_t bytes = 0;
  for (const auto &cache : file->caches)
    bytes += cache->bytes *
             (cache->per == hmlt::CachePer::page ? touchedPages : touchedSlots);
  return static_cast<uint64_t>(bytes);
}

} // namespace hamlet::runtime
