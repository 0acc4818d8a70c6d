//===- ByteAlphabet.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_BYTEALPHABET_H
#define HAMLET_TEXT_TOKENIZER_BYTEALPHABET_H

#include <optional>
#include <string>
#include <string_view>

/// The 256 characters by which byte-level tokenizers write bytes: a printable
/// character of Latin-1 stands for its own number, the rest for U+0100 and on,
/// in order (GPT-2's `bytes_to_unicode`).
namespace hamlet::text {

/// The character of `byte`, as UTF-8.
std::string_view byteCharacter(unsigned char byte);
/// The byte of a character; nothing if it is not one of the 256.
std::optional<unsigned char> byteOf(char32_t character);
/// Appends the characters of the bytes of `text`.
void appendByteCharacters(std::string &out, std::string_view text);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_BYTEALPHABET_H
