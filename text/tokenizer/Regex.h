//===- Regex.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_REGEX_H
#define HAMLET_TEXT_TOKENIZER_REGEX_H

#include "container/Status.h"

#include <cstddef>
#include <memory>
#include <string_view>

/// Regular expressions by PCRE2, compiled to machine code where PCRE2 can.
namespace hamlet::text {

/// What a search writes to; for one thread at a time, and any expression.
class MatchSpace {
public:
  MatchSpace();
  ~MatchSpace();
  MatchSpace(const MatchSpace &) = delete;
  MatchSpace &operator=(const MatchSpace &) = delete;

private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state;
};

class Regex {
public:
  /// `pattern` is in PCRE2's syntax; matches are of whole characters, and have
  /// Unicode's classes.
  static Result<Regex> compile(std::string_view pattern);
  /// `pattern` as `tokenizers` takes it: Oniguruma's own syntax. What PCRE2
  /// has no equal of is refused by name.
  static Result<Regex> compileOniguruma(std::string_view pattern);

  enum class Found { Yes, No, Failed };
  /// The leftmost match in `text`, which is UTF-8, that begins at or after
  /// `from`. Failed: PCRE2's limits of work or memory were reached.
  Found find(std::string_view text, size_t from, MatchSpace &space,
             size_t &begin, size_t &end) const;

private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code) : code(std::move(code)) {}
  std::shared_ptr<const Code> code;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_REGEX_H
