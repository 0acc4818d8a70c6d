//===- Lower.cpp - a graph of fused regions becomes a program -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks a function's regions in order; each becomes one launch, or a few where
// rows of two kinds (prompt pieces, single tokens) take different kernels.
// Values become buffers whose sizes are linear in what a step brings.

#include "codegen/program/Lower.h"

#include "codegen/kernels/Kernels.h"
#include "codegen/kernels/Region.h"
#include "codegen/program/FunctionBuilder.h"
#include "dialects/Attention/AttentionOps.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/MoE/MoEOps.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

/// Rows of the variants of a kernel family.
const std::vector<int64_t> kProductRows{1, 8, 16, 64};
const std::vector<int64_t> kRowRows{1, 8};

/// A text that is equal for regions that need the same kernel.
std::string structuralKey(nn::FusedOp op, StringRef more) {
  std::string text;
  llvm::raw_string_ostream out(text);
  llvm::DenseMap<Value, std::string> names;
  for (BlockArgument arg : op.getBody().getArguments()) {
    names[arg] = "a" + std::to_string(arg.getArgNumber());
    out << arg.getType() << ";";
  }
  int count = 0;
  for (Operation &inner : op.getBody().front()) {
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

HeadsIn headsIn(Value v, Value &source) {
  auto type = cast<RankedTensorType>(v.getType());
  if (auto heads = v.getDefiningOp<nn::HeadsOp>()) {
    source = heads.getX();
    auto from = cast<RankedTensorType>(source.getType());
    return {from.getDimSize(1), static_cast<int64_t>(heads.getOffset())};
  }
  source = v;
  return {type.getDimSize(1) * type.getDimSize(2), 0};
}

Type elementOf(Value v) {
  return cast<RankedTensorType>(v.getType()).getElementType();
}

class Lowering {
public:
  Lowering(func::FuncOp func, KernelTable &kernels, hmlt::ContainerT &container)
      : func(func), f(func, kernels, container), kernels(kernels) {}

  LogicalResult run() {
    if (failed(f.bindArguments()))
      return failure();
    auto returned =
        cast<func::ReturnOp>(func.getBody().front().getTerminator());
    if (failed(f.bindResults(returned)))
      return failure();
    for (Operation &op : func.getBody().front()) {
      LogicalResult ok =
          TypeSwitch<Operation *, LogicalResult>(&op)
              .Case([&](nn::WeightOp) { return success(); })
              .Case([&](arith::ConstantOp constant) {
                return f.addConstant(constant);
              })
              .Case([&](nn::FusedOp fused) { return lower(fused); })
              .Case([&](func::ReturnOp) { return success(); })
              .Default([&](Operation *other) {
                return other->emitOpError("stands outside a fused region; run "
                                          "nn-fuse before lowering");
              });
      if (failed(ok))
        return failure();
    }
    return f.finish(returned);
  }

private:
  LogicalResult lower(nn::FusedOp op) {
    f.beginRegion(op);
    for (Operation &inner : op.getBody().front()) {
      if (auto attention = dyn_cast<lightning::AttentionOp>(&inner))
        return lowerLightning(op, attention);
      if (auto attention = dyn_cast<attention::SoftmaxOp>(&inner))
        return lowerSoftmax(op, attention);
      if (auto dispatch = dyn_cast<moe::DispatchOp>(&inner))
        return lowerDispatch(op, dispatch);
      if (auto up = dyn_cast<moe::ExpertUpOp>(&inner))
        return lowerExpertUp(op, up);
      if (auto down = dyn_cast<moe::ExpertDownOp>(&inner))
        return lowerExpertDown(op, down);
    }
    return lowerRegion(op);
  }

  KernelInfo info(nn::FusedOp op, StringRef kind, std::vector<int64_t> rows,
                  bool product) {
    KernelInfo info;
    info.kind = kind.str();
    info.product = product;
    for (Operation &inner : op.getBody().front())
      if (!isa<nn::YieldOp>(inner))
        info.fused.push_back(inner.getName().getStringRef().str());
    if (std::optional<StringRef> reason = op.getReason())
      info.reason = reason->str();
    info.rows = std::move(rows);
    return info;
  }

  /// What a value inside the region is outside of it.
  static Value outside(nn::FusedOp op, Value v) {
    return op.getInputs()[cast<BlockArgument>(v).getArgNumber()];
  }

  /// The result of the region that yields `v`, or a view of it; null if none
  /// does.
  static Value yielded(nn::FusedOp op, Value v) {
    for (auto [i, value] :
         llvm::enumerate(op.getBody().front().getTerminator()->getOperands())) {
      Value from = value;
      while (auto merge = from.getDefiningOp<nn::MergeHeadsOp>())
        from = merge.getX();
      if (from == v)
        return op.getResults()[i];
    }
    return Value();
  }

  /// The variants that `rows` rows can need: one, if they are known now.
  static std::vector<int64_t> variants(const std::vector<int64_t> &family,
                                       const hmlt::Expr &rows) {
    if (rows.symbol() != hmlt::Symbol::one)
      return family;
    int64_t count = (rows.mul() + rows.div() - 1) / rows.div() + rows.add();
    for (int64_t variant : family)
      if (variant >= count)
        return {variant};
    return {family.back()};
  }

  //===--------------------------------------------------------------------===//
  // Regions of rows
  //===--------------------------------------------------------------------===//

  LogicalResult lowerRegion(nn::FusedOp op) {
    FailureOr<RegionPlan> plan = planRegion(op);
    if (failed(plan))
      return failure();
    Operation *yield = op.getBody().front().getTerminator();
    Value domain = domainOf(yield->getOperand(0));
    if (!isa<BlockArgument>(domain))
      return op.emitOpError("has rows that no operand of the region has");
    hmlt::Expr rows = f.rowsOf(outside(op, domain));
    hmlt::Expr tokens = rows;
    for (Operation &inner : op.getBody().front())
      if (auto select = dyn_cast<nn::SelectRowsOp>(&inner))
        if (isa<BlockArgument>(select.getX()))
          tokens = f.rowsOf(outside(op, select.getX()));

    std::vector<int64_t> family =
        variants(plan->product ? kProductRows : kRowRows, rows);
    // Whole rows in scratch: at most about a quarter of an L2 cache.
    if (!plan->product)
      while (family.size() > 1 &&
             family.back() * plan->widest * 4 > (256 << 10))
        family.pop_back();
    KernelInfo about = info(op, op.getKind(), family, plan->product);
    about.schedule =
        plan->product ? "tiles of " + std::to_string(plan->columns) + " columns"
                      : "whole rows";
    FailureOr<int32_t> kernel =
        kernels.get(structuralKey(op, about.kind + f.familyKey(family)), about,
                    [&](StringRef name, int64_t r) {
                      return regionKernel(kernels.module(), name, *plan, r);
                    });
    if (failed(kernel))
      return failure();
    FunctionBuilder::LaunchArgs args;
    for (auto [i, input] : llvm::enumerate(op.getInputs())) {
      FailureOr<Place> place = f.placeOf(input, plan->operands[i]);
      if (failed(place))
        return op.emitOpError("operand ") << i << " has no place in memory";
      args.push_back(f.arg(*place));
    }
    for (Value result : op.getResults())
      args.push_back(f.arg(f.define(result, rows)));
    args.push_back(f.scalar(rows));
    args.push_back(f.scalar(tokens));
    f.launch(*kernel, rows, {byRows(rows), constant(plan->lanes), constant(1)},
             std::move(args));
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Lightning attention
  //===--------------------------------------------------------------------===//

  LogicalResult lowerLightning(nn::FusedOp op,
                               lightning::AttentionOp attention) {
    LightningShape s;
    auto dims = [](Value v) {
      return cast<RankedTensorType>(v.getType()).getShape();
    };
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
    Value qIn, kIn, vIn;
    s.q = headsIn(attention.getQ(), qIn);
    s.k = headsIn(attention.getK(), kIn);
    s.v = headsIn(attention.getV(), vIn);
    for (Value v : {qIn, kIn, vIn, decay})
      if (!isa<BlockArgument>(v))
        return attention.emitOpError(
            "expected operands that are views of the region's inputs");

    hmlt::Expr tokens = f.rowsOf(outside(op, qIn));
    Value result = yielded(op, attention.getResult());
    if (!result)
      return attention.emitOpError(
          "expected its result to leave the region as it is");
    Place out = f.define(result, tokens);

    // Pools and lists: the model's caches and the step's lists, or the call's
    // own.
    int64_t hs = s.stateHeads();
    hmlt::Expr sequences;
    Place starts =
        *f.placeOf(outside(op, attention.getStarts()), OperandLayout::plain);
    Place state, tailKeys, tailValues, tailDecays, first, slots, list;
    if (attention.getCache()) {
      Value cache = outside(op, attention.getCache());
      std::vector<Place> pools = f.cachePools(
          cache, "lightning", hmlt::CachePer::slot,
          {{"state", hs * s.stateElements() * 4},
           {"tail_keys", hs * s.tailKeyElements() * bytesOf(s.element)},
           {"tail_values", hs * s.tailValueElements() * bytesOf(s.element)},
           {"tail_decays", s.perToken ? hs * s.tailDecayElements() * 4 : 0}});
      state = pools[0], tailKeys = pools[1], tailValues = pools[2],
      tailDecays = pools[3];
      first =
          *f.placeOf(outside(op, attention.getFirst()), OperandLayout::plain);
      slots =
          *f.placeOf(outside(op, attention.getSlots()), OperandLayout::plain);
      f.alias(yielded(op, attention.getUpdated()), cache);
    } else {
      sequences = f.rowsOf(outside(op, attention.getStarts()));
      sequences.mutate_add(sequences.add() - 1);
      hmlt::Expr perSequence = sequences;
      auto pool = [&](const char *name, Type type, int64_t elements) {
        return f.temporary(name, type, times(perSequence, elements),
                           /*zero=*/true);
      };
      state = pool("state", Float32Type::get(op.getContext()),
                   hs * s.stateElements());
      tailKeys = pool("tail_keys", s.element, hs * s.tailKeyElements());
      tailValues = pool("tail_values", s.element, hs * s.tailValueElements());
      if (s.perToken)
        tailDecays = pool("tail_decays", Float32Type::get(op.getContext()),
                          hs * s.tailDecayElements());
      Type i32 = IntegerType::get(op.getContext(), 32);
      first = f.temporary("first", i32, perSequence, /*zero=*/true);
      slots = list = f.temporary("sequences", i32, perSequence, /*zero=*/false);
      if (failed(launchIota(list, sequences)))
        return failure();
      if (attention.getInitial()) {
        KernelInfo about = info(op, "initial_state", {1}, false);
        FailureOr<int32_t> kernel = kernels.get(
            "panel " + std::to_string(s.dk) + "x" + std::to_string(s.dv), about,
            [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
              return panelKernel(kernels.module(), name, s.dk, s.dv);
            });
        FunctionBuilder::LaunchArgs args;
        args.push_back(f.arg(*f.placeOf(outside(op, attention.getInitial()),
                                        OperandLayout::plain)));
        args.push_back(f.arg(state));
        f.launch(*kernel, constant(1),
                 {constant(1), times(sequences, hs), constant(1)},
                 std::move(args));
      }
    }
    Place finalState;
    if (s.finalState)
      finalState = f.define(yielded(op, attention.getFinalState()), sequences);

    auto launchOver = [&](StringRef kind, int64_t rows, Place sequencesList,
                          hmlt::Expr count) -> LogicalResult {
      KernelInfo about = info(op, kind, {rows}, false);
      about.schedule = "one sequence and head an instance, chunks of " +
                       std::to_string(s.chunk) + ", blocks of " +
                       std::to_string(rows) + " rows";
      FailureOr<int32_t> kernel =
          kernels.get(structuralKey(op, about.kind), about,
                      [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
                        return lightningKernel(kernels.module(), name, s,
                                               kind == "lightning_decode");
                      });
      FunctionBuilder::LaunchArgs args;
      for (Value v : {qIn, kIn, vIn, decay})
        args.push_back(f.arg(*f.placeOf(outside(op, v), OperandLayout::plain)));
      for (const Place &place : {out, state, tailKeys, tailValues})
        args.push_back(f.arg(place));
      if (s.perToken)
        args.push_back(f.arg(tailDecays));
      for (const Place &place : {sequencesList, starts, first, slots})
        args.push_back(f.arg(place));
      if (s.finalState)
        args.push_back(f.arg(finalState));
      f.launch(*kernel, constant(1), {constant(hs), count, constant(1)},
               std::move(args));
      return success();
    };
    if (!attention.getCache())
      return launchOver("lightning_prefill", s.block(), list, sequences);
    if (failed(launchOver("lightning_decode", 1,
                          stepInput(hmlt::StepInput::decode_list),
                          symbol(hmlt::Symbol::decode_sequences))))
      return failure();
    return launchOver("lightning_prefill", s.block(),
                      stepInput(hmlt::StepInput::prefill_list),
                      symbol(hmlt::Symbol::prefill_sequences));
  }

  LogicalResult launchIota(const Place &out, const hmlt::Expr &count) {
    KernelInfo about;
    about.kind = "iota";
    about.rows = {1};
    FailureOr<int32_t> kernel = kernels.get(
        "iota", about, [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
          return iotaKernel(kernels.module(), name);
        });
    FunctionBuilder::LaunchArgs args;
    args.push_back(f.arg(out));
    args.push_back(f.scalar(count));
    f.launch(*kernel, constant(1), {constant(1), constant(1), constant(1)},
             std::move(args));
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Softmax attention
  //===--------------------------------------------------------------------===//

  LogicalResult lowerSoftmax(nn::FusedOp op, attention::SoftmaxOp attention) {
    AttentionShape s;
    auto dims = [](Value v) {
      return cast<RankedTensorType>(v.getType()).getShape();
    };
    s.queryHeads = dims(attention.getQ())[1];
    s.keyHeads = dims(attention.getK())[1];
    s.dk = dims(attention.getK())[2];
    s.dv = dims(attention.getV())[2];
    s.scale = attention.getScale().convertToDouble();
    s.window = static_cast<int64_t>(attention.getWindow());
    s.element = elementOf(attention.getQ());
    s.result = elementOf(attention.getResult());
    s.logSumExp = static_cast<bool>(attention.getLogSumExp());
    Value qIn, kIn, vIn;
    s.q = headsIn(attention.getQ(), qIn);
    s.k = headsIn(attention.getK(), kIn);
    s.v = headsIn(attention.getV(), vIn);
    for (Value v : {qIn, kIn, vIn})
      if (!isa<BlockArgument>(v))
        return attention.emitOpError(
            "expected operands that are views of the region's inputs");
    hmlt::Expr tokens = f.rowsOf(outside(op, qIn));
    Value result = yielded(op, attention.getResult());
    if (!result)
      return attention.emitOpError(
          "expected its result to leave the region as it is");
    Place q = *f.placeOf(outside(op, qIn), OperandLayout::plain);
    Place k = *f.placeOf(outside(op, kIn), OperandLayout::plain);
    Place v = *f.placeOf(outside(op, vIn), OperandLayout::plain);
    Place starts =
        *f.placeOf(outside(op, attention.getStarts()), OperandLayout::plain);

    Place keyPages, valuePages, first, table, tokenPages, tokenOffsets, blocks;
    hmlt::Expr maxPages = symbol(hmlt::Symbol::max_pages),
               blockCount = symbol(hmlt::Symbol::query_blocks);
    std::vector<int64_t> rows{8, 64};
    if (attention.getCache()) {
      Value cache = outside(op, attention.getCache());
      std::vector<Place> pools = f.cachePools(
          cache, "attention", hmlt::CachePer::page,
          {{"keys", s.keyPageElements() * bytesOf(s.element)},
           {"values", s.valuePageElements() * bytesOf(s.element)}});
      keyPages = pools[0], valuePages = pools[1];
      first =
          *f.placeOf(outside(op, attention.getFirst()), OperandLayout::plain);
      table =
          *f.placeOf(outside(op, attention.getPages()), OperandLayout::plain);
      tokenPages = stepInput(hmlt::StepInput::token_pages);
      tokenOffsets = stepInput(hmlt::StepInput::token_offsets);
      blocks = stepInput(hmlt::StepInput::query_block_list);
      f.alias(yielded(op, attention.getUpdated()), cache);
    } else {
      rows = {64};
      hmlt::Expr sequences = f.rowsOf(outside(op, attention.getStarts()));
      sequences.mutate_add(sequences.add() - 1);
      maxPages = ceilDiv(tokens, kPageTokens);
      // Every sequence ends one page, and one block, early at most.
      hmlt::Expr pages = f.sum(
          "pages", {ceilDiv(tokens, kPageTokens), sequences, constant(1)});
      blockCount = f.sum("query blocks", {ceilDiv(tokens, rows[0]), sequences});
      Type i32 = IntegerType::get(op.getContext(), 32);
      keyPages = f.temporary("key_pages", s.element,
                             times(pages, s.keyPageElements()), true);
      valuePages = f.temporary("value_pages", s.element,
                               times(pages, s.valuePageElements()), true);
      first = f.temporary("first", i32, sequences, true);
      tokenPages = f.temporary("token_pages", i32, tokens, false);
      tokenOffsets = f.temporary("token_offsets", i32, tokens, false);
      // A row of the page table for each sequence, at most as many as there are
      // pages in all.
      hmlt::Expr tableSize = f.product("page table", sequences, maxPages);
      table = f.temporary("page_table", i32, tableSize, true);
      blocks = f.temporary("query_blocks", i32, times(blockCount, 2), false);
      KernelInfo about = info(op, "page_plan", {1}, false);
      FailureOr<int32_t> plan =
          kernels.get("page_plan", about,
                      [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
                        return pagePlanKernel(kernels.module(), name, rows[0]);
                      });
      FunctionBuilder::LaunchArgs args;
      for (const Place &place :
           {starts, tokenPages, tokenOffsets, table, blocks})
        args.push_back(f.arg(place));
      for (const hmlt::Expr &count : {sequences, maxPages, blockCount})
        args.push_back(f.scalar(count));
      f.launch(*plan, constant(1), {constant(1), constant(1), constant(1)},
               std::move(args));
    }
    Place out = f.define(result, tokens), logSumExp;
    if (s.logSumExp)
      logSumExp = f.define(yielded(op, attention.getLogSumExp()), tokens);

    std::string key = structuralKey(op, "");
    auto kernel = [&](StringRef kind, std::vector<int64_t> family,
                      KernelTable::Write write) {
      KernelInfo about = info(op, kind, std::move(family), false);
      about.schedule = "pages of 64 keys";
      return kernels.get(key + kind.str(), about, write);
    };
    FailureOr<int32_t> append =
        kernel("attention_append", {1},
               [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
                 return appendKernel(kernels.module(), name, s);
               });
    FunctionBuilder::LaunchArgs appendArgs;
    for (const Place &place :
         {k, v, keyPages, valuePages, tokenPages, tokenOffsets})
      appendArgs.push_back(f.arg(place));
    appendArgs.push_back(f.scalar(tokens));
    f.launch(*append, constant(1), {constant(s.keyHeads), tokens, constant(1)},
             std::move(appendArgs));

    auto attend = [&](int32_t which, const hmlt::Expr &metric,
                      const Place &list, int64_t heads,
                      const hmlt::Expr &count) {
      FunctionBuilder::LaunchArgs args;
      for (const Place &place :
           {q, out, keyPages, valuePages, list, starts, first, table})
        args.push_back(f.arg(place));
      args.push_back(f.scalar(maxPages));
      if (s.logSumExp)
        args.push_back(f.arg(logSumExp));
      f.launch(which, metric, {constant(heads), count, constant(1)},
               std::move(args));
    };
    if (attention.getCache()) {
      FailureOr<int32_t> decode =
          kernel("attention_decode", {1},
                 [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
                   return attentionDecodeKernel(kernels.module(), name, s);
                 });
      attend(*decode, constant(1), stepInput(hmlt::StepInput::decode_list),
             s.keyHeads, symbol(hmlt::Symbol::decode_sequences));
    }
    FailureOr<int32_t> prefill =
        kernel("attention_prefill", rows,
               [&](StringRef name, int64_t r) -> FailureOr<func::FuncOp> {
                 return attentionPrefillKernel(kernels.module(), name, s, r);
               });
    attend(*prefill,
           attention.getCache() ? symbol(hmlt::Symbol::longest_prefill)
                                : constant(1),
           blocks, s.queryHeads, blockCount);
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Mixture of experts
  //===--------------------------------------------------------------------===//

  /// Where the blocks of rows of `offsets` are listed, and how many there may
  /// be.
  struct Blocks {
    Place list;
    hmlt::Expr count;
  };

  /// Blocks of each variant's rows: one for every full block, one more for each
  /// expert.
  static hmlt::Expr blockCount(const hmlt::Expr &pairs, int64_t experts) {
    hmlt::Expr count = byRows(pairs);
    count.mutate_add(count.add() + experts);
    return count;
  }

  Place blockList(const hmlt::Expr &pairs, int64_t experts) {
    hmlt::Expr count = pairs; // as many as the variant of one row has
    count.mutate_add(count.add() + experts);
    return f.temporary("expert_blocks", IntegerType::get(func.getContext(), 32),
                       times(count, 3), false);
  }

  /// The mean rows of an expert.
  static hmlt::Expr routedRows(const hmlt::Expr &pairs, int64_t experts) {
    return ceilDiv(pairs, experts);
  }

  LogicalResult lowerDispatch(nn::FusedOp op, moe::DispatchOp dispatch) {
    auto type = cast<RankedTensorType>(dispatch.getIds().getType());
    int64_t experts = static_cast<int64_t>(dispatch.getExperts()),
            k = type.getDimSize(1);
    Value ids = outside(op, dispatch.getIds());
    hmlt::Expr tokens = f.rowsOf(ids), pairs = times(tokens, k);
    std::vector<int64_t> family =
        variants(kProductRows, routedRows(pairs, experts));
    KernelInfo about = info(op, "dispatch", family, false);
    FailureOr<int32_t> kernel =
        kernels.get(structuralKey(op, f.familyKey(family)), about,
                    [&](StringRef name, int64_t r) -> FailureOr<func::FuncOp> {
                      return dispatchKernel(kernels.module(), name, experts, r);
                    });
    Place idsPlace = *f.placeOf(ids, OperandLayout::plain);
    Place offsets =
        f.define(yielded(op, dispatch.getOffsets()), constant(experts + 1));
    Place order = f.define(yielded(op, dispatch.getOrder()), pairs);
    Place place = f.define(yielded(op, dispatch.getPlace()), tokens);
    Place list = blockList(pairs, experts);
    blocksOf[yielded(op, dispatch.getOffsets())] = list;
    FunctionBuilder::LaunchArgs args;
    for (const Place &p : {idsPlace, offsets, order, place, list})
      args.push_back(f.arg(p));
    args.push_back(f.scalar(pairs));
    args.push_back(f.scalar(blockCount(pairs, experts)));
    f.launch(*kernel, routedRows(pairs, experts),
             {constant(1), constant(1), constant(1)}, std::move(args));
    return success();
  }

  /// The blocks of `offsets`, planned by its dispatch, or here for offsets that
  /// are given.
  Place blocks(nn::FusedOp op, Value offsets, int64_t experts,
               const hmlt::Expr &pairs) {
    auto it = blocksOf.find(offsets);
    if (it != blocksOf.end())
      return it->second;
    std::vector<int64_t> family =
        variants(kProductRows, routedRows(pairs, experts));
    KernelInfo about = info(op, "block_plan", family, false);
    FailureOr<int32_t> kernel = kernels.get(
        "block_plan " + std::to_string(experts) + f.familyKey(family), about,
        [&](StringRef name, int64_t r) -> FailureOr<func::FuncOp> {
          return blockPlanKernel(kernels.module(), name, experts, r);
        });
    Place list = blockList(pairs, experts);
    FunctionBuilder::LaunchArgs args;
    args.push_back(f.arg(*f.placeOf(offsets, OperandLayout::plain)));
    args.push_back(f.arg(list));
    args.push_back(f.scalar(blockCount(pairs, experts)));
    f.launch(*kernel, routedRows(pairs, experts),
             {constant(1), constant(1), constant(1)}, std::move(args));
    blocksOf[offsets] = list;
    return list;
  }

  ExpertShape expertShape(Value x, Value weight, Value result) {
    ExpertShape s;
    auto type = cast<RankedTensorType>(weight.getType());
    s.experts = type.getDimSize(0);
    s.out = type.getDimSize(1);
    s.in = type.getDimSize(2);
    s.element = elementOf(x);
    s.weight = elementOf(weight);
    s.result = elementOf(result);
    s.columns = productColumns(s.out, /*computedRows=*/false);
    return s;
  }

  LogicalResult lowerExpertUp(nn::FusedOp op, moe::ExpertUpOp up) {
    ExpertShape s = expertShape(up.getX(), up.getWGate(), up.getResult());
    s.topK = static_cast<int64_t>(up.getTopK());
    s.sigmoid = up.getActivation() == nn::Activation::sigmoid;
    Value x = outside(op, up.getX()), order = outside(op, up.getOrder());
    hmlt::Expr tokens = f.rowsOf(x), pairs = f.rowsOf(order);
    Place list = blocks(op, outside(op, up.getOffsets()), s.experts, pairs);
    std::vector<int64_t> family =
        variants(kProductRows, routedRows(pairs, s.experts));
    KernelInfo about = info(op, "expert_up", family, true);
    about.schedule = "tiles of " + std::to_string(s.columns) +
                     " columns, one expert's rows a block";
    FailureOr<int32_t> kernel =
        kernels.get(structuralKey(op, f.familyKey(family)), about,
                    [&](StringRef name, int64_t r) -> FailureOr<func::FuncOp> {
                      return expertUpKernel(kernels.module(), name, s, r);
                    });
    OperandLayout layout =
        s.pairs() ? OperandLayout::panelPairs : OperandLayout::panel;
    Place result = f.define(yielded(op, up.getResult()), pairs);
    FunctionBuilder::LaunchArgs args;
    args.push_back(f.arg(*f.placeOf(x, OperandLayout::plain)));
    args.push_back(f.arg(*f.placeOf(order, OperandLayout::plain)));
    args.push_back(f.arg(list));
    for (Value weight : {up.getWGate(), up.getWUp()}) {
      FailureOr<Place> place = f.placeOf(outside(op, weight), layout);
      if (failed(place))
        return up.emitOpError("expected weights with a place in memory");
      args.push_back(f.arg(*place));
    }
    args.push_back(f.arg(result));
    args.push_back(f.scalar(tokens));
    args.push_back(f.scalar(pairs));
    int64_t lanes = (s.out + s.columns - 1) / s.columns;
    f.launch(*kernel, routedRows(pairs, s.experts),
             {blockCount(pairs, s.experts), constant(lanes), constant(1)},
             std::move(args));
    return success();
  }

  LogicalResult lowerExpertDown(nn::FusedOp op, moe::ExpertDownOp down) {
    ExpertShape s = expertShape(down.getH(), down.getW(), down.getResult());
    Value h = outside(op, down.getH());
    hmlt::Expr pairs = f.rowsOf(h);
    Place list = blocks(op, outside(op, down.getOffsets()), s.experts, pairs);
    std::vector<int64_t> family =
        variants(kProductRows, routedRows(pairs, s.experts));
    KernelInfo about = info(op, "expert_down", family, true);
    about.schedule = "tiles of " + std::to_string(s.columns) +
                     " columns, one expert's rows a block";
    FailureOr<int32_t> kernel =
        kernels.get(structuralKey(op, f.familyKey(family)), about,
                    [&](StringRef name, int64_t r) -> FailureOr<func::FuncOp> {
                      return expertDownKernel(kernels.module(), name, s, r);
                    });
    FailureOr<Place> weight =
        f.placeOf(outside(op, down.getW()),
                  s.pairs() ? OperandLayout::panelPairs : OperandLayout::panel);
    if (failed(weight))
      return down.emitOpError("expected weights with a place in memory");
    Place in = *f.placeOf(h, OperandLayout::plain);
    Place result = f.define(yielded(op, down.getResult()), pairs);
    FunctionBuilder::LaunchArgs args;
    for (const Place &place : {in, list, *weight, result})
      args.push_back(f.arg(place));
    args.push_back(f.scalar(pairs));
    int64_t lanes = (s.out + s.columns - 1) / s.columns;
    f.launch(*kernel, routedRows(pairs, s.experts),
             {blockCount(pairs, s.experts), constant(lanes), constant(1)},
             std::move(args));
    return success();
  }

  func::FuncOp func;
  FunctionBuilder f;
  KernelTable &kernels;
  llvm::DenseMap<Value, Place> blocksOf;
};

} // namespace

FailureOr<LoweredProgram> hamlet::codegen::lowerProgram(ModuleOp graph) {
  LoweredProgram program;
  KernelTable kernels(graph.getContext());
  for (func::FuncOp func : graph.getOps<func::FuncOp>()) {
    if (func.isExternal())
      return func.emitOpError("has no body");
    if (failed(Lowering(func, kernels, program.container).run()))
      return failure();
  }
  if (program.container.functions.empty())
    return graph.emitError("expected at least one function");
  kernels.finish(program);
  return program;
}
