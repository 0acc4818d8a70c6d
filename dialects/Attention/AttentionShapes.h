//===- AttentionShapes.h - what ops here have in common -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_ATTENTION_ATTENTIONSHAPES_H
#define HAMLET_DIALECTS_ATTENTION_ATTENTIONSHAPES_H

#include "mlir/IR/Operation.h"

namespace hamlet::attention {

/// What attention.softmax and its gradient ask of q, k and v, (C1) and (C2).
mlir::LogicalResult verifyHeads(mlir::Operation *op, mlir::Value q,
                                mlir::Value k, mlir::Value v);

} // namespace hamlet::attention

#endif
