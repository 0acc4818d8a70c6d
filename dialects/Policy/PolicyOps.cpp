//===- PolicyOps.cpp - verifiers ------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Policy/PolicyOps.h"
#include "dialects/GraphShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::policy;

#define GET_OP_CLASSES
#include "dialects/Policy/PolicyOps.cpp.inc"

static LogicalResult expectF32Operands(Operation *op,
                                       hamlet::tile::NumericsAttr numerics) {
  if (numerics.getOperands().isF32())
    return success();
  return op->emitOpError("expected 'numerics' to have f32 operands, got ")
         << numerics;
}

/// Of x [T, H] and w [V, H].
static LogicalResult expectHead(Operation *op, Value x, Value w) {
  if (failed(expectStatic(op, "x", x, 1)) ||
      failed(expectStatic(op, "w", w, 0)))
    return failure();
  return expectShape(op, "w", w,
                     {typeOf(w).getDimSize(0), typeOf(x).getDimSize(1)});
}

LogicalResult HeadOp::verify() {
  // (C1)
  if (failed(expectHead(*this, getX(), getW())))
    return failure();
  int64_t tokens = typeOf(getX()).getDimSize(0);
  if (getLogits() &&
      failed(expectShape(*this, "logits", getLogits(),
                         {tokens, typeOf(getW()).getDimSize(0)})))
    return failure();
  // (C2)
  if (failed(expectShape(*this, "targets", getTargets(), {tokens})) ||
      failed(expectShape(*this, "temperature", getTemperature(), {tokens})) ||
      failed(expectShape(*this, "logprob", getLogprob(), {tokens})) ||
      failed(expectShape(*this, "lse", getLse(), {tokens})) ||
      failed(expectShape(*this, "entropy", getEntropy(), {tokens})))
    return failure();
  // (C3)
  return expectF32Operands(*this, getNumerics());
}

LogicalResult HeadGradOp::verify() {
  RankedTensorType x = typeOf(getX());
  // (C1)
  if (failed(expectHead(*this, getX(), getW())) ||
      failed(expectShape(*this, "dx", getDx(), x.getShape())))
    return failure();
  // (C2)
  for (unsigned i = 2; i < 8; ++i)
    if (failed(expectShape(*this, operandName(i), getOperand(i),
                           {x.getDimSize(0)})))
      return failure();
  // (C3)
  if (failed(expectF32Operands(*this, getNumerics())))
    return failure();
  // (C4)
  if (!getInto() != !getUpdated())
    return emitOpError("expected 'into' and 'updated' to come together");
  if (!getInto())
    return success();
  auto state = cast<hamlet::nn::StateType>(getInto().getType());
  if (getUpdated().getType() != state)
    return emitOpError("expected 'updated' to have the type of 'into', ")
           << state << ", got " << getUpdated().getType();
  ArrayRef<int64_t> shape = typeOf(getW()).getShape();
  if (state.getTensor().getShape() != shape)
    return emitOpError("expected 'into' to be ")
           << text(shape) << ", got " << state;
  return success();
}

//===----------------------------------------------------------------------===//
// The loss
//===----------------------------------------------------------------------===//

bool hamlet::policy::isBySequence(LossOp op) {
  Behave behave = op.getBehave();
  return op.getRatio() == Ratio::sequence || behave == Behave::seq_tis ||
         behave == Behave::mis || behave == Behave::seqmask ||
         op.getOffPolicy().has_value();
}

using Bound = std::optional<llvm::APFloat>;

/// (C3), (C4): which bounds there are, and in which order.
static LogicalResult verifyBounds(LossOp op) {
  Surrogate surrogate = op.getSurrogate();
  bool none = op.getRatio() == Ratio::none;
  struct Allowed {
    const char *name;
    Bound value;
    bool allowed;
  };
  const bool through = surrogate == Surrogate::through,
             detached = surrogate == Surrogate::detached,
             soft = surrogate == Surrogate::soft;
  const Allowed all[] = {
      {"is_low", op.getIsLow(), detached},
      {"is_high", op.getIsHigh(), detached},
      {"clip_low", op.getClipLow(), !soft},
      {"clip_high", op.getClipHigh(), !soft},
      {"dual", op.getDual(), through},
      {"soft_positive", op.getSoftPositive(), soft},
      {"soft_negative", op.getSoftNegative(), soft},
      {"log_low", op.getLogLow(), true},
      {"log_high", op.getLogHigh(), true},
  };
  for (const Allowed &bound : all)
    if (bound.value && (none || !bound.allowed))
      return op.emitOpError("expected no '")
             << bound.name << "' of a loss that is '"
             << stringifyRatio(op.getRatio()) << " "
             << stringifySurrogate(surrogate) << "'";
  if (soft && none)
    return op.emitOpError("expected 'soft' to have a ratio, got 'none'");
  if (soft)
    for (Bound value : {op.getSoftPositive(), op.getSoftNegative()})
      if (!value || !value->isFinite() || value->isNegative() ||
          value->isZero())
        return op.emitOpError("expected 'soft' to have 'soft_positive' and "
                              "'soft_negative' above 0");
  return success();
}

static LogicalResult verifyOrder(LossOp op) {
  auto ordered = [&](const char *low, Bound lower, const char *high,
                     Bound upper, bool fromZero) -> LogicalResult {
    auto bad = [&](Bound value) {
      return value && (!value->isFinite() ||
                       (fromZero && value->isNegative() && !value->isZero()));
    };
    if (bad(lower) || bad(upper) || (lower && upper && *upper < *lower))
      return op.emitOpError("expected bounds ")
             << (fromZero ? "0 <= " : "") << low << " <= " << high
             << ", which are absolute";
    return success();
  };
  if (failed(
          ordered("is_low", op.getIsLow(), "is_high", op.getIsHigh(), true)) ||
      failed(ordered("clip_low", op.getClipLow(), "clip_high", op.getClipHigh(),
                     true)) ||
      failed(ordered("log_low", op.getLogLow(), "log_high", op.getLogHigh(),
                     false)) ||
      failed(ordered("behave_low", op.getBehaveLow(), "behave_high",
                     op.getBehaveHigh(), true)) ||
      failed(
          ordered("clip_high", op.getClipHigh(), "dual", op.getDual(), true)) ||
      failed(ordered("kl_clamp", op.getKlClamp(), "any", std::nullopt, true)) ||
      failed(ordered("kl_limit", op.getKlLimit(), "any", std::nullopt, true)))
    return failure();
  if (Bound dual = op.getDual(); dual && !(*dual > llvm::APFloat(1.0F)))
    return op.emitOpError("expected 'dual' above 1, got ") << op.getDualAttr();
  return success();
}

LogicalResult LossOp::verify() {
  int64_t tokens = typeOf(getLogprob()).getDimSize(0);
  // (C1)
  for (unsigned i = 1; i < getNumOperands(); ++i)
    if (Value operand = getOperand(i); operand != getStarts())
      if (failed(expectShape(*this, operandName(i), operand, {tokens})))
        return failure();
  if (failed(expectShape(*this, "loss", getLoss(), {tokens})) ||
      failed(expectShape(*this, "g", getG(), {tokens})) ||
      failed(expectShape(*this, "c", getC(), {tokens})) ||
      (getCounters() && failed(expectShape(*this, "counters", getCounters(),
                                           {tokens, kLossCounters}))) ||
      (getCounters() &&
       failed(expectStatic(*this, "counters", getCounters(), 1))))
    return failure();
  // (C2)
  bool corrected = getBehave() != Behave::none;
  bool needsOld =
      getRatio() != Ratio::none || corrected || getOffPolicy().has_value();
  if (needsOld != static_cast<bool>(getOld()))
    return emitOpError(needsOld ? "expected 'old', which its ratio or a "
                                  "correction needs"
                                : "expected no 'old', which nothing needs");
  // (C3)
  if (failed(verifyBounds(*this)))
    return failure();
  // (C4)
  if (failed(verifyOrder(*this)))
    return failure();
  // (C5)
  bool kl = getKl() != Kl::none;
  if (kl != static_cast<bool>(getRef()))
    return emitOpError("expected 'kl' and 'ref' to come together");
  if ((getKlClamp() || getKlLimit() || getKlByRatio()) && !kl)
    return emitOpError("expected no 'kl_clamp', 'kl_limit' or 'kl_by_ratio' "
                       "without 'kl'");
  if (getKlByRatio() && getRatio() == Ratio::none)
    return emitOpError("expected a ratio for 'kl_by_ratio', got 'none'");
  // (C6)
  if (corrected != static_cast<bool>(getRollout()))
    return emitOpError("expected 'behave' and 'rollout' to come together");
  bool between =
      getBehave() == Behave::icepop || getBehave() == Behave::seqmask;
  if (corrected != getBehaveHigh().has_value() ||
      (between && !getBehaveLow()) || (!corrected && getBehaveLow()))
    return emitOpError("expected 'behave_high' for a correction, for 'icepop' "
                       "and 'seqmask' 'behave_low' too, got ")
           << stringifyBehave(getBehave());
  // (C7)
  if (isBySequence(*this) != static_cast<bool>(getStarts()))
    return emitOpError(isBySequence(*this)
                           ? "expected 'starts', as something is summed over "
                             "a sequence"
                           : "expected no 'starts', as nothing is summed over "
                             "a sequence");
  // (C8)
  if (getKappa().isZero() == static_cast<bool>(getEntropy()))
    return emitOpError("expected 'kappa' and 'entropy' to come together");
  if (!getBeta().isFinite() || !getKappa().isFinite())
    return emitOpError("expected finite 'beta' and 'kappa', got ")
           << getBetaAttr() << " and " << getKappaAttr();
  return success();
}
