//===- Explain.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Work.h"
#include "tools/hamlet/Commands.h"

#include <cstdio>

namespace hamlet::tools {
namespace {

using namespace hmlt;

/// A step of one token, whose sequence has one page.
runtime::Quantities oneToken() {
  runtime::Quantities one;
  one.tokens = one.sequences = one.decodeSequences = 1;
  one.outputRows = one.maxPages = 1;
  return one;
}

/// "rows 1 8 16 64; schedule: tiles of 64 columns".
std::string schedule(const RealizationT &realization) {
  std::string text = "rows";
  for (const auto &variant : realization.variants)
    text += " " + std::to_string(variant->rows);
  if (!realization.schedule.empty())
    text += "; schedule: " + realization.schedule;
  return text;
}

void printProducts(const RealizationT &realization) {
  for (const auto &variant : realization.variants)
    for (const auto &s : variant->schedules)
      std::printf(
          "  rows %d, %s: product %lldx%lldx%lld in blocks of %d "
          "rows, %d panels, depth %lld%s; %lld cycles predicted%s\n",
          variant->rows, realization.target.c_str(),
          static_cast<long long>(s->m), static_cast<long long>(s->k),
          static_cast<long long>(s->n), s->rows, s->panels,
          static_cast<long long>(s->depth),
          s->part ? (", summed in parts of " + std::to_string(s->part)).c_str()
                  : "",
          static_cast<long long>(s->cycles),
          s->given ? " (from a schedule file)" : "");
}

} // namespace

Status explain(const std::string &path) {
  auto read = readContainer(path);
  if (read.failed())
    return read.status();
  const ContainerT &file = **read;
  std::vector<runtime::Work> work(file.kernels.size());
  runtime::Quantities quantities = oneToken();
  std::vector<int> launches(file.kernels.size());
  for (const auto &function : file.functions)
    for (const auto &launch : function->launches) {
      auto k = static_cast<size_t>(launch->kernel);
      quantities.extents.assign(
          function->extents.size() + function->derived.size(), 1);
      runtime::Work one =
          runtime::workOf(file, *function, *launch,
                          *file.kernels[k]->realizations.front(), quantities);
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
    std::printf("\n%s (%s), %d launches\n", kernel.name.c_str(),
                kernel.kind.c_str(), launches[k]);
    std::printf("  bytes: weights %.0f, buffers %.0f, caches %.0f; FLOPs: "
                "%.0f\n",
                work[k].weightBytes, work[k].bufferBytes, work[k].cacheBytes,
                work[k].productFlops);
    for (size_t r = 0; r < kernel.realizations.size(); ++r) {
      std::string made = schedule(*kernel.realizations[r]);
      if (r && made == schedule(*kernel.realizations[r - 1]))
        continue; // the same as of the target before it
      std::string targets = kernel.realizations[r]->target;
      for (size_t next = r + 1; next < kernel.realizations.size() &&
                                schedule(*kernel.realizations[next]) == made;
           ++next)
        targets += ", " + kernel.realizations[next]->target;
      std::printf("  %s: %s\n", targets.c_str(), made.c_str());
    }
    for (const auto &realization : kernel.realizations)
      printProducts(*realization);
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
