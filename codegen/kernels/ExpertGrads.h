//===- ExpertGrads.h - kernels of the gradients of experts ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_KERNELS_EXPERTGRADS_H
#define HAMLET_CODEGEN_KERNELS_EXPERTGRADS_H

#include "codegen/kernels/Kernels.h"

namespace hamlet::codegen {

/// dy W for the rows of a block. Arguments:
///   dy      [pairs, in]
///   blocks  of the dispatch
///   w       [experts, in, out], in rows
///   out     [pairs, out]
///   pairs   index
/// Grid: (blocks, ceil(out / columns), 1).
mlir::func::FuncOp expertInputGradKernel(const KernelSite &site,
                                         const ExpertShape &shape,
                                         int64_t rows);

struct ExpertWeightGradShape {
  int64_t in, out;     ///< columns of x and of dy
  mlir::Type x, dy;    ///< elements
  int64_t tileOut = 0; ///< rows of a tile of the gradient
  int64_t tileIn = 0;  ///< its columns

  /// Tiles whose operands are packed seldom, as `sizes` has products.
  void chooseTiles(const KernelSizes &sizes);
};

/// into += dy^T x of each expert's rows. Arguments:
///   x        [pairs, in]
///   dy       [pairs, out]
///   offsets  [experts + 1]
///   into     [experts, out, in] f32
/// Grid: (ceil(out / tileOut), ceil(in / tileIn), experts).
mlir::func::FuncOp expertWeightGradKernel(const KernelSite &site,
                                          const ExpertWeightGradShape &shape);

} // namespace hamlet::codegen

#endif
