//===- Policy.h - kernels of a policy's training --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As Kernels.h: a function writes one kernel, for one number of rows.

#ifndef HAMLET_CODEGEN_KERNELS_POLICY_H
#define HAMLET_CODEGEN_KERNELS_POLICY_H

#include "codegen/kernels/TileBuilder.h"
#include "dialects/Policy/PolicyOps.h"

namespace hamlet::codegen {

/// Columns of the vocabulary that are summed at once, and those that a program
/// instance has: both are part of the sums' order.
inline constexpr int64_t kHeadBlock = 64, kHeadPart = 512;
/// Of a row and a part: largest, sum of powers, of powers times logits, target.
inline constexpr int64_t kHeadSums = 4;

struct HeadShape {
  int64_t vocabulary = 0, hidden = 0;
  mlir::Type weight;
  tile::NumericsAttr numerics;
  bool logits = false; ///< are stored

  int64_t parts() const { return (vocabulary + kHeadPart - 1) / kHeadPart; }
};

/// Arguments:
///   x            [T, hidden]
///   w            [vocabulary, hidden], packed
///   targets, temperature   [T]
///   logprob, lse, entropy  [T], written; of one part only
///   sums         [kHeadSums * parts, T], written; of several parts only
///   logits       [T, vocabulary], written; if shape.logits
///   tokens       index
/// Grid: (ceil(T / rows), parts, 1).
mlir::func::FuncOp headKernel(const KernelSite &site, const HeadShape &shape,
                              int64_t rows);

/// Joins the parts. Arguments: sums, targets, temperature, logprob, lse,
/// entropy, tokens, as above. Grid: (ceil(T / rows), 1, 1).
mlir::func::FuncOp headJoinKernel(const KernelSite &site,
                                  const HeadShape &shape, int64_t rows);

/// Arguments: x, w as above; w_rows, the same as it is stored; targets,
/// temperature, lse, entropy, g, c [T]; dx [T, hidden]; tokens. Grid:
/// (ceil(T / rows), 1, 1).
mlir::func::FuncOp headInputGradKernel(const KernelSite &site,
                                       const HeadShape &shape, int64_t rows);

/// Arguments: x, w_rows, targets, temperature, lse, entropy, g, c, tokens as
/// above; into [vocabulary, hidden] f32. Grid: (ceil(vocabulary /
/// sizes.gradRows), 1, 1).
mlir::func::FuncOp headWeightGradKernel(const KernelSite &site,
                                        const HeadShape &shape);

/// Tokens of a program instance, or summed at a time of a sequence: part of
/// those sums' order.
inline constexpr int64_t kLossTokens = 128;

/// Arguments: the op's operands and results by their names, [T], but starts
/// [sequences + 1]; tokens, index; without starts: grid (ceil(T / kLossTokens),
/// 1, 1), else (sequences, 1, 1).
mlir::func::FuncOp lossKernel(const KernelSite &site, policy::LossOp op);

} // namespace hamlet::codegen

#endif
