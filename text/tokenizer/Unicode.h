//===- Unicode.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_UNICODE_H
#define HAMLET_TEXT_TOKENIZER_UNICODE_H

#include <string>
#include <string_view>

/// Properties and normal forms of characters, by utf8proc and in the version
/// of Unicode that it has.
namespace hamlet::text {

bool isWhitespace(char32_t character); ///< White_Space.
bool isNumeric(char32_t character);    ///< Nd, Nl, No.
/// P, or an ASCII sign that Unicode calls a symbol.
bool isPunctuation(char32_t character);
bool isMark(char32_t character); ///< Mn, Mc, Me.

/// Each character's own lower case, whatever stands around it.
std::string lowerCase(std::string_view text);

enum class NormalForm { NFC, NFD, NFKC, NFKD };
std::string normalForm(std::string_view text, NormalForm form);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_UNICODE_H
