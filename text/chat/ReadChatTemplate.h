//===- ReadChatTemplate.h -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_READCHATTEMPLATE_H
#define HAMLET_TEXT_CHAT_READCHATTEMPLATE_H

#include "text/chat/ChatTemplate.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace hamlet::text {

/// The templates of a tokenizer by name, and what is passed to them with every
/// conversation.
struct ChatTemplates {
  std::map<std::string, ChatTemplate> byName; ///< At least one.
  /// `bos_token`, `eos_token`, ...: each text that `tokenizer_config.json` has
  /// for a `*_token`. Variables of a rendering come on top.
  nlohmann::ordered_json tokens = nlohmann::ordered_json::object();

  /// The one that transformers takes: `tool_use` with tools, if there is one,
  /// else `default`. Fails, with the names, if there is neither.
  Result<const ChatTemplate *> choose(bool hasTools) const;
};

/// Reads what `folder`, a checkpoint, has: `chat_template.jinja` (the default)
/// and `additional_chat_templates/*.jinja`, else `chat_template` of
/// `tokenizer_config.json`, a text or a list of {name, template}. Nothing if
/// there is no template. A file that cannot be read, or a template that is
/// wrong or not supported, is an error.
Result<std::optional<ChatTemplates>>
readChatTemplates(const std::string &folder);

/// `messages` as transformers passes them on: without keys whose value is null,
/// and with `reasoning_content` and `thinking` of whichever of
/// `reasoning_content`, `thinking` and `reasoning` is there first.
nlohmann::ordered_json
normalizeMessages(const nlohmann::ordered_json &messages);

} // namespace hamlet::text

#endif // HAMLET_TEXT_CHAT_READCHATTEMPLATE_H
