//===- LaunchExperts.cpp - launches of a mixture of experts --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/ExpertRows.h"
#include "codegen/program/LaunchModels.h"

#include "dialects/MoE/MoEOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

Extent hamlet::codegen::blockCount(const Extent &pairs, int64_t experts) {
  return plus(byRows(pairs), experts);
}

static Value blockList(ProgramBuilder &f, const Extent &pairs,
                       int64_t experts) {
  // As many as the variant of one row has.
  return f.temporary("expert_blocks", f.i32(), times(plus(pairs, experts), 3),
                     false);
}

Extent hamlet::codegen::routedRows(int64_t pairs, int64_t experts) {
  return ceilDiv(sizeOf(pairs), experts);
}

std::vector<int64_t> hamlet::codegen::familyFor(const TargetClass &targets,
                                                const Extent &pairs,
                                                int64_t experts) {
  return variantsFor(targets.sizes.productRows, ceilDiv(pairs, experts));
}

static LogicalResult launchDispatch(RegionLowering &region,
                                    moe::DispatchOp op) {
  ProgramBuilder &f = region.program();
  auto type = cast<RankedTensorType>(op.getIds().getType());
  auto experts = static_cast<int64_t>(op.getExperts());
  Extent tokens = region.rowsOf(op.getIds()),
         pairs = times(tokens, type.getDimSize(1));
  KernelInfo info = region.info("dispatch");
  info.sizes = {"pairs", "block_count"};
  info.metric = routedRows(0, experts);
  FailureOr<program::KernelOp> kernel = f.table().get(
      region.key(""), info, op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        Realization made;
        made.rows = familyFor(targets, pairs, experts);
        made.write = [experts](const KernelSite &site, int64_t r) {
          return dispatchKernel(site, experts, r);
        };
        return made;
      });
  FailureOr<Value> ids = region.memoryOf(op.getIds());
  if (failed(kernel) || failed(ids))
    return failure();
  Value yielded = region.yielded(op.getOffsets());
  Value offsets = f.define(yielded, constant(experts + 1));
  Value order = f.define(region.yielded(op.getOrder()), pairs);
  Value place = f.define(region.yielded(op.getPlace()), tokens);
  Value list = blockList(f, pairs, experts);
  region.function.blocksOf[yielded] = list;
  f.launch(*kernel, {pairs, blockCount(pairs, experts)},
           {{"ids", *ids},
            {"offsets", offsets},
            {"order", order},
            {"place", place},
            {"blocks", list}});
  return success();
}

FailureOr<Value> hamlet::codegen::blocksOf(RegionLowering &region, Value inside,
                                           int64_t experts,
                                           const Extent &pairs) {
  Value offsets = region.outside(inside);
  Value &known = region.function.blocksOf[offsets];
  if (known)
    return known;
  ProgramBuilder &f = region.program();
  KernelInfo info = region.info("block_plan");
  info.sizes = {"block_count", "pairs"};
  info.metric = routedRows(1, experts);
  FailureOr<program::KernelOp> kernel = f.table().get(
      "block_plan " + std::to_string(experts), info, region.op.getLoc(),
      [&](const TargetClass &targets) -> FailureOr<Realization> {
        Realization made;
        made.rows = familyFor(targets, pairs, experts);
        made.write = [experts](const KernelSite &site, int64_t r) {
          return blockPlanKernel(site, experts, r);
        };
        return made;
      });
  FailureOr<Value> memory = region.memoryOf(inside);
  if (failed(kernel) || failed(memory))
    return failure();
  known = blockList(f, pairs, experts);
  f.launch(*kernel, {blockCount(pairs, experts), pairs},
           {{"offsets", *memory}, {"blocks", known}});
  return known;
}

static ExpertShape expertShape(Value x, Value weight, Value result,
                               tile::NumericsAttr numerics) {
  ExpertShape s;
  s.numerics = numerics;
  auto type = cast<RankedTensorType>(weight.getType());
  s.experts = type.getDimSize(0);
  s.topK = 1;
  s.out = type.getDimSize(1);
  s.in = type.getDimSize(2);
  s.element = elementOf(x);
  s.weight = elementOf(weight);
  s.result = elementOf(result);
  return s;
}

/// What the two products of experts have in common; sets the columns of `s`.
static Realization realizeProduct(const TargetClass &targets, ExpertShape &s,
                                  const Extent &pairs, int64_t pairsSize,
                                  std::initializer_list<StringRef> weights) {
  Realization made;
  made.rows = familyFor(targets, pairs, s.experts);
  s.columns = productColumns(s.out, /*computedRows=*/false, targets.sizes);
  made.schedule = "tiles of " + std::to_string(s.columns) +
                  " columns, one expert's rows a block";
  made.grid = {blockCount(sizeOf(pairsSize), s.experts),
               constant((s.out + s.columns - 1) / s.columns), constant(1)};
  for (StringRef weight : weights)
    made.packed[weight] = tile::packedFor(s.numerics.getOperands());
  return made;
}

static LogicalResult launchUp(RegionLowering &region, moe::ExpertUpOp op) {
  ProgramBuilder &f = region.program();
  ExpertShape s =
      expertShape(op.getX(), op.getWGate(), op.getResult(), op.getNumerics());
  s.topK = static_cast<int64_t>(op.getTopK());
  s.activation = op.getActivation();
  Value gateSums = op.getGate() ? region.yielded(op.getGate()) : Value();
  Value upSums = op.getUp() ? region.yielded(op.getUp()) : Value();
  s.gate = gateSums ? elementOf(gateSums) : Type();
  s.up = upSums ? elementOf(upSums) : Type();
  Extent tokens = region.rowsOf(op.getX()),
         pairs = region.rowsOf(op.getOrder());
  FailureOr<Value> list = blocksOf(region, op.getOffsets(), s.experts, pairs);
  if (failed(list))
    return failure();
  KernelInfo info = region.info("expert_up", /*product=*/true);
  info.sizes = {"tokens", "pairs"};
  info.metric = routedRows(1, s.experts);
  std::string kept = gateSums ? " gate" : "";
  kept += upSums ? " up" : "";
  FailureOr<program::KernelOp> kernel =
      f.table().get(region.key(kept), info, op.getLoc(),
                    [&](const TargetClass &targets) -> FailureOr<Realization> {
                      Realization made = realizeProduct(targets, s, pairs, 1,
                                                        {"w_gate", "w_up"});
                      made.write = [s](const KernelSite &site, int64_t r) {
                        return expertUpKernel(site, s, r);
                      };
                      return made;
                    });
  if (failed(kernel))
    return failure();
  FailureOr<Value> x = region.memoryOf(op.getX());
  FailureOr<Value> order = region.memoryOf(op.getOrder());
  FailureOr<Value> gate =
      region.memoryOf(op.getWGate(), tile::packedFor(s.numerics.getOperands()));
  FailureOr<Value> up =
      region.memoryOf(op.getWUp(), tile::packedFor(s.numerics.getOperands()));
  if (failed(x) || failed(order) || failed(gate) || failed(up))
    return failure();
  Value result = f.define(region.yielded(op.getResult()), pairs);
  f.launch(*kernel, {tokens, pairs},
           {{"x", *x},
            {"order", *order},
            {"blocks", *list},
            {"w_gate", *gate},
            {"w_up", *up},
            {"out", result},
            {"gate", gateSums ? f.define(gateSums, pairs) : Value()},
            {"up", upSums ? f.define(upSums, pairs) : Value()}});
  return success();
}

static LogicalResult launchDown(RegionLowering &region, moe::ExpertDownOp op) {
  ProgramBuilder &f = region.program();
  ExpertShape s =
      expertShape(op.getH(), op.getW(), op.getResult(), op.getNumerics());
  Extent pairs = region.rowsOf(op.getH());
  FailureOr<Value> list = blocksOf(region, op.getOffsets(), s.experts, pairs);
  if (failed(list))
    return failure();
  KernelInfo info = region.info("expert_down", /*product=*/true);
  info.sizes = {"pairs"};
  info.metric = routedRows(0, s.experts);
  FailureOr<program::KernelOp> kernel =
      f.table().get(region.key(""), info, op.getLoc(),
                    [&](const TargetClass &targets) -> FailureOr<Realization> {
                      Realization made =
                          realizeProduct(targets, s, pairs, 0, {"w"});
                      made.write = [s](const KernelSite &site, int64_t r) {
                        return expertDownKernel(site, s, r);
                      };
                      return made;
                    });
  if (failed(kernel))
    return failure();
  FailureOr<Value> h = region.memoryOf(op.getH());
  FailureOr<Value> w =
      region.memoryOf(op.getW(), tile::packedFor(s.numerics.getOperands()));
  if (failed(h) || failed(w))
    return failure();
  Value result = f.define(region.yielded(op.getResult()), pairs);
  f.launch(*kernel, {pairs},
           {{"h", *h}, {"blocks", *list}, {"w", *w}, {"out", result}});
  return success();
}

void hamlet::codegen::attachExpertLaunches(MLIRContext *context) {
  moe::DispatchOp::attachInterface<
      LaunchModel<moe::DispatchOp, launchDispatch>>(*context);
  moe::ExpertUpOp::attachInterface<LaunchModel<moe::ExpertUpOp, launchUp>>(
      *context);
  moe::ExpertDownOp::attachInterface<
      LaunchModel<moe::ExpertDownOp, launchDown>>(*context);
}
