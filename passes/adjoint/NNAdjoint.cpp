//===- NNAdjoint.cpp - gradients of nn ops --------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/adjoint/Adjoint.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::adjoint;

static LogicalResult ofEmbedding(Adjoint &a, nn::EmbeddingOp op) {
  Value dy = a.gradientOf(op.getResult());
  a.addToWeight(op.getTable(), [&](Value into) {
    return nn::EmbeddingGradOp::create(a.b, a.loc, into.getType(),
                                       a.forward(op.getIds()), dy, into)
        .getUpdated();
  });
  return success();
}

static LogicalResult ofLinear(Adjoint &a, nn::LinearOp op) {
  Value dy = a.gradientOf(op.getResult());
  a.add(op.getX(), nn::LinearInputGradOp::create(
                       a.b, a.loc, op.getX().getType(), dy,
                       a.forward(op.getW()), a.sumsOver(dy, op.getNumerics())));
  a.addToWeight(op.getW(), [&](Value into) {
    return nn::LinearWeightGradOp::create(a.b, a.loc, into.getType(),
                                          a.forward(op.getX()), dy, into)
        .getUpdated();
  });
  if (op.getBias())
    a.addToWeight(op.getBias(), [&](Value into) {
      return nn::BiasGradOp::create(a.b, a.loc, into.getType(), dy, into)
          .getUpdated();
    });
  return success();
}

static LogicalResult ofNorm(Adjoint &a, nn::RmsNormOp op) {
  if (op.getInverse() && a.gradientOf(op.getInverse()))
    return op.emitOpError("has no gradient by 'inverse'");
  Value dy = a.gradientOf(op.getResult()), x = a.forward(op.getX());
  auto type = cast<RankedTensorType>(x.getType());
  auto parts = RankedTensorType::get(
      {type.getDimSize(0), nn::partsOf(type, op.getGroups())},
      a.b.getF32Type());
  auto grad = nn::RmsNormGradOp::create(
      a.b, a.loc, TypeRange{type, parts}, x, a.forward(op.getW()), dy,
      op.getEpsAttr(), op.getGroupsAttr(), op.getSumBlocksAttr(),
      op.getSumSplitAttr(), op.getUnitOffsetAttr());
  a.add(op.getX(), grad.getResult());
  a.addToWeight(op.getW(), [&](Value into) {
    return nn::RmsNormWeightGradOp::create(a.b, a.loc, into.getType(), x,
                                           grad.getInverse(), dy, into)
        .getUpdated();
  });
  return success();
}

static LogicalResult ofActivation(Adjoint &a, nn::ActivationOp op) {
  Value x = a.forward(op.getX());
  a.add(op.getX(), nn::ActivationGradOp::create(a.b, a.loc, x.getType(), x,
                                                a.gradientOf(op.getResult()),
                                                op.getKindAttr()));
  return success();
}

static LogicalResult ofMul(Adjoint &a, nn::MulOp op) {
  Value dy = a.gradientOf(op.getResult());
  auto times = [&](Value other) {
    return nn::MulOp::create(a.b, a.loc, dy.getType(), dy, a.forward(other));
  };
  a.add(op.getX(), times(op.getY()));
  a.add(op.getY(), times(op.getX()));
  return success();
}

static Value scaled(Adjoint &a, Value x, FloatAttr factor) {
  if (factor.getValueAsDouble() == 1.0)
    return x;
  return nn::ScaleOp::create(a.b, a.loc, x.getType(), x, factor);
}

static LogicalResult ofResidual(Adjoint &a, nn::ResidualOp op) {
  Value dy = a.gradientOf(op.getResult());
  a.add(op.getR(), scaled(a, dy, op.getAlphaAttr()));
  a.add(op.getY(), scaled(a, dy, op.getBetaAttr()));
  return success();
}

static LogicalResult ofMix(Adjoint &a, nn::MixOp op) {
  Value moe = a.forward(op.getMoe()), gate = a.forward(op.getGate());
  auto grad = nn::MixGradOp::create(
      a.b, a.loc, TypeRange{moe.getType(), moe.getType(), gate.getType()}, moe,
      a.forward(op.getShared()), gate, a.gradientOf(op.getResult()));
  a.add(op.getMoe(), grad.getDmoe());
  a.add(op.getShared(), grad.getDshared());
  a.add(op.getGate(), grad.getDgate());
  return success();
}

static LogicalResult ofHeads(Adjoint &a, nn::HeadsOp op) {
  a.addHeads(op.getX(), static_cast<int64_t>(op.getOffset()),
             a.gradientOf(op.getResult()));
  return success();
}

static LogicalResult ofMergeHeads(Adjoint &a, nn::MergeHeadsOp op) {
  auto type = cast<RankedTensorType>(op.getX().getType());
  a.add(op.getX(), a.headsOf(a.gradientOf(op.getResult()), type));
  return success();
}

/// A rotation's gradient is the rotation back.
static LogicalResult ofRotary(Adjoint &a, nn::RotaryOp op) {
  Value dy = a.gradientOf(op.getResult());
  Value back = scaled(a, a.forward(op.getSin()), a.b.getF32FloatAttr(-1.0F));
  a.add(op.getX(), nn::RotaryOp::create(a.b, a.loc, dy.getType(), dy,
                                        a.forward(op.getCos()), back));
  return success();
}

void hamlet::adjoint::registerNNAdjoints(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::EmbeddingOp::attachInterface<Model<nn::EmbeddingOp, ofEmbedding>>(
        *context);
    nn::LinearOp::attachInterface<Model<nn::LinearOp, ofLinear>>(*context);
    nn::RmsNormOp::attachInterface<Model<nn::RmsNormOp, ofNorm>>(*context);
    nn::ActivationOp::attachInterface<Model<nn::ActivationOp, ofActivation>>(
        *context);
    nn::MulOp::attachInterface<Model<nn::MulOp, ofMul>>(*context);
    nn::ResidualOp::attachInterface<Model<nn::ResidualOp, ofResidual>>(
        *context);
    nn::MixOp::attachInterface<Model<nn::MixOp, ofMix>>(*context);
    nn::HeadsOp::attachInterface<Model<nn::HeadsOp, ofHeads>>(*context);
    nn::MergeHeadsOp::attachInterface<Model<nn::MergeHeadsOp, ofMergeHeads>>(
        *context);
    nn::RotaryOp::attachInterface<Model<nn::RotaryOp, ofRotary>>(*context);
  });
}
