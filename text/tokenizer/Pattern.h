//===- Pattern.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_PATTERN_H
#define HAMLET_TEXT_TOKENIZER_PATTERN_H

#include "text/tokenizer/Fields.h"
#include "text/tokenizer/Regex.h"

#include <string>
#include <string_view>
#include <variant>

namespace hamlet::text {

/// What a Split or a Replace looks for: {"String": S} or {"Regex": R}.
class Pattern {
public:
  static Result<Pattern> read(const Value &value);
  static Pattern literal(std::string text) { return Pattern(std::move(text)); }
  explicit Pattern(Regex regex) : wanted(std::move(regex)) {}

  /// The text, where the pattern is a text alone.
  const std::string *text() const { return std::get_if<std::string>(&wanted); }

  /// Calls `part(begin, end, isMatch)` for the matches and what lies between
  /// them, in order and without gaps; an empty match is a part, unless it
  /// stands where the match before it ended. False: a search failed, or `part`
  /// returned false.
  template <typename Part>
  bool parts(std::string_view text, MatchSpace &space, const Part &part) const {
    size_t done = 0;
    size_t from = 0;
    bool matched = false; // There was a match, and it ended at `done`.
    while (from <= text.size()) {
      size_t begin = 0;
      size_t end = 0;
      Regex::Found found = find(text, from, space, begin, end);
      if (found == Regex::Found::Failed)
        return false;
      if (found == Regex::Found::No)
        break;
      if (begin == end && matched && end == done) {
        // Onward by one character from where the search began.
        from += from < text.size() ? characterAt(text, from) : 1;
        continue;
      }
      if (done != begin && !part(done, begin, false))
        return false;
      if (!part(begin, end, true))
        return false;
      done = from = end;
      matched = true;
    }
    return done == text.size() || part(done, text.size(), false);
  }

private:
  explicit Pattern(std::string text) : wanted(std::move(text)) {}
  static size_t characterAt(std::string_view text, size_t at);
  Regex::Found find(std::string_view text, size_t from, MatchSpace &space,
                    size_t &begin, size_t &end) const;
  std::variant<std::string, Regex> wanted;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_PATTERN_H
