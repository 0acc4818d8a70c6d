//===- LightningAdjoint.cpp - gradient of lightning attention -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lightning/LightningOps.h"
#include "passes/adjoint/Adjoint.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::adjoint;

static LogicalResult ofAttention(Adjoint &a, lightning::AttentionOp op) {
  if (op.getCache())
    return op.emitOpError("has no gradient with a cache");
  Value dresult = a.gradientOf(op.getResult());
  if (!dresult)
    return op.emitOpError("has a gradient by its final state alone, which is "
                          "not supported");
  Value q = a.forward(op.getQ()), k = a.forward(op.getK()),
        v = a.forward(op.getV());
  auto given = [&](Value operand) {
    return operand ? a.forward(operand) : Value();
  };
  Value decay = given(op.getDecay()), initial = given(op.getInitial()), dfinal;
  if (op.getFinalState())
    dfinal = a.gradientOf(op.getFinalState());
  // A decay of each token is data; one of each head is a constant.
  bool perToken =
      decay && cast<RankedTensorType>(decay.getType()).getRank() > 1;
  auto grad = lightning::AttentionGradOp::create(
      a.b, a.loc, q.getType(), k.getType(), v.getType(),
      perToken ? decay.getType() : Type(), initial ? initial.getType() : Type(),
      q, k, v, decay, initial, a.forward(op.getStarts()), dresult, dfinal,
      op.getUpdateAttr(), op.getScaleAttr(), op.getChunkAttr(),
      op.getNumericsAttr());
  a.add(op.getQ(), grad.getDq());
  a.add(op.getK(), grad.getDk());
  a.add(op.getV(), grad.getDv());
  if (perToken)
    a.add(op.getDecay(), grad.getDdecay());
  if (initial)
    a.add(op.getInitial(), grad.getDinitial());
  return success();
}

void hamlet::adjoint::registerLightningAdjoints(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lightning::LightningDialect *) {
        lightning::AttentionOp::attachInterface<
            Model<lightning::AttentionOp, ofAttention>>(*context);
      });
}
