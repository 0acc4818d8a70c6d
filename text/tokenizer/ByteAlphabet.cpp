//===- ByteAlphabet.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/ByteAlphabet.h"

#include "text/tokenizer/Utf8.h"

#include <array>

namespace hamlet::text {
namespace {

constexpr size_t kCharacters = 0x144; // 256 and the 68 that move.

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, kCharacters> bytes;

  Alphabet() {
    bytes.fill(-1);
    char32_t moved = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      bool printable = (byte >= '!' && byte <= '~') ||
                       (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
      char32_t character = printable ? byte : moved++;
      appendCharacter(characters[byte], character);
      bytes[character] = static_cast<int>(byte);
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet made;
  return made;
}

} // namespace

std::string_view byteCharacter(unsigned char byte) {
  return alphabet().characters[byte];
}

std::optional<unsigned char> byteOf(char32_t character) {
  if (character >= kCharacters || alphabet().bytes[character] < 0)
    return std::nullopt;
  return static_cast<unsigned char>(alphabet().bytes[character]);
}

void appendByteCharacters(std::string &out, std::string_view text) {
  for (char byte : text)
    out.append(byteCharacter(static_cast<unsigned char>(byte)));
}

} // namespace hamlet::text
