//===- ChatFolder.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_CHATFOLDER_H
#define HAMLET_TEXT_CHAT_CHATFOLDER_H

#include "text/chat/ChatTemplate.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace hamlet::text {

/// The template of a checkpoint's folder and what the tokenizer's configuration
/// gives it.
struct ChatFolder {
  ChatTemplate chatTemplate;
  nlohmann::ordered_json variables; ///< bos_token, eos_token, ... if there.
};

/// Reads `chat_template.jinja`, else the `chat_template` of
/// `tokenizer_config.json`, a text or a list of named ones, of which `default`
/// is taken. None if the folder has neither.
Result<std::optional<ChatFolder>> readChatFolder(const std::string &folder);

} // namespace hamlet::text

#endif // HAMLET_TEXT_CHAT_CHATFOLDER_H
