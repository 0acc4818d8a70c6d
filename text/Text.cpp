//===- Text.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/Text.h"

#include "text/ReadJson.h"

#include <filesystem>

namespace hamlet::text {
namespace {

using Json = nlohmann::ordered_json;

Result<Json> readMessages(std::string_view text) {
  Result<Json> list = parseJson(text, "'messages'");
  if (list.failed())
    return list;
  if (!list->is_array() || list->empty())
    return failure("'messages': expected a list of messages that is not empty, "
                   "found ",
                   list->is_array() ? "an empty one" : list->type_name());
  for (const Json &message : *list)
    if (!message.is_object() || !message.contains("role") ||
        !message["role"].is_string())
      return failure("'messages' has ", message.dump(),
                     ", expected objects with a 'role'");
  return list;
}

Result<Json> readVariables(std::string_view text) {
  if (text.empty())
    return Json::object();
  Result<Json> variables = parseJson(text, "the chat's variables");
  if (variables.ok() && !variables->is_object())
    return failure("the chat's variables: expected an object, found ",
                   variables->type_name());
  return variables;
}

} // namespace

Result<std::shared_ptr<const Text>> Text::read(const std::string &folder) {
  const std::string path = folder + "/tokenizer.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return std::shared_ptr<const Text>();
  auto made = std::make_shared<Text>();
  made->folder = folder;
  auto tokenizer = Tokenizer::read(path);
  if (tokenizer.failed())
    return tokenizer.status();
  made->tokens = std::move(*tokenizer);
  made->chat = readChatTemplates(folder);

  auto config = readGenerationConfig(folder);
  if (config.failed())
    return config.status();
  if (*config)
    made->config = std::move(**config);
  return std::shared_ptr<const Text>(made);
}

Result<std::vector<int32_t>> Text::encode(std::string_view prompt,
                                          bool special) const {
  return tokens->encode(prompt, special);
}

Result<std::vector<int32_t>>
Text::encodeChat(std::string_view messages, std::string_view variables) const {
  if (chat.failed())
    return chat.status();
  if (!*chat)
    return failure("'", folder,
                   "' has no chat template (chat_template.jinja, or "
                   "'chat_template' in tokenizer_config.json)");
  auto list = readMessages(messages);
  if (list.failed())
    return list.status();
  auto given = readVariables(variables);
  if (given.failed())
    return given.status();
  const bool hasTools =
      given->contains("tools") && !(*given)["tools"].is_null();
  auto chosen = (*chat)->choose(hasTools);
  if (chosen.failed())
    return chosen.status();
  Json all = (*chat)->tokens;
  all["add_generation_prompt"] = true;
  all.update(*given);
  auto rendered = (*chosen)->render(normalizeMessages(*list), all);
  if (rendered.failed())
    return rendered.status();
  // The template has written what stands around a text.
  return tokens->encode(*rendered, /*addSpecialTokens=*/false);
}

std::string Text::decode(std::span<const int32_t> ids, bool skipSpecial) const {
  return tokens->decode(ids, skipSpecial);
}

std::vector<std::string> Text::ignored() const {
  std::vector<std::string> all = config.unsupported;
  all.insert(all.end(), config.unknown.begin(), config.unknown.end());
  return all;
}

} // namespace hamlet::text
