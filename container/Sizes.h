//===- Sizes.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_SIZES_H
#define HAMLET_CONTAINER_SIZES_H

#include <cstdint>

// What the compiler and the runtime must agree on.
namespace hamlet {

/// Tokens of a key/value page.
inline constexpr int64_t kPageTokens = 64;
/// Columns of a weight panel.
inline constexpr int64_t kPanel = 16;
/// Rows and columns of a swizzled block of weights; a line of a block is 128
/// bytes, of units of 16.
inline constexpr int64_t kWeightBlock = 64, kWeightUnit = 8;

/// What a matrix [N, K] of weights is filled up to in memory.
struct MatrixPadding {
  int64_t rows, columns; ///< multiples of N, of K
};
inline constexpr MatrixPadding kPanelPadding{kPanel, 1},
    kPairsPadding{kPanel, 2}, kBlocksPadding{kWeightBlock, kWeightBlock};

constexpr int64_t roundUp(int64_t x, int64_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

} // namespace hamlet

#endif // HAMLET_CONTAINER_SIZES_H
