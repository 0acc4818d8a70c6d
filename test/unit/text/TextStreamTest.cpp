//===- TextStreamTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestTokenizer.h"

namespace {

using namespace hamlet;
using namespace hamlet::text;

/// What `push` returns for each id, and `finish`; their sum is checked.
std::vector<std::string> streamed(const Json &file, const Ids &ids,
                                  bool skip = false) {
  auto tokenizer = parsed(file);
  TextStream stream(tokenizer, skip);
  std::vector<std::string> parts;
  std::string all;
  for (int32_t id : ids)
    parts.push_back(stream.push(id));
  parts.push_back(stream.finish());
  for (const std::string &part : parts)
    all += part;
  EXPECT_EQ(all, tokenizer->decode(ids, skip));
  return parts;
}

using Parts = std::vector<std::string>;

Json decoder(const std::vector<std::string> &tokens, Json what) {
  return fileOf(words(tokens), {{"decoder", std::move(what)}});
}

TEST(TextStream, NoDecoderPutsSpacesBetween) {
  Json file = fileOf(words({"a", "b"}));
  EXPECT_EQ(streamed(file, {0, 1, 0}), (Parts{"a", " b", " a", ""}));
  EXPECT_EQ(streamed(file, {0, 99, -1, 1}), (Parts{"a", "", "", " b", ""}));
}

TEST(TextStream, BytesWaitForTheirCharacter) {
  // F0 9F 98 80 is an emoji.
  Json file = decoder({"\u00f0\u0141", "\u013a", "\u0122", "a", "\u4e00"},
                      {{"type", "ByteLevel"}});
  EXPECT_EQ(streamed(file, {0, 1, 2, 3}),
            (Parts{"", "", "\U0001F600", "a", ""}));
  EXPECT_EQ(streamed(file, {0, 3}), (Parts{"", "\uFFFDa", ""}));
  EXPECT_EQ(streamed(file, {0, 1}), (Parts{"", "", "\uFFFD"}));
  EXPECT_EQ(streamed(file, {2, 4}), (Parts{"\uFFFD", "\u4e00", ""}));
}

TEST(TextStream, RunsOfByteTokensWaitForTheirEnd) {
  Json file =
      decoder({"<0xC3>", "<0xA9>", "a", "<0xFF>"}, {{"type", "ByteFallback"}});
  EXPECT_EQ(streamed(file, {0, 1, 2}), (Parts{"", "", "\u00e9a", ""}));
  // One wrong byte makes each of the run wrong, those before it too.
  EXPECT_EQ(streamed(file, {0, 1, 3, 1, 2}),
            (Parts{"", "", "\uFFFD\uFFFD\uFFFD", "\uFFFD", "a", ""}));
  EXPECT_EQ(streamed(file, {0}), (Parts{"", "\uFFFD"}));
}

TEST(TextStream, LlamaDecoder) {
  Json steps = {
      {{"type", "Replace"},
       {"pattern", {{"String", "\u2581"}}},
       {"content", " "}},
      {{"type", "ByteFallback"}},
      {{"type", "Fuse"}},
      {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}};
  Json file = decoder({"\u2581a", "\u2581", "b"},
                      {{"type", "Sequence"}, {"decoders", steps}});
  EXPECT_EQ(streamed(file, {0, 1, 2, 0}), (Parts{"a", " ", "b", " a", ""}));
  EXPECT_EQ(streamed(file, {1, 0}), (Parts{"", " a", ""}));
}

TEST(TextStream, TextsToReplaceAndStripWait) {
  Json steps = {
      {{"type", "Fuse"}},
      {{"type", "Replace"}, {"pattern", {{"String", "aab"}}}, {"content", "-"}},
      {{"type", "Strip"}, {"content", "."}, {"start", 0}, {"stop", 2}}};
  Json file =
      decoder({"a", "b", "."}, {{"type", "Sequence"}, {"decoders", steps}});
  EXPECT_EQ(streamed(file, {0, 0, 0, 1, 0}),
            (Parts{"", "", "a", "-", "", "a"}));
  EXPECT_EQ(streamed(file, {1, 2, 2, 2, 1}),
            (Parts{"b", "", "", ".", "..b", ""}));
  EXPECT_EQ(streamed(file, {1, 2, 2, 2}), (Parts{"b", "", "", ".", ""}));
}

TEST(TextStream, MetaspaceAndWordPiece) {
  Json mark = {{"type", "Metaspace"},
               {"replacement", "_"},
               {"prepend_scheme", "always"},
               {"split", true}};
  EXPECT_EQ(streamed(decoder({"_a_", "_b"}, mark), {0, 1, 0}),
            (Parts{"a", " b", " a ", ""}));
  mark["prepend_scheme"] = "never";
  EXPECT_EQ(streamed(decoder({"_a_", "_b"}, mark), {0, 1}),
            (Parts{" a ", " b", ""}));
  Json pieces = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  EXPECT_EQ(streamed(decoder({"a", "##b", "."}, pieces), {0, 1, 0, 2}),
            (Parts{"a", "b", " a", ".", ""}));
}

TEST(TextStream, SpecialTokensAreLeftOutOnRequest) {
  Json file = fileOf(words({"a"}));
  file["added_tokens"] = {addedToken(1, "<s>", {{"special", true}}),
                          addedToken(2, "<t>")};
  EXPECT_EQ(streamed(file, {1, 0, 2}, true), (Parts{"", "a", " <t>", ""}));
  EXPECT_EQ(streamed(file, {1, 0}, false), (Parts{"<s>", " a", ""}));
  EXPECT_TRUE(parsed(file)->isSpecial(1));
  EXPECT_FALSE(parsed(file)->isSpecial(2));
}

TEST(TextStream, BeginsAnewAfterItsEnd) {
  auto tokenizer = parsed(fileOf(words({"a"})));
  TextStream stream(tokenizer, false);
  EXPECT_EQ(stream.push(0), "a");
  EXPECT_EQ(stream.push(0), " a");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(0), "a");
}

} // namespace
