//===- Unicode.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Unicode.h"

#include "text/tokenizer/Utf8.h"

#include <algorithm>
#include <cstdint>
#include <utf8proc.h>
#include <vector>

namespace hamlet::text {
namespace {

utf8proc_category_t category(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

bool isAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

int combiningClass(utf8proc_int32_t character) {
  return utf8proc_get_property(character)->combining_class;
}

/// Marks after one character, in the order of their classes. utf8proc's own
/// sort takes the square of their number.
void orderMarks(std::vector<utf8proc_int32_t> &characters) {
  auto before = [](utf8proc_int32_t a, utf8proc_int32_t b) {
    return combiningClass(a) < combiningClass(b);
  };
  auto isStarter = [](utf8proc_int32_t c) { return combiningClass(c) == 0; };
  std::vector<uint64_t> keys; // Class, place, character.
  auto ends = characters.begin();
  while (ends != characters.end()) {
    auto begins = std::find_if_not(ends, characters.end(), isStarter);
    ends = std::find_if(begins, characters.end(), isStarter);
    if (std::is_sorted(begins, ends, before))
      continue;
    keys.clear();
    for (auto at = begins; at != ends; ++at)
      keys.push_back(static_cast<uint64_t>(combiningClass(*at)) << 56 |
                     static_cast<uint64_t>(at - begins) << 21 |
                     static_cast<uint64_t>(*at));
    std::sort(keys.begin(), keys.end());
    std::transform(keys.begin(), keys.end(), begins, [](uint64_t key) {
      return static_cast<utf8proc_int32_t>(key & 0x1FFFFF);
    });
  }
}

/// Appends the normal form of a part that depends on nothing around it.
void appendNormal(std::string &out, std::string_view part, int options,
                  std::vector<utf8proc_int32_t> &characters) {
  constexpr size_t kMost = 32; // Of one character; U+FDFA has the most, 18.
  // A set of flags, which C does not mind in an enumeration.
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
  auto flags = static_cast<utf8proc_option_t>(options);
  characters.clear();
  for (size_t at = 0; at < part.size();) {
    auto character = static_cast<utf8proc_int32_t>(readCharacter(part, at));
    utf8proc_int32_t parts[kMost];
    int bounds = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(character, parts, kMost, flags, &bounds);
    characters.insert(characters.end(), parts,
                      parts + std::clamp<utf8proc_ssize_t>(count, 0, kMost));
  }
  orderMarks(characters);
  utf8proc_ssize_t count = utf8proc_normalize_utf32(
      characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
      flags);
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    appendCharacter(out, static_cast<char32_t>(characters[i]));
}

} // namespace

bool isWhitespace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool isNumeric(char32_t c) {
  utf8proc_category_t found = category(c);
  return found >= UTF8PROC_CATEGORY_ND && found <= UTF8PROC_CATEGORY_NO;
}

bool isPunctuation(char32_t c) {
  if (c < 0x80)
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  utf8proc_category_t found = category(c);
  return found >= UTF8PROC_CATEGORY_PC && found <= UTF8PROC_CATEGORY_PO;
}

bool isMark(char32_t c) {
  utf8proc_category_t found = category(c);
  return found >= UTF8PROC_CATEGORY_MN && found <= UTF8PROC_CATEGORY_ME;
}

std::string lowerCase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (isAscii(text[at])) {
      char c = text[at++];
      out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
      continue;
    }
    char32_t c = readCharacter(text, at);
    if (c == 0x130) // The one lower case of two characters.
      out.append("i\xCC\x87");
    else
      appendCharacter(out, static_cast<char32_t>(utf8proc_tolower(
                               static_cast<utf8proc_int32_t>(c))));
  }
  return out;
}

std::string normalForm(std::string_view text, NormalForm form) {
  bool compose = form == NormalForm::NFC || form == NormalForm::NFKC;
  bool compatible = form == NormalForm::NFKC || form == NormalForm::NFKD;
  int options = UTF8PROC_STABLE |
                (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                (compatible ? UTF8PROC_COMPAT : 0);
  std::string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> characters;
  // ASCII is its own normal form, and nothing joins an ASCII character to what
  // stands before it: a part goes from one ASCII character to the next.
  size_t at = 0;
  while (at < text.size()) {
    size_t other = at;
    while (other < text.size() && isAscii(text[other]))
      ++other;
    if (other == text.size())
      break;
    size_t begin = other > at ? other - 1 : other;
    out.append(text.substr(at, begin - at));
    size_t end = other;
    while (end < text.size() && !isAscii(text[end]))
      ++end;
    appendNormal(out, text.substr(begin, end - begin), options, characters);
    at = end;
  }
  out.append(text.substr(at));
  return out;
}

} // namespace hamlet::text
