//===- Kernels.h - the kernels that are more than a fused region ----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function writes one kernel, for one number of rows, as tile IR. The
// structs say what is fixed when the kernel is compiled; everything else is an
// argument. The names and the order of the arguments stand with the functions:
// pointers, but for those at the end of a list that are said to be index.

#ifndef HAMLET_CODEGEN_KERNELS_KERNELS_H
#define HAMLET_CODEGEN_KERNELS_KERNELS_H

#include "codegen/kernels/TileBuilder.h"
#include "container/Sizes.h"

namespace hamlet::codegen {

/// Where a tensor [T, heads, dim] lies: columns of a row-major matrix.
struct HeadsIn {
  int64_t rowStride = 0; ///< elements from token to token
  int64_t column = 0;    ///< of head 0
};

/// Of the caches of all targets: elements of a matrix [k, n], padding included.
inline int64_t cachedElements(int64_t k, int64_t n, tile::Layout packed) {
  return tile::matrixElements(tile::defaultLayout(packed), k, n);
}

//===----------------------------------------------------------------------===//
// Lightning attention
//===----------------------------------------------------------------------===//

struct LightningShape {
  int64_t queryHeads = 0, keyHeads = 0, valueHeads = 0;
  int64_t dk = 0, dv = 0;
  int64_t chunk = 0;
  bool perToken = false; ///< log decay [T, state heads]; else [state heads]
  double scale = 1.0;
  mlir::Type element; ///< of q, k, v and the tails: f32 or bf16
  mlir::Type result;  ///< of the output
  HeadsIn q, k, v;
  bool finalState = false;

  int64_t stateHeads() const { return std::max(keyHeads, valueHeads); }
  int64_t outHeads() const { return std::max(queryHeads, stateHeads()); }
  bool pairs() const { return element.isBF16(); }
  /// Rows of a prefill kernel, and keys of a block.
  int64_t block(const KernelSizes &sizes) const {
    return std::min(chunk, sizes.lightningRows);
  }
  /// Elements a state head has in a slot of each pool.
  int64_t stateElements() const {
    return cachedElements(dk, dv, tile::Layout::packed);
  }
  int64_t tailKeyElements() const {
    return cachedElements(dk, chunk, tile::packedFor(element));
  }
  int64_t tailDecayElements() const { return 3 * chunk; }
  int64_t tailValueElements() const {
    return cachedElements(chunk, dv, tile::packedFor(element));
  }
};

/// Arguments:
///   q, k, v       where `shape` says
///   decay         [state heads], or [T, state heads] if perToken
///   out           [T, out heads * dv]
///   state, tail_keys, tail_values  pools of slots, a state head after another
///   tail_decays   if perToken: decays, their sums, the sums' errors
///   list          sequences to work on
///   starts        [sequences + 1], first token of each sequence in the step
///   first         [sequences], tokens that it had before the step
///   slots         [sequences]
///   final_state   if finalState: [sequences, state heads, dk, dv]
/// Grid: (state heads, sequences of the list, 1). `single`: the
/// sequences have one token each in the step; else blocks of block(sizes) rows.
mlir::func::FuncOp lightningKernel(const KernelSite &site,
                                   const LightningShape &shape, bool single);

//===----------------------------------------------------------------------===//
// Softmax attention
//===----------------------------------------------------------------------===//

struct AttentionShape {
  int64_t queryHeads = 0, keyHeads = 0;
  int64_t dk = 0, dv = 0;
  double scale = 1.0;
  int64_t window = 0; ///< keys a query sees, itself included; 0: all before it
  mlir::Type element, result;
  HeadsIn q, k, v;
  bool logSumExp = false;

  bool pairs() const { return element.isBF16(); }
  int64_t group() const { return queryHeads / keyHeads; }
  /// Elements of one page, all heads.
  int64_t keyPageElements() const {
    return keyHeads * cachedElements(dk, kPageTokens, tile::packedFor(element));
  }
  int64_t valuePageElements() const {
    return keyHeads * cachedElements(kPageTokens, dv, tile::packedFor(element));
  }
};

/// Writes keys and values of this step into their pages. Arguments:
///   k, v                        where `shape` says
///   key_pages, value_pages      pools of pages, a key head after another
///   token_pages, token_offsets  [T], the page and the row of it of each token
///   tokens                      index: T
/// Grid: (key heads, T, 1).
mlir::func::FuncOp appendKernel(const KernelSite &site,
                                const AttentionShape &shape);

/// One token of each sequence of the list; the query heads of a key head are
/// the rows. Arguments:
///   q                       where `shape` says
///   out                     [T, query heads * dv]
///   key_pages, value_pages  as above
///   list                    sequences to work on
///   starts                  first token of each sequence in the step
///   first                   tokens that it had before the step
///   page_table              [sequences, max pages]
///   max_pages               index
///   log_sum_exp             if logSumExp: [T, query heads] f32
/// Grid: (key heads, list, 1).
mlir::func::FuncOp attentionDecodeKernel(const KernelSite &site,
                                         const AttentionShape &shape);

/// `rows` consecutive tokens of a sequence. Arguments as for decode, the list
/// being pairs (sequence, first token), sequence -1 for none. Grid: (query
/// heads, query blocks, 1).
mlir::func::FuncOp attentionPrefillKernel(const KernelSite &site,
                                          const AttentionShape &shape,
                                          int64_t rows);

/// What a step of a model is told and a plain call works out: for sequences
/// that start from nothing, pages one after another. Arguments:
///   starts                             as above
///   token_pages, token_offsets         [T], written
///   page_table                         [sequences, max pages], written
///   query_blocks                       [blocks, 2], written
///   sequences, max_pages, block_count  index
/// Grid: (1, 1, 1).
mlir::func::FuncOp pagePlanKernel(const KernelSite &site, int64_t rows);

//===----------------------------------------------------------------------===//
// Mixture of experts
//===----------------------------------------------------------------------===//

/// Sorts (token, slot) pairs by expert, stable, and cuts each expert's into
/// blocks of `rows`. Arguments:
///   ids                 [T, k]
///   offsets             [experts + 1], written
///   order, place        [pairs], written
///   blocks              [block count, 3], written: expert, first place, places
///                       (0: no block)
///   pairs, block_count  index
/// Grid: (1, 1, 1).
mlir::func::FuncOp dispatchKernel(const KernelSite &site, int64_t experts,
                                  int64_t rows);

/// The blocks alone, for offsets that are given. Arguments:
/// offsets, blocks, block_count, as above.
mlir::func::FuncOp blockPlanKernel(const KernelSite &site, int64_t experts,
                                   int64_t rows);

/// Columns of a product's tiles, for `n` of them: whole panels, and more where
/// every tile works its rows out anew (a norm before the product), so that this
/// is done half as often.
int64_t productColumns(int64_t n, bool computedRows, const KernelSizes &sizes);

/// Pairs by their keys, those of one key in their order.
struct KeySort {
  mlir::Value keys;    ///< i32 [count]
  mlir::Value offsets; ///< written, i32 [keys + 1]: the first of each key
  mlir::Value order;   ///< written, i32 [count]
  mlir::Value place;   ///< written, i32 [count]: order's inverse; null: not
  mlir::Value count;   ///< index
};
void sortByKey(TileBuilder &t, const KeySort &sort, int64_t keys);

struct ExpertShape {
  int64_t experts, topK;
  int64_t in, out;
  mlir::Type element; ///< of the activations
  mlir::Type weight;  ///< of the weights
  mlir::Type result;
  tile::NumericsAttr numerics;
  nn::Activation activation = nn::Activation::silu; ///< of the gate
  mlir::Type gate, up; ///< of the sums where they are kept, else null
  int64_t columns = 64;
};

/// act(x Wg) * (x Wu) for the rows of a block. Arguments:
///   x              [T, in]
///   order, blocks  of the dispatch
///   w_gate, w_up   [experts, out, in], packed
///   out            [pairs, out]
///   gate, up       [pairs, out], if shape.gate and shape.up: the products
///   tokens, pairs  index
/// Grid: (blocks, ceil(out / columns), 1).
mlir::func::FuncOp expertUpKernel(const KernelSite &site,
                                  const ExpertShape &shape, int64_t rows);

/// h Wd. Arguments: h [pairs, in], blocks, w, out [pairs, out], pairs (index).
/// Grid as above.
mlir::func::FuncOp expertDownKernel(const KernelSite &site,
                                    const ExpertShape &shape, int64_t rows);

//===----------------------------------------------------------------------===//
// What a plain call needs beside
//===----------------------------------------------------------------------===//

/// 0, 1, 2, ... Arguments: out, count (index). Grid: (1, 1, 1).
mlir::func::FuncOp iotaKernel(const KernelSite &site);

/// Matrices [count, n, k] into packed ones of [k, n]. Arguments: in, out. Grid:
/// (ceil(n / 16), count, 1).
mlir::func::FuncOp packKernel(const KernelSite &site, mlir::Type element,
                              int64_t n, int64_t k, tile::Layout packed);

/// States [count, k, n] into packed ones without transposing. Arguments: in,
/// out. Grid: (1, count, 1).
mlir::func::FuncOp packStateKernel(const KernelSite &site, int64_t k,
                                   int64_t n);

} // namespace hamlet::codegen

#endif
