//===- Lower.h - a graph of fused regions becomes a program --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_LOWER_H
#define HAMLET_CODEGEN_PROGRAM_LOWER_H

#include "codegen/program/TargetClass.h"
#include "mlir/IR/OwningOpRef.h"

namespace hamlet::codegen {

/// Lowers each function of `graph`, in which every op that computes stands in
/// an `nn.fused` region, to a module of the `program` dialect. Equal regions
/// share a kernel. The tile kernels of each class are a nested module of it,
/// which the class's `tiles` then is. Fails with a diagnostic on what no kernel
/// does.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
lowerToProgram(mlir::ModuleOp graph, std::vector<TargetClass> &classes);

/// Drops the tile kernels: once they are emitted, or for a reader.
void dropTiles(mlir::ModuleOp program);

} // namespace hamlet::codegen

#endif
