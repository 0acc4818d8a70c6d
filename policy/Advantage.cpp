//===- Advantage.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "policy/Advantage.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>

namespace hamlet::algorithm {

const std::vector<std::string> &spreadNames() {
  static const std::vector<std::string> names{"none", "group", "batch"};
  return names;
}

const std::vector<std::string> &aggregationNames() {
  static const std::vector<std::string> names{
      "token-mean",         "prompt-mean-token",       "seq-mean-token-mean",
      "seq-mean-token-sum", "seq-mean-token-sum-norm", "length",
      "token-sum"};
  return names;
}

bool needsGroups(Aggregation aggregation) {
  return aggregation == Aggregation::prompt_mean;
}

bool needsLength(Aggregation aggregation) {
  return aggregation == Aggregation::constant ||
         aggregation == Aggregation::length;
}

namespace {

double meanOf(std::span<const double> x) {
  double sum = 0;
  for (double v : x)
    sum += v;
  return x.empty() ? 0 : sum / static_cast<double>(x.size());
}

/// 0 of fewer than two.
double deviationOf(std::span<const double> x, bool unbiased) {
  if (x.size() < 2)
    return 0;
  double mean = meanOf(x), sum = 0;
  for (double v : x)
    sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(x.size() - (unbiased ? 1 : 0)));
}

bool areEqual(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [&](double v) { return v == x[0]; });
}

} // namespace

Result<Advantages>
groupAdvantages(std::span<const std::optional<double>> scores,
                std::span<const int64_t> groups,
                const AdvantageSettings &settings) {
  assert(scores.size() == groups.size() && "a response has a group");
  std::map<int64_t, std::vector<size_t>> members;
  std::vector<double> all;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!scores[i])
      continue;
    if (!std::isfinite(*scores[i]))
      return failure("the score of response ", i, " is ", *scores[i]);
    members[groups[i]].push_back(i);
    all.push_back(*scores[i]);
  }
  Advantages made;
  made.values.assign(scores.size(), 0.0F);
  made.kept.assign(scores.size(), true);
  made.groups = static_cast<int64_t>(members.size());
  double ofBatch = deviationOf(all, settings.unbiased);
  for (const auto &[group, who] : members) {
    std::vector<double> mine, others;
    for (size_t i : who)
      mine.push_back(*scores[i]);
    bool equal = areEqual(mine);
    made.equalGroups += equal;
    if (equal && settings.dropEqual)
      for (size_t i = 0; i < groups.size(); ++i)
        if (groups[i] == group)
          made.kept[i] = false;
    // A mean of equal scores may be off by its rounding.
    if (equal && !(mine.size() == 1 && settings.loneScores))
      continue;
    double mean = meanOf(mine),
           deviation = deviationOf(mine, settings.unbiased);
    for (size_t i : who) {
      double score = *scores[i], base = mean, spread = deviation;
      if (mine.size() == 1) {
        base = 0;
        spread = 1;
      } else if (settings.leaveOneOut) {
        others.clear();
        for (size_t j : who)
          if (j != i)
            others.push_back(*scores[j]);
        base = meanOf(others);
        spread = areEqual(others) ? 0 : deviationOf(others, settings.unbiased);
      }
      if (settings.spread == Spread::batch)
        spread = ofBatch;
      double advantage = score - base;
      if (settings.spread != Spread::none &&
          (spread > 0 || !settings.skipZeroSpread))
        advantage /= spread + settings.epsilon;
      made.values[i] = static_cast<float>(advantage);
    }
  }
  return made;
}

std::vector<double> tokenWeights(Aggregation aggregation,
                                 std::span<const SequenceTokens> sequences,
                                 double length) {
  double tokens = 0, full = 0;
  std::map<int64_t, double> ofGroup;
  for (const SequenceTokens &sequence : sequences) {
    if (sequence.tokens == 0)
      continue;
    tokens += sequence.tokens;
    ++full;
    ofGroup[sequence.group] += sequence.tokens;
  }
  auto divisor = [&](const SequenceTokens &sequence) -> double {
    switch (aggregation) {
    case Aggregation::token_mean:
      return tokens;
    case Aggregation::prompt_mean:
      return static_cast<double>(ofGroup.size()) * ofGroup[sequence.group];
    case Aggregation::sequence_mean_token_mean:
      return full * sequence.tokens;
    case Aggregation::sequence_mean_token_sum:
      return full;
    case Aggregation::constant:
      return full * length;
    case Aggregation::length:
      return length;
    case Aggregation::token_sum:
      return 1;
    }
    return 1;
  };
  std::vector<double> weights;
  for (const SequenceTokens &sequence : sequences)
    weights.push_back(sequence.tokens == 0 ? 0 : 1 / divisor(sequence));
  return weights;
}

} // namespace hamlet::algorithm
