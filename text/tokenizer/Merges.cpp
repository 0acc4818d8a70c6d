//===- Merges.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Merges.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace hamlet::text {

MergeTable::MergeTable(size_t count)
    : slots(std::bit_ceil(2 * count + 2)),
      shift(64 - std::countr_zero(slots.size())) {}

size_t MergeTable::slotOf(int32_t left, int32_t right) const {
  auto key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
             static_cast<uint32_t>(right);
  // The high bits of a product with 2^64 over the golden ratio.
  size_t slot = key * 0x9E3779B97F4A7C15ull >> shift;
  while (slots[slot].left >= 0 &&
         (slots[slot].left != left || slots[slot].right != right))
    slot = (slot + 1) & (slots.size() - 1);
  return slot;
}

void MergeTable::set(int32_t left, int32_t right, uint32_t rank,
                     int32_t merged) {
  slots[slotOf(left, right)] = {left, right, rank, merged};
}

void MergeTable::merge(std::vector<int32_t> &symbols, MergeSpace &space) const {
  // Words are short: looking at every pair each time is faster than a queue,
  // up to about this many symbols.
  constexpr size_t kShort = 64;
  if (symbols.size() <= kShort)
    mergeShort(symbols, space);
  else
    mergeLong(symbols, space);
}

void MergeTable::mergeShort(std::vector<int32_t> &symbols,
                            MergeSpace &space) const {
  if (symbols.size() < 2)
    return;
  size_t pairs = symbols.size() - 1;
  space.ranks.resize(pairs);
  space.merged.resize(pairs);
  uint32_t *ranks = space.ranks.data();
  int32_t *merged = space.merged.data();
  auto look = [&](size_t i) {
    const Slot *slot = find(symbols[i], symbols[i + 1]);
    ranks[i] = slot ? slot->rank : kNone;
    merged[i] = slot ? slot->merged : 0;
  };
  for (size_t i = 0; i < pairs; ++i)
    look(i);
  while (pairs > 0) {
    size_t best = std::min_element(ranks, ranks + pairs) - ranks;
    if (ranks[best] == kNone)
      break;
    symbols[best] = merged[best];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    std::copy(ranks + best + 1, ranks + pairs, ranks + best);
    std::copy(merged + best + 1, merged + pairs, merged + best);
    --pairs;
    if (best > 0)
      look(best - 1);
    if (best < pairs)
      look(best);
  }
}

void MergeTable::mergeLong(std::vector<int32_t> &symbols,
                           MergeSpace &space) const {
  constexpr int32_t kGone = -1;
  auto size = static_cast<uint32_t>(symbols.size());
  auto &[ranks, previous, next, merged, queue] = space;
  previous.resize(size);
  next.resize(size);
  queue.clear();
  auto entry = [](const Slot &slot, uint32_t at) {
    return static_cast<uint64_t>(slot.rank) << 32 | at;
  };
  for (uint32_t i = 0; i < size; ++i) {
    previous[i] = i - 1; // Of the first: above all.
    next[i] = i + 1;
    if (i + 1 < size)
      if (const Slot *slot = find(symbols[i], symbols[i + 1]))
        queue.push_back(entry(*slot, i));
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  auto look = [&](uint32_t left, uint32_t right) {
    if (const Slot *slot = find(symbols[left], symbols[right])) {
      queue.push_back(entry(*slot, left));
      std::push_heap(queue.begin(), queue.end(), std::greater<>());
    }
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    uint64_t top = queue.back();
    queue.pop_back();
    auto at = static_cast<uint32_t>(top);
    uint32_t right = next[at];
    if (symbols[at] == kGone || right >= size)
      continue;
    // What stands there now may be another pair than the queue knew.
    const Slot *slot = find(symbols[at], symbols[right]);
    if (!slot || entry(*slot, at) != top)
      continue;
    symbols[at] = slot->merged;
    symbols[right] = kGone;
    next[at] = next[right];
    if (next[at] < size) {
      previous[next[at]] = at;
      look(at, next[at]);
    }
    if (previous[at] < size)
      look(previous[at], at);
  }
  std::erase(symbols, kGone);
}

} // namespace hamlet::text
