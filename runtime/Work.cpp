#include "runtime/Work.h"

#include "runtime/Program.h"

#include <algorithm>

namespace hamlet::runtime {

using namespace hmlt;

Work workOf(const ContainerT &file, const FunctionT &function,
            const LaunchT &launch, const Quantities &quantities) {
  Work work;
  const Expr &metric = *launch.metric;
  // Rows of each product: of a routed one, on average of its experts.
  double rows = 1;
  if (metric.symbol() != Symbol::one)
    rows =
        double(evaluate(Expr(metric.symbol(), false, metric.index(), 1, 1, 0),
                        quantities, /*rows=*/1)) *
        double(metric.mul()) / double(metric.div());
  bool product = file.kernels[static_cast<size_t>(launch.kernel)]->product;
  for (const auto &arg : launch.args) {
    auto i = static_cast<size_t>(arg->index);
    if (arg->kind == ArgKind::weight) {
      const WeightT &weight = *file.weights[i];
      bool panels = weight.layout != Layout::plain;
      if (!panels && weight.shape.size() > 1 && !product)
        continue; // a table of which a token reads a row
      auto bytes = double(packedBytes(weight));
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
