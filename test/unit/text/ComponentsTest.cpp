//===- ComponentsTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Each component by hand-made files, as the format's own documentation has it.
#include "TestTokenizer.h"

#include <thread>

namespace {

using namespace hamlet;
using namespace hamlet::text;

Json normalizer(Json what) { return {{"normalizer", std::move(what)}}; }
Json split(Json what) { return {{"pre_tokenizer", std::move(what)}}; }
Json regex(const char *pattern, const char *behavior, bool invert = false) {
  return split({{"type", "Split"},
                {"pattern", {{"Regex", pattern}}},
                {"behavior", behavior},
                {"invert", invert}});
}

TEST(Normalizers, Forms) {
  expectPieces(normalizer({{"type", "NFC"}}), "e\u0301", {"\u00e9"});
  expectPieces(normalizer({{"type", "NFD"}}), "\u00e9\uAC01",
               {"e\u0301\u1100\u1161\u11A8"});
  expectPieces(normalizer({{"type", "NFKC"}}), "\uFB01\u00BD", {"fi1\u20442"});
  expectPieces(normalizer({{"type", "NFKD"}}), "\uFB01\u00e9", {"fie\u0301"});
  // Marks are ordered by class, whatever their number.
  std::string many = "q", ordered = "q";
  for (int i = 0; i < 50000; ++i)
    many += "\u0307\u0323";
  for (const char *mark : {"\u0323", "\u0307"})
    for (int i = 0; i < 50000; ++i)
      ordered += mark;
  expectPieces(normalizer({{"type", "NFD"}}), many, {ordered});
}

TEST(Normalizers, Changes) {
  expectPieces(normalizer({{"type", "Lowercase"}}), "ÀB\u0130\u03A3",
               {"àbi\u0307\u03C3"});
  expectPieces(normalizer({{"type", "StripAccents"}}), "a\u0301b", {"ab"});
  expectPieces(normalizer({{"type", "Prepend"}, {"prepend", "_"}}), "a",
               {"_a"});
  expectPieces(normalizer({{"type", "Prepend"}, {"prepend", "_"}}), "", {});
  expectPieces(
      normalizer(
          {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}}),
      "\u3000 a ", {"a "});
  expectPieces(
      normalizer(
          {{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}}),
      " a\u00a0\n", {" a"});
  Json replace = {
      {"type", "Replace"}, {"pattern", {{"String", "aa"}}}, {"content", "b"}};
  expectPieces(normalizer(replace), "aaaca", {"baca"});
  replace["pattern"] = {{"Regex", "[0-9]+"}};
  expectPieces(normalizer(replace), "x12y3", {"xbyb"});
  Json lower = {{"type", "Lowercase"}};
  expectPieces(
      normalizer({{"type", "Sequence"}, {"normalizers", {lower, replace}}}),
      "X1", {"xb"});
}

TEST(PreTokenizers, SplitBehaviors) {
  // The example of the format's documentation.
  const char *text = "the-final--countdown";
  expectPieces(regex("-", "Removed"), text, {"the", "final", "countdown"});
  expectPieces(regex("-", "Isolated"), text,
               {"the", "-", "final", "-", "-", "countdown"});
  expectPieces(regex("-", "MergedWithPrevious"), text,
               {"the-", "final-", "-", "countdown"});
  expectPieces(regex("-", "MergedWithNext"), text,
               {"the", "-final", "-", "-countdown"});
  expectPieces(regex("-", "Contiguous"), text,
               {"the", "-", "final", "--", "countdown"});
  expectPieces(regex("[a-z]+", "Removed", true), text,
               {"the", "final", "countdown"});
}

TEST(PreTokenizers, ExpressionsAreOnigurumas) {
  const char *isolated = "Isolated";
  expectPieces(regex("^a$", isolated), "a\nab\na", {"a", "\nab\n", "a"});
  expectPieces(regex("a{2}+", isolated), "aaaaa", {"aaaa", "a"});
  expectPieces(regex("a{2}?", isolated), "aaa", {"aa", "a"});
  expectPieces(regex("x{,2}y", isolated), "xxxy", {"x", "xxy"});
  expectPieces(regex("\\s", "Removed"), "a\u180eb\u0085c", {"a\u180eb", "c"});
  expectPieces(regex("[^\\S]", "Removed"), "a\u180eb c", {"a\u180eb", "c"});
  expectPieces(regex("\\w+", isolated), "a\u0301\u200d\u00b2",
               {"a\u0301", "\u200d", "\u00b2"});
  expectPieces(regex("\\h+", isolated), "xfe", {"x", "fe"});
  expectPieces(regex("(?m:a.)b", isolated), "a\nb", {"a\nb"});
  expectPieces(regex("x(?i)b|c", isolated), "xCc", {"xC", "c"});
  expectPieces(regex("\\p{Han}", isolated), "\u3001\u4e00",
               {"\u3001", "\u4e00"});
  expectPieces(regex("\\p{^L}+", isolated), "a1b", {"a", "1", "b"});
  expectPieces(regex("(?=b)", isolated), "abb", {"a", "b", "b"});
  expectPieces(regex("\\ba", "Removed"), "aba a", {"ba "});
}

TEST(PreTokenizers, Kinds) {
  expectPieces(split({{"type", "Whitespace"}}), "a_1 b-\u00e9\u3000!?",
               {"a_1", "b", "-", "\u00e9", "!?"});
  expectPieces(split({{"type", "WhitespaceSplit"}}), " a-b\tc ", {"a-b", "c"});
  expectPieces(split({{"type", "Digits"}, {"individual_digits", true}}), "a12",
               {"a", "1", "2"});
  expectPieces(split({{"type", "Digits"}, {"individual_digits", false}}),
               "a12\u00bdb", {"a", "12\u00bd", "b"});
  expectPieces(split({{"type", "Punctuation"}}), "a,$b", {"a", ",", "$", "b"});
  expectPieces(split({{"type", "BertPreTokenizer"}}), "a, b!",
               {"a", ",", "b", "!"});
  Json mark = {{"type", "Metaspace"}, {"replacement", "_"}};
  expectPieces(split(mark), "a b  c", {"_a", "_b", "_", "_c"});
  mark["prepend_scheme"] = "never";
  expectPieces(split(mark), "a b", {"a", "_b"});
  mark["split"] = false;
  mark["prepend_scheme"] = "first";
  expectPieces(
      split({{"type", "Sequence"},
             {"pretokenizers", {{{"type", "WhitespaceSplit"}}, mark}}}),
      "a b", {"_a", "b"});
}

TEST(PreTokenizers, ByteLevel) {
  Json level = {{"type", "ByteLevel"},
                {"add_prefix_space", true},
                {"trim_offsets", true}};
  // U+0120 is a space, U+00C3 U+00A9 the bytes of é.
  expectPieces(split(level), "it's  \u00e9",
               {"\u0120it", "'s", "\u0120", "\u0120\u00c3\u00a9"});
  level["use_regex"] = false;
  level["add_prefix_space"] = false;
  expectPieces(split(level), "a b", {"a\u0120b"});
}

Json bpe(const Json &vocabulary, const Json &merges, const Json &more = {}) {
  Json model = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}};
  if (more.is_object())
    model.update(more);
  return model;
}

TEST(Bpe, MergesByRankThenFromTheLeft) {
  Json vocabulary = {{"a", 0},  {"b", 1},  {"c", 2},
                     {"ab", 3}, {"bc", 4}, {"aa", 5}};
  for (const Json &merges :
       {Json::parse(R"(["b c", "a b", "a a"])"),
        Json::parse(R"([["b", "c"], ["a", "b"], ["a", "a"]])")}) {
    Json file = fileOf(bpe(vocabulary, merges));
    EXPECT_EQ(encoded(file, "abc"), (Ids{0, 4}));
    EXPECT_EQ(encoded(file, "aaab"), (Ids{5, 3}));
    // Past the length from which a queue finds the next merge.
    Ids many(50000, 5);
    many.push_back(0);
    EXPECT_EQ(encoded(file, std::string(100001, 'a')), many);
  }
}

TEST(Bpe, UnknownCharacters) {
  Json vocabulary = {{"a", 0}, {"?", 1}, {"<0xC3>", 2}, {"<0xA9>", 3}};
  Json file = fileOf(bpe(vocabulary, Json::array()));
  EXPECT_EQ(encoded(file, "xaya"), (Ids{0, 0})); // Left out.
  file["model"]["unk_token"] = "?";
  EXPECT_EQ(encoded(file, "xxa"), (Ids{1, 1, 0}));
  file["model"]["fuse_unk"] = true;
  EXPECT_EQ(encoded(file, "xxa"), (Ids{1, 0}));
  file["model"]["byte_fallback"] = true;
  EXPECT_EQ(encoded(file, "a\u00e9a"), (Ids{0, 2, 3, 0}));
  EXPECT_EQ(encoded(file, "a\u00eaa"),
            (Ids{0, 1, 0})); // C3 AA: one is not there.
  file["model"]["unk_token"] = "!";
  auto failed = parsed(file)->encode("x", false);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.message().find("\"!\" is not in the vocabulary"),
            std::string::npos)
      << failed.message();
}

TEST(Bpe, WholePiecesBeforeMerges) {
  Json vocabulary = {{"a", 0}, {"b", 1}, {"ab", 2}};
  Json file = fileOf(bpe(vocabulary, Json::array()));
  EXPECT_EQ(encoded(file, "ab"), (Ids{0, 1}));
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(encoded(file, "ab"), (Ids{2}));
  EXPECT_EQ(encoded(file, "aba"), (Ids{0, 1, 0}));
}

TEST(Bpe, MarksAreCutOnlyWhereNothingJoins) {
  // "a▁" is a token: a mark does not begin a part of its own.
  Json vocabulary = {
      {"?", 0}, {"a", 1}, {"\u2581", 2}, {"a\u2581", 3}, {"\u2581a", 4}};
  Json joins =
      fileOf(bpe(vocabulary, Json::parse(R"([["a", "▁"], ["▁", "a"]])"),
                 {{"unk_token", "?"}}));
  EXPECT_EQ(encoded(joins, "a\u2581a"), (Ids{3, 1}));
  Json apart =
      fileOf(bpe(vocabulary, Json::array({Json::array({"\u2581", "a"})}),
                 {{"unk_token", "?"}}));
  EXPECT_EQ(encoded(apart, "a\u2581a\u2581"), (Ids{1, 4, 2}));
}

TEST(AddedTokens, LongestFirstWhateverIsAround) {
  Json file = fileOf(words({"?", "a", "b"}));
  file["added_tokens"] = {addedToken(3, "<x"), addedToken(4, "<x>"),
                          addedToken(5, "w", {{"single_word", true}}),
                          addedToken(6, "[L]", {{"lstrip", true}}),
                          addedToken(7, "[R]", {{"rstrip", true}})};
  EXPECT_EQ(encoded(file, "a<x>b<xa"), (Ids{1, 4, 2, 3, 1}));
  EXPECT_EQ(encoded(file, "w"), (Ids{5}));
  EXPECT_EQ(encoded(file, "w\u00e9"), (Ids{0})); // Part of a word.
  EXPECT_EQ(encoded(file, "a \t[L]b"), (Ids{1, 6, 2}));
  EXPECT_EQ(encoded(file, "a[R]\u3000b"), (Ids{1, 7, 2}));
  auto tokenizer = parsed(file);
  EXPECT_EQ(tokenizer->vocabularySize(), 8u);
  EXPECT_EQ(tokenizer->idOf("<x>"), 4);
  EXPECT_EQ(tokenizer->textOf(2), "b");
  EXPECT_EQ(tokenizer->textOf(8), std::nullopt);
}

TEST(AddedTokens, NormalizedOnesAreFoundInNormalizedText) {
  Json file = fileOf(words({"?", "a"}), normalizer({{"type", "Lowercase"}}));
  file["added_tokens"] = {addedToken(2, "Day", {{"normalized", true}}),
                          addedToken(3, "Now")};
  EXPECT_EQ(encoded(file, "aDAYa"), (Ids{1, 2, 1}));
  EXPECT_EQ(encoded(file, "aNow"), (Ids{1, 3}));
  EXPECT_EQ(encoded(file, "anow"), (Ids{0}));
}

TEST(PostProcessors, SpecialTokensOnRequest) {
  Json special = {{"id", "[C]"}, {"ids", {7, 8}}, {"tokens", {"[C]", "x"}}};
  Json piece = {{"SpecialToken", {{"id", "[C]"}, {"type_id", 0}}}};
  Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  Json made = {{"type", "TemplateProcessing"},
               {"single", {piece, text}},
               {"pair", Json::array()},
               {"special_tokens", {{"[C]", special}}}};
  Json file = fileOf(words({"?", "a"}), {{"post_processor", made}});
  EXPECT_EQ(encoded(file, "a", true), (Ids{7, 8, 1}));
  EXPECT_EQ(encoded(file, "a", false), (Ids{1}));
  EXPECT_EQ(encoded(file, "", true), (Ids{7, 8}));
  file["post_processor"] = {
      {"type", "BertProcessing"}, {"cls", {"[C]", 5}}, {"sep", {"[S]", 6}}};
  EXPECT_EQ(encoded(file, "a", true), (Ids{5, 1, 6}));
}

TEST(Tokenizer, InvalidUtf8CountsAsReplacementCharacters) {
  Json file = fileOf(words({"?", "\uFFFD", "a"}), regex("(?m).", "Isolated"));
  EXPECT_EQ(encoded(file, "a\xff\xe2\x82"), (Ids{2, 1, 1}));
  EXPECT_EQ(encoded(file, "\xed\xa0\x80"), (Ids{1, 1, 1})); // A surrogate.
  EXPECT_EQ(encoded(file, "\xf0\x9f\x98"
                          "a"),
            (Ids{1, 2}));
}

TEST(Tokenizer, ManyThreads) {
  Json vocabulary = {{"a", 0}, {"b", 1}, {"ab", 2}};
  auto tokenizer =
      parsed(fileOf(bpe(vocabulary, {"a b"}), regex(" ", "Removed")));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto ids = tokenizer->encode("ab aab ba", false);
        ASSERT_TRUE(ids.ok());
        EXPECT_EQ(*ids, (Ids{2, 0, 2, 1, 0}));
        EXPECT_EQ(tokenizer->decode(*ids, false), "ab a ab b a");
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
