//===- TextModel.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/TextModel.h"

#include "text/chat/GenerationConfig.h"
#include "tools/command/CommandLine.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace hamlet::tools {

using namespace runtime;
using Json = nlohmann::ordered_json;

Result<std::shared_ptr<const TextModel>>
TextModel::read(const std::string &folder, const hmlt::ModelT &model) {
  const std::string path = folder + "/tokenizer.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return std::shared_ptr<const TextModel>();
  auto made = std::make_shared<TextModel>();
  made->folder = folder;
  auto tokenizer = text::Tokenizer::read(path);
  if (tokenizer.failed())
    return tokenizer.status();
  made->tokenizer = *tokenizer;
  // A template that cannot be read is of no matter until a chat needs it.
  made->chat = text::readChatFolder(folder);

  auto config = text::readGenerationConfig(folder);
  if (config.failed())
    return config.status();
  std::string &told = made->told;
  auto take = [&](const char *key, auto value) {
    std::ostringstream out;
    out << (told.empty() ? "" : ", ") << key << " " << value;
    told += out.str();
    return value;
  };
  Sampling &sampling = made->usual.sampling;
  if (config->temperature)
    sampling.temperature = take("temperature", *config->temperature);
  if (config->topK)
    sampling.topK = take("top_k", *config->topK);
  if (config->topP)
    sampling.topP = take("top_p", *config->topP);
  if (config->maxTokens)
    made->usual.maxTokens = take("max_new_tokens", *config->maxTokens);
  for (int64_t id : config->eosIds)
    if (std::ranges::find(model.eos_ids, id) == model.eos_ids.end())
      made->usual.stopIds.push_back(take("eos_token_id", id));
  if (!told.empty())
    told = "taken from generation_config.json, unless a flag or a request says "
           "otherwise: " +
           told;
  for (const std::string &what : config->unsupported)
    told += (told.empty() ? "" : "; ") + ("not supported and ignored: " + what);
  return std::shared_ptr<const TextModel>(made);
}

Result<std::vector<int32_t>>
TextModel::encode(const std::string &prompt) const {
  return tokenizer->encode(prompt, /*addSpecialTokens=*/true);
}

Result<std::vector<int32_t>>
TextModel::encodeChat(const std::string &messages) const {
  if (chat.failed())
    return chat.status();
  if (!*chat)
    return failure("'", folder,
                   "' has no chat template (chat_template.jinja, or "
                   "'chat_template' in tokenizer_config.json)");
  Json list = Json::parse(messages, nullptr, /*allow_exceptions=*/false);
  for (const Json &message : list)
    if (!message.is_object() || !message.contains("role") ||
        !message["role"].is_string())
      return failure("'messages' has ", message.dump(),
                     ", expected objects with a 'role'");
  Json variables = (*chat)->variables;
  variables["add_generation_prompt"] = true;
  auto rendered = (*chat)->chatTemplate.render(list, variables);
  if (rendered.failed())
    return rendered.status();
  // The template has written what stands around a text.
  return tokenizer->encode(*rendered, /*addSpecialTokens=*/false);
}

Status TextModel::encode(Request &request) const {
  auto ids = request.messages.empty() ? encode(request.prompt)
                                      : encodeChat(request.messages);
  if (ids.failed())
    return ids.status();
  request.promptIds = std::move(*ids);
  if (request.promptIds.empty())
    return failure("the prompt has no tokens");
  return {};
}

std::string TextModel::decode(const Answer &answer) const {
  std::span<const int32_t> tokens = answer.tokens;
  if (answer.finishReason == "stop")
    tokens = tokens.first(tokens.size() - 1);
  return tokenizer->decode(tokens, /*skipSpecialTokens=*/true);
}

} // namespace hamlet::tools
