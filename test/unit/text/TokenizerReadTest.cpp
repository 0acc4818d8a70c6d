//===- TokenizerReadTest.cpp ----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is refused: the message has the file, the path of the key and what is
// read instead.
#include "TestTokenizer.h"

namespace {

using namespace hamlet;
using namespace hamlet::text;

void expectRefusal(const Json &file, std::string_view what) {
  std::string message = refusal(file);
  EXPECT_EQ(message.rfind("tokenizer.json: ", 0), 0u) << message;
  EXPECT_NE(message.find(what), std::string::npos) << message;
}

Json with(const char *key, const Json &value) {
  return fileOf(words({"?", "a"}), {{key, value}});
}

TEST(Refused, Kinds) {
  for (const char *type : {"Unigram", "WordPiece"})
    expectRefusal(fileOf({{"type", type}}),
                  std::string("model.type: '") + type +
                      "' is not supported; BPE, WordLevel are read");
  expectRefusal(with("normalizer",
                     {{"type", "Precompiled"}, {"precompiled_charsmap", ""}}),
                "normalizer.type: 'Precompiled' is not supported; NFC, ");
  expectRefusal(with("pre_tokenizer", {{"type", "UnicodeScripts"}}),
                "pre_tokenizer.type: 'UnicodeScripts' is not supported");
  expectRefusal(with("decoder",
                     {{"type", "Sequence"}, {"decoders", {{{"type", "CTC"}}}}}),
                "decoder.decoders[0].type: 'CTC' is not supported");
  expectRefusal(with("post_processor", {{"type", "Odd"}}),
                "post_processor.type: 'Odd' is not supported");
  expectRefusal(with("normalizer", {{"kind", 1}}),
                "normalizer.type: this key is missing");
}

TEST(Refused, KeysThatNobodyKnows) {
  expectRefusal(with("normalizer", {{"type", "NFC"}, {"odd", 1}}),
                "normalizer.odd: this key is not known");
  expectRefusal(with("odd", 1), "odd: this key is not known");
}

TEST(Refused, LengthsThatChangeIds) {
  expectRefusal(with("truncation", {{"max_length", 5}}), "truncation: null ");
  expectRefusal(with("padding", {{"strategy", {{"Fixed", 8}}}}),
                "padding.strategy: \"BatchLongest\"");
  Json padding = {{"strategy", "BatchLongest"},
                  {"direction", "Right"},
                  {"pad_to_multiple_of", nullptr},
                  {"pad_id", 0},
                  {"pad_type_id", 0},
                  {"pad_token", "x"}};
  parsed(with("padding", padding));
  padding["pad_to_multiple_of"] = 8;
  expectRefusal(with("padding", padding), "padding.pad_to_multiple_of: ");
  expectRefusal(with("version", "2.0"), "version: \"1.0\" is expected");
}

TEST(Refused, Bpe) {
  Json model = {{"type", "BPE"},
                {"vocab", {{"a", 0}, {"b", 1}}},
                {"merges", Json::array()}};
  auto changed = [&](const char *key, const Json &value) {
    Json other = model;
    other[key] = value;
    return fileOf(other);
  };
  expectRefusal(changed("dropout", 0.1), "model.dropout: null ");
  expectRefusal(changed("end_of_word_suffix", "</w>"),
                "model.end_of_word_suffix: null ");
  expectRefusal(changed("continuing_subword_prefix", "##"),
                "model.continuing_subword_prefix: ");
  expectRefusal(changed("merges", {"a b"}),
                "model.merges[0]: \"ab\" is not in the vocabulary");
  expectRefusal(changed("merges", {"ab"}),
                "model.merges[0]: two tokens and one space");
  expectRefusal(changed("merges", {{"a", "b", "c"}}),
                "model.merges[0]: a pair");
  expectRefusal(changed("merges", {1}),
                "model.merges[0]: tokens are expected, found a number");
  expectRefusal(changed("vocab", {{"a", 0}, {"b", 0}}),
                "model.vocab[\"b\"]: id 0 is that of token \"a\" too");
  expectRefusal(
      changed("vocab", {{"a", -1}}),
      "model.vocab[\"a\"]: an id is expected, found a negative number");
  expectRefusal(changed("vocab", {{"a", 3000000000u}}),
                "model.vocab[\"a\"]: id 3000000000 is above");
  expectRefusal(changed("vocab", {{"a", 2000000000}}),
                "model.vocab[\"a\"]: id 2000000000 of 1 tokens");
  expectRefusal(changed("vocab", Json::array()),
                "model.vocab: an object of tokens and ids is expected, found "
                "a list of 0");
}

TEST(Refused, Expressions) {
  auto split = [](const char *pattern) {
    return with("pre_tokenizer", {{"type", "Split"},
                                  {"pattern", {{"Regex", pattern}}},
                                  {"behavior", "Isolated"},
                                  {"invert", false}});
  };
  const std::pair<const char *, const char *> patterns[] = {
      {"a(b", "a '(' is not closed"},
      {"[a&&b]", "'&&' at byte 2"},
      {"[a[b]]", "'[' inside of a class"},
      {"[[:alpha:]]", "'[' inside of a class"},
      {"(a)\\1", "'\\1' at byte 3"},
      {"(?<n>a)", "'(?<' at byte 0"},
      {"(?x)a", "'(?x' at byte 0"},
      {"\\p{Letter}", "unknown property"},
      {"\\p{L", "has no {name}"},
      {"\\X", "'\\X' at byte 0"},
      {"[\\W]", "'\\W' in a class"},
      {"\\xE9", "'\\xE9' at byte"},
      {"a{2,1}", "numbers out of order"},
      {"\\", "ends in a '\\'"}};
  for (const auto &[pattern, why] : patterns) {
    expectRefusal(split(pattern),
                  "pre_tokenizer.pattern.Regex: the expression");
    expectRefusal(split(pattern), why);
  }
  expectRefusal(
      with("pre_tokenizer", {{"type", "Split"},
                             {"pattern", {{"String", "a"}}},
                             {"behavior", "Odd"},
                             {"invert", false}}),
      "pre_tokenizer.behavior: one of Removed, Isolated, Contiguous, "
      "MergedWithPrevious, MergedWithNext is expected, found \"Odd\"");
}

TEST(Refused, AddedTokens) {
  auto added = [](const Json &tokens) { return with("added_tokens", tokens); };
  expectRefusal(
      added(Json::array({addedToken(5, "x")})),
      "added_tokens[0].id: token \"x\" has id 5, but `tokenizers` gives it 2");
  expectRefusal(added(Json::array({addedToken(0, "a")})), "gives it 1");
  expectRefusal(added({addedToken(2, "x"), addedToken(2, "x")}),
                "added_tokens[1]");
  expectRefusal(added(Json::array({addedToken(2, "")})),
                "added_tokens[0].content: a text that is not empty");
  Json file = added({addedToken(2, "X", {{"normalized", true}}),
                     addedToken(3, "x", {{"normalized", true}})});
  file["normalizer"] = {{"type", "Lowercase"}};
  expectRefusal(file, "another token's text too");
}

TEST(Refused, PostProcessors) {
  Json text = {{"Sequence", {{"id", "B"}, {"type_id", 0}}}};
  Json made = {{"type", "TemplateProcessing"},
               {"single", {text}},
               {"pair", Json::array()},
               {"special_tokens", Json::object()}};
  expectRefusal(with("post_processor", made),
                "post_processor.single[0].Sequence.id: \"A\"");
  made["single"] = {{{"SpecialToken", {{"id", "[C]"}, {"type_id", 0}}}}};
  expectRefusal(with("post_processor", made), "special_tokens has no \"[C]\"");
  Json bert = {
      {"type", "BertProcessing"}, {"cls", {"a", 1}}, {"sep", {"b", 2}}};
  expectRefusal(with("post_processor",
                     {{"type", "Sequence"}, {"processors", {bert, bert}}}),
                "post_processor.processors: two of them");
}

TEST(Refused, BrokenFiles) {
  for (const char *text :
       {"", "{", "[]", "1", "{\"a\":1,\"a\":2}",
        "{\"model\":{\"vocab\":{\"a\":1,\"a\":2}}}",
        "{\"model\":{\"vocab\":{\"a\":{}}}}", "\xff", "{\"a\":\"\xff\"}"}) {
    auto made = Tokenizer::parse(text, "x.json");
    EXPECT_FALSE(made.ok()) << text;
    EXPECT_EQ(made.message().rfind("x.json: ", 0), 0u) << made.message();
  }
  EXPECT_FALSE(Tokenizer::parse(std::string(100000, '['), "x.json").ok());
  auto absent = Tokenizer::read("/nowhere/tokenizer.json");
  EXPECT_EQ(absent.message(), "/nowhere/tokenizer.json: cannot be opened");
}

TEST(Encode, WithoutATokenForWhatIsUnknownFails) {
  Json file = fileOf(
      {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}, {"unk_token", "?"}});
  auto ids = parsed(file)->encode("b", false);
  ASSERT_FALSE(ids.ok());
  EXPECT_NE(ids.message().find("\"b\" is no token"), std::string::npos);
}

} // namespace
