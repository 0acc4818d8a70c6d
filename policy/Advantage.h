//===- Advantage.h - advantages of groups, weights of tokens --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a step's responses are scored against, and what each of their tokens
// counts for: worked out once a step, over all micro-batches, in f64.

#ifndef HAMLET_POLICY_ADVANTAGE_H
#define HAMLET_POLICY_ADVANTAGE_H

#include "container/Status.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hamlet::algorithm {

/// What the distance from the baseline is divided by.
enum class Spread { none, group, batch };
const std::vector<std::string> &spreadNames();

struct AdvantageSettings {
  Spread spread = Spread::group;
  bool unbiased = true;  ///< variance over n - 1
  double epsilon = 1e-6; ///< added to the deviation
  /// Baseline and deviation of the group's others.
  bool leaveOneOut = false;
  /// A deviation of 0 divides nothing; else epsilon divides.
  bool skipZeroSpread = false;
  /// The only score of a group is its advantage; else that is 0.
  bool loneScores = false;
  /// Groups whose scores are all equal leave loss and denominators.
  bool dropEqual = false;
};

struct Advantages {
  std::vector<float> values; ///< of each response
  /// Whether the response's tokens count in loss and denominators.
  std::vector<bool> kept;
  int64_t groups = 0, equalGroups = 0; ///< with scores, with equal ones
};

/// `scores` of responses, without one that could not be scored: its advantage
/// is 0, and it is in no baseline. `groups`: the prompt of each, any numbers.
/// Fails on a score that is not finite.
Result<Advantages>
groupAdvantages(std::span<const std::optional<double>> scores,
                std::span<const int64_t> groups,
                const AdvantageSettings &settings);

/// How tokens' losses become one; with N tokens, S sequences with
/// a token, Q groups with one, n of a sequence, N_q of its group.
enum class Aggregation {
  token_mean,               ///< 1 / N
  prompt_mean,              ///< 1 / (Q N_q)
  sequence_mean_token_mean, ///< 1 / (S n)
  sequence_mean_token_sum,  ///< 1 / S
  constant,                 ///< 1 / (S length)
  length,                   ///< 1 / length
  token_sum,                ///< 1
};
/// As frameworks write them: "token-mean", "seq-mean-token-mean".
const std::vector<std::string> &aggregationNames();
/// Whether it needs what a batch of sequences does not say: groups of one
/// prompt, the most tokens of a response.
bool needsGroups(Aggregation aggregation);
bool needsLength(Aggregation aggregation);

struct SequenceTokens {
  int64_t group = 0;
  double tokens = 0; ///< that count, or the sum of a mask that is not 0 or 1
};

/// The weight of each token of each sequence. `length`: a constant, what a
/// response can have at most, which `constant` and `length` divide by.
std::vector<double> tokenWeights(Aggregation aggregation,
                                 std::span<const SequenceTokens> sequences,
                                 double length);

} // namespace hamlet::algorithm

#endif
