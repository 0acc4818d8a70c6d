//===- Unicode.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_UNICODE_H
#define HAMLET_TEXT_CHAT_UNICODE_H

#include <string>
#include <string_view>

/// Texts as Python's str sees them: sequences of code points, kept as UTF-8.
/// Everything but `isValidUtf8` expects valid UTF-8.
namespace hamlet::text::chat {

bool isValidUtf8(std::string_view text);

/// The code point that starts at `offset`, which moves behind it.
char32_t nextCodePoint(std::string_view text, size_t &offset);
void appendCodePoint(std::string &text, char32_t c);
std::u32string toCodePoints(std::string_view text);
std::string fromCodePoints(std::u32string_view text);
size_t countCodePoints(std::string_view text);
/// Bytes before code point number `index`; the size of `text` if it has fewer.
size_t byteOffset(std::string_view text, size_t index);

bool isSpace(char32_t c);
bool isAlpha(char32_t c);
bool isDecimal(char32_t c);
bool isDigit(char32_t c);
bool isNumeric(char32_t c);
bool isPrintable(char32_t c);
bool isUpperCase(char32_t c);
bool isLowerCase(char32_t c);
bool isTitleCase(char32_t c);

std::string toUpper(std::string_view text);
std::string toLower(std::string_view text);
/// str.capitalize: the first letter in title case, the others small.
std::string capitalize(std::string_view text);
/// str.title: the first letter of each run of letters in title case.
std::string titleCase(std::string_view text);
std::string swapCase(std::string_view text);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_UNICODE_H
