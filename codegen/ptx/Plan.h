//===- Plan.h - which tiles get memory, and where ---------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of a kernel is either lazy (its elements are worked out by whoever
// needs them, in registers) or has a buffer (its elements are worked out once,
// by all threads of the block, and read from memory after a barrier);
// Materialize decides. Buffers that only save work are given up, largest first,
// when shared memory is short; buffers that must be there move to scratch in
// global memory.
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PTX_PLAN_H
#define HAMLET_CODEGEN_PTX_PLAN_H

#include "codegen/ptx/DotSchedule.h"
#include "container/Lifetimes.h"
#include "dialects/Tile/TileOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <vector>

namespace hamlet::ptx {

/// Memory of one tile, row-major without padding. i1 elements take a byte.
struct Buffer {
  mlir::RankedTensorType type; ///< null for a dot's staging area
  bool scratch = false;        ///< in global memory rather than shared
  Lifetime life;               ///< in ops of the kernel, and its place
};

class Plan {
public:
  /// Plans `kernel` for blocks with `sharedLimit` bytes of shared memory.
  /// Remarks on tiles that went to scratch.
  static Plan make(mlir::func::FuncOp kernel, int64_t sharedLimit);

  /// The buffer of a tile, null when it is lazy.
  const Buffer *bufferOf(mlir::Value tile) const;
  /// Where a dot stages slices of its operands; null for other ops.
  const Buffer *stagingOf(mlir::Operation *op) const;
  int64_t sharedBytes() const { return sharedUsed; }
  int64_t scratchBytes() const { return scratchUsed; }

private:
  friend class Planner;
  std::vector<std::unique_ptr<Buffer>> buffers;
  llvm::DenseMap<mlir::Value, Buffer *> ofTile;
  llvm::DenseMap<mlir::Operation *, Buffer *> ofOp;
  int64_t sharedUsed = 0, scratchUsed = 0;
};

} // namespace hamlet::ptx

#endif
