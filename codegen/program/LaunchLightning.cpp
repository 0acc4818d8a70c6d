//===- LaunchLightning.cpp - launches of linear attention ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/LaunchModels.h"

#include "dialects/Lightning/LightningOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

static FailureOr<LightningShape> shapeOf(lightning::AttentionOp attention,
                                         std::array<Value, 3> &inputs) {
  auto dims = [](Value v) {
    return cast<RankedTensorType>(v.getType()).getShape();
  };
  LightningShape s;
  s.queryHeads = dims(attention.getQ())[1];
  s.keyHeads = dims(attention.getK())[1];
  s.valueHeads = dims(attention.getV())[1];
  s.dk = dims(attention.getK())[2];
  s.dv = dims(attention.getV())[2];
  s.chunk = attention.getChunk().value_or(64);
  s.scale = attention.getScale().convertToDouble();
  s.element = elementOf(attention.getQ());
  s.result = elementOf(attention.getResult());
  s.finalState = static_cast<bool>(attention.getFinalState());
  if (attention.getUpdate() != lightning::Update::gated ||
      !attention.getDecay())
    return attention.emitOpError("expected update 'gated' with a decay, "
                                 "which is what kernels exist for, got '")
           << lightning::stringifyUpdate(attention.getUpdate()) << "'";
  Value decay = attention.getDecay();
  int64_t decayRank = cast<RankedTensorType>(decay.getType()).getRank();
  if (decayRank > 2)
    return attention.emitOpError("expected a decay per head or per token and "
                                 "head, which is what kernels exist for, "
                                 "got one per channel");
  s.perToken = decayRank == 2;
  s.q = headsIn(attention.getQ(), inputs[0]);
  s.k = headsIn(attention.getK(), inputs[1]);
  s.v = headsIn(attention.getV(), inputs[2]);
  for (Value v : {inputs[0], inputs[1], inputs[2], decay})
    if (!isa<BlockArgument>(v))
      return attention.emitOpError(
          "expected operands that are views of the region's inputs");
  return s;
}

namespace {

/// Where the kernels find what outlives a token: the model's caches and the
/// step's lists, or memory of the call's own.
struct Pools {
  Value state, tailKeys, tailValues, tailDecays, first, slots, list;
  Extent sequences; ///< of a call
};

class Launcher {
public:
  Launcher(RegionLowering &region, lightning::AttentionOp op)
      : region(region), f(region.program()), op(op) {}

  LogicalResult run() {
    FailureOr<LightningShape> shape = shapeOf(op, inputs);
    if (failed(shape))
      return failure();
    s = *shape;
    Value result = region.yielded(op.getResult());
    if (!result)
      return op.emitOpError("expected its result to leave the region as it is");
    out = f.define(result, region.rowsOf(inputs[0]));
    FailureOr<Value> given = region.memoryOf(op.getStarts());
    if (failed(given))
      return failure();
    starts = *given;
    if (failed(op.getCache() ? bindCache() : makePools()))
      return failure();
    if (s.finalState)
      finalState =
          f.define(region.yielded(op.getFinalState()), pools.sequences);
    if (!op.getCache())
      return launch("lightning_prefill", pools.list, pools.sequences);
    if (failed(launch("lightning_decode",
                      f.stepInput(program::StepInput::decode_list),
                      symbol(program::Quantity::decode_sequences))))
      return failure();
    return launch("lightning_prefill",
                  f.stepInput(program::StepInput::prefill_list),
                  symbol(program::Quantity::prefill_sequences));
  }

private:
  LogicalResult bindCache() {
    Value cache = region.outside(op.getCache());
    int64_t heads = s.stateHeads(), width = bytesOf(s.element);
    std::vector<Value> found = f.cachePools(
        cache, "lightning", program::CachePer::slot,
        {{"state", heads * s.stateElements() * 4},
         {"tail_keys", heads * s.tailKeyElements() * width},
         {"tail_values", heads * s.tailValueElements() * width},
         {"tail_decays", s.perToken ? heads * s.tailDecayElements() * 4 : 0}});
    pools.state = found[0], pools.tailKeys = found[1];
    pools.tailValues = found[2], pools.tailDecays = found[3];
    FailureOr<Value> first = region.memoryOf(op.getFirst());
    FailureOr<Value> slots = region.memoryOf(op.getSlots());
    if (failed(first) || failed(slots))
      return failure();
    pools.first = *first, pools.slots = *slots;
    f.alias(region.yielded(op.getUpdated()), cache);
    return success();
  }

  LogicalResult makePools() {
    pools.sequences = plus(region.rowsOf(op.getStarts()), -1);
    auto pool = [&](const char *name, Type type, int64_t elements) {
      return f.temporary(name, type,
                         times(pools.sequences, s.stateHeads() * elements),
                         /*zeroed=*/true);
    };
    pools.state = pool("state", f.f32(), s.stateElements());
    pools.tailKeys = pool("tail_keys", s.element, s.tailKeyElements());
    pools.tailValues = pool("tail_values", s.element, s.tailValueElements());
    if (s.perToken)
      pools.tailDecays = pool("tail_decays", f.f32(), s.tailDecayElements());
    pools.first = f.temporary("first", f.i32(), pools.sequences, true);
    pools.slots = pools.list =
        f.temporary("sequences", f.i32(), pools.sequences, false);
    if (failed(launchIota()))
      return failure();
    return op.getInitial() ? launchInitial() : success();
  }

  /// The sequences are 0, 1, 2, ...
  LogicalResult launchIota() {
    KernelInfo info;
    info.kind = "iota";
    info.sizes = {"count"};
    FailureOr<program::KernelOp> kernel =
        f.table().get("iota", info, op.getLoc(),
                      [](const TargetClass &) -> FailureOr<Realization> {
                        Realization made;
                        made.rows = {1};
                        made.write = [](const KernelSite &site, int64_t) {
                          return iotaKernel(site);
                        };
                        return made;
                      });
    if (failed(kernel))
      return failure();
    f.launch(*kernel, {pools.sequences}, {{"out", pools.list}});
    return success();
  }

  LogicalResult launchInitial() {
    KernelInfo info = region.info("initial_state");
    info.sizes = {"matrices"};
    int64_t dk = s.dk, dv = s.dv;
    FailureOr<program::KernelOp> kernel = f.table().get(
        "panel " + std::to_string(dk) + "x" + std::to_string(dv), info,
        op.getLoc(), [&](const TargetClass &) -> FailureOr<Realization> {
          Realization made;
          made.rows = {1};
          made.grid = {constant(1), sizeOf(0), constant(1)};
          made.write = [dk, dv](const KernelSite &site, int64_t) {
            return packStateKernel(site, dk, dv);
          };
          return made;
        });
    FailureOr<Value> initial = region.memoryOf(op.getInitial());
    if (failed(kernel) || failed(initial))
      return failure();
    f.launch(*kernel, {times(pools.sequences, s.stateHeads())},
             {{"in", *initial}, {"out", pools.state}});
    return success();
  }

  LogicalResult launch(StringRef kind, Value list, const Extent &sequences) {
    bool single = kind == "lightning_decode";
    KernelInfo info = region.info(kind);
    info.sizes = {"sequences"};
    auto realize = [&](const TargetClass &targets) -> FailureOr<Realization> {
      Realization made;
      made.rows = {single ? 1 : s.block(targets.sizes)};
      made.grid = {constant(s.stateHeads()), sizeOf(0), constant(1)};
      made.schedule = "one sequence and head an instance, chunks of " +
                      std::to_string(s.chunk) + ", blocks of " +
                      std::to_string(made.rows[0]) + " rows";
      made.write = [&](const KernelSite &site, int64_t) {
        return lightningKernel(site, s, single);
      };
      return made;
    };
    FailureOr<program::KernelOp> kernel =
        f.table().get(region.key(kind), info, op.getLoc(), realize);
    if (failed(kernel))
      return failure();
    ProgramBuilder::Arguments arguments;
    const char *names[] = {"q", "k", "v"};
    for (auto [name, input] : llvm::zip_equal(names, inputs)) {
      FailureOr<Value> memory = region.memoryOf(input);
      if (failed(memory))
        return failure();
      arguments.emplace_back(name, *memory);
    }
    FailureOr<Value> decay = region.memoryOf(op.getDecay());
    if (failed(decay))
      return failure();
    for (auto &[name, memory] :
         std::initializer_list<std::pair<const char *, Value>>{
             {"decay", *decay},
             {"out", out},
             {"state", pools.state},
             {"tail_keys", pools.tailKeys},
             {"tail_values", pools.tailValues},
             {"tail_decays", pools.tailDecays},
             {"list", list},
             {"starts", starts},
             {"first", pools.first},
             {"slots", pools.slots},
             {"final_state", finalState}})
      arguments.emplace_back(name, memory);
    f.launch(*kernel, {sequences}, arguments);
    return success();
  }

  RegionLowering &region;
  ProgramBuilder &f;
  lightning::AttentionOp op;
  LightningShape s;
  std::array<Value, 3> inputs; ///< q, k and v under their views
  Value out, starts, finalState;
  Pools pools;
};

struct Model : LaunchOpInterface::ExternalModel<Model, lightning::AttentionOp> {
  LogicalResult launch(Operation *op, RegionLowering &region) const {
    return Launcher(region, cast<lightning::AttentionOp>(op)).run();
  }
};

} // namespace

void hamlet::codegen::attachLightningLaunches(MLIRContext *context) {
  lightning::AttentionOp::attachInterface<Model>(*context);
}
