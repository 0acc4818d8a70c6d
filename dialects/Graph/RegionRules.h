//===- RegionRules.h - for which regions there is a kernel ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nn-fuse asks before it makes a region, the kernel writers before they write
// one: both ask here.

#ifndef HAMLET_DIALECTS_GRAPH_REGIONRULES_H
#define HAMLET_DIALECTS_GRAPH_REGIONRULES_H

#include "dialects/Graph/GraphOpInterface.h"

namespace hamlet::graph {

/// Why there is no kernel for a region.
struct Refusal {
  mlir::Operation *op;
  /// "norms parts of 16 columns and ...": what follows the op's name.
  std::string reason;
  /// Another op that has to do with it, and how; null if there is none.
  mlir::Operation *other = nullptr;
  std::string note = {};

  /// The error at `op`, with its note.
  mlir::LogicalResult emit() const;
};

/// The op of `ops` whose tiles of columns the region's kernel works on, if it
/// does; null if its instances have whole rows or heads.
GraphOpInterface tiledProduct(llvm::ArrayRef<mlir::Operation *> ops);

/// The windows in which a kernel stores `yielded`. `columns`: those of the
/// tiled product; 0 if there is none.
llvm::SmallVector<Window> storedWindows(mlir::Value yielded, int64_t columns);

/// Why there is no kernel for the region of `ops`, in the order of the block,
/// that gives `yields`; none if there is one. Views count as inside; what
/// other ops make, as operands of the region.
std::optional<Refusal> findRefusal(llvm::ArrayRef<mlir::Operation *> ops,
                                   llvm::ArrayRef<mlir::Value> yields);

/// findRefusal of the body of an nn.fused.
std::optional<Refusal> findRefusal(mlir::Block &body);

} // namespace hamlet::graph

#endif
