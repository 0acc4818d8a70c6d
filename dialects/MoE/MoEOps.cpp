//===- MoEOps.cpp - verifiers ---------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/MoE/MoEOps.h"
#include "dialects/GraphShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

#include <cmath>

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::moe;

static ParseResult parseActivation(OpAsmParser &parser,
                                   hamlet::nn::ActivationAttr &attr) {
  StringRef keyword;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<hamlet::nn::Activation> kind =
      hamlet::nn::symbolizeActivation(keyword);
  if (!kind)
    return parser.emitError(at, "expected 'silu' or 'sigmoid', got '")
           << keyword << "'";
  attr = hamlet::nn::ActivationAttr::get(parser.getContext(), *kind);
  return success();
}

static void printActivation(OpAsmPrinter &printer, Operation *,
                            hamlet::nn::ActivationAttr attr) {
  printer << hamlet::nn::stringifyActivation(attr.getValue());
}

#define GET_OP_CLASSES
#include "dialects/MoE/MoEOps.cpp.inc"

LogicalResult RouteOp::verify() {
  RankedTensorType x = typeOf(getX()), w = typeOf(getW());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "w", getW(), 0)) ||
      failed(
          expectShape(*this, "w", getW(), {w.getDimSize(0), x.getDimSize(1)})))
    return failure();
  int64_t experts = w.getDimSize(0), topK = getTopK();
  if (getBias() && failed(expectShape(*this, "bias", getBias(), {experts})))
    return failure();
  // (C3)
  if (topK < 1 || topK > experts)
    return emitOpError("expected 'top_k' from 1 to the number of experts, ")
           << experts << ", got " << topK;
  // (C2)
  SmallVector<int64_t> shape = {x.getDimSize(0), topK};
  if (failed(expectShape(*this, "ids", getIds(), shape)) ||
      failed(expectShape(*this, "gates", getGates(), shape)) ||
      (getGiven() && failed(expectShape(*this, "ids", getGiven(), shape))))
    return failure();
  // (C4)
  int64_t groups = getGroups(), kept = getTopkGroups();
  if (groups < 1 || experts % groups != 0 || kept < 1 || kept > groups ||
      experts / groups * kept < topK)
    return emitOpError("expected groups that divide ")
           << experts
           << " experts, and kept groups with room for top_k = " << topK
           << ", got " << groups << " groups, " << kept << " kept";
  // (C5)
  if (!getEpsilon().isFinite() || getEpsilon().isNegative() ||
      !getScaling().isFinite())
    return emitOpError("expected 'epsilon' of at least 0 and a finite "
                       "'scaling', got ")
           << getEpsilonAttr() << " and " << getScalingAttr();
  // (C6)
  if (failed(expectOperands(*this, getNumerics(), "x", getX())))
    return failure();
  return expectOperands(*this, getNumerics(), "w", getW());
}

/// Extent T * k, dynamic if T is; no extent if it is too large for one.
static int64_t pairs(int64_t tokens, int64_t k) {
  if (ShapedType::isDynamic(tokens))
    return tokens;
  int64_t count;
  return llvm::MulOverflow(tokens, k, count) ? -1 : count;
}

LogicalResult DispatchOp::verify() {
  RankedTensorType ids = typeOf(getIds());
  // (C1)
  int64_t experts = getExperts();
  if (experts < 1)
    return emitOpError("expected 'experts' to be at least 1, got ") << experts;
  if (experts >= kMostExtent)
    return emitOpError("expected 'experts' to be below ")
           << kMostExtent << ", got " << experts;
  if (failed(expectShape(*this, "offsets", getOffsets(), {experts + 1})))
    return failure();
  // (C2)
  if (failed(expectStatic(*this, "ids", getIds(), 1)) ||
      failed(expectShape(*this, "order", getOrder(),
                         {pairs(ids.getDimSize(0), ids.getDimSize(1))})))
    return failure();
  // (C3)
  return expectShape(*this, "place", getPlace(), ids.getShape());
}

LogicalResult ExpertUpOp::verify() {
  RankedTensorType x = typeOf(getX()), w = typeOf(getWGate());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "w_gate", getWGate(), 0)) ||
      failed(expectShape(*this, "w_gate", getWGate(),
                         {w.getDimSize(0), w.getDimSize(1), x.getDimSize(1)})))
    return failure();
  if (getWUp().getType() != w)
    return emitOpError("expected 'w_up' to have the type of 'w_gate', ")
           << w << ", got " << getWUp().getType();
  // (C2)
  if (failed(
          expectShape(*this, "offsets", getOffsets(), {w.getDimSize(0) + 1})))
    return failure();
  // (C4)
  int64_t topK = getTopK();
  if (topK < 1)
    return emitOpError("expected 'top_k' to be at least 1, got ") << topK;
  if (failed(expectShape(*this, "order", getOrder(),
                         {pairs(x.getDimSize(0), topK)})))
    return failure();
  // (C3)
  if (failed(
          expectShape(*this, "result", getResult(),
                      {typeOf(getOrder()).getDimSize(0), w.getDimSize(1)})) ||
      failed(expectElement(*this, "result", getResult(), getX())))
    return failure();
  // (C5)
  if (failed(expectOperands(*this, getNumerics(), "x", getX())))
    return failure();
  if (failed(expectOperands(*this, getNumerics(), "w_gate", getWGate())))
    return failure();
  // (C6)
  if (!getGate() && !getUp())
    return success();
  if (!getGate() || !getUp())
    return emitOpError("expected 'gate' and 'up', or none of them");
  for (auto [name, sum] :
       {std::pair("gate", getGate()), std::pair("up", getUp())})
    if (failed(expectShape(*this, name, sum, typeOf(getResult()).getShape())) ||
        failed(expectElement(*this, name, sum, getX())))
      return failure();
  return success();
}

LogicalResult ExpertDownOp::verify() {
  RankedTensorType h = typeOf(getH()), w = typeOf(getW());
  // (C1)
  if (failed(expectStatic(*this, "h", getH(), 1)) ||
      failed(expectStatic(*this, "w", getW(), 0)) ||
      failed(expectShape(*this, "w", getW(),
                         {w.getDimSize(0), w.getDimSize(1), h.getDimSize(1)})))
    return failure();
  // (C2)
  if (failed(
          expectShape(*this, "offsets", getOffsets(), {w.getDimSize(0) + 1})))
    return failure();
  // (C3)
  if (failed(expectShape(*this, "result", getResult(),
                         {h.getDimSize(0), w.getDimSize(1)})) ||
      failed(expectElement(*this, "result", getResult(), getH())))
    return failure();
  // (C4)
  if (failed(expectOperands(*this, getNumerics(), "h", getH())))
    return failure();
  return expectOperands(*this, getNumerics(), "w", getW());
}

LogicalResult CombineOp::verify() {
  RankedTensorType place = typeOf(getPlace());
  // (C1)
  if (failed(expectStatic(*this, "place", getPlace(), 1)) ||
      (getGates() &&
       failed(expectShape(*this, "gates", getGates(), place.getShape()))))
    return failure();
  // (C2)
  if (failed(expectStatic(*this, "y", getY(), 1)))
    return failure();
  return expectShape(*this, "result", getResult(),
                     {place.getDimSize(0), typeOf(getY()).getDimSize(1)});
}
