//===- Parts.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_PARTS_H
#define HAMLET_TEXT_TOKENIZER_PARTS_H

#include "text/tokenizer/AddedTokens.h"
#include "text/tokenizer/Decoders.h"
#include "text/tokenizer/Model.h"
#include "text/tokenizer/Normalizers.h"
#include "text/tokenizer/PostProcessors.h"
#include "text/tokenizer/PreTokenizers.h"
#include "text/tokenizer/Tokenizer.h"

#include <memory>
#include <mutex>
#include <vector>

namespace hamlet::text {

/// What one call of `encode` works in.
struct EncodeSpace {
  MatchSpace matches;
  ModelSpace model;
};

/// A tokenizer's components, in the order in which a text goes through them.
struct Tokenizer::Parts {
  AddedTokens added;
  Normalizer normalizer;
  PreTokenizers preTokenizers;
  std::shared_ptr<const Model> model;
  PostProcessor postProcessor;
  std::vector<Decoder> decoders;

  /// Fills all of the above from a file's text.
  Status read(std::string_view json);
  /// Appends the ids of `text`, which is UTF-8, without those around it.
  Status encode(std::string_view text, EncodeSpace &space,
                std::vector<int32_t> &ids) const;
  /// The text that decoding has for an id; nothing: the id is passed over.
  std::optional<std::string_view> decoded(int32_t id,
                                          bool skipSpecialTokens) const;

  std::unique_ptr<EncodeSpace> takeSpace() const;
  void giveSpace(std::unique_ptr<EncodeSpace> space) const;

private:
  /// Spaces of calls that are over, with the pieces that they have seen: as
  /// many as there were calls at one time.
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<EncodeSpace>> spaces;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_PARTS_H
