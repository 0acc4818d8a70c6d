//===- MoEGradOps.cpp - verifiers of gradients ----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/MoE/MoEOps.h"
#include "dialects/NN/NNDialect.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::moe;

LogicalResult ExpandOp::verify() {
  RankedTensorType x = typeOf(getX());
  // (C1)
  int64_t topK = getTopK(), tokens = x.getDimSize(0);
  if (topK < 1)
    return emitOpError("expected 'top_k' to be at least 1, got ") << topK;
  int64_t pairs = tokens;
  if (!ShapedType::isDynamic(tokens) && llvm::MulOverflow(tokens, topK, pairs))
    pairs = -1; // no extent
  if (failed(expectShape(*this, "order", getOrder(), {pairs})))
    return failure();
  // (C2)
  if (getGates() &&
      failed(expectShape(*this, "gates", getGates(), {tokens, topK})))
    return failure();
  // (C3)
  if (failed(expectStatic(*this, "x", getX(), 1)))
    return failure();
  return expectShape(*this, "result", getResult(),
                     {typeOf(getOrder()).getDimSize(0), x.getDimSize(1)});
}

LogicalResult GateGradOp::verify() {
  RankedTensorType y = typeOf(getY()), place = typeOf(getPlace());
  // (C1)
  if (failed(expectStatic(*this, "y", getY(), 1)) ||
      failed(expectStatic(*this, "place", getPlace(), 1)) ||
      failed(expectShape(*this, "dresult", getDresult(),
                         {place.getDimSize(0), y.getDimSize(1)})))
    return failure();
  // (C2)
  return expectShape(*this, "result", getResult(), place.getShape());
}

LogicalResult RouteGradOp::verify() {
  RankedTensorType logits = typeOf(getLogits()), ids = typeOf(getIds());
  // (C1)
  if (failed(expectStatic(*this, "logits", getLogits(), 1)) ||
      failed(expectStatic(*this, "ids", getIds(), 1)))
    return failure();
  SmallVector<int64_t> slots = {logits.getDimSize(0), ids.getDimSize(1)};
  if (failed(expectShape(*this, "ids", getIds(), slots)) ||
      failed(expectShape(*this, "dgates", getDgates(), slots)))
    return failure();
  // (C2)
  if (getBalance() && failed(expectShape(*this, "balance", getBalance(),
                                         {logits.getDimSize(1)})))
    return failure();
  // (C3)
  if (failed(expectShape(*this, "result", getResult(), logits.getShape())))
    return failure();
  // (C4)
  if (!getEpsilon().isFinite() || getEpsilon().isNegative() ||
      !getScaling().isFinite())
    return emitOpError("expected 'epsilon' of at least 0 and a finite "
                       "'scaling', got ")
           << getEpsilonAttr() << " and " << getScalingAttr();
  return success();
}

LogicalResult ExpertInputGradOp::verify() {
  RankedTensorType dy = typeOf(getDy()), w = typeOf(getW());
  // (C1)
  if (failed(expectStatic(*this, "dy", getDy(), 1)) ||
      failed(expectStatic(*this, "w", getW(), 0)) ||
      failed(expectShape(*this, "w", getW(),
                         {w.getDimSize(0), dy.getDimSize(1), w.getDimSize(2)})))
    return failure();
  // (C2)
  if (failed(
          expectShape(*this, "offsets", getOffsets(), {w.getDimSize(0) + 1})))
    return failure();
  // (C3)
  if (failed(expectShape(*this, "result", getResult(),
                         {dy.getDimSize(0), w.getDimSize(2)})) ||
      failed(expectElement(*this, "result", getResult(), getDy())))
    return failure();
  // (C4)
  if (failed(expectOperands(*this, getNumerics(), "dy", getDy())))
    return failure();
  return expectOperands(*this, getNumerics(), "w", getW());
}

LogicalResult ExpertWeightGradOp::verify() {
  RankedTensorType x = typeOf(getX()), dy = typeOf(getDy());
  RankedTensorType into = getInto().getType().getTensor();
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "dy", getDy(), 1)) ||
      failed(expectShape(*this, "dy", getDy(),
                         {x.getDimSize(0), dy.getDimSize(1)})))
    return failure();
  if (into.getRank() != 3 || into.getDimSize(1) != dy.getDimSize(1) ||
      into.getDimSize(2) != x.getDimSize(1))
    return emitOpError("expected 'into' to be [E, ")
           << dy.getDimSize(1) << ", " << x.getDimSize(1) << "], got " << into;
  // (C2)
  return expectShape(*this, "offsets", getOffsets(), {into.getDimSize(0) + 1});
}
