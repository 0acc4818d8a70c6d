#include "tools/hamlet/Commands.h"

#include <algorithm>
#include <cstdio>

namespace hamlet::tools {
namespace {

using namespace hmlt;

/// What one launch of a kernel moves and computes for a single token.
struct Work {
  double weightBytes = 0, bufferBytes = 0, cacheBytes = 0, productFlops = 0;
};

/// The launch's work at one token, sequence and output row. Weights of routed
/// kernels count by the share of their rows that a token uses.
Work workOf(const ContainerT &file, const FunctionT &function,
            const LaunchT &launch) {
  Work work;
  const Expr &metric = *launch.metric;
  bool fixed = metric.symbol() == Symbol::one;
  double share =
      fixed ? 1.0 : std::min(double(metric.mul()) / double(metric.div()), 1.0);
  bool product = file.kernels[static_cast<size_t>(launch.kernel)]->product;
  for (const auto &arg : launch.args) {
    auto i = static_cast<size_t>(arg->index);
    if (arg->kind == ArgKind::weight) {
      const WeightT &weight = *file.weights[i];
      bool panels = weight.layout != Layout::plain;
      double used = panels ? share : 1.0;
      if (weight.layout == Layout::plain && weight.shape.size() > 1 && !product)
        continue; // a table of which a token reads a row
      work.weightBytes += double(packedBytes(weight)) * used;
      if (panels && product)
        work.productFlops += 2 * used * double(packedBytes(weight)) /
                             double(sizeOf(weight.dtype));
    } else if (arg->kind == ArgKind::buffer) {
      const Expr &bytes = *function.buffers[i]->bytes;
      int64_t aToken =
          (bytes.mul() + bytes.div() - 1) / bytes.div() + bytes.add();
      work.bufferBytes += double(aToken);
    } else if (arg->kind == ArgKind::cache) {
      work.cacheBytes += double(file.caches[i]->bytes);
    }
  }
  return work;
}

} // namespace

Status explain(const std::string &path) {
  auto read = readContainer(path);
  if (read.failed())
    return read.status();
  const ContainerT &file = **read;
  std::vector<Work> work(file.kernels.size());
  std::vector<int> launches(file.kernels.size());
  for (const auto &function : file.functions)
    for (const auto &launch : function->launches) {
      auto k = static_cast<size_t>(launch->kernel);
      Work one = workOf(file, *function, *launch);
      work[k].weightBytes += one.weightBytes;
      work[k].bufferBytes += one.bufferBytes;
      work[k].cacheBytes += one.cacheBytes;
      work[k].productFlops += one.productFlops;
      ++launches[k];
    }
  std::printf("%s: %zu kernels\nBytes and FLOPs are of all its launches in a "
              "step of one token; FLOPs are those of products with weights; a "
              "cache counts one page or slot.\n",
              file.model->architecture.c_str(), file.kernels.size());
  for (size_t k = 0; k < file.kernels.size(); ++k) {
    const KernelT &kernel = *file.kernels[k];
    std::printf("\n%s (%s), %d launches, rows", kernel.name.c_str(),
                kernel.kind.c_str(), launches[k]);
    for (const auto &variant : kernel.variants)
      std::printf(" %d", variant->rows);
    std::printf("\n  bytes: weights %.0f, buffers %.0f, caches %.0f; FLOPs: "
                "%.0f\n",
                work[k].weightBytes, work[k].bufferBytes, work[k].cacheBytes,
                work[k].productFlops);
    if (!kernel.schedule.empty())
      std::printf("  schedule: %s\n", kernel.schedule.c_str());
    if (!kernel.fused.empty()) {
      std::printf("  fused:");
      for (size_t i = 0; i < kernel.fused.size(); ++i)
        std::printf("%s %s", i ? "," : "", kernel.fused[i].c_str());
      std::printf("\n");
    }
    for (const std::string &remark : kernel.remarks)
      std::printf("  why: %s\n", remark.c_str());
  }
  for (const std::string &remark : file.remarks)
    std::printf("%s%s\n", &remark == &file.remarks.front() ? "\n" : "",
                remark.c_str());
  return {};
}

} // namespace hamlet::tools
