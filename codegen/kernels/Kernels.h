//===- Kernels.h - the kernels that are more than a fused region ----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function writes one kernel, for one number of rows, as tile IR. The
// structs say what is fixed when the kernel is compiled; everything else is an
// argument. Argument orders stand with the functions.

#ifndef HAMLET_CODEGEN_KERNELS_KERNELS_H
#define HAMLET_CODEGEN_KERNELS_KERNELS_H

#include "codegen/kernels/TileBuilder.h"

namespace hamlet::codegen {

/// Tokens of a key/value page.
inline constexpr int64_t kPageTokens = 64;

/// Where a tensor [T, heads, dim] lies: columns of a row-major matrix.
struct HeadsIn {
  int64_t rowStride = 0; ///< elements from token to token
  int64_t column = 0;    ///< of head 0
};

/// Elements of a [k, n] panel block, padding included.
int64_t panelElements(int64_t k, int64_t n, bool pairs);

//===----------------------------------------------------------------------===//
// Lightning attention
//===----------------------------------------------------------------------===//

struct LightningShape {
  int64_t queryHeads, keyHeads, valueHeads;
  int64_t dk, dv;
  int64_t chunk;
  bool perToken; ///< log decay [T, state heads]; else [state heads]
  double scale = 1.0;
  mlir::Type element; ///< of q, k, v and the tails: f32 or bf16
  mlir::Type result;  ///< of the output
  HeadsIn q, k, v;
  bool finalState = false;

  int64_t stateHeads() const { return std::max(keyHeads, valueHeads); }
  int64_t outHeads() const { return std::max(queryHeads, stateHeads()); }
  bool pairs() const { return element.isBF16(); }
  /// Rows of a prefill kernel, and keys of a block.
  int64_t block() const { return std::min<int64_t>(chunk, 64); }
  int64_t blocks() const { return (chunk + block() - 1) / block(); }
  /// Elements a state head has in a slot of each pool.
  int64_t stateElements() const { return panelElements(dk, dv, false); }
  int64_t tailKeyElements() const { return panelElements(dk, chunk, pairs()); }
  int64_t tailDecayElements() const { return 3 * chunk; }
  int64_t tailValueElements() const {
    return panelElements(chunk, dv, pairs());
  }
};

/// Arguments: q, k, v, decay, out [T, out heads * dv], state, tail keys, tail
/// values, (tail decays, if perToken), list, starts, first, slots,
/// (final state [sequences, state heads, dk, dv], if finalState).
/// Grid: (state heads, sequences of the list, 1). `single`: the
/// sequences have one token each in the step; else blocks of block() rows.
mlir::func::FuncOp lightningKernel(mlir::ModuleOp module, llvm::StringRef name,
                                   const LightningShape &shape, bool single);

//===----------------------------------------------------------------------===//
// Softmax attention
//===----------------------------------------------------------------------===//

struct AttentionShape {
  int64_t queryHeads, keyHeads;
  int64_t dk, dv;
  double scale = 1.0;
  int64_t window = 0; ///< keys a query sees, itself included; 0: all before it
  mlir::Type element, result;
  HeadsIn q, k, v;
  bool logSumExp = false;

  bool pairs() const { return element.isBF16(); }
  int64_t group() const { return queryHeads / keyHeads; }
  /// Elements of one page, all heads.
  int64_t keyPageElements() const {
    return keyHeads * panelElements(dk, kPageTokens, pairs());
  }
  int64_t valuePageElements() const {
    return keyHeads * panelElements(kPageTokens, dv, pairs());
  }
};

/// Writes keys and values of this step into their pages. Arguments: k, v, key
/// pages, value pages, token pages, token offsets, T. Grid: (key heads, T, 1).
mlir::func::FuncOp appendKernel(mlir::ModuleOp module, llvm::StringRef name,
                                const AttentionShape &shape);

/// One token of each sequence of the list; the query heads of a key head are
/// the rows. Arguments: q, out [T, query heads * dv], key pages, value pages,
/// list, starts, first, page table, max pages, (log sum exp [T, query
/// heads] f32, if logSumExp). Grid: (key heads, list, 1).
mlir::func::FuncOp attentionDecodeKernel(mlir::ModuleOp module,
                                         llvm::StringRef name,
                                         const AttentionShape &shape);

/// `rows` consecutive tokens of a sequence. Arguments as for decode, the list
/// being pairs (sequence, first token), sequence -1 for none. Grid: (query
/// heads, query blocks, 1).
mlir::func::FuncOp attentionPrefillKernel(mlir::ModuleOp module,
                                          llvm::StringRef name,
                                          const AttentionShape &shape,
                                          int64_t rows);

/// What a step of a model is told and a plain call works out: for sequences
/// that start from nothing, pages one after another. Arguments: starts, token
/// pages [T], token offsets [T], page table [S, max pages], query blocks
/// [blocks, 2], S, max pages, blocks. Grid: (1, 1, 1).
mlir::func::FuncOp pagePlanKernel(mlir::ModuleOp module, llvm::StringRef name,
                                  int64_t rows);

//===----------------------------------------------------------------------===//
// Mixture of experts
//===----------------------------------------------------------------------===//

/// Sorts (token, slot) pairs by expert, stable, and cuts each expert's into
/// blocks of `rows`. Arguments: ids [T, k], offsets [E + 1], order [P], place
/// [P], blocks [n, 3] (expert, first place, places; 0 places: none), P, n.
/// Grid: (1, 1, 1).
mlir::func::FuncOp dispatchKernel(mlir::ModuleOp module, llvm::StringRef name,
                                  int64_t experts, int64_t rows);

/// The blocks alone, for offsets that are given. Arguments: offsets, blocks, n.
mlir::func::FuncOp blockPlanKernel(mlir::ModuleOp module, llvm::StringRef name,
                                   int64_t experts, int64_t rows);

/// Columns of a product's tiles, for `n` of them: whole panels, and more where
/// every tile works its rows out anew (a norm before the product), so that this
/// is done half as often.
int64_t productColumns(int64_t n, bool computedRows);

struct ExpertShape {
  int64_t experts, topK;
  int64_t in, out;
  mlir::Type element; ///< of the activations
  mlir::Type weight;  ///< of the weights; bf16 with bf16 activations: pairs
  mlir::Type result;
  bool sigmoid = false; ///< activation of the gate: SiLU, or sigmoid
  int64_t columns = 64;

  bool pairs() const { return element.isBF16() && weight.isBF16(); }
};

/// act(x Wg) * (x Wu) for the rows of a block. Arguments: x [T, in], order,
/// blocks, gate weights, up weights, out [P, out], T, P.
/// Grid: (blocks, ceil(out / columns), 1).
mlir::func::FuncOp expertUpKernel(mlir::ModuleOp module, llvm::StringRef name,
                                  const ExpertShape &shape, int64_t rows);

/// h Wd. Arguments: h [P, in], blocks, weights, out [P, out], P. Grid as above.
mlir::func::FuncOp expertDownKernel(mlir::ModuleOp module, llvm::StringRef name,
                                    const ExpertShape &shape, int64_t rows);

//===----------------------------------------------------------------------===//
// What a plain call needs beside
//===----------------------------------------------------------------------===//

/// 0, 1, 2, ... Arguments: out, n. Grid: (1, 1, 1).
mlir::func::FuncOp iotaKernel(mlir::ModuleOp module, llvm::StringRef name);

/// A matrix [count, n, k] into panels [count][k, n]. Arguments: in, out. Grid:
/// (ceil(n / 16), count, 1).
mlir::func::FuncOp packKernel(mlir::ModuleOp module, llvm::StringRef name,
                              mlir::Type element, int64_t n, int64_t k,
                              bool pairs);

/// States [count, k, n] into panels without transposing. Arguments: in, out.
/// Grid: (1, count, 1).
mlir::func::FuncOp panelKernel(mlir::ModuleOp module, llvm::StringRef name,
                               int64_t k, int64_t n);

} // namespace hamlet::codegen

#endif
