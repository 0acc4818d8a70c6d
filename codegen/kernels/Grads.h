//===- Grads.h - kernels of nn's gradients --------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As Kernels.h. What is summed over tokens is one chain of f32 fmas, tokens
// ascending, that goes on from what memory holds: its bits do not depend on how
// tokens are spread over calls.

#ifndef HAMLET_CODEGEN_KERNELS_GRADS_H
#define HAMLET_CODEGEN_KERNELS_GRADS_H

#include "codegen/kernels/Kernels.h"

namespace hamlet::codegen {

/// A gradient of y[T, n] = x[T, k] w[n, k]^T.
struct LinearGradShape {
  int64_t n = 0, k = 0;
  mlir::Type dy, other;        ///< elements of dy and of w, or x
  mlir::Type result;           ///< of dx
  HeadsIn dyIn, otherIn;       ///< where rows of dy and x lie
  tile::NumericsAttr numerics; ///< of dx
  int64_t columns = 0;         ///< of a tile
};

/// dx = dy w. Arguments: dy [T, n], w [n, k] as stored, out [T, k], tokens
/// (index). Grid: (ceil(T / rows), ceil(k / columns), 1).
mlir::func::FuncOp linearInputGradKernel(const KernelSite &site,
                                         const LinearGradShape &shape,
                                         int64_t rows);

/// into += dy^T x. Arguments: x [T, k], dy [T, n], into [n, k] f32, tokens
/// (index). Grid: (ceil(n / sizes.gradRows), ceil(k / columns), 1).
mlir::func::FuncOp linearWeightGradKernel(const KernelSite &site,
                                          const LinearGradShape &shape);

/// into[c] += sum over rows of dy[t, c]. Arguments: dy [T, n], into [n] f32,
/// tokens (index). Grid: (ceil(n / sizes.columns), 1, 1).
mlir::func::FuncOp biasGradKernel(const KernelSite &site, mlir::Type element,
                                  int64_t n, HeadsIn in);

/// A norm's weight of `entries` elements for rows of `parts` parts of n
/// columns.
struct NormGradShape {
  int64_t parts = 0, n = 0, entries = 0;
  mlir::Type x, dy;
  HeadsIn xIn, dyIn;
};

/// Arguments: x, dy [T, parts * n], inverse [T, parts] f32, into [entries] f32,
/// tokens (index). Grid: (ceil(entries / sizes.columns), 1, 1).
mlir::func::FuncOp normWeightGradKernel(const KernelSite &site,
                                        const NormGradShape &shape);

/// Tokens by their ids, those of one id in their order. Arguments: ids [T],
/// offsets [vocab + 1], order [T], tokens (index). Grid: (1, 1, 1).
mlir::func::FuncOp sortIdsKernel(const KernelSite &site, int64_t vocab);

/// Arguments: dy [T, width], offsets, order as above, into [vocab, width] f32,
/// tokens (index). Grid: (vocab, 1, 1).
mlir::func::FuncOp embeddingGradKernel(const KernelSite &site,
                                       mlir::Type element, int64_t vocab,
                                       int64_t width, HeadsIn in);

/// Arguments: in, out [count] f32. Grid: (ceil(count / 1024), 1, 1).
mlir::func::FuncOp copyKernel(const KernelSite &site, int64_t count);
inline constexpr int64_t kCopied = 1024; ///< elements of an instance

} // namespace hamlet::codegen

#endif
