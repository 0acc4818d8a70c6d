//===- TextModel.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/TextModel.h"

#include "text/GenerationConfig.h"
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
  made->chat = text::readChatTemplates(folder);

  auto config = text::readGenerationConfig(folder);
  if (config.failed())
    return config.status();
  if (*config)
    made->take(**config, model);
  return std::shared_ptr<const TextModel>(made);
}

void TextModel::take(const text::GenerationConfig &config,
                     const hmlt::ModelT &model) {
  auto tell = [&](const char *key, auto value) {
    std::ostringstream out;
    out << (told.empty() ? "" : ", ") << key << " " << value;
    told += out.str();
  };
  if (config.doSample) {
    usual.sampling.temperature = config.temperature;
    tell("temperature", config.temperature);
    usual.sampling.topK = config.topK;
    tell("top_k", config.topK);
    // Of nothing the first token is kept.
    constexpr double kLeast = 1e-12;
    usual.sampling.topP = std::max(config.topP, kLeast);
    if (config.topP < 1)
      tell("top_p", config.topP);
  }
  if (config.maxNewTokens) {
    usual.maxTokens = *config.maxNewTokens;
    tell("max_new_tokens", usual.maxTokens);
  }
  for (int64_t id : config.eosTokenIds)
    if (std::ranges::find(model.eos_ids, id) == model.eos_ids.end()) {
      usual.stopIds.push_back(id);
      tell("eos_token_id", id);
    }
  if (!told.empty())
    told = "taken from generation_config.json, unless a flag or a request says "
           "otherwise: " +
           told;
  for (const auto *keys : {&config.unsupported, &config.unknown})
    for (const std::string &what : *keys)
      told +=
          (told.empty() ? "" : "; ") + ("not supported and ignored: " + what);
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
  auto chosen = (*chat)->choose(/*hasTools=*/false);
  if (chosen.failed())
    return chosen.status();
  Json variables = (*chat)->tokens;
  variables["add_generation_prompt"] = true;
  auto rendered = (*chosen)->render(text::normalizeMessages(list), variables);
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
