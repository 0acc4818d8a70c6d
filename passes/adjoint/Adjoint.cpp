//===- Adjoint.cpp - reverse-mode differentiation of a fused graph --------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs after nn-fuse: in bf16 regions say where values are rounded, so that the
// forward must keep its own. Where a value is rounded the gradient passes
// straight through.

#include "passes/adjoint/Adjoint.h"

#include "dialects/GraphShapes.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::adjoint;

#include "passes/adjoint/AdjointOpInterface.cpp.inc"

namespace hamlet {
#define GEN_PASS_DEF_NNADJOINTPASS
#include "passes/Passes.h.inc"
} // namespace hamlet

Adjoint::Adjoint(func::FuncOp func)
    : b(func.getBody().front().getTerminator()), loc(func.getLoc()),
      func(func) {}

//===----------------------------------------------------------------------===//
// Values of the forward
//===----------------------------------------------------------------------===//

Value Adjoint::origin(Value v) const {
  while (true) {
    if (auto fused = v.getDefiningOp<nn::FusedOp>()) {
      v = fused.getBlock().getTerminator()->getOperand(
          cast<OpResult>(v).getResultNumber());
      continue;
    }
    auto arg = dyn_cast<BlockArgument>(v);
    auto fused =
        arg ? dyn_cast<nn::FusedOp>(arg.getOwner()->getParentOp()) : nullptr;
    if (!fused)
      return v;
    v = fused.getInputs()[arg.getArgNumber()];
  }
}

bool Adjoint::learns(Value origin) const {
  auto type = dyn_cast<RankedTensorType>(origin.getType());
  Operation *def = origin.getDefiningOp();
  return type && isa<FloatType>(type.getElementType()) && def &&
         !isa<nn::WeightOp>(def) && !def->hasTrait<OpTrait::ConstantLike>();
}

/// The result of its region that has it; null if none has.
Value Adjoint::yielded(Value origin) const {
  auto fused = dyn_cast<nn::FusedOp>(origin.getDefiningOp()->getParentOp());
  for (auto [i, value] :
       llvm::enumerate(fused.getBlock().getTerminator()->getOperands()))
    if (value == origin)
      return fused.getResult(static_cast<unsigned>(i));
  return Value();
}

/// One more result of its region.
Value Adjoint::keep(Value origin) {
  auto fused = cast<nn::FusedOp>(origin.getDefiningOp()->getParentOp());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(fused);
  SmallVector<Type> types(fused->getResultTypes());
  types.push_back(origin.getType());
  auto more = nn::FusedOp::create(b, fused.getLoc(), types, fused.getKindAttr(),
                                  fused.getInputs(), fused.getReasonAttr());
  more.getBody().takeBody(fused.getBody());
  Operation *yield = more.getBlock().getTerminator();
  yield->insertOperands(yield->getNumOperands(), origin);
  fused->replaceAllUsesWith(more.getResults().drop_back());
  fused.erase();
  return more.getResults().back();
}

/// Whether working it out again takes few steps for each element.
static bool isCheap(Operation *op) {
  switch (cast<graph::GraphOpInterface>(op).getFusion().role) {
  case graph::Role::view:
  case graph::Role::norm:
  case graph::Role::heads:
  case graph::Role::elementwise:
    return true;
  case graph::Role::alone:
  case graph::Role::product:
  case graph::Role::gather:
  case graph::Role::sum:
  case graph::Role::router:
    return false;
  }
  llvm_unreachable("a role that is none of the enumeration's");
}

Value Adjoint::forward(Value v) {
  Value from = origin(v);
  Operation *def = from.getDefiningOp();
  if (!def || !isa<nn::FusedOp>(def->getParentOp()))
    return from;
  if (Value known = yielded(from))
    return known;
  if (Value known = again.lookup(from))
    return known;
  if (!isCheap(def))
    return keep(from);
  IRMapping mapping;
  for (Value operand : def->getOperands())
    mapping.map(operand, forward(operand));
  Operation *copy = b.clone(*def, mapping);
  for (auto [old, made] : llvm::zip(def->getResults(), copy->getResults()))
    again[old] = made;
  return again.lookup(from);
}

Value Adjoint::argument(StringRef name) {
  for (BlockArgument arg : func.getArguments())
    if (auto mine =
            func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), kNameAttr);
        mine && mine.getValue() == name)
      return arg;
  return Value();
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

Value Adjoint::gradientOf(Value v) { return gradients.lookup(origin(v)); }

void Adjoint::add(Value v, Value gradient) {
  Value to = origin(v);
  if (!learns(to))
    return;
  Value &sum = gradients[to];
  if (!sum) {
    sum = gradient;
    return;
  }
  // A residual sum is of rows: of heads side by side.
  auto type = cast<RankedTensorType>(sum.getType());
  auto rows = RankedTensorType::get(
      {type.getDimSize(0), graph::rowWidthOf(sum)}, type.getElementType());
  auto merged = [&](Value x) -> Value {
    return type.getRank() == 2 ? x : nn::MergeHeadsOp::create(b, loc, rows, x);
  };
  FloatAttr one = b.getF32FloatAttr(1.0F);
  Value added = nn::ResidualOp::create(b, loc, rows, merged(sum),
                                       merged(gradient), one, one);
  sum = type.getRank() == 2 ? added : headsOf(added, type);
}

Value Adjoint::headsOf(Value rows, RankedTensorType heads) {
  return nn::HeadsOp::create(b, loc, heads, rows, b.getI64IntegerAttr(0),
                             b.getI64IntegerAttr(heads.getDimSize(1)),
                             b.getI64IntegerAttr(heads.getDimSize(2)));
}

void Adjoint::addHeads(Value x, int64_t offset, Value gradient) {
  if (Value to = origin(x); learns(to))
    windows[to].emplace_back(offset, gradient);
}

/// The parts of the columns of `origin` become one gradient.
LogicalResult Adjoint::gather(Value origin) {
  auto it = windows.find(origin);
  if (it == windows.end())
    return success();
  auto parts = std::move(it->second);
  windows.erase(it);
  llvm::sort(parts, [](auto &x, auto &y) { return x.first < y.first; });
  int64_t column = 0;
  SmallVector<Value> heads;
  for (auto &[offset, part] : parts) {
    if (offset != column)
      break;
    heads.push_back(part);
    column += graph::rowWidthOf(part);
  }
  if (heads.size() != parts.size() || column != graph::rowWidthOf(origin))
    return emitError(origin.getLoc())
           << "has columns that several heads read, or none: their gradient is "
              "not supported";
  add(origin,
      nn::ConcatHeadsOp::create(b, origin.getLoc(), origin.getType(), heads));
  return success();
}

void Adjoint::addToWeight(Value weight, function_ref<Value(Value)> make) {
  auto op = definer<nn::WeightOp>(weight);
  if (!op) // a plain call's operand
    return;
  auto type = cast<RankedTensorType>(op.getType()).clone(b.getF32Type());
  Value &state = states[op.getSymNameAttr()];
  if (!state)
    state = nn::StateOp::create(b, op.getLoc(),
                                nn::StateType::get(b.getContext(), type),
                                (kGradientPrefix + op.getSymName()).str());
  state = make(state);
}

tile::NumericsAttr Adjoint::sumsOver(Value dy, tile::NumericsAttr forward) {
  auto type = cast<RankedTensorType>(dy.getType());
  // A gradient that is not rounded is not rounded for the product either.
  bool wide = forward.getOperands().isF32() || !type.getElementType().isBF16();
  int64_t split = forward.getSplit();
  if (wide)
    split = tile::canonicalSplit(type.getShape().back(),
                                 std::max(split, tile::kCanonicalSplit));
  return tile::NumericsAttr::get(
      b.getContext(), wide ? b.getF32Type() : forward.getOperands(),
      forward.getAccumulate(), wide ? 1 : forward.getGroup(), split);
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

LogicalResult Adjoint::visit(Operation *op) {
  loc = op->getLoc();
  for (Value result : op->getResults())
    if (failed(gather(result)))
      return failure();
  bool asked = llvm::any_of(op->getResults(), [&](Value result) {
    return bool(gradients.lookup(result));
  });
  auto adjoint = dyn_cast<AdjointOpInterface>(op);
  if (!asked && !(adjoint && adjoint.isLoss()))
    return success();
  if (!adjoint)
    return op->emitOpError("has no gradient yet");
  return adjoint.buildAdjoint(*this);
}

LogicalResult Adjoint::run() {
  // Ops inside of regions stay what they are when a region gets one more
  // result.
  SmallVector<Operation *> ops;
  for (Operation &op : func.getBody().front().without_terminator()) {
    if (auto fused = dyn_cast<nn::FusedOp>(op)) {
      for (Operation &inner : fused.getBlock().without_terminator())
        ops.push_back(&inner);
      continue;
    }
    if (isa<graph::GraphOpInterface>(op))
      return op.emitOpError("stands outside a fused region; run nn-fuse "
                            "before nn-adjoint");
  }
  for (Operation *op : llvm::reverse(ops))
    if (failed(visit(op)))
      return failure();
  Operation *terminator = func.getBody().front().getTerminator();
  for (auto &[name, state] : states)
    terminator->insertOperands(terminator->getNumOperands(), state);
  func.setFunctionType(FunctionType::get(func.getContext(),
                                         func.getArgumentTypes(),
                                         terminator->getOperandTypes()));
  return success();
}

namespace {
struct NNAdjoint : hamlet::impl::NNAdjointPassBase<NNAdjoint> {
  using NNAdjointPassBase::NNAdjointPassBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func->hasAttr(kDifferentiateAttr))
        continue;
      if (failed(Adjoint(func).run()))
        return signalPassFailure();
      func->removeAttr(kDifferentiateAttr);
    }
  }
};
} // namespace

void hamlet::registerAdjointModels(DialectRegistry &registry) {
  registerAttentionAdjoints(registry);
  registerLightningAdjoints(registry);
  registerMoEAdjoints(registry);
  registerNNAdjoints(registry);
  registerPolicyAdjoints(registry);
}
