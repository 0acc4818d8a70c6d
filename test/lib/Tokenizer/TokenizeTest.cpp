//===- TokenizeTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// hamlet-tokenize-test FILE: reads JSON objects, one a line, and answers each
// with one. Texts are bytes in hexadecimal, so that they may be no UTF-8.
//   {"encode": HEX, "special": BOOL}       {"ids": [...]} or {"error": TEXT}
//   {"decode": [ID...], "skip": BOOL}      {"text": HEX, "stream": [HEX...]}
//   {"token": HEX}                         {"id": ID or null}
//   {"id": ID}                             {"token": HEX or null, "special": B}
//   {"bench": FILE, "lines": BOOL, "rounds": N}
//                                {"seconds": best, "bytes": N, "tokens": N}
// First comes {"size": tokens, "seconds": to load}, or {"error": TEXT} and no
// more.
#include "text/tokenizer/TextStream.h"

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

using namespace hamlet;
using nlohmann::json;

static std::string hex(std::string_view text) {
  static const char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : text) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

static std::string bytes(const std::string &hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

static double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

static json bench(const text::Tokenizer &tokenizer, const json &request) {
  std::ifstream in(request["bench"].get<std::string>(), std::ios::binary);
  std::string all{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string_view> texts;
  std::string_view rest = all;
  while (request["lines"].get<bool>() && !rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    texts.push_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  if (texts.empty())
    texts.push_back(all);
  double best = 1e9;
  size_t tokens = 0;
  for (int round = 0; round < request["rounds"].get<int>(); ++round) {
    tokens = 0;
    double start = now();
    for (std::string_view text : texts) {
      auto ids = tokenizer.encode(text, false);
      tokens += ids.ok() ? ids->size() : 0;
    }
    best = std::min(best, now() - start);
  }
  return {{"seconds", best}, {"bytes", all.size()}, {"tokens", tokens}};
}

static json answer(const std::shared_ptr<const text::Tokenizer> &tokenizer,
                   const json &request) {
  if (request.contains("encode")) {
    auto ids = tokenizer->encode(bytes(request["encode"]), request["special"]);
    return ids.ok() ? json{{"ids", *ids}} : json{{"error", ids.message()}};
  }
  if (request.contains("decode")) {
    std::vector<int32_t> ids = request["decode"];
    bool skip = request["skip"];
    text::TextStream stream(tokenizer, skip);
    json parts = json::array();
    for (int32_t id : ids)
      parts.push_back(hex(stream.push(id)));
    parts.push_back(hex(stream.finish()));
    return {{"text", hex(tokenizer->decode(ids, skip))}, {"stream", parts}};
  }
  if (request.contains("token")) {
    auto id = tokenizer->idOf(bytes(request["token"]));
    return {{"id", id ? json(*id) : json()}};
  }
  if (request.contains("bench"))
    return bench(*tokenizer, request);
  int32_t id = request["id"];
  auto token = tokenizer->textOf(id);
  return {{"token", token ? json(hex(*token)) : json()},
          {"special", tokenizer->isSpecial(id)}};
}

int main(int argc, char **argv) {
  double start = now();
  auto tokenizer = text::Tokenizer::read(argc == 2 ? argv[1] : "");
  if (tokenizer.failed()) {
    std::cout << json{{"error", tokenizer.message()}} << std::endl;
    return 1;
  }
  std::cout << json{{"size", (*tokenizer)->vocabularySize()},
                    {"seconds", now() - start}}
            << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(*tokenizer, json::parse(line)) << std::endl;
  return 0;
}
