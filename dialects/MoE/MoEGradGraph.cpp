//===- MoEGradGraph.cpp - what gradients of moe answer passes -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/MoE/MoEOps.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::moe;

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value ExpandOp::getRowSource(unsigned) { return getOrder(); }

void ExpandOp::addChecks(CheckSink &sink) {
  Extent pairs{getX(), static_cast<int64_t>(getTopK())};
  sink.rows(getOrder(), "order", pairs);
  sink.below(getOrder(), "order", pairs);
  if (getGates())
    sink.rowsLike(getGates(), "gates", getX());
}

Value ExpandOp::getGatheredFrom() { return getX(); }

void ExpandOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getX(), "x");
  sink.memory(getOrder(), "order");
  if (getGates())
    sink.memory(getGates(), "gates");
}

Fusion ExpandOp::getFusion() { return {.kind = "expand"}; }

Value GateGradOp::getRowSource(unsigned) { return getPlace(); }

void GateGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDresult(), "dresult", getPlace());
  sink.below(getPlace(), "place", Extent{getY()});
}

void GateGradOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getPlace(), "place");
  sink.memory(getY(), "y");
  sink.window(getDresult(), {Window::Base::row, 0, rowWidthOf(getDresult())});
}

Fusion GateGradOp::getFusion() {
  return {.kind = "gate_grad", .writesResults = true};
}

Value RouteGradOp::getRowSource(unsigned) { return getLogits(); }

void RouteGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getIds(), "ids", getLogits());
  sink.rowsLike(getDgates(), "dgates", getLogits());
  sink.below(getIds(), "ids",
             Extent::constant(typeOf(getLogits()).getDimSize(1)));
}

void RouteGradOp::ask(unsigned, const Window &window, WindowSink &sink) {
  Window whole{Window::Base::row, 0, rowWidthOf(getLogits())};
  if (!(window == whole))
    return sink.refuse("works on whole rows and is asked for a part of them, "
                       "which no kernel does");
  sink.window(getLogits(), whole);
  sink.memory(getIds(), "ids");
  sink.memory(getDgates(), "dgates");
  if (getBalance())
    sink.memory(getBalance(), "balance");
}

Fusion RouteGradOp::getFusion() { return {.kind = "route_grad"}; }

//===----------------------------------------------------------------------===//
// Products of experts
//===----------------------------------------------------------------------===//

Value ExpertInputGradOp::getRowSource(unsigned) { return getDy(); }

void ExpertInputGradOp::addChecks(CheckSink &sink) {
  sink.boundaries(getOffsets(), "offsets", Extent{getDy()});
}

Fusion ExpertInputGradOp::getFusion() {
  return {.kind = "expert_input_grad",
          .anchor = true,
          .ownKernels = true,
          .anyNumerics = true};
}

Value ExpertWeightGradOp::getRowSource(unsigned) { return {}; }

void ExpertWeightGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDy(), "dy", getX());
  sink.boundaries(getOffsets(), "offsets", Extent{getX()});
}

Fusion ExpertWeightGradOp::getFusion() {
  return {.kind = "expert_weight_grad", .anchor = true, .ownKernels = true};
}
