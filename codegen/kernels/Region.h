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
#include "mlir/IR/DialectRegistry.h"

#include <optional>

namespace hamlet::codegen {

/// What a region's kernel looks like before it is written.
struct RegionPlan {
  nn::FusedOp op;
  /// A product over columns: the grid's second axis is tiles of `columns`.
  bool product = false;
  int64_t columns = 0;
  /// Columns of the product in all.
  int64_t width = 0;
  /// The grid's second axis: column tiles, heads, or 1.
  int64_t lanes = 1;
  /// How each operand lies: strided, or a packed weight.
  std::vector<tile::Layout> operands;
  /// The operand whose rows are picked by a list, and counted by the kernel's
  /// last argument.
  std::optional<unsigned> gatheredFrom;
  /// Elements of the widest row: bounds the rows that fit a scratch.
  int64_t widest = 0;
};

/// Fails with a diagnostic on a region that no kernel does.
mlir::LogicalResult checkRegion(nn::FusedOp op);

/// The plan of a region without an op that has kernels of its own. Fails as
/// checkRegion does.
mlir::FailureOr<RegionPlan> planRegion(nn::FusedOp op,
                                       const KernelSizes &sizes);

/// Arguments: the region's operands, its results, rows (index), rows of
/// `gatheredFrom` (index). Grid: (ceil(rows of the region / `rows`),
/// plan.lanes, 1).
mlir::FailureOr<mlir::func::FuncOp>
regionKernel(const KernelSite &site, const RegionPlan &plan, int64_t rows);

/// Gives WindowOpInterface to the ops of nn and moe, which kernels of regions
/// are written by. Whoever lowers regions registers it.
void registerWindowModels(mlir::DialectRegistry &registry);

} // namespace hamlet::codegen

#endif
