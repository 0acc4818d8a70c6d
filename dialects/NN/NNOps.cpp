//===- NNOps.cpp - verifiers ----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/NN/NNOps.h"
#include "dialects/GraphShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

#include <cmath>

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::nn;

#define GET_OP_CLASSES
#include "dialects/NN/NNOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Weights, ids, rows
//===----------------------------------------------------------------------===//

LogicalResult WeightOp::verify() {
  // (C1)
  if (getSymName().empty())
    return emitOpError("expected a name");
  // (C2)
  for (int64_t dim : typeOf(getResult()).getShape())
    if (dim < 1)
      return emitOpError("expected extents of at least 1, got ")
             << getResult().getType();
  return success();
}

LogicalResult EmbeddingOp::verify() {
  // (C1)
  if (failed(expectStatic(*this, "table", getTable(), 0)))
    return failure();
  return expectShape(
      *this, "result", getResult(),
      {typeOf(getIds()).getDimSize(0), typeOf(getTable()).getDimSize(1)});
}

LogicalResult SelectRowsOp::verify() {
  RankedTensorType x = typeOf(getX());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectShape(*this, "result", getResult(),
                         {typeOf(getRows()).getDimSize(0), x.getDimSize(1)})))
    return failure();
  if (typeOf(getResult()).getElementType() != x.getElementType())
    return emitOpError("expected 'result' to have elements of ")
           << x.getElementType() << ", got " << getResult().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  RankedTensorType x = typeOf(getX()), w = typeOf(getW());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "w", getW(), 0)))
    return failure();
  if (w.getDimSize(1) != x.getDimSize(1))
    return emitOpError("expected 'w' to be [N, ")
           << x.getDimSize(1) << "] for 'x' of " << x << ", got " << w
           << "; weights are [out, in]";
  // (C2)
  if (failed(expectShape(*this, "result", getResult(),
                         {x.getDimSize(0), w.getDimSize(0)})))
    return failure();
  // (C3)
  if (getBias() &&
      failed(expectShape(*this, "bias", getBias(), {w.getDimSize(0)})))
    return failure();
  // (C4)
  if (failed(expectOperands(*this, getNumerics(), "x", getX())) ||
      failed(expectOperands(*this, getNumerics(), "w", getW())))
    return failure();
  // (C5)
  return expectElement(*this, "result", getResult(), getX());
}

LogicalResult LmHeadOp::verify() {
  RankedTensorType x = typeOf(getX()), w = typeOf(getW());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "w", getW(), 0)) ||
      failed(expectShape(*this, "w", getW(),
                         {w.getDimSize(0), x.getDimSize(1)})) ||
      failed(expectShape(*this, "result", getResult(),
                         {x.getDimSize(0), w.getDimSize(0)})))
    return failure();
  // (C2)
  if (!getNumerics().getOperands().isF32())
    return emitOpError("expected numerics with f32 operands, got ")
           << getNumerics() << "; logits are f32 in every mode";
  return success();
}

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

LogicalResult hamlet::nn::verifyNormAttributes(Operation *op, int64_t width,
                                               int64_t groups, int64_t blocks,
                                               int64_t split,
                                               RankedTensorType w,
                                               const APFloat &epsilon) {
  // (C2)
  if (groups < 1 || blocks < 1 || width % groups != 0 ||
      width / groups % blocks != 0)
    return op->emitOpError("expected groups * sum_blocks to divide the width ")
           << width << ", got " << groups << " * " << blocks;
  if (split < 0 || (split != 0 && !llvm::isPowerOf2_64(split)))
    return op->emitOpError(
               "expected 'sum_split' to be 0 or a power of two, got ")
           << split;
  // (C3)
  int64_t weights = w.getDimSize(0);
  if (weights != width && weights != width / groups)
    return op->emitOpError("expected 'w' to have ")
           << width << " elements"
           << (groups > 1 ? " or " + std::to_string(width / groups) +
                                " shared by the groups"
                          : "")
           << ", got " << w;
  // (C4)
  double eps = epsilon.convertToDouble();
  if (!(eps >= 0) || std::isinf(eps))
    return op->emitOpError("expected 'eps' to be at least 0 and finite, got ")
           << op->getAttr("eps");
  return success();
}

LogicalResult RmsNormOp::verify() {
  RankedTensorType x = typeOf(getX());
  int64_t width = x.getShape().back();
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectShape(*this, "result", getResult(), x.getShape())) ||
      failed(expectElement(*this, "result", getResult(), getX())))
    return failure();
  // (C2), (C3), (C4)
  int64_t groups = getGroups();
  if (failed(verifyNormAttributes(*this, width, groups, getSumBlocks(),
                                  getSumSplit(), typeOf(getW()), getEps())))
    return failure();
  // (C5)
  if (getInverse()) {
    int64_t parts = x.getRank() == 3 ? x.getDimSize(1) * groups : groups;
    if (failed(expectShape(*this, "inverse", getInverse(),
                           {x.getDimSize(0), parts})))
      return failure();
  }
  return success();
}

LogicalResult ResidualOp::verify() {
  // (C1)
  if (!getAlpha().isFinite() || !getBeta().isFinite())
    return emitOpError("expected 'alpha' and 'beta' to be finite, got ")
           << getAlphaAttr() << " and " << getBetaAttr();
  return success();
}

LogicalResult MixOp::verify() {
  // (C1)
  if (getMoe().getType() != getShared().getType() ||
      getMoe().getType() != getResult().getType())
    return emitOpError("expected 'moe', 'shared' and the result to have one "
                       "type, got ")
           << getMoe().getType() << ", " << getShared().getType() << " and "
           << getResult().getType();
  // (C2)
  if (failed(expectStatic(*this, "moe", getMoe(), 1)))
    return failure();
  return expectShape(*this, "gate", getGate(),
                     {typeOf(getMoe()).getDimSize(0), 1});
}

//===----------------------------------------------------------------------===//
// Heads and positions
//===----------------------------------------------------------------------===//

LogicalResult HeadsOp::verify() {
  RankedTensorType x = typeOf(getX());
  int64_t offset = getOffset(), heads = getHeads(), dim = getDim();
  if (failed(expectStatic(*this, "x", getX(), 1)))
    return failure();
  // (C1)
  int64_t width = x.getDimSize(1);
  if (offset < 0 || heads < 1 || dim < 1 || offset > width ||
      dim > (width - offset) / heads)
    return emitOpError("expected columns within the width ")
           << width << " of 'x', got " << heads << " heads of " << dim
           << " from column " << offset;
  // (C2)
  if (failed(expectShape(*this, "result", getResult(),
                         {x.getDimSize(0), heads, dim})))
    return failure();
  if (typeOf(getResult()).getElementType() != x.getElementType())
    return emitOpError("expected 'result' to have elements of ")
           << x.getElementType() << ", got " << getResult().getType();
  return success();
}

LogicalResult MergeHeadsOp::verify() {
  RankedTensorType x = typeOf(getX());
  // (C1)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectShape(*this, "result", getResult(),
                         {x.getDimSize(0), x.getDimSize(1) * x.getDimSize(2)})))
    return failure();
  if (typeOf(getResult()).getElementType() != x.getElementType())
    return emitOpError("expected 'result' to have elements of ")
           << x.getElementType() << ", got " << getResult().getType();
  return success();
}

LogicalResult RotaryTableOp::verify() {
  int64_t dims = getDims();
  // (C1)
  if (dims < 2 || dims % 2)
    return emitOpError("expected 'dims' to be even and at least 2, got ")
           << dims;
  // (C2)
  double theta = getTheta().convertToDouble();
  if (!(theta > 0) || std::isinf(theta))
    return emitOpError("expected 'theta' to be positive and finite, got ")
           << getThetaAttr();
  // (C3)
  SmallVector<int64_t> shape = {typeOf(getPositions()).getDimSize(0), dims / 2};
  if (failed(expectShape(*this, "cos", getCos(), shape)))
    return failure();
  return expectShape(*this, "sin", getSin(), shape);
}

LogicalResult RotaryOp::verify() {
  RankedTensorType x = typeOf(getX());
  // (C1)
  if (x != getResult().getType())
    return emitOpError("expected a result of the type of 'x', ")
           << x << ", got " << getResult().getType();
  // (C2)
  if (failed(expectStatic(*this, "x", getX(), 1)) ||
      failed(expectStatic(*this, "cos", getCos(), 1)))
    return failure();
  int64_t r = typeOf(getCos()).getDimSize(1);
  if (r > x.getDimSize(2) / 2)
    return emitOpError("expected at most ")
           << x.getDimSize(2) / 2 << " angles for heads of " << x.getDimSize(2)
           << " features, got " << getCos().getType();
  if (failed(expectShape(*this, "cos", getCos(), {x.getDimSize(0), r})))
    return failure();
  return expectShape(*this, "sin", getSin(), {x.getDimSize(0), r});
}

//===----------------------------------------------------------------------===//
// Fused regions
//===----------------------------------------------------------------------===//

LogicalResult FusedOp::verify() {
  Block &block = getBlock();
  // (C1)
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("expected block arguments of the operands' types, (")
           << getInputs().getTypes() << "), got (" << block.getArgumentTypes()
           << ")";
  // (C2)
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("expected the body to end with nn.yield");
  if (yield.getValues().getTypes() != getResultTypes()) {
    InFlightDiagnostic diag = emitOpError("expected nn.yield to give (")
                              << getResultTypes() << "), got ("
                              << yield.getValues().getTypes() << ")";
    diag.attachNote(yield.getLoc()) << "yielded here";
    return diag;
  }
  // (C3)
  if (block.getOperations().size() < 2)
    return emitOpError("expected at least one op in the body");
  Operation *anchor = nullptr;
  for (Operation &op : block.without_terminator()) {
    auto graphOp = dyn_cast<GraphOpInterface>(op);
    if (!graphOp) {
      InFlightDiagnostic diag =
          emitOpError("expected only ops of the graph dialects in the body, "
                      "without nn.fused and nn.weight, got '")
          << op.getName() << "'";
      diag.attachNote(op.getLoc()) << "it is here; make it an operand";
      return diag;
    }
    // (C4)
    if (!graphOp.isAnchor())
      continue;
    if (anchor) {
      InFlightDiagnostic diag =
          emitOpError("expected at most one product, attention or op with "
                      "kernels of its own in the body, got '")
          << anchor->getName() << "' and '" << op.getName()
          << "'; each needs a region of its own";
      diag.attachNote(anchor->getLoc()) << "the first is here";
      diag.attachNote(op.getLoc()) << "the second is here";
      return diag;
    }
    anchor = &op;
  }
  return success();
}
