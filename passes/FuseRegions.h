//===- FuseRegions.h - groups of ops that become nn.fused -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PASSES_FUSEREGIONS_H
#define HAMLET_PASSES_FUSEREGIONS_H

#include "dialects/Graph/RegionRules.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <deque>
#include <string>

namespace hamlet::fuse {

/// One region to be.
struct Group {
  std::string kind;                         ///< "linear", "norm_route", ...
  llvm::SmallVector<mlir::Operation *> ops; ///< without views
  mlir::Operation *tip = nullptr;           ///< the op whose result goes on
  graph::Fusion first;                      ///< of the op that it began with
  bool epilogue = false;  ///< elementwise ops on the tip's result join
  bool takesNorm = false; ///< a norm of the tip's result joins
  llvm::SmallVector<std::string> reasons;
};

/// Which op is in which group. Groups stay where they are once made.
class Regions {
public:
  explicit Regions(mlir::func::FuncOp func) : func(func) {}

  /// A group that begins with `op`, whose kind of region it has.
  Group &make(graph::GraphOpInterface op);
  void add(Group &group, mlir::Operation *op);
  /// The group of `op`; null if it has none.
  Group *of(mlir::Operation *op) const { return groups.lookup(op); }
  Group *producer(mlir::Value value) const;
  std::deque<Group> &all() { return storage; }

  /// Whether `operand` is a weight that is laid out for a product.
  static bool isPacked(mlir::OpOperand &operand);
  /// What a region with the owner of `operand` takes for it: the value under
  /// its views, or a weight as it is.
  static mlir::Value inputOf(mlir::OpOperand &operand);

  /// Users of `value`, those of views of it in the views' place, each once.
  llvm::SmallVector<mlir::Operation *> users(mlir::Value value) const;
  /// Whether `value` is returned as merged heads and not used otherwise: its
  /// region then gives the merged heads.
  static bool isReturnedMerged(mlir::Value value);

  /// Whether `op` can join `group`: no operand of `op` depends on `group` by a
  /// way outside of it.
  bool canJoin(Group &group, mlir::Operation *op) const;

  /// Why there is no kernel for a region of `ops`, if they were one.
  std::optional<graph::Refusal>
  refusalOf(llvm::ArrayRef<mlir::Operation *> ops) const;

  /// Replaces the function's ops by nn.fused regions, each after what it needs.
  void build();

  /// What a region of `ops` gives: what others ask for, and every result of an
  /// op whose kernels write them all.
  llvm::SmallVector<mlir::Value>
  yieldsOf(llvm::ArrayRef<mlir::Operation *> ops) const;

private:
  mlir::func::FuncOp func;
  std::deque<Group> storage;
  llvm::DenseMap<mlir::Operation *, Group *> groups;
};

} // namespace hamlet::fuse

#endif
