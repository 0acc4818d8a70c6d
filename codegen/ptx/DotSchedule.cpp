//===- DotSchedule.cpp - how a block of threads works on a dot ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/DotSchedule.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

// Sums of one thread that stay in registers, beside what the loop needs.
static constexpr int64_t kSums = 64;
// The same with the subtrees of a split sum.
static constexpr int64_t kSumsAndSubtrees = 160;
static constexpr int64_t kMaxColumns = 128;

/// Sums that a thread works on at once.
static int64_t sumsOf(const DotSchedule &s) {
  if (s.parts == 1)
    return kSums;
  int64_t levels = llvm::Log2_64(s.parts) + 1;
  return std::clamp<int64_t>(
      llvm::bit_floor(static_cast<uint64_t>(kSumsAndSubtrees / (levels + 1))),
      4, kSums);
}

/// Slices end where parts do.
static int64_t sliceOf(const DotSchedule &s, int64_t most) {
  if (s.parts == 1)
    return most;
  most = llvm::bit_floor(static_cast<uint64_t>(most));
  while (s.part % most)
    most /= 2;
  return most;
}

static void scheduleMma(DotSchedule &s) {
  int64_t mTiles = llvm::divideCeil(s.m, 16), nTiles = llvm::divideCeil(s.n, 8);
  s.warpsM = mTiles >= 3 ? 4 : mTiles;
  s.warpsN = kWarps / s.warpsM;
  s.tilesM = 1;
  s.tilesN = std::min({static_cast<int64_t>(llvm::divideCeil(nTiles, s.warpsN)),
                       kMaxColumns / 8 / s.warpsN, sumsOf(s) / 4});
  s.mBlock = s.warpsM * s.tilesM * 16;
  s.nBlock = s.warpsN * s.tilesN * 8;
  s.kSlice = sliceOf(s, std::min<int64_t>(64, llvm::alignTo(s.k, 16)));
  // Rows of a start 4 banks apart, pairs of rows of b 8 or 24: the 32 lanes of
  // a fragment load touch 32 banks.
  s.aStride = s.kSlice + 8;
  s.bStride = s.nBlock;
  while (s.bStride % 32 != 8 && s.bStride % 32 != 24)
    s.bStride += 8;
  s.aBytes = s.mBlock * s.aStride * 2;
  s.bBytes = s.kSlice / 2 * s.bStride * 4;
}

static void scheduleFma(DotSchedule &s) {
  s.threadsM = std::min<int64_t>(8, llvm::PowerOf2Ceil(s.m));
  s.threadsN = kThreads / s.threadsM;
  s.tilesM =
      std::min({int64_t(8), sumsOf(s),
                static_cast<int64_t>(llvm::divideCeil(s.m, s.threadsM))});
  s.tilesN = std::min<int64_t>(std::min<int64_t>(8, sumsOf(s) / s.tilesM),
                               llvm::divideCeil(s.n, s.threadsN));
  s.mBlock = std::min(s.m, s.threadsM * s.tilesM);
  s.nBlock = std::min(s.n, s.threadsN * s.tilesN);
  s.kSlice = sliceOf(s, std::min<int64_t>(s.threadsM == 1 ? 256 : 32, s.k));
  s.directB = s.threadsM == 1;
  s.aStride = s.kSlice + 1;
  s.bStride = s.nBlock;
  s.aBytes = llvm::alignTo(s.mBlock * s.aStride * 4, 16);
  s.bBytes = s.directB ? 0 : s.kSlice * s.bStride * 4;
}

DotSchedule DotSchedule::of(tile::DotOp op) {
  auto a = cast<RankedTensorType>(op.getA().getType());
  auto b = cast<RankedTensorType>(op.getB().getType());
  DotSchedule s{};
  s.m = a.getDimSize(0);
  s.k = a.getDimSize(1);
  s.n = b.getDimSize(1);
  s.mma = op.getNumerics().getOperands().isBF16();
  s.part = op.getNumerics().getPart(s.k);
  s.parts = llvm::divideCeil(s.k, s.part);
  s.addsLast = op.getNumerics().getSplit() > 1;
  if (s.mma)
    scheduleMma(s);
  else
    scheduleFma(s);
  return s;
}
