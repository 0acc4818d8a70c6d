//===- TileDialect.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_TILE_TILEDIALECT_H
#define HAMLET_DIALECTS_TILE_TILEDIALECT_H

#include "container/Sizes.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

namespace hamlet::tile {
/// A sum of `k` terms that is split `split` ways is cut at multiples of this;
/// `k` itself for a sum in one piece (`#tile.numerics` has the rule).
int64_t partOf(int64_t k, int64_t split);
/// Parts that every sum of f32 products has, if it is long enough.
inline constexpr int64_t kCanonicalSplit = 8;
/// The canonical split of a sum of `k` f32 products: `least` parts, a power of
/// two, doubled while parts are longer than 256. Its error stays below
/// PyTorch's at every width (test/golden/f32_error.py); longer parts would save
/// a CPU a hundredth.
int64_t canonicalSplit(int64_t k, int64_t least = kCanonicalSplit);
/// The same of the sum of `k` numbers, which is 16 partial sums in each part;
/// 0: it is one part.
int64_t canonicalReduceSplit(int64_t k);
} // namespace hamlet::tile

#include "dialects/Tile/TileDialect.h.inc"
#include "dialects/Tile/TileEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.h.inc"

namespace hamlet::tile {
/// Marks a `func.func` as a kernel.
inline constexpr llvm::StringLiteral kKernelAttr = "tile.kernel";
/// Names an argument of a kernel: a string.
inline constexpr llvm::StringLiteral kNameAttr = "tile.name";
/// How the matrices of a kernel's argument lie, by the layout's name; without
/// it as defaultLayout has it.
inline constexpr llvm::StringLiteral kLayoutAttr = "tile.layout";
/// Marks a `math.exp2` whose operand is at most 0, or NaN.
inline constexpr llvm::StringLiteral kNonPositiveAttr = "tile.nonpositive";
/// Columns of a panel, and virtual lanes of a sum over the last axis.
using hamlet::kPanel;

/// How a right operand of products of these operands lies, before a target has
/// said.
Layout packedFor(mlir::Type operands);
/// Where nothing else is said: panels, of pairs for bf16.
Layout defaultLayout(Layout packed);
/// Elements of one matrix [k, n] in a target's layout, padding included.
int64_t matrixElements(Layout layout, int64_t k, int64_t n);
} // namespace hamlet::tile

#endif
