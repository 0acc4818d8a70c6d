//===- MoEAdjoint.cpp - gradients of moe ops ------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/MoE/MoEOps.h"
#include "passes/adjoint/Adjoint.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::adjoint;

static RankedTensorType typeOf(Value v) {
  return cast<RankedTensorType>(v.getType());
}

/// The dispatch that `v` is a result of.
static FailureOr<moe::DispatchOp> dispatchOf(Adjoint &a, Operation *op,
                                             Value v) {
  if (auto dispatch = a.definer<moe::DispatchOp>(v))
    return dispatch;
  return op->emitOpError("has a gradient only where moe.dispatch gives its "
                         "order of pairs");
}

/// The gradient by the gates goes to the logits, which are worked out again.
static LogicalResult ofRoute(Adjoint &a, moe::RouteOp op) {
  Value dgates = a.gradientOf(op.getGates()), x = a.forward(op.getX()),
        w = a.forward(op.getW());
  auto type = RankedTensorType::get(
      {typeOf(x).getDimSize(0), typeOf(w).getDimSize(0)}, a.b.getF32Type());
  tile::NumericsAttr sums =
      cast<graph::GraphOpInterface>(op.getOperation()).getNumerics();
  Value logits = nn::LinearOp::create(a.b, a.loc, type, x, w, Value(), sums);
  Value balance = a.argument(kBalanceName);
  Value dlogits = moe::RouteGradOp::create(
      a.b, a.loc, type, logits, a.forward(op.getIds()), dgates, balance,
      op.getScoreAttr(), op.getRenormalizeAttr(), op.getEpsilonAttr(),
      op.getScalingAttr());
  a.add(op.getX(),
        nn::LinearInputGradOp::create(a.b, a.loc, x.getType(), dlogits, w,
                                      a.sumsOver(dlogits, sums)));
  a.addToWeight(op.getW(), [&](Value into) {
    return nn::LinearWeightGradOp::create(a.b, a.loc, into.getType(), x,
                                          dlogits, into)
        .getUpdated();
  });
  return success();
}

static Value inputGrad(Adjoint &a, Value dy, Value offsets, Value w,
                       tile::NumericsAttr numerics) {
  auto type =
      RankedTensorType::get({ShapedType::kDynamic, typeOf(w).getDimSize(2)},
                            typeOf(dy).getElementType());
  return moe::ExpertInputGradOp::create(a.b, a.loc, type, dy,
                                        a.forward(offsets), a.forward(w),
                                        a.sumsOver(dy, numerics));
}

static void addWeightGrad(Adjoint &a, Value w, Value x, Value dy,
                          Value offsets) {
  a.addToWeight(w, [&](Value into) {
    return moe::ExpertWeightGradOp::create(a.b, a.loc, into.getType(), x, dy,
                                           a.forward(offsets), into)
        .getUpdated();
  });
}

static LogicalResult ofExpertUp(Adjoint &a, moe::ExpertUpOp op) {
  FailureOr<moe::DispatchOp> dispatch = dispatchOf(a, op, op.getOrder());
  if (failed(dispatch))
    return failure();
  if (!op.getGate())
    return op.emitOpError("has a gradient only with its sums 'gate' and 'up'");
  Value dh = a.gradientOf(op.getResult()), gate = a.forward(op.getGate()),
        up = a.forward(op.getUp()), x = a.forward(op.getX());
  auto kind = nn::ActivationAttr::get(a.b.getContext(), op.getActivation());
  auto times = [&](Value u, Value v) -> Value {
    return nn::MulOp::create(a.b, a.loc, u.getType(), u, v);
  };
  Value dgate = nn::ActivationGradOp::create(a.b, a.loc, gate.getType(), gate,
                                             times(dh, up), kind);
  Value dup = times(
      dh, nn::ActivationOp::create(a.b, a.loc, gate.getType(), gate, kind));
  auto rows =
      RankedTensorType::get({typeOf(dh).getDimSize(0), typeOf(x).getDimSize(1)},
                            typeOf(x).getElementType());
  Value pairs = moe::ExpandOp::create(
      a.b, a.loc, rows, x, a.forward(op.getOrder()), Value(), op.getTopKAttr());
  FloatAttr one = a.b.getF32FloatAttr(1.0F);
  Value dpairs = nn::ResidualOp::create(
      a.b, a.loc, rows,
      inputGrad(a, dgate, op.getOffsets(), op.getWGate(), op.getNumerics()),
      inputGrad(a, dup, op.getOffsets(), op.getWUp(), op.getNumerics()), one,
      one);
  a.add(op.getX(),
        moe::CombineOp::create(a.b, a.loc, x.getType(), dpairs,
                               a.forward(dispatch->getPlace()), Value()));
  addWeightGrad(a, op.getWGate(), pairs, dgate, op.getOffsets());
  addWeightGrad(a, op.getWUp(), pairs, dup, op.getOffsets());
  return success();
}

static LogicalResult ofExpertDown(Adjoint &a, moe::ExpertDownOp op) {
  Value dy = a.gradientOf(op.getResult());
  a.add(op.getH(),
        inputGrad(a, dy, op.getOffsets(), op.getW(), op.getNumerics()));
  addWeightGrad(a, op.getW(), a.forward(op.getH()), dy, op.getOffsets());
  return success();
}

static LogicalResult ofCombine(Adjoint &a, moe::CombineOp op) {
  FailureOr<moe::DispatchOp> dispatch = dispatchOf(a, op, op.getPlace());
  if (failed(dispatch))
    return failure();
  Value dy = a.gradientOf(op.getResult()), y = a.forward(op.getY()),
        place = a.forward(op.getPlace());
  Value gates = op.getGates() ? a.forward(op.getGates()) : Value();
  a.add(op.getY(),
        moe::ExpandOp::create(
            a.b, a.loc, y.getType(), dy, a.forward(dispatch->getOrder()), gates,
            a.b.getI64IntegerAttr(typeOf(place).getDimSize(1))));
  if (gates)
    a.add(op.getGates(),
          moe::GateGradOp::create(a.b, a.loc, gates.getType(), y, place, dy));
  return success();
}

void hamlet::adjoint::registerMoEAdjoints(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, moe::MoEDialect *) {
    moe::RouteOp::attachInterface<Model<moe::RouteOp, ofRoute>>(*context);
    moe::ExpertUpOp::attachInterface<Model<moe::ExpertUpOp, ofExpertUp>>(
        *context);
    moe::ExpertDownOp::attachInterface<Model<moe::ExpertDownOp, ofExpertDown>>(
        *context);
    moe::CombineOp::attachInterface<Model<moe::CombineOp, ofCombine>>(*context);
  });
}
