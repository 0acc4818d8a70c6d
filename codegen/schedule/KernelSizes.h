//===- KernelSizes.h - sizes that kernels are written by ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums have their own order, which none of these is part of: a test shows it
// (test/system/test_targets.py). A target's file may set each.

#ifndef HAMLET_CODEGEN_SCHEDULE_KERNELSIZES_H
#define HAMLET_CODEGEN_SCHEDULE_KERNELSIZES_H

#include <cstdint>
#include <vector>

namespace hamlet::codegen {

/// The numbers of every kernel writer; a target's description may have others.
struct KernelSizes {
  bool operator==(const KernelSizes &) const = default;

  // Variants, ascending by rows.
  std::vector<int64_t> productRows{1, 8, 16, 64}; ///< of products
  std::vector<int64_t> wholeRows{1, 8};           ///< of kernels of whole rows
  std::vector<int64_t> queryRows{8, 64};          ///< of a softmax prefill
  /// Bytes of f32 that whole rows of a variant may take, about a quarter of an
  /// L2 cache; the least variant may take more.
  int64_t wholeRowsBytes = 256 << 10;

  // Products.
  int64_t columns = 64; ///< of a tile
  /// Columns of a tile whose rows are worked out anew by each, of products that
  /// have `wideFrom` columns or more.
  int64_t wideColumns = 128;
  int64_t wideFrom = 1024;
  /// A block of rows that are there in part is cut to a multiple of this.
  int64_t rowStep = 16;

  /// Weights of bf16 products lie in swizzled blocks of 64 x 64, the image that
  /// shared memory of a GPU has of them; else in panels of pairs.
  bool weightBlocks = false;

  // Gradients of weights.
  int64_t gradRows = 64;   ///< of a tile, which has `columns` columns
  int64_t gradTokens = 64; ///< summed at a time

  // Lightning attention.
  int64_t lightningRows = 64; ///< of a block: queries, and keys
  int64_t lightningPart = 32; ///< rows of a block at a time, where it divides
  /// Whether a tail that begins with the step's tokens is written in a way of
  /// its own, which reads less. With decays per token that takes more registers
  /// than an sm_80 has.
  bool wholeTails = true, wholeTailsPerToken = false;

  // Softmax attention.
  /// At a time where values are not finite, or what divides a block and this.
  int64_t apartRows = 8;
};

} // namespace hamlet::codegen

#endif
