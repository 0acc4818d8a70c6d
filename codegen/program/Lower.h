//===- Lower.h - a graph of fused regions becomes a program ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_LOWER_H
#define HAMLET_CODEGEN_PROGRAM_LOWER_H

#include "container/hmlt_generated.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace hamlet::codegen {

struct LoweredProgram {
  /// Everything but images, hashes and provenance.
  hmlt::ContainerT container;
  /// Every variant of every kernel, as tile IR.
  mlir::OwningOpRef<mlir::ModuleOp> kernels;
};

/// Lowers each function of `graph`, in which every op that computes stands in
/// an `nn.fused` region. Equal regions share a kernel. Fails with a diagnostic
/// on what no kernel does.
mlir::FailureOr<LoweredProgram> lowerProgram(mlir::ModuleOp graph);

} // namespace hamlet::codegen

#endif
