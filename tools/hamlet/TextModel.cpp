//===- TextModel.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/TextModel.h"

#include <algorithm>
#include <sstream>

namespace hamlet::tools {

using namespace runtime;

Result<std::shared_ptr<const TextModel>>
TextModel::read(const std::string &folder, const hmlt::ModelT &model) {
  auto text = text::Text::read(folder);
  if (text.failed())
    return text.status();
  if (!*text)
    return std::shared_ptr<const TextModel>();
  auto made = std::make_shared<TextModel>();
  made->text = std::move(*text);
  made->take(model);
  return std::shared_ptr<const TextModel>(made);
}

void TextModel::take(const hmlt::ModelT &model) {
  const text::GenerationConfig &config = text->generation();
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
    usual.sampling.topP = config.topPAboveZero();
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
  for (const std::string &what : text->ignored())
    told += (told.empty() ? "" : "; ") + ("not supported and ignored: " + what);
}

Status TextModel::encode(Request &request) const {
  auto ids = request.messages.empty() ? text->encode(request.prompt)
                                      : text->encodeChat(request.messages);
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
  return text->decode(tokens);
}

} // namespace hamlet::tools
