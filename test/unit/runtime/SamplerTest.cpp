//===- SamplerTest.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

namespace {

using namespace hamlet::runtime;
using Words = std::array<uint32_t, 4>;

Sampled pick(std::span<const float> logits, const Sampling &options,
             uint64_t position) {
  static SampleMemory memory; // what an earlier draw left in it must not matter
  return sample(logits, options, position, memory);
}

// Known answers of Random123's kat_vectors.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                   {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Sampler, GreedyTakesTheLowestOfEqualIds) {
  std::vector<float> logits = {1, 3, 3, 2};
  Sampled sampled = pick(logits, {}, 0);
  EXPECT_EQ(sampled.token, 1);
  double sum = std::exp(-2.0) + 1 + 1 + std::exp(-1.0);
  EXPECT_FLOAT_EQ(sampled.logprob, static_cast<float>(-std::log(sum)));
}

TEST(Sampler, FrequenciesFollowTheTemperature) {
  std::vector<float> logits = {0, 1, 2};
  Sampling options;
  options.temperature = 2;
  options.seed = 42;
  std::vector<int> counts(3);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i)
    ++counts[static_cast<size_t>(
        pick(logits, options, static_cast<uint64_t>(i)).token)];
  double sum = 1 + std::exp(0.5) + std::exp(1.0);
  for (int i = 0; i < 3; ++i) // 5 standard deviations
    EXPECT_NEAR(counts[static_cast<size_t>(i)] / double(kDraws),
                std::exp(0.5 * i) / sum, 0.018);
}

TEST(Sampler, TopKAndTopPCutTheTail) {
  // Probabilities 0.5, 0.3, 0.2 at ids 2, 0, 1.
  std::vector<float> logits = {std::log(0.3f), std::log(0.2f), std::log(0.5f)};
  Sampling options;
  options.temperature = 1;
  auto seen = [&] {
    std::vector<bool> ids(3);
    for (uint64_t i = 0; i < 500; ++i)
      ids[static_cast<size_t>(pick(logits, options, i).token)] = true;
    return ids;
  };
  EXPECT_EQ(seen(), (std::vector<bool>{true, true, true}));
  options.topK = 1;
  EXPECT_EQ(seen(), (std::vector<bool>{false, false, true}));
  options.topK = 2;
  EXPECT_EQ(seen(), (std::vector<bool>{true, false, true}));
  // Of the two left, the first has 0.625.
  options.topP = 0.6;
  EXPECT_EQ(seen(), (std::vector<bool>{false, false, true}));
  options.topK = 0;
  EXPECT_EQ(seen(), (std::vector<bool>{true, false, true}));
  // The log-probability is over the whole vocabulary all the same.
  EXPECT_NEAR(pick(logits, options, 0).logprob,
              logits[static_cast<size_t>(pick(logits, options, 0).token)],
              1e-6);
}

TEST(Sampler, NamesLogitsThatAreNotFinite) {
  std::vector<float> logits = {0, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(pick(logits, {}, 0).token, -1);
  for (float sign : {1.0f, -1.0f}) {
    logits[1] = sign * std::numeric_limits<float>::infinity();
    EXPECT_EQ(pick(logits, {}, 0).token, -1) << sign;
  }
}

} // namespace
