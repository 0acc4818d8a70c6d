//===- ImportTest.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/Import.h"
#include "TestFiles.h"

using namespace hamlet::frontend;
using namespace hamlet::test;
namespace fs = std::filesystem;

namespace {

std::string importError(const std::string &path) {
  auto model = importModel(path, {});
  return model ? "" : llvm::toString(model.takeError());
}

ImportedModel imported(const std::string &path,
                       const ImportOptions &options = {}) {
  auto model = importModel(path, options);
  if (model)
    return std::move(*model);
  ADD_FAILURE() << llvm::toString(model.takeError());
  return {};
}

TEST(Import, StoredDTypeComesFromTheTensors) {
  std::string packs = sourceDir() + "/test/golden/packs/";
  EXPECT_EQ(imported(packs + "minimax-text-01-f16").graph.dtype,
            FloatType::F16);
  ImportedModel model =
      imported(packs + "minimax-bf16", {.dtype = FloatType::F32, .chunk = 32});
  EXPECT_EQ(model.graph.stored, FloatType::BF16);
  EXPECT_EQ(model.graph.dtype, FloatType::F32);
  EXPECT_EQ(model.graph.chunk, 32);
  EXPECT_TRUE(model.report);
  // A lone configuration: its own dtype, else bf16.
  EXPECT_EQ(imported(packs + "lantern/config.json",
                     {.modelFolders = {sourceDir() + "/test/golden/families"}})
                .graph.dtype,
            FloatType::F32);
  model = imported(sourceDir() + "/models/minimax-m1/config.json");
  EXPECT_EQ(model.graph.dtype, FloatType::BF16);
  EXPECT_FALSE(model.report);
}

/// Copies a pack of the test tree.
std::string copied(const ScratchDir &dir, const std::string &pack) {
  for (const auto &file :
       fs::directory_iterator(sourceDir() + "/test/golden/packs/" + pack))
    fs::copy(file.path(), dir.path, fs::copy_options::overwrite_existing);
  return dir.path;
}

/// Replaces the first `from` in a file.
void edit(const std::string &path, const std::string &from,
          const std::string &to) {
  std::string text = readText(path);
  size_t place = text.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  std::ofstream(path, std::ios::binary) << text.replace(place, from.size(), to);
}

TEST(Import, TokensThatEndAnAnswer) {
  ScratchDir dir;
  std::string folder = copied(dir, "mixtral-window"), config = "config.json",
              generation = "generation_config.json";
  EXPECT_TRUE(imported(folder).spec.eosIds.empty());
  EXPECT_TRUE(imported(folder).notes.empty());
  for (auto [text, ids] :
       {std::pair<const char *, std::vector<int64_t>>{R"({"eos_token_id":7})",
                                                      {7}},
        {R"({"eos_token_id":[7,9],"temperature":Infinity})", {7, 9}},
        {R"({"eos_token_id":null})", {}},
        {R"({"top_p":0.9})", {}}}) {
    dir.write(generation, text);
    // The same beside a lone configuration.
    for (const std::string &source : {folder, folder + "/config.json"}) {
      ImportedModel model = imported(source);
      EXPECT_EQ(model.spec.eosIds, ids) << text;
      ASSERT_EQ(model.notes.size(), ids.empty() ? 0 : 1) << text;
      if (!ids.empty()) {
        EXPECT_NE(model.notes[0].find("generation_config.json: eos_token_id 7"),
                  std::string::npos)
            << model.notes[0];
      }
    }
  }
  // A class default is not the configuration's word, an id in it is.
  dir.write(generation, R"({"eos_token_id":7})");
  edit(folder + "/config.json", "\"eos_token_id\": null",
       "\"use_cache\": true");
  EXPECT_EQ(imported(folder).spec.eosIds, std::vector<int64_t>{7});
  edit(folder + "/config.json", "\"use_cache\": true", "\"eos_token_id\": 3");
  ImportedModel model = imported(folder);
  EXPECT_EQ(model.spec.eosIds, std::vector<int64_t>{3});
  ASSERT_EQ(model.notes.size(), 1u);
  EXPECT_NE(model.notes[0].find("7 does not count; config.json has 3"),
            std::string::npos)
      << model.notes[0];
  for (auto [text, error] :
       {std::pair<const char *, const char *>{"{", "is not valid JSON"},
        {"[]", "expected an object"},
        {R"({"eos_token_id":"end"})",
         "expected whole numbers from 0 to 2147483647"},
        {R"({"eos_token_id":-1})", "eos_token_id: expected whole numbers"}}) {
    dir.write(generation, text);
    std::string found = importError(folder);
    EXPECT_NE(found.find("generation_config.json: "), std::string::npos)
        << found;
    EXPECT_NE(found.find(error), std::string::npos) << found;
  }
}

TEST(Import, UnusedTensorsAndUnknownKeysAreTold) {
  ScratchDir dir;
  std::string folder = copied(dir, "mixtral-window");
  std::string path = folder + "/model.safetensors", bytes = readText(path);
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  // One more tensor, of no bytes.
  auto withTensor = [&](const std::string &name) {
    std::string header = bytes.substr(8, length);
    header.replace(header.find('{'), 1,
                   "{\"" + name +
                       R"(":{"dtype":"F9","shape":[0],"data_offsets":[0,0]},)");
    std::string whole = safetensorsBytes(header, 0) + bytes.substr(8 + length);
    dir.write("model.safetensors", whole);
  };
  withTensor("mtp.fc.weight");
  ImportedModel model = imported(folder);
  ASSERT_EQ(model.warnings.size(), 1u);
  EXPECT_NE(model.warnings[0].find("tensors: 1 unused\n  mtp.fc.weight"),
            std::string::npos)
      << model.warnings[0];
  withTensor("model.layers.0.self_attn.q_norm.weight");
  std::string error = importError(folder);
  EXPECT_NE(error.find("q_norm.weight (a norm)"), std::string::npos) << error;
  EXPECT_NE(error.find("--ignore-unused"), std::string::npos) << error;
  model = imported(folder, {.ignoreUnused = true});
  ASSERT_EQ(model.warnings.size(), 1u);
  withTensor("model.layers.0.self_attn.rotary_emb.inv_freq");
  model = imported(folder);
  EXPECT_TRUE(model.warnings.empty());
  ASSERT_EQ(model.notes.size(), 1u);
  edit(folder + "/config.json", "{", "{\"my_note\": 1,");
  EXPECT_EQ(imported(folder).warnings,
            std::vector<std::string>{folder +
                                     "/config.json: keys that nothing reads, "
                                     "ignored: my_note"});
}

TEST(Import, WhatTheContainerKeeps) {
  ScratchDir dir;
  std::string folder = copied(dir, "mixtral-window");
  dir.write("generation_config.json", R"({"eos_token_id":[7,9]})");
  edit(folder + "/config.json", "{", "{\"my.note\": 3,");
  hamlet::ConfigurationEntries entries =
      hamlet::readEntries(imported(folder).entries());
  EXPECT_GE(entries.settings.size(), 15u);
  EXPECT_EQ(entries.ignored.size(), 3u);
  auto differences = [&] { return hamlet::differences(entries, folder); };
  EXPECT_TRUE(differences().empty());
  edit(folder + "/config.json", "\"rms_norm_eps\": 1e-05",
       "\"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000, \"attention_bias\": "
       "true, \"clip_qkv\": 8, \"seed\": 2, \"torch_dtype\": \"float32\"");
  dir.write("generation_config.json", R"({"eos_token_id":7})");
  EXPECT_EQ(differences(),
            (std::vector<std::string>{
                "attention_bias: compiled with false, found true",
                "rms_norm_eps: compiled with 1e-05, found 1e-06",
                "eos_token_id: compiled with [7,9], found 7",
                "clip_qkv: compiled without it, found 8",
                "seed: compiled without it, found 2"}));
  // Every pack agrees with itself, defaults, nulls and all.
  for (const auto &pack :
       fs::directory_iterator(sourceDir() + "/test/golden/packs"))
    EXPECT_TRUE(
        hamlet::differences(
            imported(pack.path().string(),
                     {.modelFolders = {sourceDir() + "/test/golden/families"}})
                .spec.configuration,
            pack.path().string())
            .empty())
        << pack.path();
}

TEST(Import, RealIndexWithoutShardsIsCheckedByName) {
  std::string folder = sharedDir() + "/models/minimax-m1";
  HAMLET_NEEDS(folder);
  ImportedModel model = imported(folder);
  EXPECT_EQ(model.graph.dtype, FloatType::BF16);
  ASSERT_TRUE(model.report);
  EXPECT_EQ(model.report->used, 8243u);
  EXPECT_TRUE(model.warnings.empty());
  EXPECT_TRUE(model.notes.empty());
}

TEST(Import, BrokenCheckpoints) {
  ScratchDir dir;
  EXPECT_NE(importError(dir.path).find("config.json: cannot be read"),
            std::string::npos);
  std::string pack = sourceDir() + "/test/golden/packs/minimax-text-01-f16";
  for (const auto &file : fs::directory_iterator(pack))
    fs::copy(file.path(), dir.path);
  EXPECT_EQ(importError(dir.path), "");
  fs::remove(dir.path + "/model-00001-of-00002.safetensors");
  EXPECT_NE(
      importError(dir.path).find("1 missing: model-00001-of-00002.safetensors"),
      std::string::npos);
  fs::copy(pack + "/model-00001-of-00002.safetensors", dir.path);
  fs::resize_file(
      dir.path + "/model-00001-of-00002.safetensors",
      fs::file_size(dir.path + "/model-00001-of-00002.safetensors") - 1);
  EXPECT_NE(importError(dir.path).find("the file is cut off or damaged"),
            std::string::npos);
  fs::remove(dir.path + "/model-00001-of-00002.safetensors");
  fs::copy(pack + "/model-00001-of-00002.safetensors", dir.path);
  // Another vocabulary than the tensors have.
  std::string config = readText(dir.path + "/config.json");
  size_t place = config.find("\"vocab_size\": ");
  ASSERT_NE(place, std::string::npos);
  dir.write("config.json", config.insert(place + 14, "1"));
  std::string error = importError(dir.path);
  EXPECT_NE(error.find("1 of another shape"), std::string::npos) << error;
  EXPECT_NE(error.find("model.embed_tokens.weight in "), std::string::npos)
      << error;
  fs::remove(dir.path + "/model.safetensors.index.json");
  EXPECT_NE(importError(dir.path).find("found neither"), std::string::npos);
}

} // namespace
