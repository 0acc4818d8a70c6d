//===- Materialize.h - which tiles of a kernel get memory -------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_MATERIALIZE_H
#define HAMLET_CODEGEN_TILE_MATERIALIZE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

#include <limits>

namespace hamlet::tile {

/// True of ops whose tile a consumer can evaluate element by element where it
/// needs it: elementwise `arith` and `math`, loads, gathers, iotas, broadcasts,
/// splats, constants.
bool isLazyOp(mlir::Operation *op);

/// The kernel argument that the memory of a view, or a pointer, belongs to.
mlir::Value baseOf(mlir::Value descOrPtr);

/// What a target gives for keeping a tile, in operations an element.
struct MaterializePolicy {
  // What an element costs where it is evaluated.
  int64_t load = 0;       ///< or gather
  int64_t widen = 0;      ///< extf, bitcast
  int64_t division = 8;   ///< or square root
  int64_t function = 8;   ///< of the math dialect, but fma and square root
  int64_t fromBuffer = 0; ///< an operand that has a buffer for certain
  /// A broadcast along a new last dimension costs nothing: what it repeats is
  /// read once a row.
  bool repeatsRows = false;

  // A tile is kept if its elements cost more than this
  int64_t recompute = 8;       ///< and several sinks would evaluate them
  int64_t recomputeInLoop = 2; ///< and a sink in a deeper loop would
  int64_t repeat = 2;          ///< and a broadcast would repeat them
  /// and they are what a dot adds to, which reads them in no good order.
  int64_t accumulate = std::numeric_limits<int64_t>::max();

  // What is kept whatever it costs.
  /// What is read one element at a time (a broadcast along a new last
  /// dimension, an index of rows, an extract, a scan), unless that is as cheap
  /// as from a buffer; else only indices of gathered rows.
  bool scalarReads = false;
  bool tables = false;  ///< constants whose elements differ
  bool yielded = false; ///< what a loop carries on
  /// Never keep constants, splats, iotas and broadcasts.
  bool cheapOnesStay = false;
};

/// Decides for each tile of a kernel whether it is kept in a buffer or
/// evaluated inside the loops of the ops that consume it (its sinks). The
/// kernel is not changed and must outlive this. Kept in a buffer are:
/// - results of dots, reductions, scans, loops and branches, and loop values;
/// - loads that a store may overwrite before their last sink has read them;
/// - what the policy says.
class Materialization {
public:
  /// Tiles of `refused` are kept only if they must be.
  Materialization(mlir::func::FuncOp kernel, const MaterializePolicy &policy,
                  const llvm::DenseSet<mlir::Value> &refused = {});

  /// True if `tile` lives in a buffer, written where its op stands.
  bool isBuffered(mlir::Value tile) const { return buffered.contains(tile); }
  /// Buffers that only save work, the last op's first.
  llvm::ArrayRef<mlir::Value> getOptional() const { return optional; }
  /// The ops in whose loops `tile` is read: consumers that are not lazy, and
  /// lazy ones that are kept in a buffer. Empty for a tile without use.
  llvm::ArrayRef<mlir::Operation *> getSinks(mlir::Value tile) const;

private:
  void decide(mlir::Operation *op, bool isRefused);
  bool mustKeep(mlir::Operation *op);
  bool pays(mlir::Operation *op);
  llvm::SetVector<mlir::Operation *> &collectSinks(mlir::Value tile);
  bool isOverwritten(mlir::Operation *load);
  bool updatesInPlace(mlir::Operation *store, mlir::Operation *load);
  int64_t cost(mlir::Value tile, llvm::DenseSet<mlir::Value> &seen);

  MaterializePolicy policy;
  llvm::DenseSet<mlir::Value> buffered;
  llvm::SmallVector<mlir::Value> optional;
  /// Read one element at a time.
  llvm::DenseSet<mlir::Value> scalar;
  llvm::DenseMap<mlir::Value, llvm::SetVector<mlir::Operation *>> sinks;
};

} // namespace hamlet::tile

#endif
