//===- LightningGrad.cpp - the gradient's verifier and answers ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/Lightning/LightningShapes.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::lightning;

Value AttentionGradOp::getRowSource(unsigned result) {
  Value value = getOperation()->getResult(result);
  return value == getDinitial() ? getInitial() : getQ();
}

void AttentionGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getK(), "k", getQ());
  sink.rowsLike(getV(), "v", getQ());
  if (typeOf(getDecay()).getRank() > 1)
    sink.rowsLike(getDecay(), "decay", getQ());
  sink.rowsLike(getDresult(), "dresult", getQ());
  if (getInitial())
    sink.rows(getInitial(), "initial", Extent{getStarts(), 1, -1});
  if (getDfinal())
    sink.rows(getDfinal(), "dfinal", Extent{getStarts(), 1, -1});
  sink.boundaries(getStarts(), "starts", Extent{getQ()});
}

Fusion AttentionGradOp::getFusion() {
  return {.role = Role::alone,
          .kind = "lightning_grad",
          .anchor = true,
          .ownKernels = true};
}

static LogicalResult verifyOperands(AttentionGradOp op) {
  RankedTensorType q = typeOf(op.getQ()), k = typeOf(op.getK()),
                   v = typeOf(op.getV());
  // (C1), (C2)
  if (failed(verifyHeads(op, op.getQ(), op.getK(), op.getV())))
    return failure();
  int64_t states = std::max(k.getDimSize(1), v.getDimSize(1));
  // (C3)
  if (op.getUpdate() != Update::gated)
    return op.emitOpError("expected the update rule gated, got ")
           << stringifyUpdate(op.getUpdate());
  // (C4)
  RankedTensorType decay = typeOf(op.getDecay());
  int64_t all[] = {q.getDimSize(0), states};
  ArrayRef<int64_t> wanted(all);
  if (!fits(decay.getShape(), wanted) &&
      !fits(decay.getShape(), wanted.drop_front()))
    return op.emitOpError("expected 'decay' to be [")
           << states << "] or " << text(wanted) << ", got " << decay;
  return success();
}

LogicalResult AttentionGradOp::verify() {
  if (failed(verifyOperands(*this)))
    return failure();
  RankedTensorType q = typeOf(getQ()), k = typeOf(getK()), v = typeOf(getV());
  int64_t states = std::max(k.getDimSize(1), v.getDimSize(1));
  // (C5)
  int64_t starts = typeOf(getStarts()).getDimSize(0);
  if (failed(expectStarts(*this, getStarts())))
    return failure();
  // (C6)
  int64_t state[] = {ShapedType::isStatic(starts) ? starts - 1
                                                  : ShapedType::kDynamic,
                     states, k.getDimSize(2), v.getDimSize(2)};
  for (auto [name, value] :
       {std::pair<StringRef, Value>("initial", getInitial()),
        std::pair<StringRef, Value>("dfinal", getDfinal()),
        std::pair<StringRef, Value>("dinitial", getDinitial())})
    if (value && (failed(expectShape(*this, name, value, state)) ||
                  failed(expectStatic(*this, name, value, 1))))
      return failure();
  if (getDinitial() && !getInitial())
    return emitOpError("expected no 'dinitial' without an 'initial'");
  // (C7)
  if (failed(expectShape(*this, "dresult", getDresult(),
                         {q.getDimSize(0), std::max(q.getDimSize(1), states),
                          v.getDimSize(2)})) ||
      failed(expectStatic(*this, "dresult", getDresult(), 1)) ||
      failed(expectElement(*this, "dresult", getDresult(), getQ())))
    return failure();
  // (C8)
  for (auto [name, value, like] :
       {std::tuple("dq", getDq(), getQ()), std::tuple("dk", getDk(), getK()),
        std::tuple("dv", getDv(), getV())})
    if (failed(expectShape(*this, name, value, typeOf(like).getShape())) ||
        failed(expectStatic(*this, name, value, 1)) ||
        failed(expectElement(*this, name, value, like)))
      return failure();
  // (C9)
  if (getDdecay()) {
    if (typeOf(getDecay()).getRank() != 2)
      return emitOpError("expected no 'ddecay' with a decay for each head: a "
                         "constant has no gradient here");
    if (failed(expectShape(*this, "ddecay", getDdecay(),
                           {q.getDimSize(0), states})) ||
        failed(expectStatic(*this, "ddecay", getDdecay(), 1)))
      return failure();
  }
  // (C10)
  if (getChunk() &&
      (*getChunk() < 1 || static_cast<int64_t>(*getChunk()) > kMostChunk))
    return emitOpError("expected 'chunk' to be 1 to ")
           << kMostChunk << " tokens, got "
           << static_cast<int64_t>(*getChunk());
  if (!getScale().isFinite())
    return emitOpError("expected 'scale' to be finite, got ") << getScaleAttr();
  // (C11)
  for (auto [name, value] :
       {std::pair("q", getQ()), std::pair("k", getK()), std::pair("v", getV())})
    if (failed(expectOperands(*this, getNumerics(), name, value)))
      return failure();
  return success();
}
