//===- ExplainFull.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Explain.h"
#include "tools/hamlet/Units.h"

#include <sstream>

namespace hamlet::tools {
namespace {

using namespace hmlt;

/// "rows 1 8 16 64; schedule: tiles of 64 columns".
std::string schedule(const RealizationT &realization) {
  std::string text = "rows";
  for (const auto &variant : realization.variants)
    text += " " + std::to_string(variant->rows);
  if (!realization.schedule.empty())
    text += "; schedule: " + realization.schedule;
  return text;
}

void writeProducts(std::ostream &out, const RealizationT &realization) {
  for (const auto &variant : realization.variants)
    for (const auto &s : variant->schedules) {
      out << "  rows " << variant->rows << ", " << realization.target
          << ": product " << s->m << "x" << s->k << "x" << s->n
          << " in blocks of " << s->rows << " rows, " << s->panels
          << " panels, depth " << s->depth;
      if (s->part)
        out << ", summed in parts of " << s->part;
      out << "; " << s->cycles << " cycles predicted"
          << (s->given ? " (from a schedule file)" : "") << "\n";
    }
}

void writeKernel(std::ostream &out, const KernelT &kernel,
                 const KernelWork &counted, size_t launches) {
  const runtime::Work &work = counted.work;
  out << "\n"
      << kernel.name << " (" << kernel.kind << "), " << launches
      << " launches\n  bytes: weights " << work.weightBytes << ", buffers "
      << work.bufferBytes << ", caches " << work.cacheBytes
      << "; FLOPs: " << work.productFlops << "\n";
  for (size_t r = 0; r < kernel.realizations.size(); ++r) {
    std::string made = schedule(*kernel.realizations[r]);
    if (r && made == schedule(*kernel.realizations[r - 1]))
      continue; // the same as of the target before it
    std::string targets = kernel.realizations[r]->target;
    for (size_t next = r + 1; next < kernel.realizations.size() &&
                              schedule(*kernel.realizations[next]) == made;
         ++next)
      targets += ", " + kernel.realizations[next]->target;
    out << "  " << targets << ": " << made << "\n";
  }
  for (const auto &realization : kernel.realizations)
    writeProducts(out, *realization);
  if (!kernel.fused.empty())
    out << "  fused: " << joined(kernel.fused) << "\n";
  for (const std::string &remark : kernel.remarks)
    out << "  why: " << remark << "\n";
}

} // namespace

std::string explainFull(const ContainerT &file, std::optional<size_t> only) {
  WorkOfKernels work = workOfKernels(file, {decodeStep(0)});
  std::ostringstream out;
  out << std::fixed;
  out.precision(0);
  out << file.model->architecture << ": "
      << numbered(file.kernels.size(), "kernel", "kernels")
      << "\nBytes and FLOPs are of all its launches in a step of one token; "
         "FLOPs are those of products with weights; a cache counts one page or "
         "slot.\n";
  for (size_t k = 0; k < file.kernels.size(); ++k)
    if (!only || *only == k)
      writeKernel(out, *file.kernels[k], work.work[0][k], work.launches[k]);
  if (!only && !file.remarks.empty()) {
    out << "\n";
    for (const std::string &remark : file.remarks)
      out << remark << "\n";
  }
  return std::move(out).str();
}

} // namespace hamlet::tools
