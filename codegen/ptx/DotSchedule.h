//===- DotSchedule.h - how a block of threads works on a dot ----*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PTX_DOTSCHEDULE_H
#define HAMLET_CODEGEN_PTX_DOTSCHEDULE_H

#include "dialects/Tile/TileOps.h"

namespace hamlet::ptx {

inline constexpr int64_t kThreads = 128; // of a block, for every kernel
inline constexpr int64_t kWarp = 32;     // threads of a warp
inline constexpr int64_t kWarps = kThreads / kWarp;

/// Rows and columns of the result are cut into blocks; of each, K is taken in
/// slices staged through shared memory while the sums stay in registers.
struct DotSchedule {
  int64_t m, n, k;
  bool mma; ///< bf16 numerics: mma.sync m16n8k16; else fma per thread

  int64_t mBlock, nBlock; ///< rows and columns of a block, padding included
  int64_t kSlice;
  int64_t part, parts; ///< rows of k in a part of the sum, and how many parts
  bool addsLast;       ///< a split sum begins at 0 and `acc` is added to it

  // mma: warps stand warpsM x warpsN, each with tilesM x tilesN results of
  // 16 x 8. Staging: a [mBlock][aStride] bf16, b [kSlice / 2][bStride] pairs.
  int64_t warpsM = 1, warpsN = 1, tilesM = 1, tilesN = 1;
  // fma: threads stand threadsM x threadsN, each with tilesM x tilesN sums at
  // that distance. Staging: a [mBlock][aStride] f32, b [kSlice][bStride] f32.
  int64_t threadsM = 1, threadsN = 1;
  int64_t aStride, bStride;
  /// fma with one row of threads: every column of b belongs to one thread,
  /// which reads it where it is.
  bool directB = false;

  int64_t aBytes, bBytes;
  int64_t stagingBytes() const { return aBytes + bBytes; }

  static DotSchedule of(tile::DotOp op);
};

} // namespace hamlet::ptx

#endif
