//===- PostProcessors.h ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_POSTPROCESSORS_H
#define HAMLET_TEXT_TOKENIZER_POSTPROCESSORS_H

#include "text/tokenizer/Fields.h"

#include <cstdint>
#include <vector>

namespace hamlet::text {

/// Where special tokens go around the ids of one text.
class PostProcessor {
public:
  /// The "post_processor" of a file; it changes nothing where it is null.
  static Result<PostProcessor> read(const Value &value);

  std::vector<int32_t> apply(std::vector<int32_t> ids,
                             bool addSpecialTokens) const;

  /// The text, or special tokens.
  struct Piece {
    bool isText;
    std::vector<int32_t> ids;
  };
  std::vector<Piece> pieces{{true, {}}};
  /// It is about offsets alone, and may stand beside others.
  bool changesNothing = true;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_POSTPROCESSORS_H
