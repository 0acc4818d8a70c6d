//===- Region.cpp - the plan of a fused region's kernel -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Region.h"

#include "codegen/kernels/Kernels.h"
#include "codegen/kernels/Window.h"
#include "dialects/Graph/RegionRules.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// Whether every tile of a product works its rows out: they are not plain rows
/// of an operand of the region.
static bool computesRows(Value x) {
  return graph::underViews(x).getDefiningOp() != nullptr;
}

int64_t hamlet::codegen::productColumns(int64_t n, bool computedRows,
                                        const KernelSizes &sizes) {
  int64_t padded = (n + tile::kPanel - 1) / tile::kPanel * tile::kPanel;
  bool wide = computedRows && n >= sizes.wideFrom;
  return std::min(padded, wide ? sizes.wideColumns : sizes.columns);
}

LogicalResult hamlet::codegen::checkRegion(nn::FusedOp op) {
  if (std::optional<graph::Refusal> refusal = graph::findRefusal(op.getBlock()))
    return refusal->emit();
  return success();
}

/// Sets the layouts of `inner`'s weights.
static LogicalResult layOut(RegionPlan &plan, graph::GraphOpInterface inner) {
  for (OpOperand &operand : inner->getOpOperands()) {
    if (!inner.isPacked(operand.getOperandNumber()))
      continue;
    auto arg = dyn_cast<BlockArgument>(operand.get());
    if (!arg)
      return inner->emitOpError(
          "expected the weight of a product to be an operand of the region");
    for (OpOperand &use : arg.getUses()) {
      auto user = dyn_cast<graph::GraphOpInterface>(use.getOwner());
      if (user && user.isPacked(use.getOperandNumber()))
        continue;
      InFlightDiagnostic diag = inner->emitOpError(
          "has a weight that the region reads as rows as well; make it two "
          "operands of the region");
      diag.attachNote(use.getOwner()->getLoc()) << "it is read here";
      return diag;
    }
    plan.operands[arg.getArgNumber()] =
        tile::packedFor(inner.getNumerics().getOperands());
  }
  return success();
}

FailureOr<RegionPlan> hamlet::codegen::planRegion(nn::FusedOp op,
                                                  const KernelSizes &sizes) {
  if (failed(checkRegion(op)))
    return failure();
  RegionPlan plan;
  plan.op = op;
  plan.operands.assign(op->getNumOperands(), tile::Layout::strided);
  SmallVector<Operation *> ops;
  for (Operation &inner : op.getBlock()) {
    ops.push_back(&inner);
    for (Value v : inner.getResults())
      if (auto type = dyn_cast<RankedTensorType>(v.getType());
          type && type.getRank() > 1)
        plan.widest = std::max(plan.widest, graph::rowWidthOf(v));
    auto graphOp = dyn_cast<graph::GraphOpInterface>(&inner);
    if (!graphOp)
      continue;
    if (failed(layOut(plan, graphOp)))
      return failure();
    if (Value from = graphOp.getGatheredFrom())
      plan.gatheredFrom =
          cast<BlockArgument>(graph::underViews(from)).getArgNumber();
  }
  if (graph::GraphOpInterface product = graph::tiledProduct(ops)) {
    plan.product = true;
    plan.width = graph::rowWidthOf(product->getResult(0));
    plan.columns =
        productColumns(plan.width, computesRows(product->getOperand(0)), sizes);
    plan.lanes = (plan.width + plan.columns - 1) / plan.columns;
  } else {
    for (Value v : op.getBlock().getTerminator()->getOperands())
      plan.lanes = std::max(plan.lanes, graph::headsOf(v));
  }
  return plan;
}

FailureOr<func::FuncOp> hamlet::codegen::regionKernel(const KernelSite &site,
                                                      const RegionPlan &plan,
                                                      int64_t rows) {
  for (Operation &inner : plan.op->getRegion(0).front().without_terminator())
    if (!isa<WindowOpInterface>(inner))
      return inner.emitOpError(
          "has no kernel inside a fused region: it implements no "
          "WindowOpInterface");
  return WindowBuilder(site, plan, rows).build();
}
