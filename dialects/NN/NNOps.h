//===- NNOps.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_NN_NNOPS_H
#define HAMLET_DIALECTS_NN_NNOPS_H

#include "dialects/Graph/GraphOpInterface.h"
#include "dialects/NN/NNDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "dialects/NN/NNOps.h.inc"

namespace hamlet::nn {
/// Parts of a row that are normalised apart: groups of each head, if x has
/// heads.
/// Parts of a row of x that are normed apart: a norm's, or its gradient's.
int64_t partsOf(mlir::RankedTensorType x, uint64_t groups);

/// What a norm, or its gradient, needs for `window` of a result that has
/// `columns` of each part: all columns of the part, of each of `rows`, in the
/// blocks that are summed apart. False where it refused.
bool askParts(mlir::Value x, uint64_t groups, uint64_t blocks,
              llvm::ArrayRef<mlir::Value> rows, int64_t columns,
              const graph::Window &window, graph::WindowSink &sink);

/// What nn.rms_norm and its gradient ask of their attributes, (C2) to (C4).
mlir::LogicalResult verifyNormAttributes(mlir::Operation *op, int64_t width,
                                         int64_t groups, int64_t blocks,
                                         int64_t split,
                                         mlir::RankedTensorType w,
                                         const llvm::APFloat &epsilon);
} // namespace hamlet::nn

#endif
