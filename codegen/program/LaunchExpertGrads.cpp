//===- LaunchExpertGrads.cpp - launches of the gradients of experts -------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/ExpertGrads.h"
#include "codegen/program/ExpertRows.h"
#include "codegen/program/LaunchModels.h"

#include "dialects/MoE/MoEOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

struct InputGradModel
    : LaunchOpInterface::ExternalModel<InputGradModel, moe::ExpertInputGradOp> {
  LogicalResult launch(Operation *any, RegionLowering &region) const {
    auto op = cast<moe::ExpertInputGradOp>(any);
    ProgramBuilder &f = region.program();
    auto w = cast<RankedTensorType>(op.getW().getType());
    ExpertShape s;
    s.experts = w.getDimSize(0);
    s.topK = 1;
    s.in = w.getDimSize(1);
    s.out = w.getDimSize(2);
    s.element = elementOf(op.getDy());
    s.weight = w.getElementType();
    s.result = elementOf(op.getResult());
    s.numerics = op.getNumerics();
    Extent pairs = region.rowsOf(op.getDy());
    FailureOr<Value> list = blocksOf(region, op.getOffsets(), s.experts, pairs);
    if (failed(list))
      return failure();
    KernelInfo info = region.info("expert_input_grad", /*product=*/true);
    info.sizes = {"pairs"};
    info.metric = routedRows(0, s.experts);
    FailureOr<program::KernelOp> kernel = f.table().get(
        region.key(""), info, op.getLoc(),
        [&](const TargetClass &targets) -> FailureOr<Realization> {
          Realization made;
          made.rows = familyFor(targets, pairs, s.experts);
          s.columns =
              productColumns(s.out, /*computedRows=*/false, targets.sizes);
          made.schedule = "tiles of " + std::to_string(s.columns) +
                          " columns, one expert's rows a block";
          made.grid = {blockCount(sizeOf(0), s.experts),
                       constant((s.out + s.columns - 1) / s.columns),
                       constant(1)};
          made.write = [s](const KernelSite &site, int64_t r) {
            return expertInputGradKernel(site, s, r);
          };
          return made;
        });
    FailureOr<Value> dy = region.memoryOf(op.getDy());
    FailureOr<Value> weights = region.memoryOf(op.getW());
    if (failed(kernel) || failed(dy) || failed(weights))
      return failure();
    Value result = f.define(region.yielded(op.getResult()), pairs);
    f.launch(
        *kernel, {pairs},
        {{"dy", *dy}, {"blocks", *list}, {"w", *weights}, {"out", result}});
    return success();
  }
};

struct WeightGradModel
    : LaunchOpInterface::ExternalModel<WeightGradModel,
                                       moe::ExpertWeightGradOp> {
  LogicalResult launch(Operation *any, RegionLowering &region) const {
    auto op = cast<moe::ExpertWeightGradOp>(any);
    ProgramBuilder &f = region.program();
    RankedTensorType into = op.getInto().getType().getTensor();
    ExpertWeightGradShape s;
    s.out = into.getDimSize(1);
    s.in = into.getDimSize(2);
    s.x = elementOf(op.getX());
    s.dy = elementOf(op.getDy());
    FailureOr<program::KernelOp> kernel = f.table().get(
        region.key(""), region.info("expert_weight_grad", /*product=*/true),
        op.getLoc(), [&](const TargetClass &targets) -> FailureOr<Realization> {
          s.chooseTiles(targets.sizes);
          Realization made;
          made.rows = {1}; // whatever the rows are
          made.schedule = "tiles of " + std::to_string(s.tileOut) + " x " +
                          std::to_string(s.tileIn) + ", all rows of an expert";
          made.grid = {constant((s.out + s.tileOut - 1) / s.tileOut),
                       constant((s.in + s.tileIn - 1) / s.tileIn),
                       constant(into.getDimSize(0))};
          made.write = [s](const KernelSite &site, int64_t) {
            return expertWeightGradKernel(site, s);
          };
          return made;
        });
    FailureOr<Value> x = region.memoryOf(op.getX());
    FailureOr<Value> dy = region.memoryOf(op.getDy());
    FailureOr<Value> offsets = region.memoryOf(op.getOffsets());
    FailureOr<Value> state = region.memoryOf(op.getInto());
    if (failed(kernel) || failed(x) || failed(dy) || failed(offsets) ||
        failed(state))
      return failure();
    f.launch(*kernel, {},
             {{"x", *x}, {"dy", *dy}, {"offsets", *offsets}, {"into", *state}});
    f.alias(region.yielded(op.getUpdated()), region.outside(op.getInto()));
    return success();
  }
};

} // namespace

void hamlet::codegen::attachExpertGradLaunches(MLIRContext *context) {
  moe::ExpertInputGradOp::attachInterface<InputGradModel>(*context);
  moe::ExpertWeightGradOp::attachInterface<WeightGradModel>(*context);
}
