//===- GoldenTest.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What PyPI's `tokenizers` made of texts and ids, kept in
// test/golden/tokenizers.json by make_tokenizers.py.
#include "TestTokenizer.h"

#include <fstream>

namespace {

using namespace hamlet;
using namespace hamlet::text;

std::string bytes(const std::string &hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

TEST(GoldenTokenizers, IdsAndTexts) {
  std::ifstream in(HAMLET_SOURCE_DIR "/test/golden/tokenizers.json");
  Json golden = Json::parse(in);
  size_t checks = 0;
  for (const Json &entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"]);
    auto tokenizer = parsed(entry["file"]);
    ASSERT_NE(tokenizer, nullptr);
    for (const Json &row : entry["texts"])
      for (bool special : {false, true}) {
        auto ids = tokenizer->encode(bytes(row[0]), special);
        ASSERT_TRUE(ids.ok()) << ids.message();
        EXPECT_EQ(*ids, row[1 + special].get<Ids>()) << row[0];
        ++checks;
      }
    for (const Json &row : entry["decodes"])
      for (bool skip : {false, true}) {
        if (row[1 + skip].is_null())
          continue; // `tokenizers` itself failed.
        Ids ids = row[0];
        std::string text = row[1 + skip];
        EXPECT_EQ(tokenizer->decode(ids, skip), text) << row[0];
        TextStream stream(tokenizer, skip);
        std::string streamed;
        for (int32_t id : ids)
          streamed += stream.push(id);
        EXPECT_EQ(streamed + stream.finish(), text) << row[0];
        ++checks;
      }
  }
  EXPECT_GT(checks, 1000u);
}

} // namespace
