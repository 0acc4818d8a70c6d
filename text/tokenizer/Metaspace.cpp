//===- Metaspace.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Metaspace.h"

#include "text/tokenizer/Utf8.h"

#include <utility>

namespace hamlet::text {
namespace {

constexpr std::pair<const char *, Metaspace::Prepend> kSchemes[] = {
    {"never", Metaspace::Prepend::Never},
    {"first", Metaspace::Prepend::First},
    {"always", Metaspace::Prepend::Always},
};

Result<Metaspace::Prepend> readScheme(Fields &fields) {
  // Older files say it by a flag, newer ones may say both.
  Result<bool> prefix = fields.flag("add_prefix_space", true);
  if (prefix.failed())
    return prefix.status();
  std::optional<Value> value = fields.optional("prepend_scheme");
  Result<Metaspace::Prepend> scheme = Metaspace::Prepend::Always;
  if (value) {
    scheme = value->expected("one of never, first, always");
    for (const auto &[name, known] : kSchemes)
      if (value->raw() == name)
        scheme = known;
  }
  if (scheme.ok() && !*prefix && *scheme != Metaspace::Prepend::Never)
    return failure(fields.path(), ".add_prefix_space: false is at odds with a "
                                  "prepend_scheme that is not \"never\"");
  return scheme;
}

} // namespace

Result<Metaspace> Metaspace::read(Fields &fields) {
  Result<Value> value = fields.required("replacement");
  if (value.failed())
    return value.status();
  Result<char32_t> mark = value->character();
  if (mark.failed())
    return mark.status();
  Result<bool> splits = fields.flag("split", true);
  if (splits.failed())
    return splits.status();
  Result<Prepend> prepend = readScheme(fields);
  if (prepend.failed())
    return prepend.status();
  fields.ignore("str_rep"); // The replacement again.
  std::string text;
  appendCharacter(text, *mark);
  return Metaspace{std::move(text), *prepend, *splits};
}

} // namespace hamlet::text
