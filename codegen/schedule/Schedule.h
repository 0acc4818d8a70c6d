//===- Schedule.h - how a kernel's products are blocked ---------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A schedule says how fast, never what: no choice here changes a bit of a
// result, since every element is summed alone, in the order that the product's
// numerics give.
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_SCHEDULE_SCHEDULE_H
#define HAMLET_CODEGEN_SCHEDULE_SCHEDULE_H

#include "codegen/schedule/Target.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <optional>

namespace hamlet::schedule {

/// On a `tile.dot`: a dictionary of its Blocks, [rows, panels, depth] by
/// target.
inline constexpr llvm::StringLiteral kBlockAttr = "tile.block";

/// A register block: `rows` of A times `panels` of 16 columns of B stay in
/// registers over `depth` of k.
struct RegisterBlock {
  int64_t rows = 0, panels = 0, depth = 0;
};

/// What of a product [m, k] x [k, n] matters for its block.
struct Product {
  int64_t m, n, k;
  bool pairs;   ///< bf16 numerics: k in pairs
  bool widens;  ///< f32 numerics with a narrower B in memory
  int64_t part; ///< rows of k in a part of a split sum; 0: it is in one piece
  /// Of an element of B where the loop reads it.
  int64_t bytes() const { return pairs || widens ? 2 : 4; }
};
Product productOf(tile::DotOp dot);
/// The depth nearest to `depth` (1 to k) that a block may have: all of k; of
/// pairs an even one; of a split sum a part, or 2, 4, ... parts, which are
/// whole subtrees of its tree.
int64_t allowedDepth(const Product &product, int64_t depth);
/// The block that the dot was given for `target`, if any.
std::optional<RegisterBlock> blockOf(tile::DotOp dot, llvm::StringRef target);

/// Cycles that one core takes for the product, by the model that
/// docs/performance.md describes; operands in the second-level cache.
double predictCycles(const CpuTarget &target, const Product &product,
                     const RegisterBlock &block);
/// Registers that the block takes.
int64_t registersOf(const CpuTarget &target, const Product &product,
                    const RegisterBlock &block);
/// The block of least predicted cycles among those that fit the registers.
RegisterBlock chooseBlock(const CpuTarget &target, const Product &product);

/// One entry of a schedule file: a block for the products of some kernels.
struct Override {
  std::string kernel; ///< name (`linear_2`) or kind (`linear`); empty: any
  std::optional<int64_t> rows; ///< of the variant
  std::string target;          ///< empty: any
  RegisterBlock block;
  std::string place; ///< file and entry, for messages
};
/// Reads a file of them; the last entry that fits a product counts.
llvm::Expected<std::vector<Override>> readOverrides(llvm::StringRef path);

/// What was chosen for one product of a kernel.
struct Record {
  std::string symbol; ///< of the kernel's variant
  Product product;
  RegisterBlock block;
  double cycles; ///< predicted
  bool given;    ///< by an override
};

/// Adds to every `tile.dot` of the kernels its block for `target` and lists
/// what was chosen, each product of a kernel once. Fails, with an error at the
/// dot, where an override asks for more registers than there are.
mlir::FailureOr<std::vector<Record>>
scheduleDots(mlir::ModuleOp kernels, const CpuTarget &target,
             llvm::ArrayRef<Override> overrides);

/// Fails, with an error that lists the kernels, on an entry that fits no
/// product of `kernels`, all of a compilation, on any target, or that names a
/// target which is none of `targets`.
mlir::LogicalResult checkOverrides(llvm::ArrayRef<mlir::ModuleOp> kernels,
                                   llvm::ArrayRef<Override> overrides,
                                   const std::set<std::string> &targets);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/schedule/Passes.h.inc"

} // namespace hamlet::schedule

#endif
