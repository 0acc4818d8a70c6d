//===- Sampler.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_SAMPLER_H
#define HAMLET_RUNTIME_SAMPLER_H

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace hamlet::runtime {

/// Philox4x32-10: four random words for a counter under a key.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                               std::array<uint32_t, 2> key);

/// A number in [0, 1) with 53 bits: Philox with `seed` as key and `position`
/// as counter, the first two words.
double uniformAt(uint64_t seed, uint64_t position);

struct Sampling {
  double temperature = 0; ///< 0: the largest logit, ties to the lowest id.
  int64_t topK = 0;       ///< 0: off.
  double topP = 1;        ///< Of what top-k left; 1: off.
  uint64_t seed = 0;
};

struct Sampled {
  int32_t token = 0; ///< -1 if a logit is infinite or not a number.
  /// Natural log of softmax(logits / temperature) over the whole vocabulary;
  /// temperature 0 counts as 1. Summed in double, in the order of ids.
  float logprob = 0;
};

/// Memory that `sample` uses anew each time.
struct SampleMemory {
  std::vector<int32_t> order;
  std::vector<double> weights;
};

/// Picks the token for `position` (its index in the sequence). Temperature,
/// then top-k, then top-p: the fewest most probable tokens (ties to the lower
/// id) that reach `topP` of what is left. The result depends on nothing but
/// the arguments.
Sampled sample(std::span<const float> logits, const Sampling &options,
               uint64_t position, SampleMemory &memory);

/// Natural log of softmax(logits / temperature) at some tokens; temperature 0
/// counts as 1. Summed as `sample` sums. Not a number if a logit is not finite.
class LogProbabilities {
public:
  LogProbabilities(std::span<const float> logits, double temperature);
  float operator[](int32_t token) const;
  /// The most probable token, ties to the lowest id.
  int32_t likeliest() const { return first; }
  /// The `count` most probable tokens (ties to the lower id) with theirs.
  std::vector<std::pair<int32_t, float>> best(size_t count) const;

private:
  std::span<const float> logits;
  double temperature;
  int32_t first;
  double top, logSum;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_SAMPLER_H
