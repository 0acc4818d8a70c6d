//===- ExplainPage.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Explain.h"
#include "tools/hamlet/Table.h"
#include "tools/hamlet/Units.h"

#include <algorithm>

namespace hamlet::tools {
namespace {

using namespace hmlt;
using enum Table::Align;

/// Columns of targets that stand side by side in 80 columns.
constexpr size_t kTargetsAcross = 4;

/// "3 MiB" or "-" where there is nothing.
std::string some(double value, std::string (*text)(double)) {
  return value > 0 ? text(value) : "-";
}

Table workTable(const ContainerT &file, const WorkOfKernels &work) {
  std::vector<Table::Column> columns = {{"kernel", Left, 20},
                                        {"launches", Right}};
  for (const Workload &load : work.loads) {
    columns.push_back({load.name + "\nbytes", Right});
    columns.push_back({load.name + "\nFLOPs", Right});
  }
  columns.push_back({"share", Right});
  Table table(std::move(columns));
  auto cells = [&](const std::string &name, size_t launches, auto of,
                   const std::string &share) {
    std::vector<std::string> row = {name, std::to_string(launches)};
    for (size_t l = 0; l < work.loads.size(); ++l) {
      const KernelWork &one = of(l);
      row.push_back(some(one.bytes(), bytesText));
      row.push_back(some(one.work.productFlops, countText));
    }
    row.push_back(share);
    return row;
  };
  size_t launches = 0;
  for (size_t k : work.order) {
    launches += work.launches[k];
    table.add(cells(
        file.kernels[k]->name, work.launches[k],
        [&](size_t l) -> const KernelWork & { return work.work[l][k]; },
        percentText(work.share[k], 1)));
  }
  table.rule();
  table.add(cells(
      "total", launches,
      [&](size_t l) -> const KernelWork & { return work.total[l]; }, ""));
  return table;
}

/// What a target makes of a variant: of a CPU the block of its largest product,
/// "6x4 k2048", of a GPU its threads and what they take, "128t 48K 90r".
std::string cellOf(const VariantT *variant) {
  if (!variant)
    return "";
  if (variant->block_threads) {
    std::string text = std::to_string(variant->block_threads) + "t";
    if (variant->shared_bytes)
      text += " " + std::to_string((variant->shared_bytes + 1023) / 1024) + "K";
    if (variant->registers)
      text += " " + std::to_string(variant->registers) + "r";
    return text;
  }
  const ScheduleT *largest = nullptr;
  auto size = [](const ScheduleT &s) {
    return double(s.m) * double(s.k) * double(s.n);
  };
  for (const auto &s : variant->schedules)
    if (!largest || size(*s) > size(*largest))
      largest = s.get();
  if (!largest)
    return "-";
  return std::to_string(largest->rows) + "x" + std::to_string(largest->panels) +
         " k" + std::to_string(largest->depth) + (largest->given ? "*" : "");
}

/// R stands for the variant's rows: kernels have a size "rows" too.
std::string gridText(const KernelT &kernel, const RealizationT &made) {
  std::vector<std::string> extents;
  for (const Expr &extent : made.grid) {
    std::string text = shown(extent, &kernel.sizes);
    if (size_t at = text.find(" / rows)"); at != std::string::npos)
      text.replace(at, 8, " / R)");
    extents.push_back(std::move(text));
  }
  while (extents.size() > 1 && extents.back() == "1")
    extents.pop_back();
  for (std::string &text : extents) // "ceil(pairs / R) + 4 x 2" would mislead
    if (extents.size() > 1 && text.find(" + ") != std::string::npos)
      text.insert(0, 1, '(').push_back(')');
  return (made.schedule.empty() ? "" : made.schedule + "; ") + "grid " +
         joined(extents, " x ");
}

std::vector<std::string> targetsOf(const ContainerT &file) {
  std::vector<std::string> targets;
  for (const auto &kernel : file.kernels)
    for (const auto &made : kernel->realizations)
      if (std::find(targets.begin(), targets.end(), made->target) ==
          targets.end())
        targets.push_back(made->target);
  return targets;
}

const VariantT *variantOf(const KernelT &kernel, const std::string &target,
                          int32_t rows) {
  if (const RealizationT *made = findRealization(kernel, target))
    for (const auto &variant : made->variants)
      if (variant->rows == rows)
        return variant.get();
  return nullptr;
}

/// How it is cut: a line for all targets, or one for each that differs.
void addGrids(Table &table, const KernelT &kernel,
              const std::vector<std::string> &targets) {
  std::vector<std::pair<std::string, std::vector<std::string>>> grids;
  size_t made = 0;
  for (const std::string &target : targets) {
    const RealizationT *realization = findRealization(kernel, target);
    if (!realization)
      continue;
    ++made;
    std::string text = gridText(kernel, *realization);
    auto known = std::find_if(grids.begin(), grids.end(),
                              [&](auto &grid) { return grid.first == text; });
    if (known == grids.end())
      known = grids.insert(grids.end(), {text, {}});
    known->second.push_back(target);
  }
  for (const auto &[text, those] : grids)
    table.note((those.size() == made ? "" : joined(those) + ": ") + text, 6, 2);
}

/// Variants of every kernel for `targets`, side by side.
Table variantTable(const ContainerT &file, const WorkOfKernels &work,
                   const std::vector<std::string> &targets) {
  std::vector<Table::Column> columns = {{"rows", Right}, {"runs in"}};
  for (const std::string &target : targets)
    columns.push_back({target});
  Table table(std::move(columns), /*indent=*/6);
  for (size_t k : work.order) {
    const KernelT &kernel = *file.kernels[k];
    table.note(
        kernel.name + ": " +
            (kernel.fused.empty() ? kernel.kind : joined(kernel.fused, " + ")),
        2, 4);
    addGrids(table, kernel, targets);
    std::set<int32_t> rows;
    for (const std::string &target : targets)
      if (const RealizationT *made = findRealization(kernel, target))
        for (const auto &variant : made->variants)
          rows.insert(variant->rows);
    for (int32_t each : rows) {
      std::vector<std::string> runs;
      for (size_t l = 0; l < work.loads.size(); ++l)
        if (work.work[l][k].rows.contains(each))
          runs.push_back(work.loads[l].name);
      std::vector<std::string> cells = {std::to_string(each),
                                        joined(runs, "+")};
      for (const std::string &target : targets)
        cells.push_back(cellOf(variantOf(kernel, target, each)));
      table.add(std::move(cells));
    }
    for (const std::string &remark : kernel.remarks)
      table.note("why: " + remark, 6, 2);
  }
  return table;
}

} // namespace

std::string explainPage(const ContainerT &file, const WorkOfKernels &work,
                        bool bold) {
  std::vector<std::string> targets = targetsOf(file);
  std::string out =
      paragraph((file.model->architecture.empty() ? "Functions"
                                                  : file.model->architecture) +
                    ": " + numbered(file.kernels.size(), "kernel", "kernels") +
                    " for " + joined(targets),
                0, 2);
  for (const Workload &load : work.loads)
    out += paragraph(load.name + ": " + load.meaning, 2, 4);
  out += "\nWork, the largest share first\n" + workTable(file, work).text(bold);
  out += paragraph(
      "Bytes: weights, buffers and caches, each once a launch. FLOPs: of "
      "products with weights. Share: of bytes and FLOPs of both, on average.",
      2);
  out += "\nKernels and their variants\n";
  for (size_t first = 0; first < targets.size(); first += kTargetsAcross) {
    std::vector<std::string> some(
        targets.begin() + static_cast<ptrdiff_t>(first),
        targets.begin() + static_cast<ptrdiff_t>(std::min(
                              first + kTargetsAcross, targets.size())));
    out += (first ? "\n" : "") + variantTable(file, work, some).text(bold);
  }
  out += paragraph(
      "R: a variant's rows. A CPU's 6x4 k512: the largest product in blocks of "
      "6 rows and 4 panels "
      "of 16 columns over 512 of k (* from a schedule file). A GPU's 128t 48K "
      "90r: threads, KiB of shared memory and registers of a block's thread. "
      "-: no product.",
      2);
  for (const std::string &remark : file.remarks)
    out += (&remark == &file.remarks.front() ? "\n" : "") +
           paragraph(remark, 0, 2);
  return out;
}

} // namespace hamlet::tools
