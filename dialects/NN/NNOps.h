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
int64_t partsOf(RmsNormOp norm);
} // namespace hamlet::nn

#endif
