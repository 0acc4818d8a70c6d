//===- Passes.h - from fused regions to kernels and a plan ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PASSES_H
#define HAMLET_CODEGEN_PROGRAM_PASSES_H

#include "dialects/Program/ProgramDialect.h"
#include "dialects/Tile/TileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace hamlet::codegen {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/program/Passes.h.inc"

/// The passes of this folder and the pipeline `graph-to-tile{chunk=64}`, which
/// takes a model's graph to the text that `--compile-to=tile` prints.
void registerLoweringPasses();

/// What the ops of the dialects launch (`LaunchOpInterface`): for every tool
/// that lowers.
void registerLaunchModels(mlir::DialectRegistry &registry);

} // namespace hamlet::codegen

#endif
