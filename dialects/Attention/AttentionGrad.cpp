//===- AttentionGrad.cpp - the gradients' verifier and answers ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attention/AttentionOps.h"
#include "dialects/GraphShapes.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::attention;

Value SoftmaxGradOp::getRowSource(unsigned) { return getQ(); }

void SoftmaxGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getK(), "k", getQ());
  sink.rowsLike(getV(), "v", getQ());
  sink.rowsLike(getOut(), "out", getQ());
  sink.rowsLike(getLogSumExp(), "log_sum_exp", getQ());
  sink.rowsLike(getDresult(), "dresult", getQ());
  sink.boundaries(getStarts(), "starts", Extent{getQ()});
}

Fusion SoftmaxGradOp::getFusion() {
  return {.role = Role::alone,
          .kind = "softmax_grad",
          .anchor = true,
          .ownKernels = true};
}

LogicalResult SoftmaxGradOp::verify() {
  RankedTensorType q = typeOf(getQ()), k = typeOf(getK()), v = typeOf(getV());
  // (C1)
  if (failed(expectStatic(*this, "q", getQ(), 1)) ||
      failed(expectStatic(*this, "k", getK(), 1)) ||
      failed(expectStatic(*this, "v", getV(), 1)))
    return failure();
  if (!fits(q.getDimSize(0), k.getDimSize(0)) ||
      !fits(q.getDimSize(0), v.getDimSize(0)) ||
      q.getDimSize(2) != k.getDimSize(2) ||
      k.getDimSize(1) != v.getDimSize(1) ||
      q.getElementType() != k.getElementType() ||
      q.getElementType() != v.getElementType())
    return emitOpError("expected 'q' [T, Hq, D], 'k' [T, Hk, D] and 'v' "
                       "[T, Hk, Dv] of one element type, got ")
           << q << ", " << k << " and " << v;
  // (C2)
  if (q.getDimSize(1) % k.getDimSize(1) != 0)
    return emitOpError("expected the heads of 'k' to divide those of 'q', got ")
           << k.getDimSize(1) << " and " << q.getDimSize(1);
  // (C3)
  for (auto [name, value] :
       {std::pair("out", getOut()), std::pair("dresult", getDresult())})
    if (failed(
            expectShape(*this, name, value,
                        {q.getDimSize(0), q.getDimSize(1), v.getDimSize(2)})) ||
        failed(expectStatic(*this, name, value, 1)) ||
        failed(expectElement(*this, name, value, getQ())))
      return failure();
  // (C4)
  if (failed(expectShape(*this, "log_sum_exp", getLogSumExp(),
                         {q.getDimSize(0), q.getDimSize(1)})))
    return failure();
  // (C5)
  int64_t starts = typeOf(getStarts()).getDimSize(0);
  if (ShapedType::isStatic(starts) && starts < 2)
    return emitOpError("expected 'starts' to have at least 2 elements, got ")
           << starts << "; a single sequence of T tokens is [0, T]";
  // (C6)
  if (static_cast<int64_t>(getWindow()) < 0)
    return emitOpError("expected 'window' to be at least 0 tokens, got ")
           << static_cast<int64_t>(getWindow());
  if (!getScale().isFinite())
    return emitOpError("expected 'scale' to be finite, got ") << getScaleAttr();
  // (C7)
  for (auto [name, value] :
       {std::pair("q", getQ()), std::pair("k", getK()), std::pair("v", getV())})
    if (failed(expectOperands(*this, getNumerics(), name, value)))
      return failure();
  // (C8)
  for (auto [name, value, like] :
       {std::tuple("dq", getDq(), getQ()), std::tuple("dk", getDk(), getK()),
        std::tuple("dv", getDv(), getV())})
    if (failed(expectShape(*this, name, value, typeOf(like).getShape())) ||
        failed(expectStatic(*this, name, value, 1)) ||
        failed(expectElement(*this, name, value, like)))
      return failure();
  return success();
}
