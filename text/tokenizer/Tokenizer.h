//===- Tokenizer.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_TOKENIZER_H
#define HAMLET_TEXT_TOKENIZER_TOKENIZER_H

#include "container/Status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Tokenizers of Hugging Face's format, tokenizer.json: text to ids and back,
/// with the ids that the Python package `tokenizers` gives. docs/text.md says
/// what is read. No LLVM.
namespace hamlet::text {

/// A tokenizer as a file describes it. Thread-safe.
class Tokenizer {
public:
  /// Reads a tokenizer.json. A file that is broken, and one with anything that
  /// is not supported, is an error with the path of the key.
  static Result<std::shared_ptr<const Tokenizer>> read(const std::string &path);
  /// The same of a file's text; errors begin with `name`.
  static Result<std::shared_ptr<const Tokenizer>> parse(std::string_view json,
                                                        std::string_view name);
  ~Tokenizer();
  Tokenizer(const Tokenizer &) = delete;
  Tokenizer &operator=(const Tokenizer &) = delete;

  /// The ids of a text of less than 2 GiB. Bytes that are no UTF-8 count as
  /// U+FFFD, as Python decodes them with errors="replace". Special tokens
  /// around the text come with `addSpecialTokens`; those inside of it are found
  /// in any case. Fails on a text that the vocabulary has no token for, and
  /// where an expression takes more work than PCRE2's limits allow.
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      bool addSpecialTokens) const;

  /// The text of `ids`. An id without a token is passed over.
  std::string decode(std::span<const int32_t> ids,
                     bool skipSpecialTokens) const;

  /// Tokens in all, added ones included; ids may have gaps.
  size_t vocabularySize() const;
  std::optional<int32_t> idOf(std::string_view token) const;
  /// The token's own text, as the file writes it. It lives as long as this.
  std::optional<std::string_view> textOf(int32_t id) const;
  /// True of tokens that decoding leaves out with `skipSpecialTokens`.
  bool isSpecial(int32_t id) const;

private:
  friend class TextStream;
  struct Parts;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_TOKENIZER_H
