//===- Work.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_WORK_H
#define HAMLET_RUNTIME_WORK_H

#include "container/Container.h"

namespace hamlet::runtime {

struct Quantities;

/// What a launch reads and writes at most once, in bytes, and the FLOPs of its
/// products with weights.
struct Work {
  double weightBytes = 0, bufferBytes = 0, cacheBytes = 0, productFlops = 0;
};

/// The work of one launch. Weights of routed kernels count by the share of
/// their rows that the step's tokens can use; tables of which a token reads a
/// row do not count; a cache counts whole, for each sequence.
Work workOf(const hmlt::ContainerT &file, const hmlt::FunctionT &function,
            const hmlt::LaunchT &launch, const hmlt::RealizationT &realization,
            const Quantities &quantities);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_WORK_H
