//===- Lexer.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_LEXER_H
#define HAMLET_TEXT_CHAT_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::text::chat {

struct Token {
  enum Type : uint8_t {
    Data,     ///< Text outside of tags.
    TagBegin, ///< {%
    TagEnd,
    PrintBegin, ///< {{
    PrintEnd,
    Name,
    String, ///< `text` is without quotes and escapes.
    Int,
    Float,
    Operator, ///< `text` is the operator.
    End,
  } type = End;
  std::string text;
  int64_t integer = 0;
  double real = 0;
  int line = 0; ///< From 1.

  bool is(Type t, std::string_view what) const {
    return type == t && text == what;
  }
  bool isName(std::string_view what) const { return is(Name, what); }
  bool isOperator(std::string_view what) const { return is(Operator, what); }
  /// For errors: "'}}'", "a string".
  std::string shown() const;
};

/// The tokens of `source`, which is valid UTF-8, as jinja2 cuts it with
/// trim_blocks and lstrip_blocks: white space around tags and comments are
/// gone, as is one newline at the end of the template. The last token is an
/// End. Fails with a TemplateError.
std::vector<Token> tokenize(std::string_view source);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_LEXER_H
