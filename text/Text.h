//===- Text.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TEXT_H
#define HAMLET_TEXT_TEXT_H

#include "text/GenerationConfig.h"
#include "text/chat/ReadChatTemplate.h"
#include "text/tokenizer/TextStream.h"
#include "text/tokenizer/Tokenizer.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::text {

/// What a checkpoint's folder has of text: the tokenizer, the chat template and
/// the defaults of generation. Immutable; any number of threads may use it.
class Text {
public:
  /// Null if the folder has no tokenizer.json. A tokenizer or a
  /// generation_config.json that cannot be read is an error; a chat template
  /// that cannot, only once a chat needs it.
  static Result<std::shared_ptr<const Text>> read(const std::string &folder);

  /// Ids of a prompt; with `special` the tokens that the tokenizer puts around
  /// it come too.
  Result<std::vector<int32_t>> encode(std::string_view prompt,
                                      bool special = true) const;
  /// Ids of a chat up to where the answer begins. `messages`: JSON of a list of
  /// objects with a `role`. `variables`: JSON of an object with what else the
  /// template sees (`tools`, `enable_thinking`, ...), over the tokenizer's
  /// tokens and `add_generation_prompt`, true; empty: nothing.
  Result<std::vector<int32_t>>
  encodeChat(std::string_view messages, std::string_view variables = {}) const;

  /// The text of ids; without special tokens if they are to be skipped.
  std::string decode(std::span<const int32_t> ids,
                     bool skipSpecial = true) const;
  /// The same a token at a time; may outlive this.
  TextStream stream(bool skipSpecial = true) const {
    return {tokens, skipSpecial};
  }
  const Tokenizer &tokenizer() const { return *tokens; }

  /// What generation_config.json says; as made without the file.
  const GenerationConfig &generation() const { return config; }
  /// What generation_config.json has that is not supported, each as "key:
  /// value".
  std::vector<std::string> ignored() const;

private:
  std::string folder;
  std::shared_ptr<const Tokenizer> tokens;
  Result<std::optional<ChatTemplates>> chat = {std::nullopt};
  GenerationConfig config;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TEXT_H
