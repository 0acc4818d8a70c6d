//===- ExplainJson.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Explain.h"

namespace hamlet::tools {
namespace {

using namespace hmlt;

Json shareOf(double part, double whole) {
  return whole > 0 ? Json(part / whole) : Json();
}

Json describeWork(const KernelWork &work, const KernelWork &total) {
  return {{"launches", work.launches},
          {"weight_bytes", work.work.weightBytes},
          {"buffer_bytes", work.work.bufferBytes},
          {"cache_bytes", work.work.cacheBytes},
          {"bytes", work.bytes()},
          {"bytes_share", shareOf(work.bytes(), total.bytes())},
          {"flops", work.work.productFlops},
          {"flops_share",
           shareOf(work.work.productFlops, total.work.productFlops)}};
}

Json describeVariant(const VariantT &variant, const std::string &target,
                     const WorkOfKernels &work, size_t kernel) {
  Json runs = Json::array(), products = Json::array();
  for (size_t l = 0; l < work.loads.size(); ++l)
    if (work.work[l][kernel].rows.contains(variant.rows))
      runs.push_back(work.loads[l].name);
  for (const auto &s : variant.schedules)
    products.push_back(describe(*s, target));
  return {{"rows", variant.rows},
          {"symbol", variant.symbol},
          {"runs", runs},
          {"scratch_bytes", variant.scratch_bytes},
          {"shared_bytes", variant.shared_bytes},
          {"block_threads", variant.block_threads},
          {"registers", variant.registers},
          {"products", products}};
}

Json describeKernel(const KernelT &kernel, size_t index,
                    const WorkOfKernels &work) {
  Json counted = Json::object(), realizations = Json::array();
  for (size_t l = 0; l < work.loads.size(); ++l)
    counted[work.loads[l].name] =
        describeWork(work.work[l][index], work.total[l]);
  for (const auto &realization : kernel.realizations) {
    Json made = describe(kernel, *realization);
    Json variants = Json::array();
    for (const auto &variant : realization->variants)
      variants.push_back(
          describeVariant(*variant, realization->target, work, index));
    made["variants"] = std::move(variants);
    realizations.push_back(std::move(made));
  }
  return {{"name", kernel.name},
          {"kind", kernel.kind},
          {"product", kernel.product},
          {"launches", work.launches[index]},
          {"share", work.share[index]},
          {"work", std::move(counted)},
          {"fused", kernel.fused},
          {"remarks", kernel.remarks},
          {"realizations", std::move(realizations)}};
}

} // namespace

Json explainJson(const ContainerT &file, const WorkOfKernels &work,
                 std::optional<size_t> only) {
  Json steps = Json::object(), kernels = Json::array();
  for (size_t l = 0; l < work.loads.size(); ++l) {
    const Workload &load = work.loads[l];
    Json total = describeWork(work.total[l], work.total[l]);
    total.erase("bytes_share");
    total.erase("flops_share");
    steps[load.name] = {{"meaning", load.meaning},
                        {"tokens", load.quantities.tokens},
                        {"pages", load.quantities.maxPages},
                        {"extent", load.extent},
                        {"total", std::move(total)}};
  }
  for (size_t k : work.order)
    if (!only || *only == k)
      kernels.push_back(describeKernel(*file.kernels[k], k, work));
  return {{"architecture", file.model->architecture},
          {"steps", std::move(steps)},
          {"kernels", std::move(kernels)},
          {"remarks", file.remarks}};
}

} // namespace hamlet::tools
