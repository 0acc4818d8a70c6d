//===- Pattern.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Pattern.h"

#include "text/tokenizer/Utf8.h"

namespace hamlet::text {

Result<Pattern> Pattern::read(const Value &value) {
  Result<Fields> fields = Fields::of(value);
  if (fields.failed())
    return fields.status();
  bool isText = fields->has("String");
  Result<Value> wanted = fields->required(isText ? "String" : "Regex");
  if (wanted.failed())
    return wanted.status();
  Result<std::string> text = wanted->string();
  if (text.failed())
    return text.status();
  HAMLET_TRY(fields->done());
  if (isText)
    return literal(std::move(*text));
  Result<Regex> regex = Regex::compileOniguruma(*text);
  if (regex.failed())
    return wanted->failure("the expression ", wanted->raw().dump(-1, ' ', true),
                           " cannot be used: ", regex.message());
  return Pattern(std::move(*regex));
}

size_t Pattern::characterAt(std::string_view text, size_t at) {
  return characterLength(static_cast<unsigned char>(text[at]));
}

Regex::Found Pattern::find(std::string_view text, size_t from,
                           MatchSpace &space, size_t &begin,
                           size_t &end) const {
  if (const auto *regex = std::get_if<Regex>(&wanted))
    return regex->find(text, from, space, begin, end);
  const auto &literal = std::get<std::string>(wanted);
  begin = text.find(literal, from);
  end = begin + literal.size();
  return begin == text.npos ? Regex::Found::No : Regex::Found::Yes;
}

} // namespace hamlet::text
