//===- LightningShapes.h - what ops here have in common -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_LIGHTNING_LIGHTNINGSHAPES_H
#define HAMLET_DIALECTS_LIGHTNING_LIGHTNINGSHAPES_H

#include "mlir/IR/Operation.h"

namespace hamlet::lightning {

/// A chunk is unrolled by blocks: the time to compile it grows with its square.
inline constexpr int64_t kMostChunk = 1024;

/// What lightning.attention and its gradient ask of q, k and v, (C1) and (C2).
mlir::LogicalResult verifyHeads(mlir::Operation *op, mlir::Value q,
                                mlir::Value k, mlir::Value v);

} // namespace hamlet::lightning

#endif
