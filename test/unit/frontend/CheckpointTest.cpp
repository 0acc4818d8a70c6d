//===- CheckpointTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "frontend/CheckpointCheck.h"
#include "frontend/Document.h"

#include <algorithm>

using namespace hamlet;
using namespace hamlet::frontend;
using namespace hamlet::test;

namespace {

safetensors::Checkpoint opened(const std::string &folder) {
  safetensors::Checkpoint checkpoint;
  std::string error;
  EXPECT_TRUE(safetensors::openCheckpoint(folder, checkpoint, error)) << error;
  return checkpoint;
}

class Packs : public testing::TestWithParam<const char *> {};

TEST_P(Packs, EveryTensorIsUsedOnce) {
  std::string folder = sharedDir() + "/golden/" + GetParam();
  HAMLET_NEEDS(folder);
  ModelSpec spec = llvm::cantFail(loadModel(folder, builtin()));
  safetensors::Checkpoint checkpoint = opened(folder);
  CheckpointReport report = checkCheckpoint(spec, checkpoint, folder);
  EXPECT_TRUE(report.ok()) << report.errors();
  EXPECT_TRUE(report.unused.empty());
  EXPECT_TRUE(report.remarks().empty());
  EXPECT_EQ(report.used, checkpoint.tensors.size());
  bool bf16 = std::string(GetParam()).find("bf16") != std::string::npos ||
              std::string(GetParam()).find("remote") != std::string::npos;
  EXPECT_EQ(report.stored, bf16 ? FloatType::BF16 : FloatType::F32);
  int64_t bytes = 0;
  for (const auto &[name, tensor] : checkpoint.tensors)
    bytes += static_cast<int64_t>(tensor.size) * 8 /
             safetensors::dtypeBits(tensor.dtype);
  EXPECT_EQ(spec.parameters(), bytes);
}
INSTANTIATE_TEST_SUITE_P(Golden, Packs,
                         testing::Values("minimax-7p1", "minimax-alternating",
                                         "minimax-bf16", "minimax-m1-remote",
                                         "mixtral", "qwen3-moe"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// The packs that the test tree writes itself: tied, f16, windows, shared
// experts, a family of their own.
TEST(OwnPacks, EveryTensorIsThere) {
  std::string golden = sourceDir() + "/test/golden";
  size_t packs = 0;
  for (const auto &folder :
       std::filesystem::directory_iterator(golden + "/packs")) {
    auto spec =
        loadModel(folder.path().string(), builtin({golden + "/families"}));
    ASSERT_TRUE(bool(spec)) << llvm::toString(spec.takeError());
    safetensors::Checkpoint checkpoint = opened(folder.path().string());
    CheckpointReport report =
        checkCheckpoint(*spec, checkpoint, folder.path().string());
    EXPECT_TRUE(report.ok()) << report.errors();
    EXPECT_TRUE(report.unused.empty());
    ++packs;
  }
  EXPECT_GE(packs, 9u);
}

TEST(RealMiniMaxM1, EveryNameMaps) {
  std::string folder = sharedDir() + "/models/minimax-m1";
  HAMLET_NEEDS(folder);
  ModelSpec spec = llvm::cantFail(loadModel(folder, builtin()));
  EXPECT_EQ(spec.parameters(), 456'089'655'296);
  safetensors::Checkpoint checkpoint;
  std::string error;
  ASSERT_TRUE(safetensors::openIndex(folder + "/model.safetensors.index.json",
                                     checkpoint, error))
      << error;
  CheckpointReport report = checkCheckpoint(spec, checkpoint, folder);
  EXPECT_TRUE(report.ok()) << report.errors();
  EXPECT_TRUE(report.unused.empty());
  EXPECT_EQ(report.used, 8243u);
  EXPECT_EQ(checkpoint.files.size(), 413u);
  // 7,680 expert tensors are 240 weights.
  size_t stacked = 0, sources = 0;
  for (const WeightRecipe &recipe : spec.weights)
    if (recipe.stacked) {
      ++stacked;
      sources += recipe.sources.size();
    }
  EXPECT_EQ(stacked, 240u);
  EXPECT_EQ(sources, 7680u);
}

TEST(RealMiniMaxM1, OurNumbersAreThePublishedOnes) {
  std::string folder = sharedDir() + "/models/minimax-m1";
  HAMLET_NEEDS(folder);
  auto published =
      llvm::cantFail(parseJson(readText(folder + "/config.json"), "published"));
  auto ours = llvm::cantFail(parseJson(
      readText(sourceDir() + "/models/minimax-m1/config.json"), "ours"));
  for (const auto &[key, value] : *ours.getAsObject()) {
    const llvm::json::Value *other = published.getAsObject()->get(key);
    ASSERT_TRUE(other) << key.str();
    EXPECT_TRUE(*other == value) << key.str();
  }
}

// Two tensors of a Mixtral with one layer and one expert, then ways to get them
// wrong.
const char *kConfig =
    R"({"model_type":"mixtral","hidden_size":4,"num_hidden_layers":1,"num_attention_heads":1,
"num_key_value_heads":1,"intermediate_size":2,"num_local_experts":1,"num_experts_per_tok":1,"vocab_size":3})";

safetensors::Checkpoint perfect(const ModelSpec &spec) {
  safetensors::Checkpoint checkpoint;
  checkpoint.files = {"a.safetensors"};
  for (const WeightRecipe &recipe : spec.weights)
    for (const WeightSource &source : recipe.sources) {
      safetensors::Tensor tensor;
      tensor.dtype = safetensors::DType::F16;
      tensor.shape = source.shape;
      checkpoint.tensors[source.tensor] = tensor;
    }
  return checkpoint;
}

TEST(CheckpointCheck, ReportsEachKindOfTrouble) {
  ModelSpec spec = resolved(kConfig);
  safetensors::Checkpoint checkpoint = perfect(spec);
  CheckpointReport report = checkCheckpoint(spec, checkpoint, "dir");
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.errors(), "");
  EXPECT_EQ(report.stored, FloatType::F16);

  checkpoint.tensors.erase("model.norm.weight");
  checkpoint.tensors["lm_head.weight"].shape = {4, 3};
  checkpoint.tensors["model.embed_tokens.weight"].dtype =
      safetensors::DType::I8;
  safetensors::Tensor &odd =
      checkpoint.tensors["model.layers.0.self_attn.q_proj.weight"];
  odd.dtype = safetensors::DType::Unknown;
  odd.unknownDType = "F8_E4M3FNUZ";
  checkpoint.tensors["extra"] = {};
  checkpoint.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {};
  checkpoint.duplicates.push_back({"x", "a.safetensors", "b.safetensors"});
  report = checkCheckpoint(spec, checkpoint, "dir");
  EXPECT_FALSE(report.ok());
  std::string text = report.errors() + report.unusedOthers();
  for (const char *line :
       {"dir: tensors: 1 missing\n  model.norm.weight: expected [4] for "
        "final_norm, found nothing",
        "lm_head.weight in a.safetensors: expected [3, 4], found [4, 3]",
        "model.embed_tokens.weight in a.safetensors: expected F32, BF16 or "
        "F16, found I8",
        "q_proj.weight in a.safetensors: expected F32, BF16 or F16, found "
        "F8_E4M3FNUZ",
        "x: expected once, found in a.safetensors and b.safetensors",
        "dir: tensors: 1 unused\n  extra\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
  EXPECT_EQ(report.unusedParts(), "");
  EXPECT_EQ(report.remarks(),
            std::vector<std::string>{
                "dir: tensors: 1 unused (a buffer of frequencies, computed "
                "from the rotary base instead): "
                "model.layers.0.self_attn.rotary_emb.inv_freq"});
}

// What a layer computes with, by its name, that the family does not read.
TEST(CheckpointCheck, UnusedPartsOfLayers) {
  ModelSpec spec = resolved(kConfig);
  for (auto [name, part] : {
           std::pair<const char *, const char *>{
               "model.layers.0.self_attn.q_norm.weight", "a norm"},
           {"model.layers.0.pre_feedforward_layernorm.weight", "a norm"},
           {"model.layers.0.self_attn.q_proj.bias", "a bias"},
           {"model.layers.0.block_sparse_moe.gate.e_score_correction_bias",
            "a bias"},
           {"model.layers.0.self_attn.q_proj.weight_scale_inv",
            "quantised weights"},
           {"model.layers.0.self_attn.q_proj.qzeros", "quantised weights"},
           {"model.layers.0.self_attn.sinks", "a sink"},
           {"model.layers.0.self_attn.q_proj.lora_A.weight", "an adapter"},
           // Beside the model: a head of another kind, a layer too many.
           {"mtp.norm.weight", ""},
           {"model.mtp.layers.0.self_attn.q_norm.weight", ""},
           {"model.layers.1.input_layernorm.weight", ""},
           {"q_norm", ""},
           {"mtp.fc.weight", ""},
           {"model.layers.1.self_attn.q_proj.weight", ""},
           {"model.vision_tower.embed.weight", ""},
       }) {
    safetensors::Checkpoint checkpoint = perfect(spec);
    checkpoint.tensors[name] = {};
    CheckpointReport report = checkCheckpoint(spec, checkpoint, "dir");
    EXPECT_TRUE(report.ok());
    ASSERT_EQ(report.unused.size(), 1u);
    EXPECT_EQ(report.unused[0].part, part) << name;
    EXPECT_EQ(report.unusedParts().empty(), !*part) << name;
    EXPECT_EQ(report.unusedOthers().empty(), *part != 0) << name;
  }
}

TEST(CheckpointCheck, RouterAndNormsDoNotDecideTheDType) {
  ModelSpec spec = resolved(kConfig);
  safetensors::Checkpoint checkpoint = perfect(spec);
  checkpoint.tensors["model.layers.0.block_sparse_moe.gate.weight"].dtype =
      safetensors::DType::F32;
  checkpoint.tensors["model.norm.weight"].dtype = safetensors::DType::F32;
  EXPECT_EQ(checkCheckpoint(spec, checkpoint, "dir").stored, FloatType::F16);
}

// Mixed: what the configuration says, else what most bytes are in; the others
// are named.
TEST(CheckpointCheck, MixedDTypes) {
  ModelSpec spec = resolved(kConfig);
  safetensors::Checkpoint checkpoint = perfect(spec);
  for (auto &[name, tensor] : checkpoint.tensors)
    tensor.size = 8;
  const char *const head = "lm_head.weight";
  checkpoint.tensors[head].dtype = safetensors::DType::F32;
  checkpoint.tensors[head].size = 16;
  CheckpointReport report = checkCheckpoint(spec, checkpoint, "dir");
  EXPECT_EQ(report.stored, FloatType::F16);
  EXPECT_EQ(report.others, (std::map<std::string, FloatType, std::less<>>{
                               {head, FloatType::F32}}));
  EXPECT_EQ(report.remarks(),
            std::vector<std::string>{
                "dir: matrices and embeddings differ in dtype: 1 in f32, 8 in "
                "f16; the model counts as stored in f16, which most of their "
                "bytes are in"});
  // Bytes count, not tensors.
  checkpoint.tensors[head].size = 1000;
  EXPECT_EQ(checkCheckpoint(spec, checkpoint, "dir").stored, FloatType::F32);
  spec.configDType = FloatType::BF16;
  report = checkCheckpoint(spec, checkpoint, "dir");
  EXPECT_EQ(report.stored, FloatType::BF16);
  EXPECT_EQ(report.others.size(), 9u);
  EXPECT_NE(report.remarks()[0].find("bf16, as its configuration says"),
            std::string::npos);
  // Where they agree, the configuration has no say.
  EXPECT_EQ(checkCheckpoint(spec, perfect(spec), "dir").stored, FloatType::F16);
}

TEST(CheckpointCheck, DecayBuffersAreKnown) {
  std::string folder = sharedDir() + "/golden/minimax-7p1";
  HAMLET_NEEDS(folder);
  ModelSpec spec = llvm::cantFail(loadModel(folder, builtin()));
  safetensors::Checkpoint checkpoint = opened(folder);
  checkpoint.tensors["model.layers.0.self_attn.slope_rate"] = {};
  CheckpointReport report = checkCheckpoint(spec, checkpoint, folder);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.unused.size(), 1u);
  EXPECT_NE(report.unused[0].reason.find("decay rates"), std::string::npos);
}

} // namespace
