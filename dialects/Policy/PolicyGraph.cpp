//===- PolicyGraph.cpp - what policy ops answer passes --------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/Policy/PolicyOps.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::policy;

static Fusion alone(const char *kind) {
  return {.role = Role::alone,
          .kind = kind,
          .anchor = true,
          .ownKernels = true,
          .anyNumerics = true};
}

Value HeadOp::getRowSource(unsigned) { return getX(); }
bool HeadOp::isPacked(unsigned index) { return index == 1; }

void HeadOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getTargets(), "targets", getX());
  sink.rowsLike(getTemperature(), "temperature", getX());
}

Fusion HeadOp::getFusion() { return alone("policy_head"); }

Value HeadGradOp::getRowSource(unsigned result) {
  return result == 0 ? Value(getX()) : Value();
}

bool HeadGradOp::isPacked(unsigned index) { return index == 1; }

void HeadGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getTargets(), "targets", getX());
  sink.rowsLike(getTemperature(), "temperature", getX());
  sink.rowsLike(getLse(), "lse", getX());
  sink.rowsLike(getEntropy(), "entropy", getX());
  sink.rowsLike(getG(), "g", getX());
  sink.rowsLike(getC(), "c", getX());
}

Fusion HeadGradOp::getFusion() { return alone("policy_head_grad"); }

Value LossOp::getRowSource(unsigned) { return getLogprob(); }

void LossOp::addChecks(CheckSink &sink) {
  for (unsigned i = 1; i < getNumOperands(); ++i)
    if (Value operand = getOperand(i); operand != getStarts())
      sink.rowsLike(operand, operandName(i), getLogprob());
  if (getStarts())
    sink.boundaries(getStarts(), "starts", Extent{getLogprob()});
}

Fusion LossOp::getFusion() { return alone("policy_loss"); }
