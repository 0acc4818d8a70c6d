//===- LightningOps.cpp - verifiers ---------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lightning/LightningOps.h"
#include "dialects/GraphShapes.h"
#include "dialects/Lightning/LightningShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::lightning;

#define GET_OP_CLASSES
#include "dialects/Lightning/LightningOps.cpp.inc"

namespace {
/// The extents that the constraints are about.
struct Extents {
  int64_t tokens, sequences, qHeads, stateHeads, keyDim, valueDim;
};
} // namespace

LogicalResult hamlet::lightning::verifyHeads(Operation *op, Value queries,
                                             Value keys, Value values) {
  RankedTensorType q = typeOf(queries), k = typeOf(keys), v = typeOf(values);
  // (C1)
  if (failed(expectStatic(op, "q", queries, 1)) ||
      failed(expectStatic(op, "k", keys, 1)) ||
      failed(expectStatic(op, "v", values, 1)))
    return failure();
  if (!fits(q.getDimSize(0), k.getDimSize(0)) ||
      !fits(q.getDimSize(0), v.getDimSize(0)) ||
      q.getDimSize(2) != k.getDimSize(2) ||
      q.getElementType() != k.getElementType() ||
      q.getElementType() != v.getElementType())
    return op->emitOpError("expected 'q' [T, Hq, Dk], 'k' [T, Hk, Dk] and 'v' "
                           "[T, Hv, Dv] of one element type, got ")
           << q << ", " << k << " and " << v;
  // (C2)
  auto divides = [](int64_t a, int64_t b) {
    return a > 0 && b > 0 && std::max(a, b) % std::min(a, b) == 0;
  };
  int64_t states = std::max(k.getDimSize(1), v.getDimSize(1));
  if (!divides(k.getDimSize(1), v.getDimSize(1)) ||
      !divides(q.getDimSize(1), states))
    return op->emitOpError("expected head counts that divide each other, got ")
           << q.getDimSize(1) << " of 'q', " << k.getDimSize(1)
           << " of 'k' and " << v.getDimSize(1) << " of 'v'";
  return success();
}

/// Whether a rule multiplies the state by a decay, and corrects what it adds by
/// what the state has there (beta).
static std::pair<bool, bool> gatedAndDelta(Update update) {
  switch (update) {
  case Update::linear:
    return {false, false};
  case Update::gated:
    return {true, false};
  case Update::delta:
    return {false, true};
  case Update::gated_delta:
    return {true, true};
  }
  llvm_unreachable("all rules are above");
}

static LogicalResult verifyDecay(AttentionOp op, const Extents &e) {
  auto [gated, delta] = gatedAndDelta(op.getUpdate());
  // (C4)
  if (gated != static_cast<bool>(op.getDecay()))
    return op.emitOpError("expected ")
           << (gated ? "a 'decay'" : "no 'decay'") << " with the update rule "
           << stringifyUpdate(op.getUpdate());
  // (C5)
  if (delta != static_cast<bool>(op.getBeta()))
    return op.emitOpError("expected ")
           << (delta ? "a 'beta'" : "no 'beta'") << " with the update rule "
           << stringifyUpdate(op.getUpdate());
  if (delta &&
      failed(expectShape(op, "beta", op.getBeta(), {e.tokens, e.stateHeads})))
    return failure();
  // (C6)
  if (!gated)
    return success();
  int64_t all[] = {e.tokens, e.stateHeads, e.keyDim};
  RankedTensorType type = typeOf(op.getDecay());
  ArrayRef<int64_t> shape = type.getShape();
  bool good = type.getRank() == 1 ? shape[0] == e.stateHeads
                                  : fits(shape, ArrayRef(all, type.getRank()));
  if (!good)
    return op.emitOpError("expected 'decay' to be [")
           << e.stateHeads << "], " << text(ArrayRef(all, 2)) << " or "
           << text(all) << ", got " << type;
  return success();
}

static LogicalResult verifyState(AttentionOp op, const Extents &e) {
  // (C7)
  SmallVector<int64_t> shape = {e.sequences, e.stateHeads, e.keyDim,
                                e.valueDim};
  if (op.getInitial() &&
      failed(expectShape(op, "initial", op.getInitial(), shape)))
    return failure();
  if (op.getFinalState() &&
      failed(expectShape(op, "final_state", op.getFinalState(), shape)))
    return failure();
  // (C8)
  bool cached = static_cast<bool>(op.getCache());
  if (cached != static_cast<bool>(op.getSlots()) ||
      cached != static_cast<bool>(op.getFirst()) ||
      cached != static_cast<bool>(op.getUpdated()))
    return op.emitOpError("expected 'cache', 'slots' and 'first' together, and "
                          "an 'updated' cache with them");
  if (cached && (op.getInitial() || op.getFinalState()))
    return op.emitOpError("expected no 'initial' or 'final_state' with a "
                          "'cache': the cache holds the state");
  if (!cached)
    return success();
  for (auto [name, value] :
       {std::pair("slots", op.getSlots()), std::pair("first", op.getFirst())})
    if (failed(expectShape(op, name, value, {e.sequences}))) // (C10)
      return failure();
  // (C9)
  auto type = cast<StateType>(op.getCache().getType());
  Type element = typeOf(op.getK()).getElementType();
  int64_t chunk = op.getChunk().value_or(type.getChunk());
  if (type.getHeads() != e.stateHeads || type.getKeyDim() != e.keyDim ||
      type.getValueDim() != e.valueDim || type.getTailType() != element ||
      type.getChunk() != chunk)
    return op.emitOpError("expected a cache of ")
           << e.stateHeads << "x" << e.keyDim << "x" << e.valueDim
           << ", tails of " << element << " and chunk " << chunk << ", got "
           << type;
  if (op.getUpdated().getType() != type)
    return op.emitOpError("expected 'updated' to be ")
           << type << ", got " << op.getUpdated().getType();
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyHeads(*this, getQ(), getK(), getV())))
    return failure();
  RankedTensorType q = typeOf(getQ()), k = typeOf(getK()), v = typeOf(getV());
  // (C10)
  int64_t starts = typeOf(getStarts()).getDimSize(0);
  if (failed(expectStarts(*this, getStarts())))
    return failure();
  Extents e{q.getDimSize(0),
            ShapedType::isStatic(starts) ? starts - 1 : ShapedType::kDynamic,
            q.getDimSize(1),
            std::max(k.getDimSize(1), v.getDimSize(1)),
            q.getDimSize(2),
            v.getDimSize(2)};
  // (C3)
  if (failed(expectShape(
          *this, "result", getResult(),
          {e.tokens, std::max(e.qHeads, e.stateHeads), e.valueDim})) ||
      failed(expectElement(*this, "result", getResult(), getQ())))
    return failure();
  if (failed(verifyDecay(*this, e)) || failed(verifyState(*this, e)))
    return failure();
  // (C11)
  if (getChunk() &&
      (*getChunk() < 1 || static_cast<int64_t>(*getChunk()) > kMostChunk))
    return emitOpError("expected 'chunk' to be 1 to ")
           << kMostChunk << " tokens, got "
           << static_cast<int64_t>(*getChunk());
  if (!getScale().isFinite())
    return emitOpError("expected 'scale' to be finite, got ") << getScaleAttr();
  // (C12)
  for (auto [name, value] :
       {std::pair("q", getQ()), std::pair("k", getK()), std::pair("v", getV())})
    if (failed(expectOperands(*this, getNumerics(), name, value)))
      return failure();
  return success();
}
