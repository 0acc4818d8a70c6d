//===- TextModel.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_TEXTMODEL_H
#define HAMLET_TOOLS_HAMLET_TEXTMODEL_H

#include "runtime/Generate.h"
#include "text/GenerationConfig.h"
#include "text/chat/ReadChatTemplate.h"
#include "text/tokenizer/TextStream.h"
#include "text/tokenizer/Tokenizer.h"

#include <memory>
#include <optional>
#include <string>

namespace hamlet::tools {

/// What a checkpoint's folder has of text: the tokenizer, the chat template and
/// the defaults of generation.
class TextModel {
public:
  /// Null if the folder has no tokenizer.json.
  static Result<std::shared_ptr<const TextModel>>
  read(const std::string &folder, const hmlt::ModelT &model);

  /// Ids of a prompt, with the tokens that the tokenizer puts around it.
  Result<std::vector<int32_t>> encode(const std::string &prompt) const;
  /// Ids of a chat, JSON of a list of messages, up to where the answer begins.
  Result<std::vector<int32_t>> encodeChat(const std::string &messages) const;
  /// Fills `promptIds` from the request's text or messages.
  Status encode(runtime::Request &request) const;
  /// Of an answer, without the token that ended it.
  std::string decode(const runtime::Answer &answer) const;
  text::TextStream stream() const { return {tokenizer, true}; }

  /// What a request of text has where it says nothing: generation_config.json's
  /// sampling over the usual defaults.
  const runtime::Request &defaults() const { return usual; }
  /// What was taken of generation_config.json, for people; else empty.
  const std::string &taken() const { return told; }

private:
  /// Takes what a checkpoint says of generation.
  void take(const text::GenerationConfig &config, const hmlt::ModelT &model);

  std::string folder;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  Result<std::optional<text::ChatTemplates>> chat = {std::nullopt};
  runtime::Request usual;
  std::string told;
};

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_TEXTMODEL_H
