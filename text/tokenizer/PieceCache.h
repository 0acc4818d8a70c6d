//===- PieceCache.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_PIECECACHE_H
#define HAMLET_TEXT_TOKENIZER_PIECECACHE_H

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace hamlet::text {

/// The ids of pieces seen lately: short ones with few ids, each in the one slot
/// that its hash names, the newest in the place of the older. For one thread.
class PieceCache {
public:
  /// Of one cache line. `length` 0: nothing is here.
  struct Slot {
    static constexpr size_t kBytes = 26, kIds = 8;
    uint32_t hash = 0;
    uint8_t length = 0, count = 0;
    char bytes[kBytes] = {};
    int32_t ids[kIds] = {};
  };
  static_assert(sizeof(Slot) == 64);

  /// The slot for `piece`, which may have another one in it; null: such a piece
  /// is not kept.
  Slot *slotFor(std::string_view piece, uint64_t hash) {
    if (piece.size() > Slot::kBytes || piece.empty())
      return nullptr;
    if (slots.empty()) // Made for the first piece: not every model has use.
      slots.resize(kSlots);
    return &slots[hash % kSlots];
  }
  static bool holds(const Slot &slot, std::string_view piece, uint64_t hash) {
    return slot.length == piece.size() && slot.hash == hash >> 32 &&
           std::memcmp(slot.bytes, piece.data(), piece.size()) == 0;
  }
  static void keep(Slot &slot, std::string_view piece, uint64_t hash,
                   const int32_t *ids, size_t count) {
    if (count > Slot::kIds)
      return;
    slot.hash = static_cast<uint32_t>(hash >> 32);
    slot.length = static_cast<uint8_t>(piece.size());
    slot.count = static_cast<uint8_t>(count);
    std::memcpy(slot.bytes, piece.data(), piece.size());
    std::memcpy(slot.ids, ids, count * sizeof(*ids));
  }

private:
  static constexpr size_t kSlots = 1 << 15; ///< 2 MiB; a power of two.
  std::vector<Slot> slots;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_PIECECACHE_H
