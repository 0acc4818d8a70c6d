//===- AttentionGrads.h - kernels of the attentions' gradients ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As in Kernels.h: what is fixed stands in the structs, the names of the
// arguments with the functions.

#ifndef HAMLET_CODEGEN_KERNELS_ATTENTIONGRADS_H
#define HAMLET_CODEGEN_KERNELS_ATTENTIONGRADS_H

#include "codegen/kernels/Kernels.h"

namespace hamlet::codegen {

/// Cuts each sequence into blocks of `rows` tokens from its first on.
/// Arguments:
///   starts                  [sequences + 1]
///   blocks                  [block_count, 2], written: sequence, first token
///                           in it; sequence -1: no block
///   first_block             [sequences], written
///   sequences, block_count  index
/// Grid: (1, 1, 1).
mlir::func::FuncOp sequenceBlocksKernel(const KernelSite &site, int64_t rows);

//===----------------------------------------------------------------------===//
// Softmax attention
//===----------------------------------------------------------------------===//

struct SoftmaxGradShape {
  int64_t queryHeads = 0, keyHeads = 0;
  int64_t dk = 0, dv = 0;
  double scale = 1.0;
  int64_t window = 0; ///< keys a query sees, itself included; 0: all before it
  mlir::Type element; ///< of q, k and v
  mlir::Type result, dresult, dq, dkeys, dvalues; ///< of these
  HeadsIn inQ, inK, inV, inResult, inDresult;

  /// Positions of a block of queries, and of keys.
  static constexpr int64_t kBlock = 64;

  bool pairs() const { return element.isBF16(); }
  int64_t group() const { return queryHeads / keyHeads; }
};

/// Arguments:
///   q, k, v, result, dresult  where `shape` says
///   log_sum_exp               [T, query heads] f32
///   dq                        [T, query heads * dk], written
///   row_dots                  [T, query heads] f32, written: dresult . result
///   starts, blocks            as above
/// Grid: (query heads, blocks, 1).
mlir::func::FuncOp softmaxGradQueriesKernel(const KernelSite &site,
                                            const SoftmaxGradShape &shape);

/// Arguments:
///   q, k, v, dresult       where `shape` says
///   log_sum_exp, row_dots  [T, query heads] f32
///   dk                     [T, key heads * dk], written
///   dv                     [T, key heads * dv], written
///   starts, blocks         as above
/// Grid: (key heads, blocks, 1).
mlir::func::FuncOp softmaxGradKeysKernel(const KernelSite &site,
                                         const SoftmaxGradShape &shape);

} // namespace hamlet::codegen

#endif
