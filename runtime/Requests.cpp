//===- Requests.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Requests.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

namespace hamlet::runtime {
namespace {

using Json = nlohmann::json;

Status wrongType(const std::string &key, const char *expected,
                 const Json &found) {
  std::string text = found.dump();
  constexpr size_t kLongest = 60;
  if (text.size() > kLongest)
    text = text.substr(0, kLongest) + "...";
  return failure("'", key, "' is ", text, ", expected ", expected);
}

Status readInteger(const std::string &key, const Json &json, int64_t &out) {
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX))
    return wrongType(key, "an integer", json);
  out = json.get<int64_t>();
  return {};
}

Status readNumber(const std::string &key, const Json &json, double &out) {
  if (!json.is_number())
    return wrongType(key, "a number", json);
  out = json.get<double>();
  return {};
}

Status readIds(const std::string &key, const Json &json,
               std::vector<int64_t> &out) {
  if (!json.is_array())
    return wrongType(key, "a list of token ids", json);
  out.reserve(json.size());
  for (const Json &id : json)
    HAMLET_TRY(readInteger(key, id, out.emplace_back()));
  return {};
}

Status readPrompt(const Json &json, std::vector<int32_t> &out) {
  std::vector<int64_t> ids;
  HAMLET_TRY(readIds("prompt_ids", json, ids));
  for (int64_t id : ids) {
    if (id < 0 || id > INT32_MAX)
      return failure("prompt id ", id, " is outside the vocabulary");
    out.push_back(static_cast<int32_t>(id));
  }
  return {};
}

Status readSeed(const Json &json, uint64_t &out) {
  if (!json.is_number_unsigned())
    return wrongType("seed", "an integer of at least 0", json);
  out = json.get<uint64_t>();
  return {};
}

Status readEarlyStop(const Json &json, std::optional<EarlyStop> &out) {
  if (json.is_null())
    return {};
  if (!json.is_object())
    return wrongType("early_stop", "an object or null", json);
  out.emplace();
  for (const auto &[key, value] : json.items()) {
    if (key == "count")
      HAMLET_TRY(readInteger("early_stop.count", value, out->count));
    else if (key == "probability")
      HAMLET_TRY(readNumber("early_stop.probability", value, out->probability));
    else
      return failure("unknown key 'early_stop.", key, "'");
  }
  for (const char *key : {"count", "probability"})
    if (!json.contains(key))
      return failure("the key 'early_stop.", key, "' is missing");
  return {};
}

Status readFlag(const std::string &key, const Json &json, bool &out) {
  if (!json.is_boolean())
    return wrongType(key, "true or false", json);
  out = json.get<bool>();
  return {};
}

Status readKey(const std::string &key, const Json &value, Request &request) {
  if (key == "id") {
    if (!value.is_string() || value.get_ref<const std::string &>().empty())
      return wrongType(key, "a string that is not empty", value);
    request.id = value.get<std::string>();
    return {};
  }
  if (key == "prompt_ids")
    return readPrompt(value, request.promptIds);
  if (key == "prompt") {
    if (!value.is_string() || value.get_ref<const std::string &>().empty())
      return wrongType(key, "a text that is not empty", value);
    request.prompt = value.get<std::string>();
    return {};
  }
  if (key == "messages") {
    if (!value.is_array() || value.empty())
      return wrongType(key, "a list of messages that is not empty", value);
    request.messages = value.dump();
    return {};
  }
  if (key == "raw_logprobs")
    return readFlag(key, value, request.rawLogprobs);
  if (key == "top_logprobs")
    return readInteger(key, value, request.topLogprobs);
  if (key == "prompt_logprobs")
    return readFlag(key, value, request.promptLogprobs);
  if (key == "max_tokens")
    return readInteger(key, value, request.maxTokens);
  if (key == "temperature")
    return readNumber(key, value, request.sampling.temperature);
  if (key == "top_k")
    return readInteger(key, value, request.sampling.topK);
  if (key == "top_p")
    return readNumber(key, value, request.sampling.topP);
  if (key == "seed")
    return readSeed(value, request.sampling.seed);
  if (key == "stop_ids")
    return readIds(key, value, request.stopIds);
  if (key == "early_stop")
    return readEarlyStop(value, request.earlyStop);
  return failure("unknown key '", key, "'");
}

void appendFloat(std::string &text, float value) {
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  text.append(digits, end);
}

void appendFloats(std::string &text, const std::vector<float> &values) {
  for (size_t i = 0; i < values.size(); ++i) {
    text += i ? ", " : "";
    appendFloat(text, values[i]);
  }
}

} // namespace

Result<Request> parseRequest(std::string_view line, const Request &defaults) {
  // The parser keeps the last of two equal keys; one of them is a mistake.
  std::vector<std::set<std::string>> keys;
  std::string repeated;
  auto watch = [&](int, Json::parse_event_t event, Json &parsed) {
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == Json::parse_event_t::key &&
             !keys.back().insert(parsed.get<std::string>()).second)
      repeated = parsed.get<std::string>();
    return true;
  };
  Json json;
  try {
    json = Json::parse(line, watch);
  } catch (const Json::exception &error) {
    return failure("not JSON: ", error.what());
  }
  if (!repeated.empty())
    return failure("key '", repeated, "' stands there twice");
  if (!json.is_object())
    return failure("expected a JSON object, found ", json.type_name());
  if (!json.contains("id"))
    return failure("the key 'id' is missing");
  int prompts = 0;
  for (const char *key : {"prompt_ids", "prompt", "messages"})
    prompts += json.contains(key);
  if (prompts == 0)
    return failure("the key 'prompt_ids' is missing (or 'prompt', or "
                   "'messages')");
  if (prompts > 1)
    return failure("expected one of 'prompt_ids', 'prompt' and 'messages', "
                   "found ",
                   prompts);
  Request request = defaults;
  for (const auto &[key, value] : json.items())
    HAMLET_TRY(readKey(key, value, request));
  return request;
}

Result<std::vector<Request>> readRequests(const std::string &path,
                                          const hmlt::ModelT &model,
                                          const ReadRequestsOptions &options) {
  bool standard = path == "-";
  std::ifstream file;
  if (!standard)
    file.open(path);
  if (!standard && !file)
    return failure("cannot open '", path, "': ", std::strerror(errno));
  std::istream &in = standard ? std::cin : file;
  const std::string name = standard ? "standard input" : path;
  std::vector<Request> requests;
  std::set<std::string> ids;
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    std::string where = name + ":" + std::to_string(number);
    const bool text = isText(line);
    if (text && !options.encode)
      return failure(where, ": there is no tokenizer for text; expected "
                            "'prompt_ids'");
    Request defaults;
    if (text)
      HAMLET_TRY(options.textDefaults(defaults).in(where));
    Result<Request> request = parseRequest(line, defaults);
    if (request.failed())
      return request.status().in(where);
    if (text)
      HAMLET_TRY(options.encode(*request).in(where));
    HAMLET_TRY(checkRequest(*request, model, options.maxContext).in(where));
    if (!ids.insert(request->id).second)
      return failure(where, ": id '", request->id,
                     "' is taken by an earlier line");
    requests.push_back(std::move(*request));
  }
  if (in.bad())
    return failure("cannot read ", name, ": ", std::strerror(errno));
  return requests;
}

bool isText(std::string_view line) {
  // Most lines have neither word, and need no second parser.
  if (line.find("prompt\"") == std::string_view::npos &&
      line.find("messages\"") == std::string_view::npos)
    return false;
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return json.is_object() &&
         (json.contains("prompt") || json.contains("messages"));
}

std::optional<std::string> answerId(std::string_view line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string())
    return std::nullopt;
  return json["id"].get<std::string>();
}

std::string answerLine(const Request &request, const Answer &answer,
                       const std::optional<std::string> &decoded) {
  std::string text = "{\"id\": " + Json(request.id).dump();
  if (!answer.error.empty())
    return text + ", \"error\": " + Json(answer.error).dump() + "}\n";
  text += ", \"tokens\": [";
  for (size_t i = 0; i < answer.tokens.size(); ++i)
    text += (i ? ", " : "") + std::to_string(answer.tokens[i]);
  text += "], \"logprobs\": [";
  appendFloats(text, answer.logprobs);
  if (request.rawLogprobs) {
    text += "], \"raw_logprobs\": [";
    appendFloats(text, answer.rawLogprobs);
  }
  if (request.topLogprobs) {
    text += "], \"top_logprobs\": [";
    for (size_t i = 0; i < answer.topLogprobs.size(); ++i) {
      text += i ? ", [" : "[";
      for (size_t j = 0; j < answer.topLogprobs[i].size(); ++j) {
        auto [token, logprob] = answer.topLogprobs[i][j];
        text += (j ? ", [" : "[") + std::to_string(token) + ", ";
        appendFloat(text, logprob);
        text += "]";
      }
      text += "]";
    }
  }
  if (request.promptLogprobs) {
    // Nothing stands before the first token.
    text += "], \"prompt_logprobs\": [null";
    text += answer.promptLogprobs.empty() ? "" : ", ";
    appendFloats(text, answer.promptLogprobs);
  }
  text += "]";
  if (decoded)
    text += ", \"text\": " +
            Json(*decoded).dump(-1, ' ', false, Json::error_handler_t::replace);
  return text + ", \"finish_reason\": \"" + answer.finishReason + "\"}\n";
}

} // namespace hamlet::runtime
