//===- Model.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Model.h"

namespace hamlet::text {
namespace {

/// A piece is a token, or unknown.
class WordLevel : public Model {
public:
  WordLevel(Vocabulary vocabulary, std::string unknown)
      : Model(std::move(vocabulary)), unknown(std::move(unknown)),
        unknownId(this->vocabulary().find(this->unknown)) {}

  Status encode(std::string_view piece, ModelSpace &,
                std::vector<int32_t> &ids) const override {
    std::optional<int32_t> id = vocabulary().find(piece);
    if (!id)
      id = unknownId;
    if (!id)
      return failure("\"", piece,
                     "\" is no token, and the vocabulary has no \"", unknown,
                     "\" for what is unknown");
    ids.push_back(*id);
    return {};
  }

private:
  std::string unknown;
  std::optional<int32_t> unknownId;
};

Result<std::shared_ptr<const Model>> readWordLevel(Fields &fields,
                                                   ModelParts &parts) {
  Result<Value> vocabulary = fields.required("vocab");
  if (vocabulary.failed())
    return vocabulary.status();
  if (!vocabulary->raw().is_object())
    return vocabulary->expected("an object of tokens and ids");
  Result<Value> value = fields.required("unk_token");
  if (value.failed())
    return value.status();
  Result<std::string> unknown = value->string();
  if (unknown.failed())
    return unknown.status();
  return std::shared_ptr<const Model>(std::make_shared<WordLevel>(
      std::move(parts.vocabulary), std::move(*unknown)));
}

using ModelKind = Kind<std::shared_ptr<const Model>, ModelParts &>;
constexpr ModelKind kKinds[] = {
    {"BPE", readBpe},
    {"WordLevel", readWordLevel},
};

} // namespace

Result<std::shared_ptr<const Model>> readModel(const Value &value,
                                               ModelParts &parts) {
  return readKind(value, kKinds, parts);
}

} // namespace hamlet::text
