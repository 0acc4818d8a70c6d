//===- Unicode.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Unicode.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace hamlet::text::chat {
namespace {

struct Range {
  char32_t first, last;
};
/// One code point and what it becomes; unused places are 0.
struct Mapping {
  char32_t from;
  char32_t to[3];
};
#include "text/chat/CharacterTables.inc"

constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3,
                   kFinalSigma = 0x3C2;

template <size_t N> bool isIn(const Range (&table)[N], char32_t c) {
  const Range *found =
      std::partition_point(std::begin(table), std::end(table),
                           [c](const Range &range) { return range.last < c; });
  return found != std::end(table) && found->first <= c;
}

template <size_t N>
void appendMapped(std::string &out, const Mapping (&table)[N], char32_t c) {
  const Mapping *found = std::partition_point(
      std::begin(table), std::end(table),
      [c](const Mapping &mapping) { return mapping.from < c; });
  if (found == std::end(table) || found->from != c)
    return appendCodePoint(out, c);
  for (char32_t to : found->to)
    if (to)
      appendCodePoint(out, to);
}

/// Whether the capital sigma at `at` ends a word.
bool endsWord(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && isIn(kCaseIgnorable, text[before - 1]))
    --before;
  if (before == 0 || !isIn(kCased, text[before - 1]))
    return false;
  size_t after = at + 1;
  while (after < text.size() && isIn(kCaseIgnorable, text[after]))
    ++after;
  return after == text.size() || !isIn(kCased, text[after]);
}

void appendLower(std::string &out, std::u32string_view text, size_t at) {
  if (text[at] == kCapitalSigma)
    appendCodePoint(out, endsWord(text, at) ? kFinalSigma : kSmallSigma);
  else
    appendMapped(out, kToLower, text[at]);
}

} // namespace

bool isValidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<uint8_t>(text[i]);
    size_t length = lead < 0x80             ? 1
                    : (lead & 0xE0) == 0xC0 ? 2
                    : (lead & 0xF0) == 0xE0 ? 3
                    : (lead & 0xF8) == 0xF0 ? 4
                                            : 0;
    if (length == 0 || i + length > text.size())
      return false;
    char32_t c = length == 1 ? lead : lead & (0x7F >> length);
    for (size_t k = 1; k < length; ++k) {
      auto next = static_cast<uint8_t>(text[i + k]);
      if ((next & 0xC0) != 0x80)
        return false;
      c = c << 6 | (next & 0x3F);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < kLeast[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
      return false;
    i += length;
  }
  return true;
}

char32_t nextCodePoint(std::string_view text, size_t &offset) {
  auto byte = [&](size_t i) -> char32_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  char32_t lead = byte(offset);
  if (lead < 0x80) {
    ++offset;
    return lead;
  }
  size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t c = lead & (0x7F >> length);
  for (size_t k = 1; k < length; ++k)
    c = c << 6 | (byte(offset + k) & 0x3F);
  offset += length;
  return c;
}

void appendCodePoint(std::string &text, char32_t c) {
  auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

std::u32string toCodePoints(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t i = 0; i < text.size();)
    points += nextCodePoint(text, i);
  return points;
}

std::string fromCodePoints(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char32_t c : text)
    appendCodePoint(out, c);
  return out;
}

size_t countCodePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

size_t byteOffset(std::string_view text, size_t index) {
  size_t offset = 0;
  for (; offset < text.size(); ++offset)
    if ((text[offset] & 0xC0) != 0x80 && index-- == 0)
      break;
  return offset;
}

bool isSpace(char32_t c) { return isIn(kSpace, c); }
bool isAlpha(char32_t c) { return isIn(kAlpha, c); }
bool isDecimal(char32_t c) { return isIn(kDecimal, c); }
bool isDigit(char32_t c) { return isIn(kDigit, c); }
bool isNumeric(char32_t c) { return isIn(kNumeric, c); }
bool isPrintable(char32_t c) { return isIn(kPrintable, c); }
bool isUpperCase(char32_t c) { return isIn(kUpperCase, c); }
bool isLowerCase(char32_t c) { return isIn(kLowerCase, c); }
bool isTitleCase(char32_t c) { return isIn(kTitleCase, c); }

std::string toUpper(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();)
    appendMapped(out, kToUpper, nextCodePoint(text, i));
  return out;
}

std::string toLower(std::string_view text) {
  std::string out;
  std::u32string points = toCodePoints(text);
  for (size_t i = 0; i < points.size(); ++i)
    appendLower(out, points, i);
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  std::u32string points = toCodePoints(text);
  for (size_t i = 0; i < points.size(); ++i) {
    if (i == 0)
      appendMapped(out, kToTitle, points[i]);
    else
      appendLower(out, points, i);
  }
  return out;
}

std::string titleCase(std::string_view text) {
  std::string out;
  std::u32string points = toCodePoints(text);
  bool inWord = false;
  for (size_t i = 0; i < points.size(); ++i) {
    if (inWord)
      appendLower(out, points, i);
    else
      appendMapped(out, kToTitle, points[i]);
    inWord = isUpperCase(points[i]) || isLowerCase(points[i]) ||
             isTitleCase(points[i]);
  }
  return out;
}

std::string swapCase(std::string_view text) {
  std::string out;
  std::u32string points = toCodePoints(text);
  for (size_t i = 0; i < points.size(); ++i) {
    if (isUpperCase(points[i]))
      appendLower(out, points, i);
    else if (isLowerCase(points[i]))
      appendMapped(out, kToUpper, points[i]);
    else
      appendCodePoint(out, points[i]);
  }
  return out;
}

} // namespace hamlet::text::chat
