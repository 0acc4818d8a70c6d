//===- LaunchPolicy.cpp - launches of a policy's training -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/LaunchModels.h"

#include "codegen/kernels/Policy.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

static HeadShape headShape(Value x, Value w, tile::NumericsAttr numerics) {
  HeadShape shape;
  shape.hidden = cast<RankedTensorType>(x.getType()).getDimSize(1);
  shape.vocabulary = cast<RankedTensorType>(w.getType()).getDimSize(0);
  shape.weight = elementOf(w);
  shape.numerics = numerics;
  return shape;
}

static KernelInfo tokenKernel(RegionLowering &region, StringRef kind,
                              bool product) {
  KernelInfo info = region.info(kind, product);
  info.sizes = {"tokens"};
  info.metric = sizeOf(0);
  return info;
}

/// The memory of operands by their names.
static LogicalResult addOperands(RegionLowering &region,
                                 ArrayRef<std::pair<StringRef, Value>> operands,
                                 ProgramBuilder::Arguments &arguments) {
  for (auto &[name, value] : operands) {
    FailureOr<Value> memory = region.memoryOf(value);
    if (failed(memory))
      return failure();
    arguments.emplace_back(name.str(), *memory);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Log-probabilities
//===----------------------------------------------------------------------===//

static LogicalResult launchHead(RegionLowering &region, policy::HeadOp op) {
  ProgramBuilder &f = region.program();
  HeadShape shape = headShape(op.getX(), op.getW(), op.getNumerics());
  Value yieldedLogits =
      op.getLogits() ? region.yielded(op.getLogits()) : Value();
  shape.logits = static_cast<bool>(yieldedLogits);
  Extent tokens = region.rowsOf(op.getX());
  tile::Layout packed = tile::packedFor(op.getNumerics().getOperands());
  KernelInfo info = tokenKernel(region, "policy_head", /*product=*/true);
  FailureOr<program::KernelOp> kernel = f.table().get(
      region.key(info.kind), info, op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        Realization made;
        made.rows = variantsFor(targets.sizes.productRows, tokens);
        made.schedule = "parts of " + std::to_string(kHeadPart) +
                        " words, in blocks of " + std::to_string(kHeadBlock);
        made.grid = {byRows(sizeOf(0)), constant(shape.parts()), constant(1)};
        made.packed["w"] = packed;
        made.write = [shape](const KernelSite &site, int64_t rows) {
          return headKernel(site, shape, rows);
        };
        return made;
      });
  ProgramBuilder::Arguments arguments;
  FailureOr<Value> w = region.memoryOf(op.getW(), packed),
                   targets = region.memoryOf(op.getTargets());
  if (failed(kernel) || failed(w) || failed(targets) ||
      failed(addOperands(
          region, {{"x", op.getX()}, {"temperature", op.getTemperature()}},
          arguments)))
    return failure();
  arguments.emplace_back("w", *w);
  arguments.emplace_back("targets", *targets);
  ProgramBuilder::Arguments results;
  for (auto [name, value] :
       {std::pair("logprob", op.getLogprob()), std::pair("lse", op.getLse()),
        std::pair("entropy", op.getEntropy())}) {
    results.emplace_back(name, region.define(value, tokens));
  }
  if (shape.logits)
    arguments.emplace_back("logits", f.define(yieldedLogits, tokens));
  if (shape.parts() == 1) {
    llvm::append_range(arguments, results);
    f.launch(*kernel, {tokens}, arguments);
    return success();
  }
  Value sums =
      f.temporary("head_sums", f.f32(),
                  times(tokens, kHeadSums * shape.parts()), /*zeroed=*/false);
  arguments.emplace_back("sums", sums);
  f.launch(*kernel, {tokens}, arguments);

  KernelInfo joins = tokenKernel(region, "policy_head_join", false);
  FailureOr<program::KernelOp> join = f.table().get(
      region.key(joins.kind), joins, op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        Realization made;
        made.rows = variantsFor(targets.sizes.productRows, tokens);
        made.grid = {byRows(sizeOf(0)), constant(1), constant(1)};
        made.write = [shape](const KernelSite &site, int64_t rows) {
          return headJoinKernel(site, shape, rows);
        };
        return made;
      });
  if (failed(join))
    return failure();
  results.emplace_back("sums", sums);
  results.emplace_back("targets", *targets);
  f.launch(*join, {tokens}, results);
  return success();
}

static LogicalResult launchHeadGrad(RegionLowering &region,
                                    policy::HeadGradOp op) {
  ProgramBuilder &f = region.program();
  HeadShape shape = headShape(op.getX(), op.getW(), op.getNumerics());
  Extent tokens = region.rowsOf(op.getX());
  tile::Layout packed = tile::packedFor(op.getNumerics().getOperands());
  ProgramBuilder::Arguments arguments;
  if (failed(addOperands(region,
                         {{"x", op.getX()},
                          {"w_rows", op.getW()},
                          {"targets", op.getTargets()},
                          {"temperature", op.getTemperature()},
                          {"lse", op.getLse()},
                          {"entropy", op.getEntropy()},
                          {"g", op.getG()},
                          {"c", op.getC()}},
                         arguments)))
    return failure();

  if (Value dx = region.yielded(op.getDx())) {
    KernelInfo info = tokenKernel(region, "policy_head_grad", true);
    FailureOr<program::KernelOp> kernel = f.table().get(
        region.key(info.kind), info, op.getLoc(),
        [&](const TargetClass &targets) -> FailureOr<Realization> {
          Realization made;
          made.rows = variantsFor(targets.sizes.productRows, tokens);
          made.schedule = "blocks of " + std::to_string(kHeadBlock) + " words";
          made.grid = {byRows(sizeOf(0)), constant(1), constant(1)};
          made.packed["w"] = packed;
          made.write = [shape](const KernelSite &site, int64_t rows) {
            return headInputGradKernel(site, shape, rows);
          };
          return made;
        });
    FailureOr<Value> w = region.memoryOf(op.getW(), packed);
    if (failed(kernel) || failed(w))
      return failure();
    ProgramBuilder::Arguments all = arguments;
    all.emplace_back("w", *w);
    all.emplace_back("dx", f.define(dx, tokens));
    f.launch(*kernel, {tokens}, all);
  }
  if (!op.getInto())
    return success();

  KernelInfo info = tokenKernel(region, "policy_head_weight_grad", true);
  FailureOr<program::KernelOp> kernel = f.table().get(
      region.key(info.kind), info, op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        int64_t words = targets.sizes.gradRows;
        Realization made;
        made.rows = {1};
        made.schedule = "blocks of " + std::to_string(words) + " words";
        made.grid = {constant((shape.vocabulary + words - 1) / words),
                     constant(1), constant(1)};
        made.write = [shape](const KernelSite &site, int64_t) {
          return headWeightGradKernel(site, shape);
        };
        return made;
      });
  if (failed(kernel) ||
      failed(addOperands(region, {{"into", op.getInto()}}, arguments)))
    return failure();
  f.launch(*kernel, {tokens}, arguments);
  f.alias(region.yielded(op.getUpdated()), region.outside(op.getInto()));
  return success();
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

static LogicalResult launchLoss(RegionLowering &region, policy::LossOp op) {
  ProgramBuilder &f = region.program();
  Extent tokens = region.rowsOf(op.getLogprob());
  KernelInfo info = tokenKernel(region, "policy_loss", /*product=*/false);
  SmallVector<Extent> counts{tokens};
  Extent grid = ceilDiv(sizeOf(0), kLossTokens);
  if (op.getStarts()) {
    info.sizes.push_back("sequences");
    counts.push_back(plus(region.rowsOf(op.getStarts()), -1));
    grid = sizeOf(1);
  }
  FailureOr<program::KernelOp> kernel =
      f.table().get(region.key(info.kind), info, op.getLoc(),
                    [&](const TargetClass &) -> FailureOr<Realization> {
                      Realization made;
                      made.rows = {1};
                      made.grid = {grid, constant(1), constant(1)};
                      made.write = [op](const KernelSite &site, int64_t) {
                        return lossKernel(site, op);
                      };
                      return made;
                    });
  ProgramBuilder::Arguments arguments;
  if (failed(kernel))
    return failure();
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    if (failed(addOperands(region, {{op.operandName(i), op->getOperand(i)}},
                           arguments)))
      return failure();
  arguments.emplace_back("loss", region.define(op.getLoss(), tokens));
  arguments.emplace_back("g", region.define(op.getG(), tokens));
  arguments.emplace_back("c", region.define(op.getC(), tokens));
  if (op.getCounters())
    arguments.emplace_back("counters", region.define(op.getCounters(), tokens));
  f.launch(*kernel, counts, arguments);
  return success();
}

void hamlet::codegen::attachPolicyLaunches(MLIRContext *context) {
  policy::HeadOp::attachInterface<LaunchModel<policy::HeadOp, launchHead>>(
      *context);
  policy::HeadGradOp::attachInterface<
      LaunchModel<policy::HeadGradOp, launchHeadGrad>>(*context);
  policy::LossOp::attachInterface<LaunchModel<policy::LossOp, launchLoss>>(
      *context);
}
