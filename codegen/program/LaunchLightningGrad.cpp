//===- LaunchLightningGrad.cpp - launches of linear attention's gradient --===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/LaunchModels.h"
#include "codegen/program/SequenceBlocks.h"

#include "dialects/Lightning/LightningOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class Launcher {
public:
  Launcher(RegionLowering &region, lightning::AttentionGradOp op)
      : region(region), f(region.program()), op(op) {}

  LogicalResult run() {
    if (failed(bind()))
      return failure();
    FailureOr<SequenceBlocks> made =
        launchSequenceBlocks(region, op.getStarts(), tokens, s.chunk);
    if (failed(made))
      return failure();
    chunks = *made;
    memory["starts"] = chunks.starts;
    memory["blocks"] = chunks.blocks;
    memory["first_block"] = chunks.firstBlock;
    makeBuffers();
    using Kernel = LightningGradKernel;
    int64_t hs = s.stateHeads();
    if (s.perToken &&
        failed(launch(Kernel::sums, "lightning_grad_sums", hs, chunks.count)))
      return failure();
    memory["carry"] =
        temporary("state", chunks.sequences, hs * s.stateElements());
    if (failed(launch(Kernel::states, "lightning_grad_states", hs,
                      chunks.sequences)))
      return failure();
    memory["carry"] = memory["dinitial"];
    if (failed(launch(Kernel::dstates, "lightning_grad_dstates", hs,
                      chunks.sequences)) ||
        failed(launch(Kernel::queries, "lightning_grad_queries", s.queryHeads,
                      chunks.count)) ||
        failed(launch(Kernel::keys, "lightning_grad_keys", s.keyHeads,
                      chunks.count)) ||
        failed(launch(Kernel::values, "lightning_grad_values", s.valueHeads,
                      chunks.count)))
      return failure();
    return s.ddecay ? launch(Kernel::decays, "lightning_grad_decays", hs,
                             chunks.count)
                    : success();
  }

private:
  LogicalResult bind() {
    auto dims = [](Value v) {
      return cast<RankedTensorType>(v.getType()).getShape();
    };
    s.queryHeads = dims(op.getQ())[1];
    s.keyHeads = dims(op.getK())[1];
    s.valueHeads = dims(op.getV())[1];
    s.dk = dims(op.getK())[2];
    s.dv = dims(op.getV())[2];
    if (!op.getChunk())
      return op.emitOpError("has no chunk; run lightning-chunk first");
    s.chunk = static_cast<int64_t>(*op.getChunk());
    s.perToken = dims(op.getDecay()).size() > 1;
    s.scale = op.getScale().convertToDouble();
    s.element = elementOf(op.getQ());
    s.dresult = elementOf(op.getDresult());
    s.dq = elementOf(op.getDq());
    s.dkeys = elementOf(op.getDk());
    s.dvalues = elementOf(op.getDv());
    s.initial = static_cast<bool>(op.getInitial());
    s.dfinal = static_cast<bool>(op.getDfinal());
    s.ddecay = isUsed(op.getDdecay());
    // The decay of a sequence's first token needs it, too.
    s.toFirst = isUsed(op.getDinitial()) || (s.ddecay && s.initial);
    Value source;
    s.inQ = headsIn(op.getQ(), source);
    if (failed(add("q", source)))
      return failure();
    tokens = region.rowsOf(source);
    s.inK = headsIn(op.getK(), source);
    if (failed(add("k", source)))
      return failure();
    s.inV = headsIn(op.getV(), source);
    if (failed(add("v", source)))
      return failure();
    s.inDresult = headsIn(op.getDresult(), source);
    if (failed(add("dresult", source)) || failed(add("decay", op.getDecay())))
      return failure();
    if (s.initial && failed(add("initial", op.getInitial())))
      return failure();
    return s.dfinal ? add("dfinal", op.getDfinal()) : success();
  }

  bool isUsed(Value result) {
    return result && static_cast<bool>(region.yielded(result));
  }

  LogicalResult add(const char *name, Value source) {
    FailureOr<Value> found = region.memoryOf(source);
    if (failed(found))
      return failure();
    memory[name] = *found;
    return success();
  }

  Value temporary(const char *name, const Extent &rows, int64_t elements) {
    return f.temporary(name, f.f32(), times(rows, elements), /*zeroed=*/false);
  }

  void makeBuffers() {
    int64_t hs = s.stateHeads();
    memory["states"] =
        temporary("states", chunks.count, hs * s.stateElements());
    memory["dstates"] =
        temporary("dstates", chunks.count, hs * s.stateElements());
    if (s.perToken)
      memory["sums"] = temporary("sums", chunks.count, hs * 2 * s.sumRow());
    if (s.ddecay) {
      memory["query_dots"] = temporary("query_dots", tokens, s.outHeads());
      memory["key_dots"] = temporary("key_dots", tokens, hs);
      memory["ddecay"] = f.define(region.yielded(op.getDdecay()), tokens);
    }
    memory["dinitial"] =
        isUsed(op.getDinitial())
            ? f.define(region.yielded(op.getDinitial()), chunks.sequences)
            : temporary("dstate", chunks.sequences, hs * s.stateElements());
    memory["dq"] = region.define(op.getDq(), tokens);
    memory["dk"] = region.define(op.getDk(), tokens);
    memory["dv"] = region.define(op.getDv(), tokens);
  }

  LogicalResult launch(LightningGradKernel kind, StringRef name, int64_t heads,
                       const Extent &places) {
    KernelInfo info = region.info(name);
    info.sizes = {"places"};
    // Results that nothing uses are no part of the region's text.
    std::string used =
        " " + std::to_string(s.ddecay) + std::to_string(s.toFirst) + " ";
    FailureOr<program::KernelOp> kernel = f.table().get(
        region.key(used + name.str()), info, op.getLoc(),
        [&](const TargetClass &targets) -> FailureOr<Realization> {
          Realization made;
          made.rows = {std::min(s.chunk, targets.sizes.lightningRows)};
          made.grid = {constant(heads), sizeOf(0), constant(1)};
          made.schedule = "chunks of " + std::to_string(s.chunk) +
                          ", blocks of " + std::to_string(made.rows[0]) +
                          " rows";
          made.write = [this, kind](const KernelSite &site, int64_t) {
            return lightningGradKernel(site, s, kind);
          };
          return made;
        });
    if (failed(kernel))
      return failure();
    ProgramBuilder::Arguments arguments;
    for (StringRef argument : s.argumentsOf(kind))
      arguments.emplace_back(argument.str(), memory.lookup(argument));
    f.launch(*kernel, {places}, arguments);
    return success();
  }

  RegionLowering &region;
  ProgramBuilder &f;
  lightning::AttentionGradOp op;
  LightningGradShape s;
  llvm::StringMap<Value> memory; ///< of arguments, by name
  SequenceBlocks chunks;
  Extent tokens;
};

struct Model
    : LaunchOpInterface::ExternalModel<Model, lightning::AttentionGradOp> {
  LogicalResult launch(Operation *op, RegionLowering &region) const {
    return Launcher(region, cast<lightning::AttentionGradOp>(op)).run();
  }
};

} // namespace

void hamlet::codegen::attachLightningGradLaunches(MLIRContext *context) {
  lightning::AttentionGradOp::attachInterface<Model>(*context);
}
