//===- LaunchAttentionGrad.cpp - launches of softmax attention's gradient -===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/LaunchModels.h"
#include "codegen/program/SequenceBlocks.h"

#include "dialects/Attention/AttentionOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class Launcher {
public:
  Launcher(RegionLowering &region, attention::SoftmaxGradOp op)
      : region(region), f(region.program()), op(op) {}

  LogicalResult run() {
    if (failed(bind()))
      return failure();
    FailureOr<SequenceBlocks> made = launchSequenceBlocks(
        region, op.getStarts(), tokens, SoftmaxGradShape::kBlock);
    if (failed(made))
      return failure();
    blocks = *made;
    dots = f.temporary("row_dots", f.f32(), times(tokens, s.queryHeads),
                       /*zeroed=*/false);
    Value dq = region.define(op.getDq(), tokens),
          dk = region.define(op.getDk(), tokens),
          dv = region.define(op.getDv(), tokens);
    ProgramBuilder::Arguments queries = inputs, keys;
    queries.insert(queries.end(), {{"dq", dq}, {"row_dots", dots}});
    for (auto &argument : inputs)
      if (argument.first != "result")
        keys.push_back(argument);
    keys.insert(keys.end(), {{"row_dots", dots}, {"dk", dk}, {"dv", dv}});
    if (failed(launch("softmax_grad_queries", s.queryHeads,
                      softmaxGradQueriesKernel, std::move(queries))))
      return failure();
    return launch("softmax_grad_keys", s.keyHeads, softmaxGradKeysKernel,
                  std::move(keys));
  }

private:
  LogicalResult bind() {
    auto dims = [](Value v) {
      return cast<RankedTensorType>(v.getType()).getShape();
    };
    s.queryHeads = dims(op.getQ())[1];
    s.keyHeads = dims(op.getK())[1];
    s.dk = dims(op.getK())[2];
    s.dv = dims(op.getV())[2];
    s.scale = op.getScale().convertToDouble();
    s.window = static_cast<int64_t>(op.getWindow());
    s.element = elementOf(op.getQ());
    s.result = elementOf(op.getOut());
    s.dresult = elementOf(op.getDresult());
    s.dq = elementOf(op.getDq());
    s.dkeys = elementOf(op.getDk());
    s.dvalues = elementOf(op.getDv());
    struct {
      const char *name;
      Value value;
      HeadsIn *in;
    } heads[] = {{"q", op.getQ(), &s.inQ},
                 {"k", op.getK(), &s.inK},
                 {"v", op.getV(), &s.inV},
                 {"result", op.getOut(), &s.inResult},
                 {"dresult", op.getDresult(), &s.inDresult}};
    for (auto &[name, value, in] : heads) {
      Value source;
      *in = headsIn(value, source);
      if (failed(add(name, source)))
        return failure();
      if (value == op.getQ())
        tokens = region.rowsOf(source);
    }
    return add("log_sum_exp", op.getLogSumExp());
  }

  LogicalResult add(const char *name, Value source) {
    FailureOr<Value> memory = region.memoryOf(source);
    if (failed(memory))
      return failure();
    inputs.emplace_back(name, *memory);
    return success();
  }

  using Write = func::FuncOp (*)(const KernelSite &, const SoftmaxGradShape &);
  LogicalResult launch(StringRef kind, int64_t heads, Write write,
                       ProgramBuilder::Arguments arguments) {
    KernelInfo info = region.info(kind);
    info.sizes = {"blocks"};
    FailureOr<program::KernelOp> kernel = f.table().get(
        region.key(kind), info, op.getLoc(),
        [&](const TargetClass &) -> FailureOr<Realization> {
          Realization made;
          made.rows = {SoftmaxGradShape::kBlock};
          made.grid = {constant(heads), sizeOf(0), constant(1)};
          made.schedule = "blocks of " +
                          std::to_string(SoftmaxGradShape::kBlock) +
                          " queries and keys";
          made.write = [this, write](const KernelSite &site, int64_t) {
            return write(site, s);
          };
          return made;
        });
    if (failed(kernel))
      return failure();
    arguments.insert(arguments.end(),
                     {{"starts", blocks.starts}, {"blocks", blocks.blocks}});
    f.launch(*kernel, {blocks.count}, arguments);
    return success();
  }

  RegionLowering &region;
  ProgramBuilder &f;
  attention::SoftmaxGradOp op;
  SoftmaxGradShape s;
  ProgramBuilder::Arguments inputs;
  SequenceBlocks blocks;
  Extent tokens;
  Value dots;
};

struct Model
    : LaunchOpInterface::ExternalModel<Model, attention::SoftmaxGradOp> {
  LogicalResult launch(Operation *op, RegionLowering &region) const {
    return Launcher(region, cast<attention::SoftmaxGradOp>(op)).run();
  }
};

} // namespace

void hamlet::codegen::attachAttentionGradLaunches(MLIRContext *context) {
  attention::SoftmaxGradOp::attachInterface<Model>(*context);
}
