//===- RegionLowering.h - a fused region becomes launches -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_REGIONLOWERING_H
#define HAMLET_CODEGEN_PROGRAM_REGIONLOWERING_H

#include "codegen/kernels/Kernels.h"
#include "codegen/kernels/Window.h"
#include "codegen/program/ProgramBuilder.h"

namespace hamlet::codegen {

/// What the lowering of one function's regions shares.
struct FunctionLowering {
  ProgramBuilder &program;
  /// The list of blocks of expert rows of each dispatch's offsets.
  llvm::DenseMap<mlir::Value, mlir::Value> blocksOf =
      llvm::DenseMap<mlir::Value, mlir::Value>();
};

/// One region, and what its kernels' writers ask of it.
struct RegionLowering {
  using Value = mlir::Value;

  FunctionLowering &function;
  nn::FusedOp op;

  ProgramBuilder &program() { return function.program; }

  KernelInfo info(llvm::StringRef kind, bool product = false);
  /// A text that is equal for regions that need the same kernel.
  std::string key(llvm::StringRef more) const;
  /// What a value inside the region is outside of it.
  Value outside(Value v) const;
  /// The result of the region that yields `v`, or a view of it; null if none
  /// does.
  Value yielded(Value v) const;
  /// The memory of a value inside the region that is an operand of it, or a
  /// view of all columns of one; packed, unless `packed` is strided.
  mlir::FailureOr<Value> memoryOf(Value v,
                                  tile::Layout packed = tile::Layout::strided);
  Extent rowsOf(Value v);
  /// Memory of `rows` rows for a result of the anchor: what the region yields
  /// of it, or a buffer that nothing reads.
  Value define(Value result, const Extent &rows);
};

/// The variants of `family` that `rows` rows can need: one, if they are known
/// now.
std::vector<int64_t> variantsFor(llvm::ArrayRef<int64_t> family,
                                 const Extent &rows);

/// Where a tensor of heads lies; `source` becomes the value under its views.
HeadsIn headsIn(mlir::Value v, mlir::Value &source);

/// Launches the one kernel of a region whose ops work on rows.
mlir::LogicalResult launchRows(RegionLowering &region);

} // namespace hamlet::codegen

#include "codegen/program/LaunchOp.h.inc"

#endif
