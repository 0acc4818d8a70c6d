//===- KernelWork.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/KernelWork.h"

#include "tools/hamlet/Units.h"

#include <algorithm>
#include <numeric>

namespace hamlet::tools {

using namespace hmlt;
using runtime::evaluate;

namespace {

int64_t pagesOf(int64_t tokens) {
  return (tokens + kPageTokens - 1) / kPageTokens;
}

void add(KernelWork &sum, const KernelWork &one) {
  sum.work.weightBytes += one.work.weightBytes;
  sum.work.bufferBytes += one.work.bufferBytes;
  sum.work.cacheBytes += one.work.cacheBytes;
  sum.work.productFlops += one.work.productFlops;
  sum.launches += one.launches;
  sum.rows.insert(one.rows.begin(), one.rows.end());
}

/// No launches if its grid is empty.
KernelWork workOfLaunch(const ContainerT &file, const FunctionT &function,
                        const LaunchT &launch, const KernelT &kernel,
                        const runtime::Quantities &quantities) {
  const RealizationT &made = *kernel.realizations.front();
  std::vector<int64_t> sizes;
  auto count = [&](int64_t rows) {
    sizes.clear();
    for (const Expr &size : launch.sizes)
      sizes.push_back(evaluate(size, quantities, rows));
  };
  count(1);
  int32_t rows =
      made.variants[runtime::pickVariant(
                        made, evaluate(*kernel.metric, quantities, 1, sizes))]
          ->rows;
  count(rows);
  for (const Expr &extent : made.grid)
    if (evaluate(extent, quantities, rows, sizes) == 0)
      return {};
  return {workOf(file, function, launch, made, quantities), 1, {rows}};
}

} // namespace

Workload decodeStep(int64_t context) {
  Workload load{"decode",
                "one token of a sequence that has " + std::to_string(context) +
                    " before it",
                {},
                1};
  runtime::Quantities &q = load.quantities;
  q.tokens = q.sequences = q.decodeSequences = q.outputRows = 1;
  q.maxPages = pagesOf(context + 1);
  return load;
}

Workload prefillStep(int64_t tokens) {
  Workload load{"prefill",
                "the first " +
                    numbered(static_cast<size_t>(tokens), "token", "tokens") +
                    " of a sequence",
                {},
                tokens};
  runtime::Quantities &q = load.quantities;
  q.tokens = tokens;
  q.sequences = q.outputRows = 1;
  // A sequence with one token is a decode to the kernels.
  if (tokens > 1)
    q.prefillLengths = {tokens};
  else
    q.decodeSequences = 1;
  q.maxPages = pagesOf(tokens);
  return load;
}

std::vector<KernelWork> countWork(const ContainerT &file,
                                  const Workload &load) {
  std::vector<KernelWork> work(file.kernels.size());
  runtime::Quantities quantities = load.quantities;
  for (const auto &function : file.functions) {
    quantities.extents.assign(function->extents.size(), load.extent);
    for (const auto &derived : function->derived)
      quantities.extents.push_back(evaluate(*derived, quantities));
    for (const auto &launch : function->launches) {
      auto k = static_cast<size_t>(launch->kernel);
      if (!file.kernels[k]->realizations.empty())
        add(work[k], workOfLaunch(file, *function, *launch, *file.kernels[k],
                                  quantities));
    }
  }
  return work;
}

WorkOfKernels workOfKernels(const ContainerT &file,
                            std::vector<Workload> loads) {
  WorkOfKernels result;
  result.loads = std::move(loads);
  result.launches.resize(file.kernels.size());
  for (const auto &function : file.functions)
    for (const auto &launch : function->launches)
      ++result.launches[static_cast<size_t>(launch->kernel)];

  std::vector<double> share(file.kernels.size());
  int measures = 0;
  for (const Workload &load : result.loads) {
    const auto &work = result.work.emplace_back(countWork(file, load));
    KernelWork &total = result.total.emplace_back();
    for (const KernelWork &one : work)
      add(total, one);
    auto count = [&](double whole, auto part) {
      if (whole <= 0)
        return;
      ++measures;
      for (size_t k = 0; k < work.size(); ++k)
        share[k] += part(work[k]) / whole;
    };
    count(total.bytes(), [](const KernelWork &w) { return w.bytes(); });
    count(total.work.productFlops,
          [](const KernelWork &w) { return w.work.productFlops; });
  }
  for (double &each : share)
    each /= std::max(measures, 1);
  result.share = std::move(share);
  result.order.resize(file.kernels.size());
  std::iota(result.order.begin(), result.order.end(), 0);
  sortLargestFirst(result.order, [&](size_t k) { return result.share[k]; });
  return result;
}

} // namespace hamlet::tools
