//===- Lexer.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/ptx/Lexer.h"

#include <cctype>
#include <cstdlib>
#include <cstring>

namespace hamlet::emu {
namespace {
bool isWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}
bool isDigit(char c) { return c >= '0' && c <= '9'; }
} // namespace

bool Lexer::skipBlanks() {
  size_t start = at;
  while (at < text.size()) {
    char c = text[at];
    if (c == '\n') {
      ++line;
      ++at;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++at;
    } else if (c == '/' && at + 1 < text.size() && text[at + 1] == '/') {
      while (at < text.size() && text[at] != '\n')
        ++at;
    } else if (c == '/' && at + 1 < text.size() && text[at + 1] == '*') {
      u32 begun = line;
      at += 2;
      while (at + 1 < text.size() && (text[at] != '*' || text[at + 1] != '/'))
        line += text[at++] == '\n';
      if (at + 1 >= text.size())
        throw PtxError(begun, "comment is not closed, expected '*/'");
      at += 2;
    } else {
      break;
    }
  }
  return at != start;
}

Token Lexer::number() {
  Token t;
  t.line = line;
  size_t start = at;
  auto hex = [&](u32 digits, u8 bytes) {
    at += 2;
    size_t first = at;
    while (at < text.size() &&
           std::isxdigit(static_cast<unsigned char>(text[at])))
      ++at;
    if (at - first != digits)
      throw PtxError(line, "float literal needs " + std::to_string(digits) +
                               " hex digits, got " +
                               std::to_string(at - first));
    t.kind = Token::Kind::Float;
    t.floatBytes = bytes;
    t.value = std::strtoull(std::string(text.substr(first, digits)).c_str(),
                            nullptr, 16);
  };
  char second = at + 1 < text.size() ? text[at + 1] : 0;
  if (text[at] == '0' && (second == 'f' || second == 'F')) {
    hex(8, 4);
  } else if (text[at] == '0' && (second == 'd' || second == 'D')) {
    hex(16, 8);
  } else {
    bool prefixed = text[at] == '0' && (second == 'x' || second == 'X' ||
                                        second == 'b' || second == 'B');
    if (prefixed)
      at += 2;
    while (at < text.size() &&
           std::isxdigit(static_cast<unsigned char>(text[at])) &&
           (prefixed || isDigit(text[at])))
      ++at;
    // "15." is a number too; "15.f32" is not.
    bool decimal = !prefixed && at < text.size() && text[at] == '.' &&
                   (at + 1 >= text.size() || isDigit(text[at + 1]) ||
                    !isWord(text[at + 1]));
    if (decimal || (!prefixed && at < text.size() &&
                    (text[at] == 'e' || text[at] == 'E'))) {
      while (at < text.size() &&
             (isDigit(text[at]) || std::strchr(".eE", text[at]) ||
              (std::strchr("+-", text[at]) && std::strchr("eE", text[at - 1]))))
        ++at;
      double v = std::strtod(
          std::string(text.substr(start, at - start)).c_str(), nullptr);
      t.kind = Token::Kind::Float;
      t.floatBytes = 8;
      std::memcpy(&t.value, &v, 8);
    } else {
      std::string digits(text.substr(start, at - start));
      t.kind = Token::Kind::Integer;
      bool binary = prefixed && (second == 'b' || second == 'B');
      t.value = binary ? std::strtoull(digits.c_str() + 2, nullptr, 2)
                       : std::strtoull(digits.c_str(), nullptr, 0);
      if (at < text.size() && (text[at] == 'U' || text[at] == 'u'))
        ++at;
    }
  }
  if (at < text.size() && isWord(text[at]))
    throw PtxError(line, "malformed number '" +
                             std::string(text.substr(start, at - start + 1)) +
                             "'");
  t.text = text.substr(start, at - start);
  return t;
}

Token Lexer::next() {
  bool blank = skipBlanks();
  Token t;
  t.line = line;
  t.glued = !blank;
  if (at >= text.size())
    return t;
  char c = text[at];
  size_t start = at;
  if (isDigit(c)) {
    t = number();
    t.glued = !blank;
    return t;
  }
  if (isWord(c) || (c == '%' && at + 1 < text.size() && isWord(text[at + 1]))) {
    ++at;
    while (at < text.size() && isWord(text[at]))
      ++at;
    // %tid.x is one name.
    if (c == '%' && at + 1 < text.size() && text[at] == '.' &&
        std::strchr("xyzw", text[at + 1]) &&
        (at + 2 >= text.size() || !isWord(text[at + 2])))
      at += 2;
    t.kind = Token::Kind::Name;
    t.text = text.substr(start, at - start);
    return t;
  }
  if (c == '.' && at + 1 < text.size() && isWord(text[at + 1])) {
    ++at;
    while (at < text.size() &&
           (isWord(text[at]) || (text[at] == ':' && at + 2 < text.size() &&
                                 text[at + 1] == ':' && isWord(text[at + 2]))))
      at += text[at] == ':' ? 2 : 1;
    t.kind = Token::Kind::Dot;
    t.text = text.substr(start + 1, at - start - 1);
    return t;
  }
  if (c == '"') {
    ++at;
    while (at < text.size() && text[at] != '"' && text[at] != '\n')
      at += text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
    if (at >= text.size() || text[at] != '"')
      throw PtxError(line, "string is not closed");
    t.kind = Token::Kind::String;
    t.text = text.substr(start + 1, at - start - 1);
    ++at;
    return t;
  }
  if (!std::strchr("{}()[]<>,;:@!|+-=*/&~^?", c) || c == 0)
    throw PtxError(line, "unexpected character with code " +
                             std::to_string(static_cast<unsigned char>(c)));
  ++at;
  t.kind = Token::Kind::Punct;
  t.text = text.substr(start, 1);
  return t;
}

} // namespace hamlet::emu
