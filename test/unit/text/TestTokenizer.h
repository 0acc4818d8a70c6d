//===- TestTokenizer.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEST_UNIT_TEXT_TESTTOKENIZER_H
#define HAMLET_TEST_UNIT_TEXT_TESTTOKENIZER_H

#include "text/tokenizer/TextStream.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

/// Small tokenizer.json files, made by hand.
namespace hamlet::text {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

/// A tokenizer.json with `model`, and `parts` in the place of null ones.
inline Json fileOf(Json model, const Json &parts = Json::object()) {
  Json file = {{"version", "1.0"},          {"truncation", nullptr},
               {"padding", nullptr},        {"added_tokens", Json::array()},
               {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
               {"post_processor", nullptr}, {"decoder", nullptr}};
  file.update(parts);
  file["model"] = std::move(model);
  return file;
}

/// Words that are tokens, with ids in order.
inline Json words(const std::vector<std::string> &tokens) {
  Json vocabulary = Json::object();
  for (size_t i = 0; i < tokens.size(); ++i)
    vocabulary[tokens[i]] = i;
  return {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "?"}};
}

inline Json addedToken(int id, const char *content, const Json &more = {}) {
  Json token = {{"id", id},        {"content", content}, {"single_word", false},
                {"lstrip", false}, {"rstrip", false},    {"normalized", false},
                {"special", false}};
  if (more.is_object())
    token.update(more);
  return token;
}

inline std::shared_ptr<const Tokenizer> parsed(const Json &file) {
  auto made = Tokenizer::parse(file.dump(), "tokenizer.json");
  EXPECT_TRUE(made.ok()) << made.message();
  return made.ok() ? *made : nullptr;
}

/// The failure of a file that must not be read.
inline std::string refusal(const Json &file) {
  auto made = Tokenizer::parse(file.dump(), "tokenizer.json");
  EXPECT_FALSE(made.ok()) << file.dump();
  return made.ok() ? "" : made.message();
}

inline Ids encoded(const Json &file, std::string_view text,
                   bool special = false) {
  auto tokenizer = parsed(file);
  if (!tokenizer)
    return {-1};
  auto ids = tokenizer->encode(text, special);
  EXPECT_TRUE(ids.ok()) << ids.message();
  return ids.ok() ? *ids : Ids{-1};
}

/// The pieces of `text` are `expected`: those are the only words.
inline void expectPieces(const Json &parts, std::string_view text,
                         const std::vector<std::string> &expected) {
  std::vector<std::string> known{"?"};
  Ids ids;
  for (const std::string &piece : expected) {
    auto at = std::find(known.begin(), known.end(), piece);
    ids.push_back(static_cast<int32_t>(at - known.begin()));
    if (at == known.end())
      known.push_back(piece);
  }
  EXPECT_EQ(encoded(fileOf(words(known), parts), text), ids)
      << parts << " of " << text;
}

} // namespace hamlet::text

#endif // HAMLET_TEST_UNIT_TEXT_TESTTOKENIZER_H
