//===- GenerationConfig.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/GenerationConfig.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace hamlet::text {
namespace {

using Json = nlohmann::json;

/// Keys that change what is generated where they have another value than this.
/// Source: transformers 4.57, GenerationConfig.
struct Neutral {
  const char *key;
  Json value;
};
const std::vector<Neutral> &neutralValues() {
  static const std::vector<Neutral> values = {
      {"repetition_penalty", 1.0},
      {"encoder_repetition_penalty", 1.0},
      {"length_penalty", 1.0},
      {"no_repeat_ngram_size", 0},
      {"encoder_no_repeat_ngram_size", 0},
      {"num_beams", 1},
      {"num_beam_groups", 1},
      {"diversity_penalty", 0.0},
      {"penalty_alpha", 0.0},
      {"min_p", 0.0},
      {"typical_p", 1.0},
      {"epsilon_cutoff", 0.0},
      {"eta_cutoff", 0.0},
      {"top_h", nullptr},
      {"min_length", 0},
      {"min_new_tokens", 0},
      {"bad_words_ids", nullptr},
      {"force_words_ids", nullptr},
      {"constraints", nullptr},
      {"forced_bos_token_id", nullptr},
      {"forced_eos_token_id", nullptr},
      {"suppress_tokens", nullptr},
      {"begin_suppress_tokens", nullptr},
      {"sequence_bias", nullptr},
      {"exponential_decay_length_penalty", nullptr},
      {"guidance_scale", 1.0},
      {"watermarking_config", nullptr},
      {"stop_strings", nullptr},
      {"renormalize_logits", false},
      {"remove_invalid_values", false}};
  return values;
}

} // namespace

Result<GenerationConfig> readGenerationConfig(const std::string &folder) {
  const std::string path = folder + "/generation_config.json";
  GenerationConfig config;
  std::ifstream in(path);
  if (!in)
    return config;
  Json json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return failure("'", path, "' is no JSON object");
  auto wrong = [&](const char *key, const char *expected) {
    return failure(path, ": '", key, "' is ", json[key].dump(), ", expected ",
                   expected);
  };
  auto has = [&](const char *key) {
    return json.contains(key) && !json[key].is_null();
  };

  if (has("eos_token_id")) {
    Json ids = json["eos_token_id"];
    if (!ids.is_array())
      ids = Json::array({ids});
    for (const Json &id : ids) {
      if (!id.is_number_integer())
        return wrong("eos_token_id", "an id or a list of ids");
      config.eosIds.push_back(id.get<int64_t>());
    }
  }
  if (has("max_new_tokens")) {
    if (!json["max_new_tokens"].is_number_unsigned())
      return wrong("max_new_tokens", "a number of tokens");
    config.maxTokens = json["max_new_tokens"].get<int64_t>();
  }
  for (const Neutral &neutral : neutralValues())
    if (has(neutral.key) && json[neutral.key] != neutral.value)
      config.unsupported.push_back(std::string(neutral.key) + " " +
                                   json[neutral.key].dump());
  if (has("do_sample") && !json["do_sample"].is_boolean())
    return wrong("do_sample", "true or false");
  if (!has("do_sample") || !json["do_sample"].get<bool>())
    return config;
  config.temperature = 1;
  if (has("temperature")) {
    if (!json["temperature"].is_number() ||
        !(json["temperature"].get<double>() >= 0))
      return wrong("temperature", "a number of at least 0");
    config.temperature = json["temperature"].get<double>();
  }
  if (has("top_p")) {
    if (!json["top_p"].is_number() || !(json["top_p"].get<double>() > 0) ||
        json["top_p"].get<double>() > 1)
      return wrong("top_p", "a number above 0 and at most 1");
    config.topP = json["top_p"].get<double>();
  }
  if (has("top_k")) {
    if (!json["top_k"].is_number_unsigned())
      return wrong("top_k", "an integer of at least 0");
    config.topK = json["top_k"].get<int64_t>();
  }
  return config;
}

} // namespace hamlet::text
