//===- Adjoint.h - what ops write their gradients with --------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values are named as the forward has them, inside regions or outside. The
// backward stands after it, outside of regions: what it needs of a region is
// yielded, or worked out again where that is cheap.

#ifndef HAMLET_PASSES_ADJOINT_ADJOINT_H
#define HAMLET_PASSES_ADJOINT_ADJOINT_H

#include "dialects/Graph/GraphOpInterface.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/MapVector.h"

namespace hamlet::adjoint {

/// The backward of one function, while it is written.
class Adjoint {
public:
  using Value = mlir::Value;

  explicit Adjoint(mlir::func::FuncOp func);
  /// Appends the backward. The states of weights' gradients become results.
  mlir::LogicalResult run();

  mlir::OpBuilder b;  ///< at the end of the function
  mlir::Location loc; ///< of the forward op

  /// `v` as it is seen outside of regions.
  Value forward(Value v);
  /// Null if there is none. Where it is asked for, all of it is there.
  Value gradientOf(Value v);
  /// Adds to the gradient of `v`, which has the type of `v`. What nothing can
  /// be learned by (an argument, a constant, ids) takes none.
  void add(Value v, Value gradient);
  /// Adds to columns of x, which is [T, W], from `offset` on: [T, heads, dim].
  void addHeads(Value x, int64_t offset, Value gradient);

  /// All columns of rows [T, W] as `heads`.
  Value headsOf(Value rows, mlir::RankedTensorType heads);

  /// Adds to the gradient of a weight: `make` is given its state and returns
  /// the updated one.
  void addToWeight(Value weight, llvm::function_ref<Value(Value)> make);

  /// The sums over the columns of `dy` for a gradient of what `forward` sums.
  tile::NumericsAttr sumsOver(Value dy, tile::NumericsAttr forward);
  /// The op behind `v` if it is an Op.
  template <typename Op> Op definer(Value v) {
    return origin(v).getDefiningOp<Op>();
  }
  /// A function's argument by its attribute `hamlet.name`; null if it has none.
  Value argument(llvm::StringRef name);

private:
  /// Through arguments and results of regions.
  Value origin(Value v) const;
  bool learns(Value origin) const;
  Value yielded(Value origin) const;
  Value keep(Value origin);
  mlir::LogicalResult visit(mlir::Operation *op);
  mlir::LogicalResult gather(Value origin);

  mlir::func::FuncOp func;
  llvm::DenseMap<Value, Value> again; ///< worked out again
  llvm::DenseMap<Value, Value> gradients;
  /// Of values that are read by heads: parts of their columns.
  llvm::DenseMap<Value, llvm::SmallVector<std::pair<int64_t, Value>>> windows;
  llvm::MapVector<mlir::StringAttr, Value> states; ///< by weight
};

} // namespace hamlet::adjoint

#include "passes/adjoint/AdjointOpInterface.h.inc"

namespace hamlet::adjoint {

/// An op's model: `kBuild` is its buildAdjoint.
template <typename OpTy, llvm::LogicalResult (*kBuild)(Adjoint &a, OpTy op)>
struct Model : AdjointOpInterface::ExternalModel<Model<OpTy, kBuild>, OpTy> {
  llvm::LogicalResult buildAdjoint(mlir::Operation *op, Adjoint &a) const {
    return kBuild(a, llvm::cast<OpTy>(op));
  }
};

void registerAttentionAdjoints(mlir::DialectRegistry &registry);
void registerLightningAdjoints(mlir::DialectRegistry &registry);
void registerMoEAdjoints(mlir::DialectRegistry &registry);
void registerNNAdjoints(mlir::DialectRegistry &registry);
void registerPolicyAdjoints(mlir::DialectRegistry &registry);

} // namespace hamlet::adjoint

#endif
