//===- LaunchGrads.cpp - launches of nn's gradients -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Grads.h"
#include "codegen/kernels/Region.h"
#include "codegen/program/LaunchModels.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// An op that has one kernel of one variant.
struct OneKernel {
  SmallVector<std::string> sizes;
  bool product = false;
  std::function<std::array<Extent, 3>(const KernelSizes &)> grid;
  std::function<func::FuncOp(const KernelSite &)> write;
};

static FailureOr<program::KernelOp>
kernelOf(RegionLowering &region, StringRef kind, const OneKernel &one) {
  KernelInfo info = region.info(kind, one.product);
  info.sizes.assign(one.sizes.begin(), one.sizes.end());
  if (!one.sizes.empty())
    info.metric = sizeOf(0);
  return region.program().table().get(
      region.key(kind), info, region.op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        Realization made;
        made.rows = {1};
        made.grid = one.grid(targets.sizes);
        made.write = [write = one.write](const KernelSite &site, int64_t) {
          return write(site);
        };
        return made;
      });
}

static Extent tilesOf(int64_t extent, int64_t tile) {
  return constant((extent + tile - 1) / tile);
}

/// Where rows of `v` lie; it may be a view.
static HeadsIn rowsIn(Value v) {
  Value source;
  return headsIn(v, source);
}

/// The memory that `v`, perhaps a view of some columns, lies in.
static FailureOr<Value> memoryUnder(RegionLowering &region, Value v) {
  return region.memoryOf(graph::underViews(v));
}

/// Launches a kernel that adds to a state: its memory is `into`.
static LogicalResult launchInto(RegionLowering &region, StringRef kind,
                                const OneKernel &one, Value into, Value updated,
                                const Extent &tokens,
                                ArrayRef<std::pair<StringRef, Value>> operands,
                                ProgramBuilder::Arguments arguments = {}) {
  ProgramBuilder &f = region.program();
  FailureOr<program::KernelOp> kernel = kernelOf(region, kind, one);
  if (failed(kernel))
    return failure();
  for (auto &[name, value] : operands) {
    FailureOr<Value> memory = memoryUnder(region, value);
    if (failed(memory))
      return failure();
    arguments.emplace_back(name.str(), *memory);
  }
  FailureOr<Value> memory = region.memoryOf(into);
  if (failed(memory))
    return failure();
  arguments.emplace_back("into", *memory);
  f.launch(*kernel, {tokens}, arguments);
  f.alias(region.yielded(updated), region.outside(into));
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static LogicalResult launchInputGrad(RegionLowering &region,
                                     nn::LinearInputGradOp op) {
  ProgramBuilder &f = region.program();
  auto weight = cast<RankedTensorType>(op.getW().getType());
  LinearGradShape shape;
  shape.n = weight.getDimSize(0);
  shape.k = weight.getDimSize(1);
  shape.dy = elementOf(op.getDy());
  shape.other = weight.getElementType();
  shape.result = elementOf(op.getResult());
  shape.dyIn = rowsIn(op.getDy());
  shape.numerics = op.getNumerics();
  Extent tokens = region.rowsOf(op.getDy());
  KernelInfo info = region.info("linear_input_grad", /*product=*/true);
  info.sizes = {"tokens"};
  info.metric = sizeOf(0);
  FailureOr<program::KernelOp> kernel = f.table().get(
      region.key(info.kind), info, op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        LinearGradShape s = shape;
        s.columns = productColumns(s.k, /*computedRows=*/false, targets.sizes);
        Realization made;
        made.rows = variantsFor(targets.sizes.productRows, tokens);
        made.schedule = "tiles of " + std::to_string(s.columns) + " columns";
        made.grid = {byRows(sizeOf(0)), tilesOf(s.k, s.columns), constant(1)};
        made.write = [s](const KernelSite &site, int64_t rows) {
          return linearInputGradKernel(site, s, rows);
        };
        return made;
      });
  FailureOr<Value> dy = memoryUnder(region, op.getDy()),
                   w = region.memoryOf(op.getW());
  if (failed(kernel) || failed(dy) || failed(w))
    return failure();
  Value out = f.define(region.yielded(op.getResult()), tokens);
  f.launch(*kernel, {tokens}, {{"dy", *dy}, {"w", *w}, {"out", out}});
  return success();
}

static LogicalResult launchWeightGrad(RegionLowering &region,
                                      nn::LinearWeightGradOp op) {
  RankedTensorType held = op.getInto().getType().getTensor();
  LinearGradShape shape;
  shape.n = held.getDimSize(0);
  shape.k = held.getDimSize(1);
  shape.dy = elementOf(op.getDy());
  shape.other = elementOf(op.getX());
  shape.dyIn = rowsIn(op.getDy());
  shape.otherIn = rowsIn(op.getX());
  auto columnsOf = [k = shape.k](const KernelSizes &sizes) {
    return productColumns(k, /*computedRows=*/false, sizes);
  };
  OneKernel one;
  one.sizes = {"tokens"};
  one.product = true;
  one.grid = [=](const KernelSizes &sizes) -> std::array<Extent, 3> {
    return {tilesOf(shape.n, sizes.gradRows),
            tilesOf(shape.k, columnsOf(sizes)), constant(1)};
  };
  one.write = [=](const KernelSite &site) {
    LinearGradShape s = shape;
    s.columns = columnsOf(site.sizes);
    return linearWeightGradKernel(site, s);
  };
  return launchInto(region, "linear_weight_grad", one, op.getInto(),
                    op.getUpdated(), region.rowsOf(op.getX()),
                    {{"x", op.getX()}, {"dy", op.getDy()}});
}

static LogicalResult launchBiasGrad(RegionLowering &region, nn::BiasGradOp op) {
  int64_t n = op.getInto().getType().getTensor().getDimSize(0);
  OneKernel one;
  one.sizes = {"tokens"};
  one.grid = [n](const KernelSizes &sizes) -> std::array<Extent, 3> {
    return {tilesOf(n, sizes.columns), constant(1), constant(1)};
  };
  one.write = [n, element = elementOf(op.getDy()),
               in = rowsIn(op.getDy())](const KernelSite &site) {
    return biasGradKernel(site, element, n, in);
  };
  return launchInto(region, "bias_grad", one, op.getInto(), op.getUpdated(),
                    region.rowsOf(op.getDy()), {{"dy", op.getDy()}});
}

//===----------------------------------------------------------------------===//
// Norms, embeddings, states
//===----------------------------------------------------------------------===//

static LogicalResult launchNormWeightGrad(RegionLowering &region,
                                          nn::RmsNormWeightGradOp op) {
  NormGradShape shape;
  shape.parts = cast<RankedTensorType>(op.getInverse().getType()).getDimSize(1);
  shape.n = graph::rowWidthOf(op.getX()) / shape.parts;
  shape.entries = op.getInto().getType().getTensor().getDimSize(0);
  shape.x = elementOf(op.getX());
  shape.dy = elementOf(op.getDy());
  shape.xIn = rowsIn(op.getX());
  shape.dyIn = rowsIn(op.getDy());
  OneKernel one;
  one.sizes = {"tokens"};
  one.grid = [=](const KernelSizes &sizes) -> std::array<Extent, 3> {
    return {tilesOf(shape.entries, sizes.columns), constant(1), constant(1)};
  };
  one.write = [=](const KernelSite &site) {
    return normWeightGradKernel(site, shape);
  };
  return launchInto(
      region, "rms_norm_weight_grad", one, op.getInto(), op.getUpdated(),
      region.rowsOf(op.getX()),
      {{"x", op.getX()}, {"inverse", op.getInverse()}, {"dy", op.getDy()}});
}

static LogicalResult launchEmbeddingGrad(RegionLowering &region,
                                         nn::EmbeddingGradOp op) {
  ProgramBuilder &f = region.program();
  RankedTensorType table = op.getInto().getType().getTensor();
  int64_t vocab = table.getDimSize(0), width = table.getDimSize(1);
  Extent tokens = region.rowsOf(op.getIds());
  OneKernel sort;
  sort.sizes = {"tokens"};
  sort.grid = [](const KernelSizes &) -> std::array<Extent, 3> {
    return {constant(1), constant(1), constant(1)};
  };
  sort.write = [=](const KernelSite &site) {
    return sortIdsKernel(site, vocab);
  };
  FailureOr<program::KernelOp> kernel = kernelOf(region, "sort_ids", sort);
  FailureOr<Value> ids = region.memoryOf(op.getIds());
  if (failed(kernel) || failed(ids))
    return failure();
  Value offsets = f.temporary("offsets", f.i32(), constant(vocab + 1), false),
        order = f.temporary("order", f.i32(), tokens, false);
  f.launch(*kernel, {tokens},
           {{"ids", *ids}, {"offsets", offsets}, {"order", order}});
  OneKernel one;
  one.sizes = {"tokens"};
  one.grid = [=](const KernelSizes &) -> std::array<Extent, 3> {
    return {constant(vocab), constant(1), constant(1)};
  };
  one.write = [=, element = elementOf(op.getDy()),
               in = rowsIn(op.getDy())](const KernelSite &site) {
    return embeddingGradKernel(site, element, vocab, width, in);
  };
  return launchInto(region, "embedding_grad", one, op.getInto(),
                    op.getUpdated(), tokens, {{"dy", op.getDy()}},
                    {{"offsets", offsets}, {"order", order}});
}

static LogicalResult launchRead(RegionLowering &region, nn::ReadOp op) {
  ProgramBuilder &f = region.program();
  auto type = cast<RankedTensorType>(op.getResult().getType());
  int64_t count = type.getNumElements();
  OneKernel one;
  one.grid = [=](const KernelSizes &) -> std::array<Extent, 3> {
    return {tilesOf(count, kCopied), constant(1), constant(1)};
  };
  one.write = [=](const KernelSite &site) { return copyKernel(site, count); };
  FailureOr<program::KernelOp> kernel = kernelOf(region, "read", one);
  FailureOr<Value> memory = region.memoryOf(op.getState());
  if (failed(kernel) || failed(memory))
    return failure();
  Value out =
      f.define(region.yielded(op.getResult()), constant(type.getDimSize(0)));
  f.launch(*kernel, {}, {{"in", *memory}, {"out", out}});
  return success();
}

void hamlet::codegen::attachGradLaunches(MLIRContext *context) {
  nn::ReadOp::attachInterface<LaunchModel<nn::ReadOp, launchRead>>(*context);
  nn::LinearInputGradOp::attachInterface<
      LaunchModel<nn::LinearInputGradOp, launchInputGrad>>(*context);
  nn::LinearWeightGradOp::attachInterface<
      LaunchModel<nn::LinearWeightGradOp, launchWeightGrad>>(*context);
  nn::BiasGradOp::attachInterface<LaunchModel<nn::BiasGradOp, launchBiasGrad>>(
      *context);
  nn::RmsNormWeightGradOp::attachInterface<
      LaunchModel<nn::RmsNormWeightGradOp, launchNormWeightGrad>>(*context);
  nn::EmbeddingGradOp::attachInterface<
      LaunchModel<nn::EmbeddingGradOp, launchEmbeddingGrad>>(*context);
}
