//===- Passes.h - the passes over the graph dialects ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PASSES_PASSES_H
#define HAMLET_PASSES_PASSES_H

#include "dialects/Lightning/LightningDialect.h"
#include "dialects/NN/NNDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace hamlet {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"
} // namespace hamlet

#endif
