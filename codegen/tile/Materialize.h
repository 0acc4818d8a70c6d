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

namespace hamlet::tile {

/// True of ops whose tile a consumer can evaluate element by element where it
/// needs it: elementwise `arith` and `math`, loads, gathers, iotas, broadcasts,
/// splats, constants.
bool isLazyOp(mlir::Operation *op);

/// Decides for each tile of a kernel whether it is kept in a buffer or
/// evaluated inside the loops of the ops that consume it (its sinks). The
/// kernel is not changed and must outlive this. Kept in a buffer are:
/// - results of dots, reductions, scans, loops and branches, and loop values;
/// - what is read one element at a time (a broadcast along a new last
///   dimension, an index of rows, an extract, a scan) unless that is as cheap
///   as reading a buffer;
/// - what several sinks, or a sink in a deeper loop, would evaluate again, if
///   it costs more than `Options::recompute` operations;
/// - loads that a store may overwrite before their last sink has read them.
class Materialization {
public:
  struct Options {
    /// Operations that several sinks may each do again; division and square
    /// root count eight, reading and widening nothing.
    int64_t recompute = 8;
    /// The same for a sink in a deeper loop.
    int64_t recomputeInLoop = 2;
  };
  explicit Materialization(mlir::func::FuncOp kernel)
      : Materialization(kernel, Options()) {}
  Materialization(mlir::func::FuncOp kernel, Options options);

  /// True if `tile` lives in a buffer, written where its op stands.
  bool isBuffered(mlir::Value tile) const { return buffered.contains(tile); }
  /// The ops in whose loops `tile` is read: consumers that are not lazy, and
  /// lazy ones that are kept in a buffer. Empty for a tile without use.
  llvm::ArrayRef<mlir::Operation *> getSinks(mlir::Value tile) const;

private:
  void decide(mlir::Operation *op);
  llvm::SetVector<mlir::Operation *> &collectSinks(mlir::Value tile);
  bool isOverwritten(mlir::Operation *load);
  int64_t cost(mlir::Value tile, llvm::DenseSet<mlir::Value> &seen);

  Options options;
  llvm::DenseSet<mlir::Value> buffered;
  /// Read one element at a time.
  llvm::DenseSet<mlir::Value> scalar;
  llvm::DenseMap<mlir::Value, llvm::SetVector<mlir::Operation *>> sinks;
};

} // namespace hamlet::tile

#endif
