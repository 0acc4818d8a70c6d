//===- AdvantageTest.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "policy/Advantage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace hamlet;
using namespace hamlet::algorithm;

namespace {

using Scores = std::vector<std::optional<double>>;

Advantages of(const Scores &scores, const std::vector<int64_t> &groups,
              const AdvantageSettings &settings) {
  Result<Advantages> made = groupAdvantages(scores, groups, settings);
  EXPECT_TRUE(made.ok()) << made.message();
  return *made;
}

void expectNear(const std::vector<float> &found,
                const std::vector<double> &wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], wanted[i], 1e-6 * (1 + std::abs(wanted[i]))) << i;
}

AdvantageSettings settings(Spread spread, double epsilon = 0) {
  AdvantageSettings made;
  made.spread = spread;
  made.epsilon = epsilon;
  return made;
}

TEST(Advantage, GroupsByTheirMeanAndDeviation) {
  // Of 1, 2, 3: mean 2, unbiased deviation 1, biased sqrt(2 / 3).
  Scores scores{1, 10, 2, 3, 14};
  std::vector<int64_t> groups{7, -1, 7, 7, -1};
  AdvantageSettings s = settings(Spread::group);
  expectNear(of(scores, groups, s).values,
             {-1, -2 / std::sqrt(8.0), 0, 1, 2 / std::sqrt(8.0)});
  s.unbiased = false;
  expectNear(of(scores, groups, s).values,
             {-std::sqrt(1.5), -1, 0, std::sqrt(1.5), 1});
  s.epsilon = 1;
  expectNear(of(scores, groups, s).values,
             {-1 / (std::sqrt(2.0 / 3) + 1), -2.0 / 3, 0,
              1 / (std::sqrt(2.0 / 3) + 1), 2.0 / 3});
  expectNear(of(scores, groups, settings(Spread::none)).values,
             {-1, -2, 0, 1, 2});
}

TEST(Advantage, BatchDeviation) {
  Scores scores{0, 2, 4, 6};
  double deviation = std::sqrt(20.0 / 3);
  expectNear(of(scores, {0, 0, 1, 1}, settings(Spread::batch)).values,
             {-1 / deviation, 1 / deviation, -1 / deviation, 1 / deviation});
}

TEST(Advantage, EqualScoresAreExactlyZero) {
  // A third summed thrice is not one; the mean is off by its rounding.
  Scores scores{0.1, 0.1, 0.1, 1, 0};
  Advantages made = of(scores, {0, 0, 0, 1, 1}, settings(Spread::group, 1e-6));
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(made.values[i], 0) << i;
  EXPECT_EQ(made.groups, 2);
  EXPECT_EQ(made.equalGroups, 1);
  EXPECT_TRUE(made.kept[0]);
  AdvantageSettings drop = settings(Spread::group);
  drop.dropEqual = true;
  EXPECT_EQ(of(scores, {0, 0, 0, 1, 1}, drop).kept,
            (std::vector<bool>{false, false, false, true, true}));
}

TEST(Advantage, UnscoredAreInNoBaseline) {
  Scores scores{1, std::nullopt, 3, std::nullopt};
  AdvantageSettings s = settings(Spread::none);
  Advantages made = of(scores, {0, 0, 0, 1}, s);
  expectNear(made.values, {-1, 0, 1, 0});
  EXPECT_EQ(made.groups, 1);
  EXPECT_EQ(made.equalGroups, 0);
}

TEST(Advantage, LoneScores) {
  AdvantageSettings s = settings(Spread::group);
  expectNear(of({5, std::nullopt}, {0, 0}, s).values, {0, 0});
  s.loneScores = true;
  expectNear(of({5, std::nullopt}, {0, 0}, s).values, {5, 0});
}

TEST(Advantage, LeaveOneOut) {
  Scores scores{1, 0, 0, 0};
  std::vector<int64_t> groups(4, 0);
  AdvantageSettings s = settings(Spread::none);
  s.leaveOneOut = true;
  expectNear(of(scores, groups, s).values, {1, -1.0 / 3, -1.0 / 3, -1.0 / 3});
  // Others of the one success do not differ: nothing divides it.
  s.spread = Spread::group;
  s.skipZeroSpread = true;
  double deviation = std::sqrt((4.0 / 9 + 2.0 / 9) / 2), rest = -1 / 3.0;
  expectNear(of(scores, groups, s).values,
             {1, rest / deviation, rest / deviation, rest / deviation});
}

TEST(Advantage, RefusesWhatIsNotFinite) {
  Scores scores{1, std::numeric_limits<double>::infinity()};
  std::vector<int64_t> groups{0, 0};
  Result<Advantages> made =
      groupAdvantages(scores, groups, AdvantageSettings());
  ASSERT_TRUE(made.failed());
  EXPECT_NE(made.message().find("response 1"), std::string::npos);
}

TEST(Aggregation, WeightsOfTokens) {
  using enum Aggregation;
  // Two prompts, of 2 + 3 and 5 tokens; a response without any.
  std::vector<SequenceTokens> sequences{{0, 2}, {0, 3}, {1, 5}, {1, 0}};
  auto expect = [&](Aggregation aggregation, std::vector<double> wanted) {
    EXPECT_EQ(tokenWeights(aggregation, sequences, 8), wanted);
  };
  expect(token_mean, {1.0 / 10, 1.0 / 10, 1.0 / 10, 0});
  expect(prompt_mean, {1.0 / 10, 1.0 / 10, 1.0 / 10, 0});
  expect(sequence_mean_token_mean, {1.0 / 6, 1.0 / 9, 1.0 / 15, 0});
  expect(sequence_mean_token_sum, {1.0 / 3, 1.0 / 3, 1.0 / 3, 0});
  expect(constant, {1.0 / 24, 1.0 / 24, 1.0 / 24, 0});
  expect(length, {1.0 / 8, 1.0 / 8, 1.0 / 8, 0});
  expect(token_sum, {1, 1, 1, 0});
  sequences[2].tokens = 15;
  expect(token_mean, {1.0 / 20, 1.0 / 20, 1.0 / 20, 0});
  expect(prompt_mean, {1.0 / 10, 1.0 / 10, 1.0 / 30, 0});
}

} // namespace
