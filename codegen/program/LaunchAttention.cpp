//===- LaunchAttention.cpp - launches of softmax attention ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/LaunchModels.h"

#include "dialects/Attention/AttentionOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class Launcher {
public:
  Launcher(RegionLowering &region, attention::SoftmaxOp op)
      : region(region), f(region.program()), op(op) {}

  LogicalResult run() {
    if (failed(readShape()) || failed(bindInputs()) ||
        failed(op.getCache() ? bindCache() : makePages()))
      return failure();
    out = f.define(region.yielded(op.getResult()), tokens);
    if (s.logSumExp)
      logSumExp = f.define(region.yielded(op.getLogSumExp()), tokens);
    key = region.key("");
    if (failed(launchAppend()) || (op.getCache() && failed(launchDecode())))
      return failure();
    return launchPrefill();
  }

private:
  LogicalResult readShape() {
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
    s.result = elementOf(op.getResult());
    s.logSumExp = static_cast<bool>(op.getLogSumExp());
    s.q = headsIn(op.getQ(), inputs[0]);
    s.k = headsIn(op.getK(), inputs[1]);
    s.v = headsIn(op.getV(), inputs[2]);
    for (Value v : inputs)
      if (!isa<BlockArgument>(v))
        return op.emitOpError(
            "expected operands that are views of the region's inputs");
    if (!region.yielded(op.getResult()))
      return op.emitOpError("expected its result to leave the region as it is");
    return success();
  }

  LogicalResult bindInputs() {
    tokens = region.rowsOf(inputs[0]);
    Value *places[] = {&q, &k, &v};
    for (auto [place, input] : llvm::zip_equal(places, inputs)) {
      FailureOr<Value> memory = region.memoryOf(input);
      if (failed(memory))
        return failure();
      *place = *memory;
    }
    FailureOr<Value> given = region.memoryOf(op.getStarts());
    if (failed(given))
      return failure();
    starts = *given;
    return success();
  }

  LogicalResult bindCache() {
    Value cache = region.outside(op.getCache());
    std::vector<Value> pools =
        f.cachePools(cache, "attention", program::CachePer::page,
                     {{"keys", s.keyPageElements() * bytesOf(s.element)},
                      {"values", s.valuePageElements() * bytesOf(s.element)}});
    keyPages = pools[0], valuePages = pools[1];
    FailureOr<Value> firstGiven = region.memoryOf(op.getFirst());
    FailureOr<Value> tableGiven = region.memoryOf(op.getPages());
    if (failed(firstGiven) || failed(tableGiven))
      return failure();
    first = *firstGiven, table = *tableGiven;
    tokenPages = f.stepInput(program::StepInput::token_pages);
    tokenOffsets = f.stepInput(program::StepInput::token_offsets);
    blocks = f.stepInput(program::StepInput::query_block_list);
    maxPages = symbol(program::Quantity::max_pages);
    blockCount = symbol(program::Quantity::query_blocks);
    longest = symbol(program::Quantity::longest_prefill);
    f.alias(region.yielded(op.getUpdated()), cache);
    return success();
  }

  /// What a step is told, for sequences that start from nothing.
  LogicalResult makePages() {
    Extent sequences = plus(region.rowsOf(op.getStarts()), -1);
    maxPages = ceilDiv(tokens, kPageTokens);
    // Every sequence ends one page, and one block, early at most.
    Extent pages = f.sum("pages", {maxPages, sequences, constant(1)});
    blockCount = f.sum("query blocks", {ceilDiv(tokens, kCallRows), sequences});
    longest = constant(1);
    keyPages = f.temporary("key_pages", s.element,
                           times(pages, s.keyPageElements()), true);
    valuePages = f.temporary("value_pages", s.element,
                             times(pages, s.valuePageElements()), true);
    first = f.temporary("first", f.i32(), sequences, true);
    tokenPages = f.temporary("token_pages", f.i32(), tokens, false);
    tokenOffsets = f.temporary("token_offsets", f.i32(), tokens, false);
    // A row of the page table for each sequence, at most as many as there are
    // pages in all.
    table = f.temporary("page_table", f.i32(),
                        f.product("page table", sequences, maxPages), true);
    blocks = f.temporary("query_blocks", f.i32(), times(blockCount, 2), false);
    KernelInfo info = region.info("page_plan");
    info.sizes = {"sequences", "max_pages", "block_count"};
    FailureOr<program::KernelOp> plan =
        f.table().get("page_plan", info, op.getLoc(),
                      [](const TargetClass &) -> FailureOr<Realization> {
                        Realization made;
                        made.rows = {1};
                        made.write = [](const KernelSite &site, int64_t) {
                          return pagePlanKernel(site, kCallRows);
                        };
                        return made;
                      });
    if (failed(plan))
      return failure();
    f.launch(*plan, {sequences, maxPages, blockCount},
             {{"starts", starts},
              {"token_pages", tokenPages},
              {"token_offsets", tokenOffsets},
              {"page_table", table},
              {"query_blocks", blocks}});
    return success();
  }

  using Write = std::function<func::FuncOp(const KernelSite &, int64_t)>;
  FailureOr<program::KernelOp>
  kernel(StringRef kind, std::vector<std::string> sizes,
         std::optional<int64_t> metric,
         llvm::function_ref<std::vector<int64_t>(const KernelSizes &)> family,
         std::array<Extent, 3> grid, const Write &write) {
    KernelInfo info = region.info(kind);
    info.sizes = std::move(sizes);
    if (metric)
      info.metric = sizeOf(*metric);
    return f.table().get(
        key + kind.str(), info, op.getLoc(),
        [&](const TargetClass &targets) -> FailureOr<Realization> {
          Realization made;
          made.rows = family(targets.sizes);
          made.grid = grid;
          made.schedule = "pages of " + std::to_string(kPageTokens) + " keys";
          made.write = write;
          return made;
        });
  }

  LogicalResult launchAppend() {
    FailureOr<program::KernelOp> append = kernel(
        "attention_append", {"tokens"}, std::nullopt, one,
        {constant(s.keyHeads), sizeOf(0), constant(1)},
        [&](const KernelSite &site, int64_t) { return appendKernel(site, s); });
    if (failed(append))
      return failure();
    f.launch(*append, {tokens},
             {{"k", k},
              {"v", v},
              {"key_pages", keyPages},
              {"value_pages", valuePages},
              {"token_pages", tokenPages},
              {"token_offsets", tokenOffsets}});
    return success();
  }

  static std::vector<int64_t> one(const KernelSizes &) { return {1}; }

  ProgramBuilder::Arguments arguments(Value list) {
    return {{"q", q},
            {"out", out},
            {"key_pages", keyPages},
            {"value_pages", valuePages},
            {"list", list},
            {"starts", starts},
            {"first", first},
            {"page_table", table},
            {"log_sum_exp", logSumExp}};
  }

  LogicalResult launchDecode() {
    FailureOr<program::KernelOp> decode =
        kernel("attention_decode", {"max_pages", "sequences"}, std::nullopt,
               one, {constant(s.keyHeads), sizeOf(1), constant(1)},
               [&](const KernelSite &site, int64_t) {
                 return attentionDecodeKernel(site, s);
               });
    if (failed(decode))
      return failure();
    f.launch(*decode, {maxPages, symbol(program::Quantity::decode_sequences)},
             arguments(f.stepInput(program::StepInput::decode_list)));
    return success();
  }

  LogicalResult launchPrefill() {
    FailureOr<program::KernelOp> prefill = kernel(
        "attention_prefill", {"max_pages", "blocks", "longest"}, 2,
        [&](const KernelSizes &sizes) {
          return op.getCache() ? sizes.queryRows
                               : std::vector<int64_t>{kCallRows};
        },
        {constant(s.queryHeads), sizeOf(1), constant(1)},
        [&](const KernelSite &site, int64_t r) {
          return attentionPrefillKernel(site, s, r);
        });
    if (failed(prefill))
      return failure();
    f.launch(*prefill, {maxPages, blockCount, longest}, arguments(blocks));
    return success();
  }

  /// Rows of a block of queries in a call: its lists are of them alone.
  static constexpr int64_t kCallRows = 64;

  RegionLowering &region;
  ProgramBuilder &f;
  attention::SoftmaxOp op;
  AttentionShape s;
  std::array<Value, 3> inputs; ///< q, k and v under their views
  Extent tokens, maxPages, blockCount, longest;
  std::string key;
  Value q, k, v, starts, keyPages, valuePages, first, table, tokenPages,
      tokenOffsets, blocks, out, logSumExp;
};

struct Model : LaunchOpInterface::ExternalModel<Model, attention::SoftmaxOp> {
  LogicalResult launch(Operation *op, RegionLowering &region) const {
    return Launcher(region, cast<attention::SoftmaxOp>(op)).run();
  }
};

} // namespace

void hamlet::codegen::attachAttentionLaunches(MLIRContext *context) {
  attention::SoftmaxOp::attachInterface<Model>(*context);
}
