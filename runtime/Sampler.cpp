//===- Sampler.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace hamlet::runtime {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                               std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiply0 = 0xd2511f53, kMultiply1 = 0xcd9e8d57;
  constexpr uint32_t kWeyl0 = 0x9e3779b9, kWeyl1 = 0xbb67ae85;
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = kMultiply0 * counter[0], p1 = kMultiply1 * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

double uniformAt(uint64_t seed, uint64_t position) {
  auto words =
      philox({static_cast<uint32_t>(position),
              static_cast<uint32_t>(position >> 32), 0, 0},
             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  uint64_t bits = uint64_t(words[0]) << 32 | words[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

/// The order of candidates: by probability, then by id.
static bool before(std::span<const float> logits, int32_t a, int32_t b) {
  float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
  return x > y || (x == y && a < b);
}

LogProbabilities::LogProbabilities(std::span<const float> logits, double given)
    : logits(logits), temperature(given == 0 ? 1 : given),
      first(static_cast<int32_t>(
          std::max_element(logits.begin(), logits.end()) - logits.begin())),
      top(logits[static_cast<size_t>(first)]) {
  double sum = 0;
  bool finite = true;
  for (float logit : logits) {
    finite &= std::isfinite(logit);
    sum += std::exp((logit - top) / temperature);
  }
  logSum = finite ? std::log(sum) : std::numeric_limits<double>::quiet_NaN();
}

float LogProbabilities::operator[](int32_t token) const {
  double scaled = (logits[static_cast<size_t>(token)] - top) / temperature;
  return static_cast<float>(scaled - logSum);
}

std::vector<std::pair<int32_t, float>>
LogProbabilities::best(size_t count) const {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(),
                    order.begin() + static_cast<ptrdiff_t>(count), order.end(),
                    [&](int32_t a, int32_t b) { return before(logits, a, b); });
  std::vector<std::pair<int32_t, float>> found;
  for (size_t i = 0; i < count; ++i)
    found.emplace_back(order[i], (*this)[order[i]]);
  return found;
}

Sampled sample(std::span<const float> logits, const Sampling &options,
               uint64_t position, SampleMemory &memory) {
  const LogProbabilities logprobs(logits, options.temperature);
  const int32_t best = logprobs.likeliest();
  if (std::isnan(logprobs[best]))
    return {-1, std::numeric_limits<float>::quiet_NaN()};
  auto answer = [&](int32_t token) { return Sampled{token, logprobs[token]}; };
  if (options.temperature == 0)
    return answer(best);

  const double top = logits[static_cast<size_t>(best)];
  const double temperature = options.temperature;
  std::vector<int32_t> &order = memory.order;
  order.resize(logits.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int32_t>(i);
  size_t kept = options.topK > 0
                    ? std::min(order.size(), static_cast<size_t>(options.topK))
                    : order.size();
  if (kept < order.size() || options.topP < 1)
    std::partial_sort(
        order.begin(), order.begin() + static_cast<ptrdiff_t>(kept),
        order.end(),
        [&](int32_t a, int32_t b) { return before(logits, a, b); });
  std::vector<double> &weights = memory.weights;
  weights.resize(order.size());
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    weights[i] =
        std::exp((logits[static_cast<size_t>(order[i])] - top) / temperature);
    total += weights[i];
  }
  if (options.topP < 1) {
    double reached = 0;
    size_t i = 0;
    while (i < kept && reached < options.topP * total)
      reached += weights[i++];
    kept = std::max<size_t>(i, 1);
    total = reached;
  }
  double target = uniformAt(options.seed, position) * total;
  for (size_t i = 0; i + 1 < kept; ++i) {
    target -= weights[i];
    if (target < 0)
      return answer(order[i]);
  }
  return answer(order[kept - 1]);
}

} // namespace hamlet::runtime
