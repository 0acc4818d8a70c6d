//===- Region.h - a fused region of graph ops as one kernel ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Regions whose ops work on rows: products with what precedes and follows
// them, norms, gates, residuals, routing, combination. Values inside a region
// stay f32 in registers and are rounded where they leave it.

#ifndef HAMLET_CODEGEN_KERNELS_REGION_H
#define HAMLET_CODEGEN_KERNELS_REGION_H

#include "codegen/kernels/TileBuilder.h"
#include "dialects/NN/NNOps.h"

namespace hamlet::codegen {

/// How an operand of the region lies in memory.
enum class OperandLayout { plain, panel, panelPairs };

/// What a region's kernel looks like before it is written.
struct RegionPlan {
  nn::FusedOp op;
  /// A product over columns: the grid's second axis is tiles of `columns`.
  bool product = false;
  int64_t columns = 0;
  /// The grid's second axis: column tiles, heads, or 1.
  int64_t lanes = 1;
  std::vector<OperandLayout> operands;
  /// The rows are those of the list of output rows, not the tokens.
  bool selectsRows = false;
  /// Elements of the widest row: bounds the rows that fit a scratch.
  int64_t widest = 0;
};

/// Fails with a diagnostic on an op of the region that no kernel has.
mlir::FailureOr<RegionPlan> planRegion(nn::FusedOp op);

/// Arguments: the region's operands x0, x1, ..; its results y0, y1, ..; rows;
/// tokens (rows of a tensor that is gathered from). Grid: (ceil(rows of the
/// domain / `rows`), plan.lanes, 1).
mlir::FailureOr<mlir::func::FuncOp> regionKernel(mlir::ModuleOp module,
                                                 llvm::StringRef name,
                                                 const RegionPlan &plan,
                                                 int64_t rows);

} // namespace hamlet::codegen

#endif
