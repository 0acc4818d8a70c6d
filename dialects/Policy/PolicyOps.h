//===- PolicyOps.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_POLICY_POLICYOPS_H
#define HAMLET_DIALECTS_POLICY_POLICYOPS_H

#include "dialects/Graph/GraphOpInterface.h"
#include "dialects/Policy/PolicyDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "dialects/Policy/PolicyOps.h.inc"

namespace hamlet::policy {

/// Columns of `counters` of policy.loss.
inline constexpr int64_t kLossCounters = 8;

/// Whether something is summed over the tokens of a sequence.
bool isBySequence(LossOp op);

} // namespace hamlet::policy

#endif
