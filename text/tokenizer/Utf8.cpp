//===- Utf8.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Utf8.h"

#include <cstdint>
#include <cstring>

namespace hamlet::text {
namespace {

/// Bytes that a lead byte asks for, and the range of the second one; 0 bytes:
/// it begins no character.
struct Lead {
  unsigned char length, low, high;
};

Lead leadOf(unsigned char byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte < 0xC2 || byte > 0xF4)
    return {0, 0, 0};
  if (byte < 0xE0)
    return {2, 0x80, 0xBF};
  if (byte < 0xF0)
    return {3, static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
  return {4, static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
          static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
}

} // namespace

Utf8Sequence sequenceAt(std::string_view text, size_t at) {
  using Kind = Utf8Sequence::Kind;
  Lead lead = leadOf(static_cast<unsigned char>(text[at]));
  if (lead.length == 0)
    return {Kind::Invalid, 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (at + i == text.size())
      return {Kind::Incomplete, i};
    auto byte = static_cast<unsigned char>(text[at + i]);
    if (byte < (i == 1 ? lead.low : 0x80) || byte > (i == 1 ? lead.high : 0xBF))
      return {Kind::Invalid, i};
  }
  return {Kind::Character, lead.length};
}

size_t validPrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    while (at + sizeof(eight) <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if (eight & 0x8080808080808080ull)
        break;
      at += sizeof(eight);
    }
    if (at == text.size())
      break;
    Utf8Sequence next = sequenceAt(text, at);
    if (next.kind != Utf8Sequence::Kind::Character)
      break;
    at += next.length;
  }
  return at;
}

void appendLossy(std::string &out, std::string_view text) {
  while (true) {
    size_t valid = validPrefix(text);
    out.append(text.substr(0, valid));
    if (valid == text.size())
      return;
    out.append(kReplacement);
    text.remove_prefix(valid + sequenceAt(text, valid).length);
  }
}

char32_t readCharacter(std::string_view text, size_t &at) {
  auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  char32_t lead = byte(0);
  size_t length = characterLength(static_cast<unsigned char>(lead));
  char32_t character = lead;
  if (length == 2)
    character = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
  else if (length == 3)
    character = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  else if (length == 4)
    character = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
                (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  at += length;
  return character;
}

size_t previousCharacter(std::string_view text, size_t at) {
  do
    --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

void appendCharacter(std::string &out, char32_t character) {
  auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    put(0x80 | (character & 0x3F));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  }
}

} // namespace hamlet::text
