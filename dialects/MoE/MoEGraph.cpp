//===- MoEGraph.cpp - what moe ops answer passes --------------------------===//
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
// Routing
//===----------------------------------------------------------------------===//

Value RouteOp::getRowSource(unsigned) { return getX(); }

std::string RouteOp::operandName(unsigned index) {
  // The result has the name, so the accessor of the operand has another.
  std::string name = hamlet::graph::detail::operandName(*this, index);
  return name == "given" ? "ids" : name;
}

void RouteOp::addChecks(CheckSink &sink) {
  if (!getGiven())
    return;
  sink.rowsLike(getGiven(), "ids", getX());
  sink.below(getGiven(), "ids", Extent::constant(typeOf(getW()).getDimSize(0)));
}

hamlet::tile::NumericsAttr RouteOp::getNumerics() {
  if (auto sums = getSumsAttr())
    return cast<hamlet::tile::NumericsAttr>(sums);
  Type f32 = Float32Type::get(getContext()),
       bf16 = BFloat16Type::get(getContext());
  bool pairs = typeOf(getX()).getElementType().isBF16() &&
               typeOf(getW()).getElementType().isBF16();
  return hamlet::tile::NumericsAttr::get(getContext(), pairs ? bf16 : f32, f32,
                                         pairs ? 2 : 1, 0);
}

bool RouteOp::isPacked(unsigned index) { return index == 1; }

void RouteOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getW(), "w");
  sink.window(getX(), {Window::Base::row, 0, rowWidthOf(getX())});
  if (getBias())
    sink.memory(getBias(), "bias");
  if (getGiven())
    sink.memory(getGiven(), "ids");
}

Fusion RouteOp::getFusion() {
  return {.role = Role::router,
          .kind = "route",
          .anchor = true,
          .anyNumerics = true,
          .writesResults = true};
}

Value DispatchOp::getRowSource(unsigned result) {
  return getResult(result) == getPlace() ? getIds() : Value();
}

void DispatchOp::addChecks(CheckSink &sink) {
  sink.below(getIds(), "ids",
             Extent::constant(static_cast<int64_t>(getExperts())));
}

std::optional<Extent> DispatchOp::getLastBoundary(unsigned result) {
  if (getResult(result) != getOffsets())
    return std::nullopt;
  return Extent{getIds(), typeOf(getIds()).getDimSize(1)};
}

Fusion DispatchOp::getFusion() {
  return {.role = Role::alone,
          .kind = "dispatch",
          .anchor = true,
          .ownKernels = true};
}

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

Value ExpertUpOp::getRowSource(unsigned) { return getOrder(); }

void ExpertUpOp::addChecks(CheckSink &sink) {
  Extent pairs{getX(), static_cast<int64_t>(getTopK())};
  sink.rows(getOrder(), "order", pairs);
  sink.below(getOrder(), "order", pairs);
  sink.boundaries(getOffsets(), "offsets", Extent{getOrder()});
}

bool ExpertUpOp::isPacked(unsigned index) { return index >= 3; }

Fusion ExpertUpOp::getFusion() {
  return {.role = Role::alone,
          .kind = "expert_up",
          .anchor = true,
          .ownKernels = true,
          .anyNumerics = true};
}

Value ExpertDownOp::getRowSource(unsigned) { return getH(); }

void ExpertDownOp::addChecks(CheckSink &sink) {
  sink.boundaries(getOffsets(), "offsets", Extent{getH()});
}

bool ExpertDownOp::isPacked(unsigned index) { return index == 2; }

Fusion ExpertDownOp::getFusion() {
  return {.role = Role::alone,
          .kind = "expert_down",
          .anchor = true,
          .ownKernels = true,
          .anyNumerics = true};
}

Value CombineOp::getRowSource(unsigned) { return getPlace(); }

void CombineOp::addChecks(CheckSink &sink) {
  if (getGates())
    sink.rowsLike(getGates(), "gates", getPlace());
  sink.below(getPlace(), "place", Extent{getY()});
}

void CombineOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getPlace(), "place");
  if (getGates())
    sink.memory(getGates(), "gates");
  sink.memory(getY(), "y");
}

Fusion CombineOp::getFusion() {
  return {.role = Role::sum,
          .kind = "combine",
          .epilogue = true,
          .takesNorm = true};
}
