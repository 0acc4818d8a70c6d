//===- ReadChatTemplate.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/ReadChatTemplate.h"

#include "text/ReadJson.h"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace hamlet::text {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The names that transformers gives them.
constexpr const char *kTemplateFile = "chat_template.jinja";
constexpr const char *kTemplateFolder = "additional_chat_templates";
constexpr const char *kTemplateEnding = ".jinja";
constexpr const char *kConfigFile = "tokenizer_config.json";

Status addTemplate(ChatTemplates &to, const std::string &name,
                   std::string_view source, const std::string &where) {
  Result<ChatTemplate> parsed = ChatTemplate::parse(source, where);
  if (parsed.failed())
    return parsed.status();
  if (!to.byName.emplace(name, std::move(*parsed)).second)
    return failure(where, ": a second template has the name '", name, "'");
  return {};
}

Status addFile(ChatTemplates &to, const std::string &name,
               const fs::path &path) {
  Result<std::string> source = readFile(path.string(), chat::kMaxSourceBytes);
  if (source.failed())
    return source.status();
  return addTemplate(to, name, *source, path.string());
}

/// The `.jinja` files of a folder, by name; none if there is no folder.
Status addFolder(ChatTemplates &to, const fs::path &folder) {
  std::error_code error;
  std::vector<fs::path> files;
  if (!fs::is_directory(folder, error))
    return {};
  for (fs::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error))
    if (at->path().extension() == kTemplateEnding)
      files.push_back(at->path());
  if (error)
    return failure(folder.string(), ": ", error.message());
  std::sort(files.begin(), files.end());
  for (const fs::path &file : files)
    HAMLET_TRY(addFile(to, file.stem().string(), file));
  return {};
}

/// `chat_template` of the configuration.
Status addConfigured(ChatTemplates &to, const Json &value,
                     const std::string &where) {
  if (value.is_null())
    return {};
  if (value.is_string())
    return addTemplate(to, "default", value.get_ref<const std::string &>(),
                       where);
  Status wrong =
      failure(where, ": expected a text, or a list of objects with 'name' and "
                     "'template'");
  if (!value.is_array())
    return wrong;
  for (const Json &entry : value) {
    if (!entry.is_object() || !entry.contains("name") ||
        !entry["name"].is_string() || !entry.contains("template") ||
        !entry["template"].is_string())
      return wrong;
    const auto &name = entry["name"].get_ref<const std::string &>();
    std::string place = where;
    place.append(" '").append(name).append("'");
    HAMLET_TRY(addTemplate(
        to, name, entry["template"].get_ref<const std::string &>(), place));
  }
  return {};
}

/// Each `*_token` with a text: that of an object is its `content`.
Status addTokens(ChatTemplates &to, const Json &config,
                 const std::string &where) {
  constexpr std::string_view kEnding = "_token";
  for (const auto &[key, value] : config.items()) {
    if (!key.ends_with(kEnding))
      continue;
    if (value.is_string()) {
      to.tokens[key] = value;
    } else if (value.is_object()) {
      auto content = value.find("content");
      if (content == value.end() || !content->is_string())
        return failure(where, ": '", key,
                       "' is an object without a text in 'content'");
      to.tokens[key] = *content;
    } // Others, such as add_bos_token, are settings.
  }
  return {};
}

} // namespace

Result<const ChatTemplate *> ChatTemplates::choose(bool hasTools) const {
  if (hasTools)
    if (auto found = byName.find("tool_use"); found != byName.end())
      return &found->second;
  if (auto found = byName.find("default"); found != byName.end())
    return &found->second;
  std::string names;
  for (const auto &named : byName)
    names += (names.empty() ? "'" : ", '") + named.first + "'";
  return failure("there is no chat template with the name 'default', only ",
                 names, "; name one of them");
}

Result<std::optional<ChatTemplates>>
readChatTemplates(const std::string &folder) {
  ChatTemplates templates;
  const fs::path base(folder);
  std::error_code error;
  if (!fs::is_directory(base, error))
    return failure(folder, ": expected a folder with a tokenizer");
  if (fs::exists(base / kTemplateFile, error))
    if (Status s = addFile(templates, "default", base / kTemplateFile);
        s.failed())
      return s;
  if (Status s = addFolder(templates, base / kTemplateFolder); s.failed())
    return s;
  const fs::path config = base / kConfigFile;
  if (fs::exists(config, error)) {
    Result<Json> read = readJsonObject(config.string());
    if (read.failed())
      return read.status();
    const std::string where = config.string() + ": chat_template";
    // Files come before what the configuration has.
    if (templates.byName.empty() && read->contains("chat_template"))
      if (Status s = addConfigured(templates, (*read)["chat_template"], where);
          s.failed())
        return s;
    if (Status s = addTokens(templates, *read, config.string()); s.failed())
      return s;
  }
  if (templates.byName.empty())
    return std::optional<ChatTemplates>();
  return std::optional<ChatTemplates>(std::move(templates));
}

Json normalizeMessages(const Json &messages) {
  if (!messages.is_array())
    return messages;
  constexpr std::string_view kReasoning[] = {"reasoning_content", "thinking",
                                             "reasoning"};
  Json normalized = Json::array();
  for (const Json &message : messages) {
    if (!message.is_object()) {
      normalized.push_back(message);
      continue;
    }
    Json kept = Json::object();
    for (const auto &[key, value] : message.items())
      if (!value.is_null())
        kept[key] = value;
    for (std::string_view name : kReasoning) {
      auto found = kept.find(name);
      if (found == kept.end())
        continue;
      Json reasoning = *found; // What is added moves the others.
      if (!kept.contains("thinking"))
        kept["thinking"] = reasoning;
      kept["reasoning_content"] = std::move(reasoning);
      break;
    }
    normalized.push_back(std::move(kept));
  }
  return normalized;
}

} // namespace hamlet::text
