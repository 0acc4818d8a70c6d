//===- FamilyTest.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "frontend/KnownKeys.h"

using namespace hamlet::frontend;
using namespace hamlet::test;

namespace {

const char *const kOdd =
    R"({"model_type":"OddBall","d_model":48,"n_layer":7,"sizes":{"words":99},"n_head":3,"n_kv":1,
"n_expert":8,"d_ff":20,"look_back":5,"stop_token":[1,2]})";

TEST(Family, AMadeUpOneNeedsNoCode) {
  ModelSpec spec =
      resolved(kOdd, {sourceDir() + "/test/unit/frontend/families"});
  ASSERT_EQ(spec.layers.size(), 7u);
  for (size_t i = 0; i < 7; ++i)
    EXPECT_EQ(spec.layers[i].softmax() != nullptr, i == 2 || i == 5) << i;
  EXPECT_EQ(spec.vocab, 99);
  EXPECT_FALSE(spec.postnorm);
  EXPECT_TRUE(spec.normAddsOne && spec.weight("final_norm")->addOne);
  EXPECT_EQ(spec.eosIds, (std::vector<int64_t>{1, 2}));
  const LightningSpec &slow = *spec.layers[0].lightning();
  EXPECT_EQ(slow.keyDim, 16);
  EXPECT_EQ(slow.valueDim, 32);
  EXPECT_EQ(slow.scale, 0.25);
  EXPECT_EQ(slow.rope.dims, 4);
  EXPECT_EQ(slow.qkNorm, QkNorm::PerHead);
  EXPECT_EQ(slow.gate, Activation::Silu);
  EXPECT_EQ(slow.outputNormGroups, 3);
  EXPECT_EQ(slow.decayRates,
            (std::vector<double>{0.0625, 0.00390625,
                                 0.25})); // the same in every layer
  const SoftmaxSpec &full = *spec.layers[2].softmax();
  EXPECT_EQ(full.kvHeads, 1);
  EXPECT_EQ(full.slidingWindow, 5);
  const MoeSpec &moe = spec.layers[4].moe;
  EXPECT_EQ(moe.topK, 2);
  EXPECT_EQ(moe.router.score, RouterScore::Sigmoid);
  EXPECT_TRUE(moe.router.selectionBias && moe.router.renormalize);
  EXPECT_EQ(moe.router.groups, 2);
  EXPECT_EQ(moe.router.scale, 2.5);
  EXPECT_EQ(moe.router.renormalizeEps, 1e-20);
  ASSERT_TRUE(moe.shared);
  EXPECT_EQ(moe.shared->intermediate, 10);
  EXPECT_EQ(moe.shared->mix, SharedMix::GatedAdd);
  EXPECT_EQ(spec.weight(3, "experts.up")->sources[7].tensor, "x.7.h.3.b");
  EXPECT_EQ(spec.weight(3, "v")->shape, (std::vector<int64_t>{96, 48}));
  EXPECT_EQ(spec.weight(3, "router_bias")->shape, (std::vector<int64_t>{8}));
  EXPECT_EQ(spec.weight("lm_head")->sources[0].tensor, "wte");
}

TEST(Family, UnknownWithoutItsDescription) {
  EXPECT_NE(configError(kOdd).find("expected a known family"),
            std::string::npos);
}

std::string familyError(const std::string &from, const std::string &to) {
  std::string text =
      readText(sourceDir() + "/test/unit/frontend/families/oddball.yaml");
  size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  text.replace(place, from.size(), to);
  auto family = parseFamily(text, "odd.yaml");
  if (!family)
    return llvm::toString(family.takeError());
  FamilyRegistry registry;
  registry.add(std::move(*family));
  auto spec = parseModel(kOdd, "config.json", registry);
  return spec ? "" : llvm::toString(spec.takeError());
}

TEST(Family, MistakesInADescriptionAreNamed) {
  struct Case {
    const char *from, *to, *error;
  };
  const Case cases[] = {
      {"family: oddball", "family: [", "odd.yaml:"},
      {"family: oddball", "famly: oddball", "odd.yaml: key 'famly' is unknown"},
      {"model_types: [odd_ball]", "model_types: {a: b}",
       "odd.yaml: model_types: expected text, found"},
      {"kind: softmax", "kind: window",
       "odd.yaml: mixers.full.kind: expected one of softmax, lightning, found "
       "\"window\""},
      {"hidden: width", "hidden: widht",
       "odd.yaml: model.hidden: 'widht' is not defined in the config section"},
      {"top_k: chosen", "topk: chosen", "odd.yaml: moe: key 'topk' is unknown"},
      {"default: width // heads", "default: dim + 1",
       "odd.yaml: config.dim: is defined by itself"},
      {"default: width // heads", "default: width // (heads",
       "expected ')' in the expression"},
      {"default: width // heads", "default: width heads",
       "unexpected 'heads' in the expression"},
      {"default: width // heads", "default: width // 0",
       "division by a number that is not positive"},
      {"x.{expert}.h.{layer}.a", "x.h.{layer}.a",
       "expected '{expert}' in the tensor's name"},
      {"ln_f", "\"ln.{layer}\"", "expected no '{layer}' in the tensor's name"},
      {"h.{layer}.ln_1", "h.{layer}.ln_2",
       "tensor 'h.0.ln_2' is named by two weights"},
      {"last: full", "last: fall", "odd.yaml: mixers.fall: is missing"},
      {"router: \"h.{layer}.r.w\"", "",
       "odd.yaml: moe.tensors.router: is missing"},
      {"  heads: {key: n_head}",
       "  heads: {key: n_head}\n  heads: {key: n_head}",
       "key 'heads' appears twice"},
      {"  heads: {key: n_head}", "  heads: &a {key: n_head}",
       "anchors and aliases are not supported"},
  };
  for (const Case &c : cases) {
    std::string error = familyError(c.from, c.to);
    EXPECT_NE(error.find(c.error), std::string::npos)
        << c.to << "\n -> " << error;
  }
  EXPECT_EQ(familyError("family: oddball", "family: oddball"), "");
}

TEST(Family, IgnoredTensorsHaveReasons) {
  EXPECT_NE(familyError("eos: stop", "ignored_tensors: [\"*.x\"]")
                .find("odd.yaml: model.ignored_tensors: expected a mapping"),
            std::string::npos);
  EXPECT_NE(familyError("eos: stop", "ignored_tensors: {\"*.x\": 3}")
                .find("odd.yaml: model.ignored_tensors.*.x: expected text"),
            std::string::npos);
  EXPECT_EQ(familyError("eos: stop", "ignored_tensors: {\"*.x\": a buffer}"),
            "");
}

TEST(KnownKeys, MistakesAreNamed) {
  auto error = [](const char *yaml) {
    auto keys = KnownKeys::parse(yaml, "keys.yaml");
    return keys ? "" : llvm::toString(keys.takeError());
  };
  EXPECT_EQ(error("harmless: [a]\nkinds: []\ntensors: []"), "");
  EXPECT_EQ(error("harmless: [a]\nkinds: []"),
            "keys.yaml: tensors: is missing");
  EXPECT_NE(error("harmless: [a]\nkinds: [{kind: b, names: [c]}]\ntensors: []")
                .find("keys.yaml: kinds[0]: key 'names' is unknown"),
            std::string::npos);
  EXPECT_NE(error("harmless: a\nkinds: [{kind: b, keys: [c], off: 1}]\n"
                  "tensors: []")
                .find("kinds[0].off: expected a list"),
            std::string::npos);
}

TEST(Family, FoldersComeBeforeBuiltIn) {
  ScratchDir dir;
  std::string text = readText(sourceDir() + "/models/mixtral.yaml");
  dir.write("mine.yaml",
            text.replace(text.find("family: mixtral"), 15, "family: mine"));
  dir.write("notes.txt", "[");
  FamilyRegistry registry = builtin({dir.path});
  EXPECT_EQ(registry.find("mixtral", {})->name, "mine");
  EXPECT_EQ(registry.find("", {"Qwen3MoeForCausalLM"})->name, "qwen3_moe");
  EXPECT_EQ(registry.find("llama", {}), nullptr);
  auto missing = FamilyRegistry::load({dir.path + "/none"});
  ASSERT_FALSE(missing);
  EXPECT_NE(llvm::toString(missing.takeError()).find("/none: cannot be read"),
            std::string::npos);
}

} // namespace
