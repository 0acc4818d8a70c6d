//===- WeightRecipe.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/WeightRecipe.h"

#include <cassert>

namespace hamlet::frontend {

int64_t WeightRecipe::elements() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

SourceRow sourceRow(const WeightRecipe &recipe, int64_t entry, int64_t row) {
  const RowPermutation &p = recipe.rows;
  if (!p.isIdentity()) {
    int64_t part = row / (p.a * p.c), head = row / p.c % p.a;
    row = (head * p.b + part) * p.c + row % p.c;
  }
  int64_t first = entry * recipe.parts;
  if (recipe.interleave == 0) {
    int64_t source = first;
    while (row >= recipe.sources[source].shape[0])
      row -= recipe.sources[source++].shape[0];
    return {source, row};
  }
  int64_t block = recipe.interleave, each = recipe.sources[first].shape[0];
  int64_t whole = each / block * block;
  if (row < whole * recipe.parts)
    return {first + row / block % recipe.parts,
            row / (block * recipe.parts) * block + row % block};
  row -= whole * recipe.parts;
  return {first + row / (each - whole), whole + row % (each - whole)};
}

WeightRecipe concatRows(std::string name,
                        const std::vector<const WeightRecipe *> &recipes,
                        int64_t interleave) {
  assert(!recipes.empty() && "nothing to concatenate");
  WeightRecipe result = *recipes.front();
  result.name = std::move(name);
  result.parts = static_cast<int64_t>(recipes.size());
  result.interleave = interleave;
  result.sources.clear();
  size_t rowDim = result.stacked ? 1 : 0;
  result.shape[rowDim] = 0;
  for (const WeightRecipe *recipe : recipes) {
    assert(recipe->parts == 1 && recipe->rows.isIdentity() &&
           recipe->stacked == result.stacked &&
           recipe->entries() == recipes.front()->entries() &&
           "recipes do not concatenate");
    assert((interleave == 0 || recipe->shape == recipes.front()->shape) &&
           "parts of different size do not interleave");
    result.shape[rowDim] += recipe->shape[rowDim];
  }
  for (int64_t entry = 0; entry < recipes.front()->entries(); ++entry)
    for (const WeightRecipe *recipe : recipes)
      result.sources.push_back(recipe->sources[entry]);
  return result;
}

} // namespace hamlet::frontend
