//===- AttentionOps.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_ATTENTION_ATTENTIONOPS_H
#define HAMLET_DIALECTS_ATTENTION_ATTENTIONOPS_H

#include "dialects/Attention/AttentionDialect.h"
#include "dialects/Graph/GraphOpInterface.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "dialects/Attention/AttentionOps.h.inc"

#endif
