//===- Work.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Work.h"

#include "runtime/Program.h"

#include <algorithm>

namespace hamlet::runtime {

using namespace hmlt;

Work workOf(const ContainerT &file, const FunctionT &function,
            const LaunchT &launch, const RealizationT &realization,
            const Quantities &quantities) {
  Work work;
  const KernelT &kernel = *file.kernels[static_cast<size_t>(launch.kernel)];
  const Expr &metric = *kernel.metric;
  // Rows of each product: of a routed one, on average of its experts.
  double rows = 1;
  if (metric.symbol() == Symbol::size)
    rows = double(evaluate(launch.sizes[static_cast<size_t>(metric.index())],
                           quantities, /*rows=*/1)) *
           double(metric.mul()) / double(metric.div());
  bool product = kernel.product;
  size_t next = 0;
  for (size_t p = 0; p < kernel.parameters.size(); ++p) {
    if (kernel.parameters[p]->kind == ParameterKind::size)
      continue;
    const ArgT *arg = launch.args[next++].get();
    auto i = static_cast<size_t>(arg->index);
    if (arg->kind == ArgKind::weight) {
      const WeightT &weight = *file.weights[i];
      Layout layout = realization.layouts[p];
      bool panels = layout != Layout::plain;
      if (!panels && weight.shape.size() > 1 && !product)
        continue; // a table of which a token reads a row
      auto bytes = double(packedBytes(weight, layout));
      work.weightBytes += bytes * (panels ? std::min(rows, 1.0) : 1.0);
      if (panels && product)
        work.productFlops += 2 * rows * bytes / double(sizeOf(weight.dtype));
    } else if (arg->kind == ArgKind::buffer) {
      work.bufferBytes +=
          double(evaluate(*function.buffers[i]->bytes, quantities, /*rows=*/1));
    } else if (arg->kind == ArgKind::cache) {
      const CacheT &cache = *file.caches[i];
      double each =
          cache.per == CachePer::page ? double(quantities.maxPages) : 1;
      work.cacheBytes +=
          double(cache.bytes) * each * double(quantities.sequences);
    }
  }
  return work;
}

} // namespace hamlet::runtime
