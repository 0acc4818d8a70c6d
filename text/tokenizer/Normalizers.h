//===- Normalizers.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_NORMALIZERS_H
#define HAMLET_TEXT_TOKENIZER_NORMALIZERS_H

#include "text/tokenizer/Fields.h"
#include "text/tokenizer/Regex.h"

#include <functional>
#include <string>

namespace hamlet::text {

/// A part of a text on its way to tokens.
struct NormalizedText {
  std::string text;
  /// Its first character is made of the first of what was to be encoded.
  bool atStart;
};

/// Changes a text in place; false: an expression reached PCRE2's limits.
using Normalizer = std::function<bool(NormalizedText &, MatchSpace &)>;

/// The "normalizer" of a file; one that changes nothing where it is null.
Result<Normalizer> readNormalizer(const Value &value);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_NORMALIZERS_H
