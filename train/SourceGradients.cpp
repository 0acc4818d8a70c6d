//===- SourceGradients.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "train/SourceGradients.h"

#include <cassert>

namespace hamlet::train {
namespace {

int64_t elementsOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

/// The row of the sources, one after another, that row `row` of the weight is.
int64_t sourceRow(const hmlt::WeightT &weight, int64_t row) {
  if (weight.permute_a == 0)
    return row;
  // Rows [a, b, c] are taken as [b, a, c].
  int64_t a = weight.permute_a, b = weight.permute_b, c = weight.permute_c;
  int64_t inner = row % c, middle = row / c % a, outer = row / c / a;
  return (middle * b + outer) * c + inner;
}

} // namespace

void addToSources(const hmlt::WeightT &weight, std::span<const float> values,
                  const std::string &prefix, Tensors &tensors) {
  int64_t rows = 0, width = 1;
  if (weight.stack) {
    width = elementsOf(weight.sources.front()->shape);
    rows = static_cast<int64_t>(weight.sources.size());
  } else {
    rows = weight.shape.front();
    width = elementsOf(weight.shape) / rows;
  }
  assert(rows * width == static_cast<int64_t>(values.size()) &&
         "a recipe keeps every element");
  // Where each row of the sources lies.
  std::vector<float *> places;
  for (const auto &source : weight.sources) {
    runtime::NpyArray &array = tensors[prefix + source->tensor];
    int64_t elements = elementsOf(source->shape);
    array.dtype = hmlt::DType::f32;
    array.shape = source->shape;
    array.bytes.resize(static_cast<size_t>(elements) * sizeof(float));
    auto *data = reinterpret_cast<float *>(array.bytes.data());
    for (int64_t at = 0; at < elements; at += width)
      places.push_back(data + at);
  }
  for (int64_t row = 0; row < rows; ++row) {
    const float *from = values.data() + row * width;
    float *to = places[static_cast<size_t>(sourceRow(weight, row))];
    for (int64_t i = 0; i < width; ++i)
      to[i] += from[i];
  }
}

} // namespace hamlet::train
