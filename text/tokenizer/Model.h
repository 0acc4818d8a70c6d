//===- Model.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_MODEL_H
#define HAMLET_TEXT_TOKENIZER_MODEL_H

#include "text/tokenizer/Fields.h"
#include "text/tokenizer/Merges.h"
#include "text/tokenizer/PieceCache.h"
#include "text/tokenizer/ReadFile.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::text {

/// What a model works in, for one text at a time and one model.
struct ModelSpace {
  PieceCache cache;
  MergeSpace merges;
  std::vector<int32_t> symbols;
  std::string text;
};

/// Makes ids of pieces. Thread-safe.
class Model {
public:
  explicit Model(Vocabulary vocabulary) : tokens(std::move(vocabulary)) {}
  virtual ~Model() = default;
  const Vocabulary &vocabulary() const { return tokens; }
  /// Pieces are bytes, where the file has them as characters of the byte
  /// alphabet.
  virtual bool takesBytes() const { return false; }
  /// Appends the ids of `piece`, which is not empty.
  virtual Status encode(std::string_view piece, ModelSpace &space,
                        std::vector<int32_t> &ids) const = 0;

private:
  Vocabulary tokens;
};

/// What a model is made of besides its own object in the file.
struct ModelParts {
  Vocabulary vocabulary;
  MergeList merges;
  bool byteLevel; ///< All pieces are of characters of the byte alphabet.
};

/// The "model" of a file.
Result<std::shared_ptr<const Model>> readModel(const Value &value,
                                               ModelParts &parts);

/// Reader of one kind of model, in a file of its own.
Result<std::shared_ptr<const Model>> readBpe(Fields &fields, ModelParts &parts);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_MODEL_H
