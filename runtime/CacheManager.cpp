//===- CacheManager.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/CacheManager.h"

#include "runtime/Footprint.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace hamlet::runtime {
namespace {

/// Elements are f32, or bf16 where `narrow`.
bool allFinite(const uint8_t *bytes, size_t count, bool narrow) {
  // A value is not finite where all bits of its exponent are set.
  constexpr uint16_t kExponent = 0x7f80; // of the upper half of an f32 too
  size_t step = narrow ? 2 : 4;
  bool finite = true;
  for (size_t at = step - 2; at + 2 <= count; at += step) {
    uint16_t high;
    std::memcpy(&high, bytes + at, sizeof(high));
    finite &= (high & kExponent) != kExponent;
  }
  return finite;
}

size_t pagesFor(int64_t tokens) {
  return static_cast<size_t>((tokens + kPageTokens - 1) / kPageTokens);
}

} // namespace

Result<CacheManager> CacheManager::make(const hmlt::ContainerT &file,
                                        Device &device, int slots,
                                        int64_t pages, int64_t pagesOfOne) {
  CacheManager manager;
  manager.file = &file;
  manager.device = &device;
  manager.pageCount = pages;
  for (const auto &cache : file.caches)
    (cache->per == hmlt::CachePer::page ? manager.hasPages : manager.hasSlots) =
        true;
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
    manager.readers.resize(static_cast<size_t>(pages));
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

Status CacheManager::copy(hmlt::CachePer per, int64_t to, int64_t from) {
  for (size_t i = 0; i < bases.size(); ++i) {
    const hmlt::CacheT &cache = *file->caches[i];
    if (cache.per == per)
      HAMLET_TRY(
          device->copy(bases[i] + static_cast<uint64_t>(to * cache.bytes),
                       bases[i] + static_cast<uint64_t>(from * cache.bytes),
                       static_cast<uint64_t>(cache.bytes)));
  }
  return {};
}

Result<bool> CacheManager::finite(hmlt::CachePer per, int64_t index) {
  // Keys that are hidden are masked by a choice, so values alone matter; they
  // have the dtype of activations.
  constexpr std::string_view kValues = "values";
  bool narrow = file->model->dtype == hmlt::DType::bf16;
  std::vector<uint8_t> copied;
  for (size_t i = 0; i < bases.size(); ++i) {
    const hmlt::CacheT &cache = *file->caches[i];
    if (cache.per != per || !cache.name.ends_with(kValues))
      continue;
    DeviceAddress at = bases[i] + static_cast<uint64_t>(index * cache.bytes);
    auto count = static_cast<size_t>(cache.bytes);
    auto *bytes = static_cast<const uint8_t *>(device->hostView(at));
    if (!bytes) {
      copied.resize(count);
      HAMLET_TRY(device->copyOut(copied.data(), at, count));
      bytes = copied.data();
    }
    if (!allFinite(bytes, count, narrow))
      return false;
  }
  return true;
}

Result<int> CacheManager::open() {
  if (freeSlots.empty())
    return failure("all ", sequences.size(), " sequences are in use");
  int slot = freeSlots.back();
  HAMLET_TRY(zero(hmlt::CachePer::slot, slot));
  freeSlots.pop_back();
  sequence(slot).open = true;
  touch(slot);
  return slot;
}

Result<int> CacheManager::fork(int slot) {
  if (freeSlots.empty())
    return failure("all ", sequences.size(), " sequences are in use");
  int made = freeSlots.back();
  HAMLET_TRY(copy(hmlt::CachePer::slot, made, slot));
  freeSlots.pop_back();
  const Sequence &from = sequence(slot);
  Sequence &to = sequence(made);
  to.open = true;
  to.length = from.length;
  // A step that failed may have left pages for tokens that never came.
  auto pages = std::min(from.pages.size(), pagesFor(from.length));
  to.pages.assign(from.pages.begin(),
                  from.pages.begin() + static_cast<ptrdiff_t>(pages));
  for (int32_t page : to.pages)
    ++readers[static_cast<size_t>(page)];
  touch(made);
  return made;
}

int64_t CacheManager::leastLength(int slot) const {
  int64_t length = sequence(slot).length;
  if (!hasSlots)
    return std::min<int64_t>(length, 1);
  // A state without a chunk is that of the last token alone.
  int64_t chunk = file->model->chunk;
  return chunk > 0 ? std::max<int64_t>(length / chunk * chunk,
                                       std::min<int64_t>(length, 1))
                   : length;
}

Status CacheManager::truncate(int slot, int64_t length) {
  Sequence &cut = sequence(slot);
  if (length < 0 || length > cut.length)
    return failure("it has ", cut.length, " tokens and cannot be cut to ",
                   length);
  if (length == cut.length)
    return {};
  if (length == 0) {
    HAMLET_TRY(zero(hmlt::CachePer::slot, slot));
  } else {
    int64_t least = leastLength(slot);
    if (length < least)
      return failure(
          "it has ", cut.length, " tokens and cannot be cut to ", length,
          ": possible are 0 and ", least, " to ", cut.length,
          ", as states are kept from chunk to chunk. Fork a "
          "sequence where it may be needed again, or feed the first ",
          length, " tokens to a new one");
    bool clean = true;
    if (hasSlots && length % file->model->chunk) {
      Result<bool> tail = finite(hmlt::CachePer::slot, slot);
      if (tail.failed())
        return tail.status();
      clean = *tail;
    }
    if (hasPages && length % kPageTokens) {
      Result<bool> page =
          finite(hmlt::CachePer::page,
                 cut.pages[static_cast<size_t>(length / kPageTokens)]);
      if (page.failed())
        return page.status();
      clean &= *page;
    }
    if (!clean)
      return failure("values that are not finite stand near token ", length,
                     ", where it would be cut: feed the first ", length,
                     " tokens to a new sequence");
  }
  dropPages(cut, pagesFor(length));
  cut.length = length;
  return {};
}

void CacheManager::close(int slot) {
  Sequence &closed = sequence(slot);
  dropPages(closed, 0);
  closed.open = false;
  closed.length = 0;
  freeSlots.push_back(slot);
}

Status CacheManager::extend(int slot, int64_t tokens) {
  if (!hasPages)
    return {};
  Sequence &grown = sequence(slot);
  size_t wanted = pagesFor(grown.length + tokens);
  bool shares = tokens > 0 && sharesLast(grown);
  size_t more =
      wanted - std::min(wanted, grown.pages.size()) + (shares ? 1 : 0);
  if (more > freePages.size())
    return failure("no key/value pages left: ", more, " more wanted, ",
                   freePages.size(), " of ", pageCount,
                   " free; allow a longer context or fewer sequences");
  if (shares) {
    int32_t &last = grown.pages[static_cast<size_t>(grown.length) /
                                static_cast<size_t>(kPageTokens)];
    HAMLET_TRY(copy(hmlt::CachePer::page, freePages.back(), last));
    --readers[static_cast<size_t>(last)];
    last = takePage();
  }
  while (grown.pages.size() < wanted) {
    HAMLET_TRY(zero(hmlt::CachePer::page, freePages.back()));
    grown.pages.push_back(takePage());
  }
  return {};
}

bool CacheManager::sharesLast(const Sequence &sequence) const {
  auto last = static_cast<size_t>(sequence.length / kPageTokens);
  return last < sequence.pages.size() &&
         readers[static_cast<size_t>(sequence.pages[last])] > 1;
}

int32_t CacheManager::takePage() {
  int32_t page = freePages.back();
  freePages.pop_back();
  readers[static_cast<size_t>(page)] = 1;
  touchedPages = std::max<int64_t>(touchedPages, page + 1);
  return page;
}

void CacheManager::dropPages(Sequence &sequence, size_t kept) {
  for (size_t i = sequence.pages.size(); i-- > kept;)
    if (--readers[static_cast<size_t>(sequence.pages[i])] == 0)
      freePages.push_back(sequence.pages[i]);
  if (kept < sequence.pages.size())
    sequence.pages.resize(kept); // which keeps its memory
}

uint64_t CacheManager::touchedBytes() const {
  int64_t bytes = 0;
  for (const auto &cache : file->caches)
    bytes += cache->bytes *
             (cache->per == hmlt::CachePer::page ? touchedPages : touchedSlots);
  return static_cast<uint64_t>(bytes);
}

} // namespace hamlet::runtime
