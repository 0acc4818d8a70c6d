//===- ChatFolder.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/ChatFolder.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace hamlet::text {
namespace {

using Json = nlohmann::ordered_json;

/// None if there is no such file.
Result<std::optional<std::string>> readFile(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return std::optional<std::string>();
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad())
    return failure("cannot read '", path, "': ", std::strerror(errno));
  return std::optional(std::move(text));
}

/// `chat_template` of the configuration; none if it has none.
Result<std::optional<std::string>> templateOf(const Json &config,
                                              const std::string &path) {
  auto found = config.find("chat_template");
  if (found == config.end() || found->is_null())
    return std::optional<std::string>();
  if (found->is_string())
    return std::optional(found->get<std::string>());
  if (found->is_array())
    for (const Json &one : *found)
      if (one.is_object() && one.value("name", Json()) == "default" &&
          one.contains("template") && one["template"].is_string())
        return std::optional(one["template"].get<std::string>());
  return failure(path, ": 'chat_template': expected a text, or a list of "
                       "{name, template} with one that is named 'default'");
}

} // namespace

Result<std::optional<ChatFolder>> readChatFolder(const std::string &folder) {
  const std::string configPath = folder + "/tokenizer_config.json",
                    templatePath = folder + "/chat_template.jinja";
  auto configText = readFile(configPath);
  if (configText.failed())
    return configText.status();
  Json config = Json::object();
  if (*configText) {
    config = Json::parse(**configText, nullptr, /*allow_exceptions=*/false);
    if (!config.is_object())
      return failure("'", configPath, "' is no JSON object");
  }
  auto source = readFile(templatePath);
  if (source.failed())
    return source.status();
  std::string name = templatePath;
  if (!*source) {
    source = templateOf(config, configPath);
    name = configPath + ", chat_template";
  }
  if (source.failed())
    return source.status();
  if (!*source)
    return std::optional<ChatFolder>();
  auto parsed = ChatTemplate::parse(**source, name);
  if (parsed.failed())
    return parsed.status();
  Json variables = Json::object();
  for (const char *key : {"bos_token", "eos_token", "pad_token", "unk_token",
                          "sep_token", "cls_token", "mask_token"}) {
    auto found = config.find(key);
    if (found == config.end())
      continue;
    if (found->is_string())
      variables[key] = *found;
    else if (found->is_object() && found->contains("content"))
      variables[key] = (*found)["content"];
  }
  return std::optional(ChatFolder{std::move(*parsed), std::move(variables)});
}

} // namespace hamlet::text
