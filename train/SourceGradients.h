//===- SourceGradients.h - from a weight back to the checkpoint -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TRAIN_SOURCEGRADIENTS_H
#define HAMLET_TRAIN_SOURCEGRADIENTS_H

#include "container/Container.h"
#include "train/TensorFile.h"

#include <span>
#include <string>

namespace hamlet::train {

/// Undoes the recipe of a weight (stacked or concatenated, rows permuted): what
/// it holds goes to each source, in its shape, as `prefix` + its name. A source
/// of several weights gets the sum. `values` has the weight's elements in its
/// plain layout.
void addToSources(const hmlt::WeightT &weight, std::span<const float> values,
                  const std::string &prefix, Tensors &tensors);

} // namespace hamlet::train

#endif
