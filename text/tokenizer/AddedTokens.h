//===- AddedTokens.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_ADDEDTOKENS_H
#define HAMLET_TEXT_TOKENIZER_ADDEDTOKENS_H

#include "text/tokenizer/Fields.h"
#include "text/tokenizer/Normalizers.h"
#include "text/tokenizer/Utf8.h"
#include "text/tokenizer/Vocabulary.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace hamlet::text {

/// A token that is found in the text itself, before the model sees it.
struct AddedToken {
  std::string content; ///< As the file has it.
  std::string text;    ///< What is looked for: normalized, where it says so.
  int32_t id = 0;
  bool singleWord = false; ///< Not next to a letter, digit or `_`.
  bool left = false;       ///< Takes the white space before it.
  bool right = false;      ///< And after it.
  bool normalized = false; ///< Looked for in the normalized text.
  bool special = false;    ///< Decoding can leave it out.
};

/// Finds the longest of several texts at a place.
class TextTrie {
public:
  TextTrie();
  /// False: the text is there, or empty.
  bool add(std::string_view text, uint32_t value);
  struct Match {
    size_t begin, end;
    uint32_t value;
  };
  /// The leftmost match at or after `from`, the longest of those.
  std::optional<Match> find(std::string_view text, size_t from) const;
  bool empty() const { return nodes.size() == 1; }

private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Node {
    std::vector<std::pair<unsigned char, uint32_t>> children;
    uint32_t value = kNone;
  };
  uint32_t child(uint32_t node, unsigned char byte) const;
  std::vector<Node> nodes;
  std::array<uint32_t, 256> first; ///< Children of the root.
};

class AddedTokens {
public:
  /// The "added_tokens" of a file.
  static Result<AddedTokens> read(const Value &value,
                                  const Vocabulary &vocabulary,
                                  const Normalizer &normalizer);

  const AddedToken *byId(int32_t id) const;
  const AddedToken *byContent(std::string_view content) const;
  /// How many are not in the vocabulary.
  size_t beyond() const { return beyondVocabulary; }
  /// True of ids that decoding leaves out on request: those whose text is the
  /// content of a special token.
  bool isSpecial(int32_t id) const { return skipped.contains(id); }

  /// Calls `part(begin, end, token)` for what is found in `text` and, with a
  /// null token, what lies between, in order. False: `part` returned false.
  template <typename Part>
  bool parts(std::string_view text, bool normalized, MatchSpace &space,
             const Part &part) const {
    const TextTrie &wanted = tries[normalized];
    size_t done = 0;
    size_t from = 0;
    while (!wanted.empty()) {
      std::optional<TextTrie::Match> match = wanted.find(text, from);
      if (!match)
        break;
      from = match->end;
      const AddedToken &token = tokens[match->value];
      auto [begin, end] = widened(text, token, match->begin, match->end, space);
      if (begin == end)
        continue;
      if (token.left)
        begin = std::max(begin, done);
      if (done < begin && !part(done, begin, nullptr))
        return false;
      if (begin < end && !part(begin, end, &token))
        return false;
      done = end;
    }
    return done == text.size() || part(done, text.size(), nullptr);
  }

private:
  /// A match with the white space that its token takes; empty: it does not
  /// count, as it is no word of its own.
  std::pair<size_t, size_t> widened(std::string_view text,
                                    const AddedToken &token, size_t begin,
                                    size_t end, MatchSpace &space) const;
  Status add(const Value &value, const Vocabulary &vocabulary,
             const Normalizer &normalizer);

  std::vector<AddedToken> tokens;
  size_t beyondVocabulary = 0;
  std::unordered_map<int32_t, size_t> ids;
  std::map<std::string, size_t, std::less<>> contents;
  std::unordered_set<int32_t> skipped;
  TextTrie tries[2]; ///< Of texts that are not, and that are, normalized.
  std::optional<Regex> word; ///< One character of a word.
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_ADDEDTOKENS_H
