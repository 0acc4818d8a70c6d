//===- CacheManager.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_CACHEMANAGER_H
#define HAMLET_RUNTIME_CACHEMANAGER_H

#include "runtime/Device.h"

#include <algorithm>
#include <span>
#include <vector>

namespace hamlet::runtime {

/// Slots (lightning anchors and tails, one per sequence) and 64-token pages
/// (keys and values) of all sequences, in pools whose sizes are fixed when it
/// is made. A slot and a page are zeroed when a sequence takes them. Forks read
/// the same pages; who writes to one that others read gets a copy first. The
/// container and the device must outlive it. Used by one thread at a time.
class CacheManager {
public:
  /// `pages` counts 64-token pages over all sequences, `pagesOfOne` those of
  /// the longest.
  static Result<CacheManager> make(const hmlt::ContainerT &file, Device &device,
                                   int slots, int64_t pages,
                                   int64_t pagesOfOne);

  /// Takes a slot and zeroes it; fails if none is free.
  Result<int> open();
  /// Takes a slot for a second sequence with the tokens of the one in `slot`.
  /// The slot's memory is copied, pages are shared.
  Result<int> fork(int slot);
  /// Makes the sequence one of its first `length` tokens. Where the model has
  /// lightning layers that is possible back to their last chunk boundary, and
  /// to 0: beyond, the state is gone. Fails, and changes nothing, too where
  /// what is cut off has values that are not finite: kernels count hidden rows
  /// as zero times what is there. The message does not name the sequence.
  Status truncate(int slot, int64_t length);
  /// The least length above 0 that `truncate` goes to.
  int64_t leastLength(int slot) const;
  /// Gives the slot and its pages back.
  void close(int slot);
  /// Makes room for `tokens` more tokens of the sequence in `slot`; takes
  /// nothing if the pages do not suffice.
  Status extend(int slot, int64_t tokens);
  /// After a step: the tokens now stand in the cache.
  void commit(int slot, int64_t tokens) { sequence(slot).length += tokens; }

  bool isOpen(int slot) const {
    return slot >= 0 && static_cast<size_t>(slot) < sequences.size() &&
           sequences[static_cast<size_t>(slot)].open;
  }
  int64_t length(int slot) const { return sequence(slot).length; }
  std::span<const int32_t> pages(int slot) const {
    return sequence(slot).pages;
  }
  /// Bases of the pools, by index in the container.
  std::span<const DeviceAddress> addresses() const { return bases; }
  /// Bytes of slots and pages that were ever taken.
  uint64_t touchedBytes() const;

private:
  struct Sequence {
    bool open = false;
    int64_t length = 0;
    std::vector<int32_t> pages;
  };
  Sequence &sequence(int slot) { return sequences[static_cast<size_t>(slot)]; }
  const Sequence &sequence(int slot) const {
    return sequences[static_cast<size_t>(slot)];
  }
  Status zero(hmlt::CachePer per, int64_t index);
  Status copy(hmlt::CachePer per, int64_t to, int64_t from);
  /// Whether the values kept in a slot or page are finite.
  Result<bool> finite(hmlt::CachePer per, int64_t index);
  /// Whether the next token goes to a page that other sequences read, too.
  bool sharesLast(const Sequence &sequence) const;
  void touch(int slot) {
    touchedSlots = std::max<int64_t>(touchedSlots, slot + 1);
  }
  /// The next free page, with one reader.
  int32_t takePage();
  void dropPages(Sequence &sequence, size_t kept);

  const hmlt::ContainerT *file = nullptr;
  Device *device = nullptr;
  bool hasPages = false, hasSlots = false;
  DeviceMemory memory;
  std::vector<DeviceAddress> bases;
  std::vector<Sequence> sequences; // by slot
  std::vector<int> freeSlots;      // the last is taken next
  std::vector<int32_t> freePages;
  std::vector<int32_t> readers; // by page: sequences that have it
  int64_t pageCount = 0, touchedSlots = 0, touchedPages = 0;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_CACHEMANAGER_H
