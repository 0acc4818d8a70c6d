//===- Utf8.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_UTF8_H
#define HAMLET_TEXT_TOKENIZER_UTF8_H

#include <cstddef>
#include <string>
#include <string_view>

/// UTF-8, as the Unicode standard's table 3-7 has it.
namespace hamlet::text {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; ///< U+FFFD.

/// What stands at one place of a text that may be no UTF-8.
struct Utf8Sequence {
  enum class Kind { Character, Invalid, Incomplete } kind;
  /// Bytes: of the character, or of the longest part that could begin one (at
  /// least 1). Incomplete: the text ends inside of it.
  size_t length;
};
/// `at` is below the text's size.
Utf8Sequence sequenceAt(std::string_view text, size_t at);

/// Length of the longest beginning of `text` that is UTF-8.
size_t validPrefix(std::string_view text);

/// Appends `text` with U+FFFD for each longest part that is no character, as
/// Python's bytes.decode("utf-8", errors="replace") and Rust's
/// String::from_utf8_lossy do.
void appendLossy(std::string &out, std::string_view text);

// The functions below take valid UTF-8.

/// Bytes of the character whose first byte is `lead`.
inline size_t characterLength(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}
/// The character at `at`, which moves behind it.
char32_t readCharacter(std::string_view text, size_t &at);
/// Where the character before `at` begins; `at` is above 0.
size_t previousCharacter(std::string_view text, size_t at);
void appendCharacter(std::string &out, char32_t character);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_UTF8_H
