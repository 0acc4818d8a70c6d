//===- Merges.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_MERGES_H
#define HAMLET_TEXT_TOKENIZER_MERGES_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hamlet::text {

/// What merging works in, for one piece at a time.
struct MergeSpace {
  std::vector<uint32_t> ranks, previous, next;
  std::vector<int32_t> merged;
  std::vector<uint64_t> queue;
};

/// Byte-pair merges: which pairs of symbols become one, and in which order.
class MergeTable {
public:
  explicit MergeTable(size_t count);
  /// A pair that is there already gets the new rank.
  void set(int32_t left, int32_t right, uint32_t rank, int32_t merged);
  /// Merges the pair of the lowest rank, the leftmost of equal ones, until no
  /// two neighbours are a pair. Fewer than 2^32 symbols, none negative.
  void merge(std::vector<int32_t> &symbols, MergeSpace &space) const;

private:
  struct Slot {
    int32_t left = -1, right = -1; ///< -1: nothing is here.
    uint32_t rank = 0;
    int32_t merged = 0;
  };
  static constexpr uint32_t kNone = UINT32_MAX; ///< The rank of no pair.

  size_t slotOf(int32_t left, int32_t right) const;
  const Slot *find(int32_t left, int32_t right) const {
    const Slot &slot = slots[slotOf(left, right)];
    return slot.left < 0 ? nullptr : &slot;
  }
  void mergeShort(std::vector<int32_t> &symbols, MergeSpace &space) const;
  void mergeLong(std::vector<int32_t> &symbols, MergeSpace &space) const;

  std::vector<Slot> slots; ///< A power of two.
  int shift;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_MERGES_H
