//===- ConfigurationTest.cpp ----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Configuration.h"
#include "TestFiles.h"

using namespace hamlet;
using namespace hamlet::test;

namespace {

Setting theta() {
  Setting setting;
  setting.keys = {"rope_parameters.rope_theta", "rope_theta"};
  setting.value = "10000000.0";
  setting.absent = "1e6";
  return setting;
}

/// What `config` says otherwise than `setting`, after its way through a
/// container's text.
std::string difference(const Setting &setting, const std::string &config) {
  ConfigurationEntries entries = readEntries({entryText(setting)});
  entries.harmless = {};
  EXPECT_EQ(entries.settings.size(), 1u);
  ScratchDir dir;
  dir.write("config.json", config);
  std::string lines;
  for (const std::string &line : differences(entries, dir.path))
    lines += line + "\n";
  return lines;
}

TEST(Configuration, OnlyWhatMeansSomethingElseDiffers) {
  EXPECT_EQ(difference(theta(), R"({"rope_theta":1e7})"), "");
  EXPECT_EQ(difference(theta(), R"({"rope_theta":null,"rope_parameters":)"
                                R"({"rope_theta":10000000}})"),
            "");
  EXPECT_EQ(difference(theta(), R"({"rope_theta":[1e7],"x":Infinity})"), "");
  EXPECT_EQ(difference(theta(), R"({"rope_theta":10000})"),
            "rope_theta: compiled with 10000000.0, found 10000\n");
  EXPECT_EQ(difference(theta(), R"({"rope_parameters":{"rope_theta":2}})"),
            "rope_parameters.rope_theta: compiled with 10000000.0, found 2\n");
  EXPECT_EQ(difference(theta(), "{}"),
            "rope_parameters.rope_theta: compiled with 10000000.0, found none, "
            "which means 1000000.0\n");
  EXPECT_EQ(difference(theta(), R"({"rope_theta":null})"),
            "rope_theta: compiled with 10000000.0, found null\n");
  Setting byDefault = theta();
  byDefault.value = byDefault.absent;
  EXPECT_EQ(difference(byDefault, "{}"), "");
  EXPECT_EQ(difference(byDefault, R"({"rope_theta":1000000})"), "");
  EXPECT_NE(difference(theta(), "[]").find("config.json is not a JSON object"),
            std::string::npos);
  // No file says nothing.
  ScratchDir empty;
  EXPECT_TRUE(differences({{theta()}, {}, {}}, empty.path).empty());
}

TEST(Configuration, SpellingsAndChoices) {
  Setting layers;
  layers.keys = {"layer_types", "attn_type_list"};
  layers.value = R"(["lightning","softmax"])";
  layers.spelling = {{"0", "lightning"},
                     {"1", "softmax"},
                     {"linear_attention", "lightning"},
                     {"full_attention", "softmax"}};
  EXPECT_EQ(difference(layers, R"({"attn_type_list":[0,1]})"), "");
  EXPECT_EQ(
      difference(layers,
                 R"({"layer_types":["linear_attention","full_attention"]})"),
      "");
  EXPECT_EQ(difference(layers, R"({"attn_type_list":[1,1]})"),
            "attn_type_list: compiled with [\"lightning\",\"softmax\"], found "
            "[1,1]\n");
  Setting kinds;
  kinds.keys = {"rope_type", "rope_scaling.type"};
  kinds.value = R"("default")";
  kinds.alike = {R"("default")", "null"};
  EXPECT_EQ(difference(kinds, "{}"), "");
  EXPECT_EQ(difference(kinds, R"({"rope_scaling":{"type":"default"}})"), "");
  EXPECT_EQ(difference(kinds, R"({"rope_scaling":{"type":"yarn"}})"),
            "rope_scaling.type: compiled with \"default\", found \"yarn\"\n");
}

TEST(Configuration, KeysThatWereNotThere) {
  ConfigurationEntries entries = readEntries(
      {entryText(theta()), entryText(HarmlessKeys{{"_*", "*note"}})});
  ScratchDir dir;
  dir.write("config.json",
            R"({"rope_theta":1e7,"_x":1,"My_Note":[1],"cap":null,"bias":false,)"
            R"("list":[],"softcap":30,"rope_parameters":{"factor":4}})");
  EXPECT_EQ(differences(entries, dir.path),
            (std::vector<std::string>{
                "rope_parameters.factor: compiled without it, found 4",
                "softcap: compiled without it, found 30"}));
}

TEST(Configuration, EntriesOfAnyTextAreRead) {
  IgnoredTensors buffer{"*.inv_freq", "a \"buffer\""};
  ConfigurationEntries entries = readEntries(
      {"", "a line of another kind", "{", "[1]", "{\"setting\":[]}",
       R"({"setting":[1],"file":"config.json"})",
       R"({"setting":["a"],"file":"../config.json"})",
       R"({"setting":["a"],"file":"config.json","alike":3,"spelling":{"b":4}})",
       R"({"ignored_tensors":3})", R"({"harmless_keys":[3]})",
       std::string(100000, '['), entryText(buffer)});
  ASSERT_EQ(entries.settings.size(), 1u);
  EXPECT_EQ(entries.settings[0].value, "null");
  ASSERT_EQ(entries.ignored.size(), 1u);
  EXPECT_EQ(entries.ignored[0].reason, "a \"buffer\"");
  EXPECT_TRUE(findIgnored(entries.ignored, "model.layers.0.inv_freq"));
  EXPECT_FALSE(findIgnored(entries.ignored, "model.layers.0.inv_freq2"));
}

TEST(Configuration, NumbersThatPythonWrites) {
  for (auto [from, to] :
       {std::pair<const char *, const char *>{
            R"({"a":Infinity,"b":[NaN, -Infinity]})",
            R"({"a":"Infinity","b":["NaN", "-Infinity"]})"},
        {R"({"Infinity":"NaN, \"Infinity","c":1})",
         R"({"Infinity":"NaN, \"Infinity","c":1})"},
        {"NaN", "\"NaN\""},
        {"[xNaN,NaNx,-NaN,1Infinity]", "[xNaN,NaNx,-NaN,1Infinity]"},
        {"[--Infinity]", "[--Infinity]"},
        {"\"a\\", "\"a\\"},
        {"", ""}})
    EXPECT_EQ(quoteNonFinite(from), to);
}

TEST(Configuration, Patterns) {
  for (auto [pattern, name, matches] : {std::tuple{"*", "", true},
                                        {"a*c", "abbc", true},
                                        {"a*c", "abb", false},
                                        {"*bias*", "qkv_bias", true},
                                        {"a", "ab", false},
                                        {"", "a", false},
                                        {"*a*b*", "xaxbx", true},
                                        {"*a*b*", "xbxa", false}})
    EXPECT_EQ(matchesPattern(pattern, name), matches) << pattern << " " << name;
}

} // namespace
