//===- NNGradOps.cpp - verifiers of states and gradients ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/NN/NNOps.h"

#include <cmath>

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::nn;

/// Fails unless the tensor of state `into` is `shape`.
static LogicalResult expectState(Operation *op, StateType into,
                                 ArrayRef<int64_t> shape) {
  if (into.getTensor().getShape() == shape)
    return success();
  return op->emitOpError("expected 'into' to be ")
         << text(shape) << ", got " << into;
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

LogicalResult StateOp::verify() {
  // (C1)
  if (getSymName().empty())
    return emitOpError("expected a name");
  return success();
}

LogicalResult ReadOp::verify() {
  RankedTensorType held = getState().getType().getTensor();
  // (C1)
  if (getResult().getType() != held)
    return emitOpError("expected 'result' to be ")
           << held << ", got " << getResult().getType();
  if (held.getRank() < 1 || held.getRank() > 3)
    return emitOpError("expected a state of rank 1 to 3, got ") << held;
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult LinearInputGradOp::verify() {
  RankedTensorType dy = typeOf(getDy()), w = typeOf(getW());
  // (C1)
  if (failed(expectStatic(*this, "dy", getDy(), 1)) ||
      failed(expectStatic(*this, "w", getW(), 0)))
    return failure();
  if (w.getDimSize(0) != dy.getDimSize(1))
    return emitOpError("expected 'w' to be [")
           << dy.getDimSize(1) << ", K] for 'dy' of " << dy << ", got " << w
           << "; weights are [out, in]";
  // (C2)
  if (failed(expectShape(*this, "result", getResult(),
                         {dy.getDimSize(0), w.getDimSize(1)})))
    return failure();
  // (C3)
  if (failed(expectOperands(*this, getNumerics(), "dy", getDy())))
    return failure();
  return expectOperands(*this, getNumerics(), "w", getW());
}

LogicalResult LinearWeightGradOp::verify() {
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "dy", getDy(), 1)))
    return failure();
  return expectState(
      *this, getInto().getType(),
      {typeOf(getDy()).getDimSize(1), typeOf(getX()).getDimSize(1)});
}

LogicalResult BiasGradOp::verify() {
  // (C1)
  if (failed(expectStatic(*this, "dy", getDy(), 1)))
    return failure();
  return expectState(*this, getInto().getType(),
                     {typeOf(getDy()).getDimSize(1)});
}

LogicalResult EmbeddingGradOp::verify() {
  // (C1)
  if (failed(expectStatic(*this, "dy", getDy(), 1)))
    return failure();
  RankedTensorType table = getInto().getType().getTensor();
  if (table.getRank() == 2 &&
      table.getDimSize(1) == typeOf(getDy()).getDimSize(1))
    return success();
  return emitOpError("expected 'into' to be [V, ")
         << typeOf(getDy()).getDimSize(1) << "], got " << getInto().getType();
}

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

LogicalResult ScaleOp::verify() {
  // (C1)
  if (!getFactor().isFinite())
    return emitOpError("expected a finite 'factor'");
  return success();
}

LogicalResult RmsNormGradOp::verify() {
  RankedTensorType x = typeOf(getX());
  int64_t width = x.getShape().back();
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectShape(*this, "dy", getDy(), x.getShape())) ||
      failed(expectElement(*this, "dy", getDy(), getX())) ||
      failed(expectShape(*this, "result", getResult(), x.getShape())))
    return failure();
  if (typeOf(getResult()).getElementType() != x.getElementType())
    return emitOpError("expected 'result' to have elements of ")
           << x.getElementType() << ", got " << getResult().getType();
  // (C2), (C3), (C4)
  if (failed(verifyNormAttributes(*this, width, getGroups(), getSumBlocks(),
                                  getSumSplit(), typeOf(getW()), getEps())))
    return failure();
  // (C5)
  int64_t heads = x.getRank() == 3 ? x.getDimSize(1) : 1;
  return expectShape(
      *this, "inverse", getInverse(),
      {x.getDimSize(0), heads * static_cast<int64_t>(getGroups())});
}

LogicalResult RmsNormWeightGradOp::verify() {
  RankedTensorType x = typeOf(getX());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectShape(*this, "dy", getDy(), x.getShape())))
    return failure();
  // (C2)
  int64_t width = rowWidthOf(getX()),
          parts = typeOf(getInverse()).getDimSize(1);
  if (ShapedType::isDynamic(parts) || parts < 1 || width % parts != 0)
    return emitOpError("expected 'inverse' to have columns that divide the ")
           << width << " of a row of 'x', got " << getInverse().getType();
  // (C3)
  RankedTensorType held = getInto().getType().getTensor();
  if (held.getRank() == 1 &&
      (held.getDimSize(0) == width || held.getDimSize(0) == width / parts))
    return success();
  return emitOpError("expected 'into' to be [")
         << width << "] or [" << width / parts << "], got "
         << getInto().getType();
}

LogicalResult MixGradOp::verify() {
  // (C1)
  if (failed(expectStatic(*this, "moe", getMoe(), 1)))
    return failure();
  const std::pair<StringRef, Value> alike[] = {{"shared", getShared()},
                                               {"dy", getDy()},
                                               {"dmoe", getDmoe()},
                                               {"dshared", getDshared()}};
  for (auto [name, value] : alike)
    if (value.getType() != getMoe().getType())
      return emitOpError("expected '")
             << name << "' to be " << getMoe().getType() << ", got "
             << value.getType();
  // (C2)
  int64_t rows = typeOf(getMoe()).getDimSize(0);
  if (failed(expectShape(*this, "gate", getGate(), {rows, 1})))
    return failure();
  return expectShape(*this, "dgate", getDgate(), {rows, 1});
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

LogicalResult ConcatHeadsOp::verify() {
  // (C1)
  if (getXs().empty())
    return emitOpError("expected an operand");
  Type element = typeOf(getXs().front()).getElementType();
  int64_t width = 0;
  for (Value x : getXs()) {
    if (failed(expectStatic(*this, "xs", x, 1)))
      return failure();
    if (typeOf(x).getElementType() != element)
      return emitOpError("expected operands of one element type, got ")
             << element << " and " << typeOf(x).getElementType();
    width += rowWidthOf(x);
  }
  // (C2)
  if (typeOf(getResult()).getElementType() != element)
    return emitOpError("expected 'result' to have elements of ")
           << element << ", got " << getResult().getType();
  return expectShape(*this, "result", getResult(),
                     {typeOf(getXs().front()).getDimSize(0), width});
}
