//===- TextModel.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_TEXTMODEL_H
#define HAMLET_TOOLS_HAMLET_TEXTMODEL_H

#include "runtime/Generate.h"
#include "text/Text.h"

#include <memory>
#include <string>

namespace hamlet::tools {

/// A checkpoint's text and a model: requests of text, answers as text.
class TextModel {
public:
  /// Null if the folder has no tokenizer.json.
  static Result<std::shared_ptr<const TextModel>>
  read(const std::string &folder, const hmlt::ModelT &model);

  /// As text::Text::encodeChat, of a chat without tools.
  Result<std::vector<int32_t>> encodeChat(const std::string &messages) const {
    return text->encodeChat(messages);
  }
  /// Fills `promptIds` from the request's text or messages.
  Status encode(runtime::Request &request) const;
  /// Of an answer, without the token that ended it.
  std::string decode(const runtime::Answer &answer) const;
  text::TextStream stream() const { return text->stream(); }

  /// What a request of text has where it says nothing: generation_config.json's
  /// sampling over the usual defaults.
  const runtime::Request &defaults() const { return usual; }
  /// What was taken of generation_config.json, for people; else empty.
  const std::string &taken() const { return told; }

private:
  /// Takes what a checkpoint says of generation.
  void take(const hmlt::ModelT &model);

  std::shared_ptr<const text::Text> text;
  runtime::Request usual;
  std::string told;
};

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_TEXTMODEL_H
