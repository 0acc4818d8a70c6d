//===- Vocabulary.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Vocabulary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hamlet::text {

namespace {
uint32_t hashOf(std::string_view token) {
  return static_cast<uint32_t>(XXH3_64bits(token.data(), token.size()));
}
} // namespace

size_t Vocabulary::slotOf(std::string_view token, uint32_t hash) const {
  size_t mask = slots.size() - 1;
  for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    if (slots[slot] == 0)
      return slot;
    const Entry &entry = entries[slots[slot] - 1];
    if (entry.hash == hash && textOf(entry) == token)
      return slot;
  }
}

void Vocabulary::grow() {
  slots.assign(slots.empty() ? 64 : 2 * slots.size(), 0);
  for (size_t i = 0; i < entries.size(); ++i)
    slots[slotOf(textOf(entries[i]), entries[i].hash)] =
        static_cast<uint32_t>(i + 1);
}

bool Vocabulary::add(std::string_view token, int32_t id) {
  if (2 * entries.size() >= slots.size())
    grow();
  uint32_t hash = hashOf(token);
  size_t slot = slotOf(token, hash);
  if (slots[slot] != 0)
    return false;
  entries.push_back({static_cast<uint32_t>(texts.size()),
                     static_cast<uint32_t>(token.size()), hash, id});
  texts.append(token);
  slots[slot] = static_cast<uint32_t>(entries.size());
  return true;
}

Status Vocabulary::index() {
  // Real vocabularies have few ids without a token.
  const size_t limit = 16 * entries.size() + (1 << 16);
  byId.clear();
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry &entry = entries[i];
    auto id = static_cast<size_t>(entry.id);
    if (id >= limit)
      return failure("[\"", textOf(entry), "\"]: id ", id, " of ",
                     entries.size(), " tokens; ids below ", limit,
                     " are expected");
    if (id >= byId.size())
      byId.resize(id + 1);
    if (byId[id] != 0)
      return failure("[\"", textOf(entry), "\"]: id ", id,
                     " is that of token \"", textOf(entries[byId[id] - 1]),
                     "\" too");
    byId[id] = static_cast<uint32_t>(i + 1);
  }
  return {};
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  if (slots.empty())
    return std::nullopt;
  uint32_t entry = slots[slotOf(token, hashOf(token))];
  if (entry == 0)
    return std::nullopt;
  return entries[entry - 1].id;
}

std::optional<std::string_view> Vocabulary::text(int32_t id) const {
  auto index = static_cast<size_t>(id);
  if (id < 0 || index >= byId.size() || byId[index] == 0)
    return std::nullopt;
  return textOf(entries[byId[index] - 1]);
}

} // namespace hamlet::text
