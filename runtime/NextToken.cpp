//===- NextToken.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/NextToken.h"

#include <algorithm>
#include <cmath>

namespace hamlet::runtime {

std::string notFinite(uint64_t position) {
  return "position " + std::to_string(position) +
         ": the model's logits are not finite";
}

Sampled addNextToken(const Request &request, std::span<const float> row,
                     const hmlt::ModelT &model, Answer &answer,
                     int64_t &confident, SampleMemory &memory) {
  uint64_t position = request.promptIds.size() + answer.tokens.size();
  Sampled sampled = sample(row, request.sampling, position, memory);
  if (sampled.token < 0) {
    answer.error = notFinite(position);
    return sampled;
  }
  answer.tokens.push_back(sampled.token);
  answer.logprobs.push_back(sampled.logprob);
  if (request.rawLogprobs)
    answer.rawLogprobs.push_back(LogProbabilities(row, 0)[sampled.token]);
  if (request.topLogprobs)
    answer.topLogprobs.push_back(
        LogProbabilities(row, request.sampling.temperature)
            .best(static_cast<size_t>(request.topLogprobs)));

  auto isIn = [&](const std::vector<int64_t> &ids) {
    return std::find(ids.begin(), ids.end(), sampled.token) != ids.end();
  };
  if (request.earlyStop) {
    bool sure =
        std::exp(double(sampled.logprob)) > request.earlyStop->probability;
    confident = sure ? confident + 1 : 0;
  }
  if (isIn(request.stopIds) || isIn(model.eos_ids))
    answer.finishReason = "stop";
  else if (request.earlyStop && confident >= request.earlyStop->count)
    answer.finishReason = "early";
  else if (static_cast<int64_t>(answer.tokens.size()) >= request.maxTokens)
    answer.finishReason = "length";
  return sampled;
}

} // namespace hamlet::runtime
