//===- Plan.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_PLAN_H
#define HAMLET_FRONTEND_PLAN_H

#include "frontend/ModelSpec.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace hamlet::frontend {

struct PlanOptions {
  int64_t tensorParallel = 1;
  int64_t chunk = 64; ///< Rows of a lightning tail.
  /// Weights, tails, keys and values; under f16 the last three are f32.
  FloatType dtype = FloatType::BF16;
};

/// What one rank of a tensor-parallel group needs. Heads, expert widths and the
/// vocabulary are cut; norms, routers and, where there are fewer of them than
/// ranks, key/value heads are on every rank.
struct Plan {
  std::string architecture;
  PlanOptions options;
  int64_t parameters = 0;
  /// Weights that one token meets, without embedding and LM head (MiniMax-M1's
  /// published 45.9 billion).
  int64_t activeParameters = 0;
  int64_t weightBytes = 0; ///< Router and its bias in f32, the rest in `dtype`.
  int64_t anchorBytesPerSequence = 0;
  int64_t tailBytesPerSequence = 0;
  int64_t kvBytesPerToken = 0; ///< All layers.
  /// One decoded token after `context - 1` others, LM head included; a
  /// multiplication and an addition are 2.
  struct Flops {
    int64_t context;
    double flops;
  };
  std::vector<Flops> flopsPerToken;
};

/// Fails if the degree does not divide what has to be cut; the error names it.
llvm::Expected<Plan> makePlan(const ModelSpec &spec,
                              const PlanOptions &options);
llvm::json::Object planJson(const Plan &plan);
std::string planText(const Plan &plan);
/// `1.50 GiB (1,610,612,736 bytes)`.
std::string bytesText(int64_t bytes);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_PLAN_H
