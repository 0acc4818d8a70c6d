//===- GenerationConfig.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/GenerationConfig.h"

#include "text/ReadJson.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace hamlet::text {
namespace {

using Json = nlohmann::ordered_json;

/// A key that changes what is generated, unless its value is null or `neutral`.
struct Effect {
  std::string_view key;
  const char *neutral; ///< JSON.
  bool onlySampling = false;
};
constexpr Effect kUnsupported[] = {
    {"repetition_penalty", "1"},
    {"encoder_repetition_penalty", "1"},
    {"num_beams", "1"},
    {"num_beam_groups", "1"},
    {"diversity_penalty", "0"},
    {"num_return_sequences", "1"},
    {"penalty_alpha", "0"},
    {"dola_layers", "null"},
    {"no_repeat_ngram_size", "0"},
    {"encoder_no_repeat_ngram_size", "0"},
    {"bad_words_ids", "[]"},
    {"suppress_tokens", "[]"},
    {"begin_suppress_tokens", "[]"},
    {"forced_bos_token_id", "null"},
    {"forced_eos_token_id", "null"},
    {"force_words_ids", "[]"},
    {"constraints", "[]"},
    {"sequence_bias", "{}"},
    {"exponential_decay_length_penalty", "null"},
    {"guidance_scale", "1"},
    {"watermarking_config", "null"},
    {"token_healing", "false"},
    {"remove_invalid_values", "false"},
    {"min_length", "0"},
    {"min_new_tokens", "0"},
    {"max_time", "null"},
    {"stop_strings", "[]"},
    {"prompt_lookup_num_tokens", "null"},
    {"min_p", "0", true},
    {"top_h", "null", true},
    {"typical_p", "1", true},
    {"epsilon_cutoff", "0", true},
    {"eta_cutoff", "0", true},
};

/// Keys that do not change a token that is generated here.
constexpr std::string_view kIgnored[] = {
    "transformers_version",
    "_from_model_config",
    "_commit_hash",
    "_name_or_path",
    "pad_token_id",
    "bos_token_id",
    "decoder_start_token_id",
    "use_cache",
    "cache_implementation",
    "cache_config",
    "max_cache_len",
    "return_legacy_cache",
    "prefill_chunk_size",
    "low_memory",
    "compile_config",
    "disable_compile",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "output_logits",
    "return_dict_in_generate",
    "renormalize_logits",
    "early_stopping", // Of beams.
    "length_penalty", // Of beams.
    "use_mtp",
    "is_assistant",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_lookbehind",
    "assistant_ensemble_weight",
    "target_lookbehind",
    "max_matching_ngram_size",
    "speculation_type",
    "continuous_batching_config",
    "trust_remote_code",
    "chat_format",
};

class Reader {
public:
  Reader(const Json &json, const std::string &path) : json(json), path(path) {}
  Result<std::optional<GenerationConfig>> read();

private:
  Status wrong(const std::string &key, const char *expected) const {
    return failure(
        path, ": ", key, ": expected ", expected, ", found ",
        json[key].dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  /// Null is as good as no key.
  bool has(const std::string &key) const {
    return json.contains(key) && !json[key].is_null();
  }
  Status number(const std::string &key, double least, bool withLeast,
                double most, const char *expected, double &into) const {
    if (!has(key))
      return {};
    if (!json[key].is_number())
      return wrong(key, expected);
    into = json[key].get<double>();
    if (!(into > least || (withLeast && into == least)) || !(into <= most))
      return wrong(key, expected);
    return {};
  }
  Status count(const std::string &key, int64_t least, const char *expected,
               std::optional<int64_t> &into) const {
    if (!has(key))
      return {};
    if (!isId(json[key]) || json[key].get<int64_t>() < least)
      return wrong(key, expected);
    into = json[key].get<int64_t>();
    return {};
  }
  static bool isId(const Json &value) {
    return value.is_number_integer() &&
           (!value.is_number_unsigned() ||
            value.get<uint64_t>() <= INT64_MAX) &&
           value.get<int64_t>() >= 0;
  }
  Status endTokens(GenerationConfig &config) const;
  void sortOut(GenerationConfig &config) const;

  const Json &json;
  const std::string &path;
};

Status Reader::endTokens(GenerationConfig &config) const {
  const std::string key = "eos_token_id";
  constexpr const char *kExpected = "a token or a list of tokens";
  if (!has(key))
    return {};
  const Json &value = json[key];
  for (const Json &id : value.is_array() ? value : Json::array({value})) {
    if (!isId(id))
      return wrong(key, kExpected);
    config.eosTokenIds.push_back(id.get<int64_t>());
  }
  return {};
}

void Reader::sortOut(GenerationConfig &config) const {
  constexpr std::string_view kRead[] = {
      "eos_token_id", "do_sample",  "temperature",   "top_k",
      "top_p",        "max_length", "max_new_tokens"};
  auto isIn = [](const auto &list, std::string_view key) {
    for (std::string_view known : list)
      if (known == key)
        return true;
    return false;
  };
  for (const auto &[key, value] : json.items()) {
    if (isIn(kRead, key))
      continue;
    const Effect *effect = nullptr;
    for (const Effect &known : kUnsupported)
      if (known.key == key)
        effect = &known;
    const std::string shown =
        key + ": " + value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (effect ? value.is_null() || value == Json::parse(effect->neutral) ||
                     (effect->onlySampling && !config.doSample)
               : isIn(kIgnored, key))
      config.ignored.push_back(key);
    else if (effect)
      config.unsupported.push_back(shown);
    else
      config.unknown.push_back(shown);
  }
}

Result<std::optional<GenerationConfig>> Reader::read() {
  GenerationConfig config;
  if (Status s = endTokens(config); s.failed())
    return s;
  if (has("do_sample")) {
    if (!json["do_sample"].is_boolean())
      return wrong("do_sample", "true or false");
    config.doSample = json["do_sample"].get<bool>();
  }
  std::optional<int64_t> topK;
  if (Status s = number("temperature", 0, !config.doSample, 1e6,
                        config.doSample ? "a number above 0"
                                        : "a number of at least 0",
                        config.temperature);
      s.failed())
    return s;
  if (Status s =
          number("top_p", 0, true, 1, "a number from 0 to 1", config.topP);
      s.failed())
    return s;
  if (Status s = count("top_k", 0, "a whole number of at least 0", topK);
      s.failed())
    return s;
  config.topK = topK.value_or(config.topK);
  if (Status s = count("max_new_tokens", 1, "a whole number of at least 1",
                       config.maxNewTokens);
      s.failed())
    return s;
  std::optional<int64_t> maxLength; // of prompt and text together
  if (Status s =
          count("max_length", 1, "a whole number of at least 1", maxLength);
      s.failed())
    return s;
  if (maxLength && !config.maxNewTokens) // which has the last word
    config.unsupported.push_back("max_length: " + std::to_string(*maxLength));
  sortOut(config);
  return std::optional<GenerationConfig>(std::move(config));
}

} // namespace

Result<std::optional<GenerationConfig>>
readGenerationConfig(const std::string &folder) {
  const auto path = std::filesystem::path(folder) / "generation_config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return std::optional<GenerationConfig>();
  Result<Json> json = readJsonObject(path.string());
  if (json.failed())
    return json.status();
  return Reader(*json, path.string()).read();
}

} // namespace hamlet::text
