//===- ReadTest.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is read of a checkpoint's folder.
#include "text/GenerationConfig.h"
#include "text/chat/ReadChatTemplate.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace hamlet::text;
using Json = nlohmann::ordered_json;

namespace {

class Folder : public testing::Test {
protected:
  void SetUp() override {
    path = std::filesystem::temp_directory_path() /
           ("hamlet-text-" + std::to_string(getpid()));
    std::filesystem::create_directories(path);
  }
  void TearDown() override { std::filesystem::remove_all(path); }
  void write(const std::string &name, const std::string &text) {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
  }
  std::string render(bool hasTools = false) {
    auto read = readChatTemplates(path);
    if (read.failed())
      return read.message();
    if (!*read)
      return "none";
    auto chosen = (*read)->choose(hasTools);
    if (chosen.failed())
      return chosen.message();
    auto text = (*chosen)->render(Json::array(), (*read)->tokens);
    return text.ok() ? *text : text.message();
  }
  std::filesystem::path path;
};

class ReadTemplate : public Folder {};
class ReadGeneration : public Folder {};

TEST_F(ReadTemplate, OfTheConfiguration) {
  EXPECT_EQ(render(), "none");
  write(
      "tokenizer_config.json",
      R"({"chat_template": "{{ bos_token }}|{{ eos_token }}|{{ add_bos_token }}",
            "bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>",
            "add_bos_token": true, "pad_token": null})");
  EXPECT_EQ(render(), "<s>|</s>|");
}

TEST_F(ReadTemplate, ByName) {
  write("tokenizer_config.json", R"({"chat_template": [
    {"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]})");
  EXPECT_EQ(render(), "D");
  EXPECT_EQ(render(true), "T");
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "rag", "template": "R"}]})");
  EXPECT_EQ(render(), "there is no chat template with the name 'default', "
                      "only 'rag'; name one of them");
}

TEST_F(ReadTemplate, FilesComeFirst) {
  write("tokenizer_config.json",
        R"({"chat_template": "C", "bos_token": "<s>"})");
  write("chat_template.jinja", "F{{ bos_token }}\n");
  write("additional_chat_templates/tool_use.jinja", "T");
  EXPECT_EQ(render(), "F<s>");
  EXPECT_EQ(render(true), "T");
}

TEST_F(ReadTemplate, ErrorsNameTheFile) {
  const std::string config = (path / "tokenizer_config.json").string();
  write("tokenizer_config.json", "{\"a\"");
  EXPECT_EQ(render(), config + ": is not valid JSON");
  write("tokenizer_config.json", "[]");
  EXPECT_EQ(render(), config + ": expected a JSON object, found array");
  write("tokenizer_config.json", R"({"chat_template": 5})");
  EXPECT_EQ(render().rfind(config + ": chat_template: expected a text", 0), 0u);
  write("tokenizer_config.json", R"({"chat_template": "\n{{ x|nosuch }}"})");
  EXPECT_EQ(render().rfind(config + ": chat_template:2: filter 'nosuch'", 0),
            0u)
      << render();
  write("tokenizer_config.json", R"({"chat_template": "", "bos_token": {}})");
  EXPECT_EQ(render(), config + ": 'bos_token' is an object without a text in "
                               "'content'");
  std::filesystem::remove(config);
  std::filesystem::create_directory(path / "chat_template.jinja");
  EXPECT_EQ(render(), (path / "chat_template.jinja").string() +
                          ": expected a regular file");
  EXPECT_EQ(readChatTemplates("/nonexistent").message(),
            "/nonexistent: expected a folder with a tokenizer");
}

TEST(NormalizeMessages, NullsAndReasoning) {
  EXPECT_EQ(
      normalizeMessages(Json::parse(
          R"([{"role": "a", "content": null, "reasoning": "r"}, {"thinking": "t"}])")),
      Json::parse(
          R"([{"role": "a", "reasoning": "r", "thinking": "r", "reasoning_content": "r"},
                            {"thinking": "t", "reasoning_content": "t"}])"));
}

TEST_F(ReadGeneration, Defaults) {
  auto none = readGenerationConfig(path);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  write("generation_config.json", "{}");
  auto read = readGenerationConfig(path);
  ASSERT_TRUE(read.ok());
  const GenerationConfig &config = **read;
  EXPECT_FALSE(config.doSample);
  EXPECT_TRUE(config.eosTokenIds.empty());
  EXPECT_EQ(config.temperature, 1);
  EXPECT_EQ(config.topK, 50);
  EXPECT_EQ(config.topP, 1);
}

TEST_F(ReadGeneration, Values) {
  write("generation_config.json", R"({"eos_token_id": [5, 6], "do_sample": true,
    "temperature": 0.6, "top_k": 20, "top_p": 0.95, "max_new_tokens": 9, "max_length": 99,
    "repetition_penalty": 1.1, "num_beams": 1, "min_p": 0.05, "suppress_tokens": [1],
    "no_repeat_ngram_size": 0, "bad_words_ids": null, "pad_token_id": 0,
    "transformers_version": "4.51.0", "some_key": {"a": 1}})");
  auto read = readGenerationConfig(path);
  ASSERT_TRUE(read.ok()) << read.message();
  const GenerationConfig &config = **read;
  EXPECT_EQ(config.eosTokenIds, (std::vector<int64_t>{5, 6}));
  EXPECT_TRUE(config.doSample);
  EXPECT_EQ(config.temperature, 0.6);
  EXPECT_EQ(config.topK, 20);
  EXPECT_EQ(config.topP, 0.95);
  EXPECT_EQ(config.maxNewTokens, 9);
  EXPECT_EQ(config.unsupported,
            (std::vector<std::string>{"repetition_penalty: 1.1", "min_p: 0.05",
                                      "suppress_tokens: [1]"}));
  EXPECT_EQ(config.unknown, (std::vector<std::string>{"some_key: {\"a\":1}"}));
  EXPECT_EQ(config.ignored,
            (std::vector<std::string>{"num_beams", "no_repeat_ngram_size",
                                      "bad_words_ids", "pad_token_id",
                                      "transformers_version"}));
}

TEST_F(ReadGeneration, MaxLengthAloneIsNotSupported) {
  write("generation_config.json", R"({"max_length": 99})");
  auto read = readGenerationConfig(path);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ((*read)->unsupported, (std::vector<std::string>{"max_length: 99"}));
}

TEST_F(ReadGeneration, WhatSamplingAloneSees) {
  write("generation_config.json",
        R"({"eos_token_id": 2, "min_p": 0.05, "temperature": 0.0})");
  auto read = readGenerationConfig(path);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ((*read)->eosTokenIds, (std::vector<int64_t>{2}));
  EXPECT_TRUE((*read)->unsupported.empty());
}

TEST_F(ReadGeneration, WrongValuesAreErrors) {
  const std::string file = (path / "generation_config.json").string();
  auto message = [&](const std::string &text) {
    write("generation_config.json", text);
    return readGenerationConfig(path).message();
  };
  EXPECT_EQ(message(R"({"eos_token_id": "x"})"),
            file + ": eos_token_id: expected a token or a list of tokens, "
                   "found \"x\"");
  EXPECT_EQ(message(R"({"top_p": 1.5})"),
            file + ": top_p: expected a number from 0 to 1, found 1.5");
  EXPECT_EQ(message(R"({"do_sample": true, "temperature": 0})"),
            file + ": temperature: expected a number above 0, found 0");
  EXPECT_EQ(message(R"({"top_k": -1})"),
            file + ": top_k: expected a whole number of at least 0, found -1");
  EXPECT_EQ(message(R"({"do_sample": 1})"),
            file + ": do_sample: expected true or false, found 1");
  EXPECT_EQ(message(R"({"max_new_tokens": 18446744073709551615})"),
            file + ": max_new_tokens: expected a whole number of at least 1, "
                   "found 18446744073709551615");
  EXPECT_EQ(message("[" + std::string(200, '[')).rfind(file, 0), 0u);
}

} // namespace
