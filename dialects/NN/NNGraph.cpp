//===- NNGraph.cpp - what nn ops answer passes ------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/NN/NNOps.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::nn;

//===----------------------------------------------------------------------===//
// Rows by index
//===----------------------------------------------------------------------===//

Value EmbeddingOp::getRowSource(unsigned) { return getIds(); }

void EmbeddingOp::addChecks(CheckSink &sink) {
  sink.below(getIds(), "ids",
             Extent::constant(typeOf(getTable()).getDimSize(0)));
}

Fusion EmbeddingOp::getFusion() {
  return {.role = Role::gather, .kind = "embedding", .takesNorm = true};
}

Value SelectRowsOp::getRowSource(unsigned) { return getRows(); }
Value SelectRowsOp::getGatheredFrom() { return getX(); }

void SelectRowsOp::addChecks(CheckSink &sink) {
  sink.below(getRows(), "rows", Extent{getX()});
}

Fusion SelectRowsOp::getFusion() {
  return {.role = Role::gather, .kind = "select_rows"};
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Value LinearOp::getRowSource(unsigned) { return getX(); }

Fusion LinearOp::getFusion() {
  return {.role = Role::product,
          .kind = "linear",
          .anchor = true,
          .epilogue = true,
          .takesGate = true,
          .prologueKind = "linear"};
}

Value LmHeadOp::getRowSource(unsigned) { return getX(); }

Fusion LmHeadOp::getFusion() {
  return {.role = Role::product,
          .kind = "lm_head",
          .anchor = true,
          .takesGather = true,
          .prologueKind = "logits"};
}

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

int64_t hamlet::nn::partsOf(RmsNormOp norm) {
  RankedTensorType type = typeOf(norm.getX());
  return static_cast<int64_t>(norm.getGroups()) *
         (type.getRank() == 3 ? type.getDimSize(1) : 1);
}

Value RmsNormOp::getRowSource(unsigned) { return getX(); }

int64_t RmsNormOp::getHeadsOf(unsigned) {
  int64_t parts = partsOf(*this);
  return parts > 1 ? parts : headsOf(getX());
}

Fusion RmsNormOp::getFusion() {
  if (typeOf(getX()).getRank() == 3)
    return {.role = Role::heads, .kind = "rms_norm"};
  if (getGroups() > 1)
    return {.role = Role::alone,
            .kind = "norm",
            .reason = "each group of columns is a program instance"};
  return {.role = Role::norm, .kind = "norm"};
}

Value ActivationOp::getRowSource(unsigned) { return getX(); }
int64_t ActivationOp::getHeadsOf(unsigned) { return headsOf(getX()); }

std::string ActivationOp::getShortName() {
  return stringifyActivation(getKind()).str();
}

Fusion ActivationOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

Value MulOp::getRowSource(unsigned) { return getX(); }
void MulOp::addChecks(CheckSink &sink) { sink.rowsLike(getY(), "y", getX()); }

Fusion MulOp::getFusion() {
  return {.role = Role::elementwise,
          .kind = "elementwise",
          .epilogue = true,
          .gate = true};
}

Value ResidualOp::getRowSource(unsigned) { return getR(); }

void ResidualOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getR(), "r", getY());
}

Fusion ResidualOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

Value MixOp::getRowSource(unsigned) { return getMoe(); }

void MixOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getShared(), "shared", getMoe());
  sink.rowsLike(getGate(), "gate", getMoe());
}

Fusion MixOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

//===----------------------------------------------------------------------===//
// Heads and positions
//===----------------------------------------------------------------------===//

Value HeadsOp::getRowSource(unsigned) { return getX(); }
int64_t HeadsOp::getHeadsOf(unsigned) { return headsOf(getX()); }
Fusion HeadsOp::getFusion() { return {.role = Role::view, .kind = "view"}; }

Value MergeHeadsOp::getRowSource(unsigned) { return getX(); }
int64_t MergeHeadsOp::getHeadsOf(unsigned) { return headsOf(getX()); }

Fusion MergeHeadsOp::getFusion() {
  return {.role = Role::view, .kind = "view"};
}

Value RotaryTableOp::getRowSource(unsigned) { return getPositions(); }

Fusion RotaryTableOp::getFusion() {
  return {.role = Role::alone, .kind = "rotary_table"};
}

Value RotaryOp::getRowSource(unsigned) { return getX(); }
int64_t RotaryOp::getHeadsOf(unsigned) { return typeOf(getX()).getDimSize(1); }

void RotaryOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getCos(), "cos", getX());
  sink.rowsLike(getSin(), "sin", getX());
}

Fusion RotaryOp::getFusion() { return {.role = Role::heads, .kind = "rotary"}; }
