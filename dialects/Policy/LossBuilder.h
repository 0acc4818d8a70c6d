//===- LossBuilder.h - policy.loss of a trainer's settings ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_POLICY_LOSSBUILDER_H
#define HAMLET_DIALECTS_POLICY_LOSSBUILDER_H

#include "dialects/Policy/PolicyOps.h"
#include "mlir/IR/Builders.h"
#include "policy/Loss.h"

namespace hamlet::policy {

/// What a loss may need; what it does not take may be there all the same.
struct LossOperands {
  mlir::Value logprob, weight;
  mlir::Value old, advantage, mask, ref, rollout, entropy, starts;
};

/// `loss` has passed algorithm::check.
LossOp createLoss(mlir::OpBuilder &builder, mlir::Location location,
                  const algorithm::Loss &loss, const LossOperands &operands,
                  bool counters);

} // namespace hamlet::policy

#endif
