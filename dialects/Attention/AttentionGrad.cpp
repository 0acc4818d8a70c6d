//===- AttentionGrad.cpp - the gradients' verifier and answers ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attention/AttentionOps.h"
#include "dialects/Attention/AttentionShapes.h"
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
  // (C1), (C2)
  if (failed(verifyHeads(*this, getQ(), getK(), getV())))
    return failure();
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
  if (failed(expectStarts(*this, getStarts())))
    return failure();
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
