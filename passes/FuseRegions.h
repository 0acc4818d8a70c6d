//===- FuseRegions.h - groups of ops that become nn.fused -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PASSES_FUSEREGIONS_H
#define HAMLET_PASSES_FUSEREGIONS_H

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
  llvm::SmallVector<std::string> reasons;
};

/// Whether `op` moves no bytes: it is copied to where it is used.
bool isView(mlir::Operation *op);
/// The value under the views of `value`.
mlir::Value underViews(mlir::Value value);
/// Which op is in which group. Groups stay where they are once made.
class Regions {
public:
  explicit Regions(mlir::func::FuncOp func) : func(func) {}

  Group &make(mlir::Operation *op, llvm::StringRef kind);
  void add(Group &group, mlir::Operation *op);
  /// The group of `op`; null if it has none.
  Group *of(mlir::Operation *op) const { return groups.lookup(op); }
  Group *producer(mlir::Value value) const;
  std::deque<Group> &all() { return storage; }

  /// Users of `value`, those of views of it in the views' place, each once.
  llvm::SmallVector<mlir::Operation *> users(mlir::Value value) const;
  /// Whether `value` is returned as merged heads and not used otherwise: its
  /// region then gives the merged heads.
  static bool isReturnedMerged(mlir::Value value);

  /// Whether `op` can join `group`: no operand of `op` depends on `group` by a
  /// way outside of it.
  bool canJoin(Group &group, mlir::Operation *op) const;

  /// Replaces the function's ops by nn.fused regions, each after what it needs.
  void build();

private:
  mlir::func::FuncOp func;
  std::deque<Group> storage;
  llvm::DenseMap<mlir::Operation *, Group *> groups;
};

} // namespace hamlet::fuse

#endif
