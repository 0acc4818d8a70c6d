//===- PreTokenizers.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_PRETOKENIZERS_H
#define HAMLET_TEXT_TOKENIZER_PRETOKENIZERS_H

#include "text/tokenizer/Fields.h"
#include "text/tokenizer/Regex.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::text {

/// Takes the pieces of a text, one after another.
class PieceSink {
public:
  virtual ~PieceSink() = default;
  /// `atStart`: the piece begins with the first character of what was to be
  /// encoded. `piece` is not empty and lives as long as the call. False: no
  /// more pieces are wanted.
  virtual bool piece(std::string_view piece, bool atStart) = 0;
};

/// What one step of splitting works in, for one text at a time.
struct SplitSpace {
  MatchSpace *matches;
  std::string text; ///< Of the step alone.
};

/// One step of splitting. Thread-safe.
class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Hands the pieces of `text`, which is not empty, to `next`. False: `next`
  /// said so, or an expression reached PCRE2's limits.
  virtual bool split(std::string_view text, bool atStart, SplitSpace &space,
                     PieceSink &next) const = 0;
  /// The step that leaves out the writing of bytes as characters of the byte
  /// alphabet, which this one ends in; null: it does not.
  virtual std::shared_ptr<const PreTokenizer> withBytes() const {
    return nullptr;
  }
};

/// The steps of the "pre_tokenizer" of a file, in order; none where it is null.
using PreTokenizers = std::vector<std::shared_ptr<const PreTokenizer>>;
Result<PreTokenizers> readPreTokenizers(const Value &value);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_PRETOKENIZERS_H
