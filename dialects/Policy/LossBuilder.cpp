//===- LossBuilder.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Policy/LossBuilder.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::policy;

template <typename To, typename From> static To same(From value) {
  return static_cast<To>(value);
}

LossOp hamlet::policy::createLoss(OpBuilder &builder, Location location,
                                  const algorithm::Loss &loss,
                                  const LossOperands &operands, bool counters) {
  auto list = cast<RankedTensorType>(operands.logprob.getType());
  auto table = RankedTensorType::get({list.getDimSize(0), kLossCounters},
                                     list.getElementType());
  auto bound = [&](std::optional<float> value) {
    return value ? builder.getF32FloatAttr(*value) : FloatAttr();
  };
  auto taken = [](bool takes, Value value) { return takes ? value : Value(); };
  MLIRContext *context = builder.getContext();
  return LossOp::create(
      builder, location, list, list, list, counters ? Type(table) : Type(),
      operands.logprob, operands.weight, taken(loss.takesOld(), operands.old),
      operands.advantage, operands.mask, taken(loss.takesRef(), operands.ref),
      taken(loss.takesRollout(), operands.rollout),
      taken(loss.takesEntropy(), operands.entropy),
      taken(loss.takesStarts(), operands.starts),
      RatioAttr::get(context, same<Ratio>(loss.ratio)),
      SurrogateAttr::get(context, same<Surrogate>(loss.surrogate)),
      bound(loss.isLow), bound(loss.isHigh), bound(loss.clipLow),
      bound(loss.clipHigh), bound(loss.dual), bound(loss.softPositive),
      bound(loss.softNegative), bound(loss.logLow), bound(loss.logHigh),
      KlAttr::get(context, same<Kl>(loss.kl)),
      builder.getF32FloatAttr(loss.kl == algorithm::Kl::none ? 0 : loss.beta),
      bound(loss.klClamp), bound(loss.klLimit),
      loss.klByRatio ? builder.getUnitAttr() : UnitAttr(),
      builder.getF32FloatAttr(loss.kappa),
      BehaveAttr::get(context, same<Behave>(loss.behave)),
      bound(loss.behaveLow), bound(loss.behaveHigh), bound(loss.offPolicy));
}
