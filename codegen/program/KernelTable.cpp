//===- KernelTable.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/KernelTable.h"

#include "codegen/tile/KernelName.h"
#include "dialects/Tile/TileDialect.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

KernelTable::KernelTable(ModuleOp module, ArrayRef<TargetClass> classes)
    : module(module), classes(classes) {}

FailureOr<program::KernelOp> KernelTable::get(StringRef key,
                                              const KernelInfo &info,
                                              Location loc, Realize realize) {
  // Variants may be fewer where rows are known: then it is another kernel.
  std::string full = key.str();
  std::vector<Realization> realizations;
  for (const TargetClass &targets : classes) {
    FailureOr<Realization> realization = realize(targets);
    if (failed(realization))
      return failure();
    full += " rows";
    for (int64_t rows : realization->rows)
      full += " " + std::to_string(rows);
    realizations.push_back(std::move(*realization));
  }
  if (program::KernelOp found = known.lookup(full))
    return found;
  int &count = names[info.kind];
  std::string name =
      info.kind + (count == 0 ? "" : "_" + std::to_string(count));
  ++count;
  program::KernelOp kernel;
  for (auto [targets, realization] : llvm::zip_equal(classes, realizations))
    if (failed(this->realize(kernel, info, name, loc, targets, realization)))
      return failure();
  known[full] = kernel;
  return kernel;
}

int64_t KernelTable::mostElements(tile::Layout packed, int64_t k,
                                  int64_t n) const {
  int64_t most = 0;
  for (const TargetClass &targets : classes)
    most = std::max(most,
                    tile::matrixElements(targets.weightLayout(packed), k, n));
  return most;
}

static program::Layout programLayout(tile::Layout layout) {
  switch (layout) {
  case tile::Layout::strided:
    return program::Layout::plain;
  case tile::Layout::panel:
    return program::Layout::panel;
  case tile::Layout::panel_pairs:
    return program::Layout::panel_pairs;
  case tile::Layout::blocks:
    return program::Layout::blocks;
  case tile::Layout::packed:
  case tile::Layout::packed_bf16:
    break;
  }
  llvm_unreachable("a target says how a packed matrix lies");
}

/// Tells the kernel how its packed arguments lie, where it is not the default.
static void layOut(func::FuncOp written, const TargetClass &targets,
                   const Realization &realization) {
  for (unsigned i = 0; i < written.getNumArguments(); ++i) {
    auto name = written.getArgAttrOfType<StringAttr>(i, tile::kNameAttr);
    tile::Layout packed = realization.packed.lookup(name.getValue()),
                 layout = targets.weightLayout(packed);
    if (packed != tile::Layout::strided &&
        layout != tile::defaultLayout(packed))
      written.setArgAttr(
          i, tile::kLayoutAttr,
          StringAttr::get(written.getContext(), tile::stringifyLayout(layout)));
  }
}

/// Writes the variants; the first that is written declares the kernel.
LogicalResult KernelTable::realize(program::KernelOp &kernel,
                                   const KernelInfo &info, StringRef name,
                                   Location loc, const TargetClass &targets,
                                   const Realization &realization) {
  std::vector<std::pair<int64_t, std::string>> variants;
  for (int64_t rows : realization.rows) {
    std::string symbol = (name + "_r" + Twine(rows)).str();
    FailureOr<func::FuncOp> written =
        realization.write({targets.tiles, symbol, loc, targets.sizes}, rows);
    if (failed(written))
      return failure();
    layOut(*written, targets, realization);
    tile::setKernelName(*written, {name.str(), info.kind, rows});
    if (!kernel)
      kernel = declare(info, name, loc, *written);
    variants.emplace_back(rows, std::move(symbol));
  }
  SmallVector<int32_t> layouts;
  for (Attribute parameter : kernel.getNames())
    layouts.push_back(static_cast<int32_t>(programLayout(targets.weightLayout(
        realization.packed.lookup(cast<StringAttr>(parameter).getValue())))));
  OpBuilder b(kernel.getContext());
  SmallVector<Attribute> grid;
  for (const Extent &extent : realization.grid)
    grid.push_back(extent.attr(b.getContext()));
  for (const std::string &target : targets.targets) {
    b.setInsertionPointToEnd(&kernel.getBody().front());
    auto op = program::RealizationOp::create(
        b, loc, target, b.getArrayAttr(grid), layouts, realization.schedule,
        b.getStringAttr(targets.name));
    b.setInsertionPointToStart(&op.getBody().emplaceBlock());
    for (auto &[rows, symbol] : variants)
      program::VariantOp::create(b, loc, symbol, static_cast<uint64_t>(rows));
  }
  return success();
}

/// Parameters are the arguments of the kernel's function, by name.
program::KernelOp KernelTable::declare(const KernelInfo &info, StringRef name,
                                       Location loc, func::FuncOp written) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<StringRef> parameters;
  SmallVector<Type> types;
  for (BlockArgument argument : written.getArguments()) {
    parameters.push_back(written
                             .getArgAttrOfType<StringAttr>(
                                 argument.getArgNumber(), tile::kNameAttr)
                             .getValue());
    Type type = argument.getType();
    if (auto pointer = dyn_cast<tile::PtrType>(type))
      type = program::MemoryType::get(b.getContext(), pointer.getElementType());
    types.push_back(type);
  }
  auto strings = [&](const std::vector<std::string> &list) {
    SmallVector<StringRef> refs(list.begin(), list.end());
    return b.getStrArrayAttr(refs);
  };
  std::vector<std::string> remarks;
  if (!info.reason.empty())
    remarks.push_back(info.reason);
  auto kernel = program::KernelOp::create(
      b, loc, name, info.kind, b.getStrArrayAttr(parameters),
      b.getTypeArrayAttr(types), strings(info.sizes),
      info.metric.attr(b.getContext()), info.product, strings(info.fused),
      strings(remarks));
  kernel.getBody().emplaceBlock();
  return kernel;
}
