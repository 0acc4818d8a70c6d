//===- PolicyAdjoint.cpp - where gradients begin --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Policy/PolicyOps.h"
#include "passes/adjoint/Adjoint.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::adjoint;

/// The op has its derivatives as results.
static LogicalResult ofLoss(Adjoint &a, policy::LossOp op) {
  a.add(op.getLogprob(), a.forward(op.getG()));
  if (op.getEntropy())
    a.add(op.getEntropy(), a.forward(op.getC()));
  return success();
}

static LogicalResult ofHead(Adjoint &a, policy::HeadOp op) {
  Value g = a.gradientOf(op.getLogprob()), c = a.gradientOf(op.getEntropy());
  if (!g)
    return op.emitOpError("has a gradient only by its log-probabilities");
  if (!c) {
    // Nothing learns by the entropy: the loss gives zeros for it.
    auto loss = a.definer<policy::LossOp>(g);
    if (!loss)
      return op.emitOpError("has a gradient only from policy.loss");
    c = a.forward(loss.getC());
  }
  Value x = a.forward(op.getX());
  auto grad = [&](Value into) {
    SmallVector<Type> types{x.getType()};
    if (into)
      types.push_back(into.getType());
    return policy::HeadGradOp::create(
        a.b, a.loc, types, x, a.forward(op.getW()), a.forward(op.getTargets()),
        a.forward(op.getTemperature()), a.forward(op.getLse()),
        a.forward(op.getEntropy()), g, c, into, op.getNumericsAttr());
  };
  Value dx;
  a.addToWeight(op.getW(), [&](Value into) {
    auto made = grad(into);
    dx = made.getDx();
    return made.getUpdated();
  });
  a.add(op.getX(), dx ? dx : grad(Value()).getDx());
  return success();
}

namespace {
struct LossModel
    : AdjointOpInterface::ExternalModel<LossModel, policy::LossOp> {
  LogicalResult buildAdjoint(Operation *op, Adjoint &a) const {
    return ofLoss(a, cast<policy::LossOp>(op));
  }
  bool isLoss(Operation *) const { return true; }
};
} // namespace

void hamlet::adjoint::registerPolicyAdjoints(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, policy::PolicyDialect *) {
    policy::LossOp::attachInterface<LossModel>(*context);
    policy::HeadOp::attachInterface<Model<policy::HeadOp, ofHead>>(*context);
  });
}
