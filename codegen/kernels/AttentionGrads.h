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

//===----------------------------------------------------------------------===//
// Linear attention
//===----------------------------------------------------------------------===//

enum class LightningGradKernel {
  sums,    ///< of decays per token, over each chunk
  states,  ///< before each chunk
  dstates, ///< gradients by the states after each chunk
  queries,
  keys,
  values,
  decays, ///< per token
};

struct LightningGradShape {
  int64_t queryHeads = 0, keyHeads = 0, valueHeads = 0;
  int64_t dk = 0, dv = 0;
  int64_t chunk = 0;
  bool perToken = false; ///< log decay [T, state heads]; else [state heads]
  double scale = 1.0;
  mlir::Type element;                     ///< of q, k and v
  mlir::Type dresult, dq, dkeys, dvalues; ///< of these
  HeadsIn inQ, inK, inV, inDresult;
  bool initial = false, dfinal = false, ddecay = false;
  bool toFirst = false; ///< the gradient by the state before the first token

  bool pairs() const { return element.isBF16(); }
  int64_t stateHeads() const { return std::max(keyHeads, valueHeads); }
  int64_t outHeads() const { return std::max(queryHeads, stateHeads()); }
  /// Query heads that read one state.
  int64_t readers() const { return outHeads() / stateHeads(); }
  int64_t stateElements() const { return dk * dv; }
  /// Room for the sums of a chunk, which is cut to whole blocks.
  int64_t sumRow() const { return 2 * chunk; }
  /// The names of a kernel's arguments, in their order. Beside those of the op:
  ///   sums             [chunks, state heads, 2, sumRow()], if perToken
  ///   states, dstates  [chunks, state heads, dk, dv]
  ///   carry            [sequences, state heads, dk, dv]: what a walk has at
  ///                    last; of dstates that is dinitial, if toFirst
  ///   query_dots       [T, out heads]: dq . q, key_dots [T, state heads]:
  ///                    dk . k, both but for what a token gives itself
  ///   blocks, first_block  as above, of chunks
  llvm::SmallVector<llvm::StringRef>
  argumentsOf(LightningGradKernel kernel) const;
};

/// Grid: (heads, chunks, 1), the heads being those of q, k or v, or of states;
/// of states and dstates (state heads, sequences, 1).
mlir::func::FuncOp lightningGradKernel(const KernelSite &site,
                                       const LightningGradShape &shape,
                                       LightningGradKernel kernel);

} // namespace hamlet::codegen

#endif
