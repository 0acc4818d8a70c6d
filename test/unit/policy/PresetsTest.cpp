//===- PresetsTest.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "policy/Presets.h"

#include <gtest/gtest.h>

#include <set>

using namespace hamlet;
using namespace hamlet::algorithm;

namespace {

bool says(const std::string &text, const std::string &words) {
  return text.find(words) != std::string::npos;
}

TEST(Presets, AllAreAllowedAndHaveOneName) {
  std::set<std::string> names;
  for (const Preset &preset : presets()) {
    EXPECT_TRUE(check(preset).ok())
        << preset.name << ": " << check(preset).message();
    EXPECT_TRUE(names.insert(preset.name).second) << preset.name;
    EXPECT_FALSE(preset.source.empty()) << preset.name;
  }
  for (const char *name : {"cispo", "grpo", "dapo", "dr_grpo", "gspo", "sapo",
                           "ppo", "dual_clip", "cross_entropy"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Presets, UnknownNamesAreRefusedWithWhatWasMeant) {
  Result<Preset> found = findPreset("cipso");
  ASSERT_TRUE(found.failed());
  EXPECT_TRUE(says(found.message(), "unknown preset 'cipso'"));
  EXPECT_TRUE(says(found.message(), "did you mean 'cispo'?"));
  EXPECT_TRUE(says(found.message(), "verl-cispo"));
  EXPECT_FALSE(says(findPreset("something else").message(), "did you mean"));
}

TEST(Presets, BoundsAreAbsolute) {
  Preset verl = *findPreset("verl-cispo"), dapo = *findPreset("dapo");
  EXPECT_FLOAT_EQ(*verl.loss.isHigh, 1.2F);
  EXPECT_FLOAT_EQ(*verl.loss.isLow, 0.8F);
  EXPECT_FLOAT_EQ(*dapo.loss.clipHigh, 1.28F);
  EXPECT_FLOAT_EQ(*findPreset("nemo-cispo")->loss.isHigh, 6.0F);
  EXPECT_FLOAT_EQ(*findPreset("trl-cispo")->loss.isHigh, 5.0F);
}

TEST(Presets, Settings) {
  Preset preset = *findPreset("cispo");
  auto change = [&](const char *key, const char *value) {
    Status status = set(preset, key, value);
    EXPECT_TRUE(status.ok()) << status.message();
  };
  change("is_high", "4");
  change("is_low", "0.5");
  change("clip_high", "1.3");
  change("aggregation", "token-mean");
  change("entropy", "1e-3");
  change("kl", "k3");
  change("beta", "0.01");
  change("advantage.std", "batch");
  change("advantage.unbiased", "false");
  EXPECT_TRUE(check(preset).ok()) << check(preset).message();
  EXPECT_EQ(preset.aggregation, Aggregation::token_mean);
  EXPECT_EQ(preset.advantage.spread, Spread::batch);
  EXPECT_EQ(modeOf(preset.loss), "token detached");
  EXPECT_EQ(attributesOf(preset.loss),
            "{is_low = 5.000000000e-01 : f32, is_high = 4.000000000e+00 : "
            "f32, clip_high = 1.299999952e+00 : f32, kl = #policy<kl k3>, "
            "beta = 9.999999776e-03 : f32, kappa = 1.000000047e-03 : f32}");
  change("is_low", "none");
  EXPECT_FALSE(preset.loss.isLow);
}

TEST(Presets, MistakesAreNamed) {
  Preset preset = *findPreset("cispo");
  auto fails = [&](const char *key, const char *value, const char *words) {
    Status status = set(preset, key, value);
    ASSERT_TRUE(status.failed()) << key;
    EXPECT_TRUE(says(status.message(), words)) << status.message();
  };
  fails("is_hihg", "4", "unknown setting 'is_hihg' (did you mean 'is_high'?)");
  fails("is_high", "four",
        "is_high: expected a number, got 'four' (or 'none')");
  fails("is_high", "4x", "got '4x'");
  fails("beta", "none", "beta: expected a number");
  fails("aggregation", "tokenmean", "did you mean 'token-mean'?");
  fails("kl_by_ratio", "1", "expected true or false");

  auto refused = [&](const char *key, const char *value, const char *words) {
    Preset changed = preset;
    EXPECT_TRUE(set(changed, key, value).ok());
    Status status = check(changed);
    ASSERT_TRUE(status.failed()) << key;
    EXPECT_TRUE(says(status.message(), words)) << status.message();
  };
  refused("is_low", "-0.2", "is_low of at least 0: bounds are absolute");
  refused("is_low", "6", "is_low of at most is_high");
  refused("dual", "3", "no dual of a loss that is 'token detached'");
  refused("behave", "tis", "behave_high");
  refused("kl_clamp", "20", "without kl");
  refused("ratio", "none", "no is_high of a loss that is 'none detached'");
  refused("surrogate", "soft", "no is_high");
}

} // namespace
