//===- Vocabulary.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_VOCABULARY_H
#define HAMLET_TEXT_TOKENIZER_VOCABULARY_H

#include "container/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::text {

/// Tokens and their ids, both ways. Filled once; then thread-safe.
class Vocabulary {
public:
  /// False if the token is there already. `id` is at least 0.
  bool add(std::string_view token, int32_t id);
  /// Makes `text` usable. Fails on an id that two tokens have, and on ids so
  /// far apart that a table of them would be out of proportion.
  Status index();

  size_t size() const { return entries.size(); }
  std::optional<int32_t> find(std::string_view token) const;
  std::optional<std::string_view> text(int32_t id) const;

  /// Calls `use(token, id)` for every token.
  template <typename Use> void forEach(const Use &use) const {
    for (const Entry &entry : entries)
      use(textOf(entry), entry.id);
  }

private:
  struct Entry {
    uint32_t begin, length, hash;
    int32_t id;
  };
  std::string_view textOf(const Entry &entry) const {
    return std::string_view(texts).substr(entry.begin, entry.length);
  }
  /// The slot of the token, or the free one where it would go.
  size_t slotOf(std::string_view token, uint32_t hash) const;
  void grow();

  std::string texts; ///< Of all tokens, one after another.
  std::vector<Entry> entries;
  std::vector<uint32_t> slots; ///< 1 + an entry, 0 for none; a power of two.
  std::vector<uint32_t> byId;  ///< Likewise.
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_VOCABULARY_H
