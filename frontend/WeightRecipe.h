//===- WeightRecipe.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_WEIGHTRECIPE_H
#define HAMLET_FRONTEND_WEIGHTRECIPE_H

#include <cstdint>
#include <string>
#include <vector>

namespace hamlet::frontend {

/// A tensor of the checkpoint, as a recipe wants it: matrices are [out, in].
struct WeightSource {
  std::string tensor;
  std::vector<int64_t> shape;
  bool operator==(const WeightSource &) const = default;
};

/// What a weight is for; decides its dtype in memory (router, bias and norms
/// stay f32 or as stored) and its sharding.
enum class WeightUse : uint8_t {
  Matrix,
  Embedding,
  LmHead,
  Norm,
  Router,
  RouterBias,
  SharedGate
};

/// How ranks of a tensor-parallel group cut a weight. `Rows` and `Columns` are
/// the last two dims.
enum class ShardAxis : uint8_t { Replicated, Rows, Columns };

/// Rows seen as [a, b, c] and taken as [b, a, c]; all 0 for none. Head-major
/// qkv is a = heads, b = 3, c = head dim: row (h, part, i) of the source
/// becomes row (part, h, i) of the weight, [q | k | v].
struct RowPermutation {
  int64_t a = 0, b = 0, c = 0;
  bool isIdentity() const { return a == 0; }
  bool operator==(const RowPermutation &) const = default;
};

/// How one weight that kernels see is made of checkpoint tensors. With `parts`
/// sources per stacked entry, `sources[entry * parts + part]`:
///   1. the parts of an entry are concatenated along rows (dim 0), as halves
///   or, with `interleave` = b, in blocks of b
///      rows taken from each part in turn (the last block of every part is
///      shorter if b does not divide the rows);
///   2. `rows` permutes the result;
///   3. with `stacked`, the entries (experts) lie along a new leading dim.
struct WeightRecipe {
  std::string name;           ///< As kernels see it: "layers.3.qkv".
  std::vector<int64_t> shape; ///< Logical shape after the steps above.
  std::vector<WeightSource> sources;
  int64_t parts = 1;
  bool stacked = false;
  int64_t interleave = 0;
  RowPermutation rows;
  /// The norm multiplies by 1 + w: the loader, or the norm op, adds 1.
  bool addOne = false;
  WeightUse use = WeightUse::Matrix;
  ShardAxis shard = ShardAxis::Replicated;

  int64_t entries() const {
    return static_cast<int64_t>(sources.size()) / parts;
  }
  /// Product of `shape`.
  int64_t elements() const;
};

/// Which source, and which of its rows, is row `row` of entry `entry` (0 unless
/// stacked).
struct SourceRow {
  int64_t source = 0;
  int64_t row = 0;
  bool operator==(const SourceRow &) const = default;
};
SourceRow sourceRow(const WeightRecipe &recipe, int64_t entry, int64_t row);

/// The recipes' rows one after another as one weight, per stacked entry: gate
/// and up as [w1; w3], or q, k and v. `interleave` as above, 0 for one part
/// after the other. The recipes have one part each, the same columns, stacking
/// and entries, no row permutation, and, if interleaved, the same number of
/// rows.
WeightRecipe concatRows(std::string name,
                        const std::vector<const WeightRecipe *> &recipes,
                        int64_t interleave = 0);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_WEIGHTRECIPE_H
