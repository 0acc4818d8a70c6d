//===- RegionLowering.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/RegionLowering.h"

#include "codegen/kernels/Region.h"
#include "dialects/Graph/GraphOpInterface.h"
#include "dialects/Graph/RegionRules.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

#include "codegen/program/LaunchOp.cpp.inc"

std::string RegionLowering::key(StringRef more) const {
  nn::FusedOp region = op;
  std::string text;
  llvm::raw_string_ostream out(text);
  llvm::DenseMap<Value, std::string> names;
  for (BlockArgument arg : region.getBody().getArguments()) {
    names[arg] = "a" + std::to_string(arg.getArgNumber());
    out << arg.getType() << ";";
  }
  int count = 0;
  for (Operation &inner : region.getBody().front()) {
    for (Value result : inner.getResults()) {
      names[result] = "v" + std::to_string(count++);
      out << names[result] << ":" << result.getType() << " ";
    }
    out << inner.getName() << inner.getAttrDictionary() << "(";
    for (Value operand : inner.getOperands())
      out << names[operand] << ",";
    out << ");";
  }
  out << more;
  return text;
}

KernelInfo RegionLowering::info(StringRef kind, bool product) {
  KernelInfo info;
  info.kind = kind.str();
  info.product = product;
  for (Operation &inner : op.getBody().front())
    if (!isa<nn::YieldOp>(inner))
      info.fused.push_back(inner.getName().getStringRef().str());
  if (std::optional<StringRef> reason = op.getReason())
    info.reason = reason->str();
  return info;
}

Value RegionLowering::outside(Value v) const {
  nn::FusedOp region = op;
  return region.getInputs()[cast<BlockArgument>(v).getArgNumber()];
}

Value RegionLowering::yielded(Value v) const {
  nn::FusedOp region = op;
  Operation *yield = region.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(yield->getOperands())) {
    Value from = value;
    while (auto merge = from.getDefiningOp<nn::MergeHeadsOp>())
      from = merge.getX();
    if (from == v)
      return region.getResults()[i];
  }
  return Value();
}

Extent RegionLowering::rowsOf(Value v) {
  return program().rowsOf(outside(graph::underViews(v)));
}

Value RegionLowering::define(Value result, const Extent &rows) {
  if (Value yielded = this->yielded(result))
    return program().define(yielded, rows);
  auto type = cast<RankedTensorType>(result.getType());
  return program().temporary("", type.getElementType(),
                             times(rows, graph::rowWidthOf(result)),
                             /*zeroed=*/false);
}

FailureOr<Value> RegionLowering::memoryOf(Value v, tile::Layout packed) {
  if (Operation *view = v.getDefiningOp()) {
    Value source = graph::underViews(v);
    if (!isa<BlockArgument>(source))
      return op.emitOpError("has no memory for a value that it computes");
    if (graph::rowWidthOf(source) != graph::rowWidthOf(v))
      return view->emitOpError("gives ")
             << graph::rowWidthOf(v) << " of the " << graph::rowWidthOf(source)
             << " columns of a row to an op whose kernels take whole rows";
    v = source;
  }
  FailureOr<Value> found = program().memoryOf(outside(v), packed);
  if (failed(found))
    return op.emitOpError("operand ") << cast<BlockArgument>(v).getArgNumber()
                                      << " has no place in memory";
  return found;
}

std::vector<int64_t> hamlet::codegen::variantsFor(ArrayRef<int64_t> family,
                                                  const Extent &rows) {
  if (!rows.isStatic())
    return family.vec();
  for (int64_t variant : family)
    if (variant >= rows.value())
      return {variant};
  return {family.back()};
}

HeadsIn hamlet::codegen::headsIn(Value v, Value &source) {
  graph::ViewSource from = graph::viewSourceOf(v);
  source = from.value;
  return {graph::rowWidthOf(source), from.column};
}

//===----------------------------------------------------------------------===//
// Regions of rows
//===----------------------------------------------------------------------===//

LogicalResult hamlet::codegen::launchRows(RegionLowering &region) {
  nn::FusedOp op = region.op;
  ProgramBuilder &f = region.program();
  // Of this plan only what no size changes is used; each class makes its own.
  FailureOr<RegionPlan> plan = planRegion(op, KernelSizes());
  if (failed(plan))
    return failure();
  Operation *yield = op.getBody().front().getTerminator();
  Value domain = graph::rowSourceOf(yield->getOperand(0));
  if (!isa_and_nonnull<BlockArgument>(domain))
    return op.emitOpError("has rows that no operand of the region has");
  Extent rows = region.rowsOf(domain);
  Extent tokens = rows;
  if (plan->gatheredFrom)
    tokens = f.rowsOf(op.getInputs()[*plan->gatheredFrom]);

  KernelInfo info = region.info(op.getKind(), plan->product);
  info.sizes = {"rows", "tokens"};
  info.metric = sizeOf(0);
  auto realize = [&](const TargetClass &targets) -> FailureOr<Realization> {
    const KernelSizes &sizes = targets.sizes;
    FailureOr<RegionPlan> plan = planRegion(op, sizes);
    if (failed(plan))
      return failure();
    Realization made;
    made.rows =
        variantsFor(plan->product ? sizes.productRows : sizes.wholeRows, rows);
    if (!plan->product)
      while (made.rows.size() > 1 &&
             made.rows.back() * plan->widest * 4 > sizes.wholeRowsBytes)
        made.rows.pop_back();
    made.schedule =
        plan->product ? "tiles of " + std::to_string(plan->columns) + " columns"
                      : "whole rows";
    made.grid = {byRows(sizeOf(0)), constant(plan->lanes), constant(1)};
    for (auto [i, layout] : llvm::enumerate(plan->operands))
      made.packed["x" + std::to_string(i)] = layout;
    made.write = [plan = *plan](const KernelSite &site, int64_t r) {
      return regionKernel(site, plan, r);
    };
    return made;
  };
  FailureOr<program::KernelOp> kernel =
      f.table().get(region.key(info.kind), info, op.getLoc(), realize);
  if (failed(kernel))
    return failure();
  ProgramBuilder::Arguments arguments;
  for (auto [i, input] : llvm::enumerate(op.getBody().getArguments())) {
    FailureOr<Value> memory = region.memoryOf(input, plan->operands[i]);
    if (failed(memory))
      return failure();
    arguments.emplace_back("x" + std::to_string(i), *memory);
  }
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    arguments.emplace_back("y" + std::to_string(i), f.define(result, rows));
  f.launch(*kernel, {rows, tokens}, arguments);
  return success();
}
