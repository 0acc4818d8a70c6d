//===- AttentionAdjoint.cpp - gradient of softmax attention ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attention/AttentionOps.h"
#include "passes/adjoint/Adjoint.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::adjoint;

static LogicalResult ofSoftmax(Adjoint &a, attention::SoftmaxOp op) {
  if (op.getCache())
    return op.emitOpError("has no gradient with a cache");
  if (!op.getLogSumExp())
    return op.emitOpError("has a gradient only with its 'log_sum_exp'");
  Value q = a.forward(op.getQ()), k = a.forward(op.getK()),
        v = a.forward(op.getV());
  auto grad = attention::SoftmaxGradOp::create(
      a.b, a.loc, TypeRange{q.getType(), k.getType(), v.getType()}, q, k, v,
      a.forward(op.getResult()), a.forward(op.getLogSumExp()),
      a.gradientOf(op.getResult()), a.forward(op.getStarts()),
      op.getScaleAttr(), op.getWindowAttr(), op.getNumericsAttr());
  a.add(op.getQ(), grad.getDq());
  a.add(op.getK(), grad.getDk());
  a.add(op.getV(), grad.getDv());
  return success();
}

void hamlet::adjoint::registerAttentionAdjoints(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, attention::AttentionDialect *) {
        attention::SoftmaxOp::attachInterface<
            Model<attention::SoftmaxOp, ofSoftmax>>(*context);
      });
}
