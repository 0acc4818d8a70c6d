//===- NNGradGraph.cpp - what states and gradients answer passes ----------===//
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

/// An op with kernels of its own.
static Fusion apart(StringRef kind, bool anyNumerics = false) {
  return {.role = Role::alone,
          .kind = kind.str(),
          .anchor = true,
          .ownKernels = true,
          .anyNumerics = anyNumerics};
}

//===----------------------------------------------------------------------===//
// States, products
//===----------------------------------------------------------------------===//

Value ReadOp::getRowSource(unsigned) { return Value(); }
Fusion ReadOp::getFusion() { return apart("read"); }

Value LinearInputGradOp::getRowSource(unsigned) { return getDy(); }

Fusion LinearInputGradOp::getFusion() {
  return apart("linear_input_grad", /*anyNumerics=*/true);
}

Value LinearWeightGradOp::getRowSource(unsigned) { return Value(); }

void LinearWeightGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDy(), "dy", getX());
}

Fusion LinearWeightGradOp::getFusion() { return apart("linear_weight_grad"); }

Value BiasGradOp::getRowSource(unsigned) { return Value(); }
Fusion BiasGradOp::getFusion() { return apart("bias_grad"); }

Value EmbeddingGradOp::getRowSource(unsigned) { return Value(); }

void EmbeddingGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDy(), "dy", getIds());
  sink.below(getIds(), "ids",
             Extent::constant(getInto().getType().getTensor().getDimSize(0)));
}

Fusion EmbeddingGradOp::getFusion() { return apart("embedding_grad"); }

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

Value ScaleOp::getRowSource(unsigned) { return getX(); }
int64_t ScaleOp::getHeadsOf(unsigned) { return headsOf(getX()); }

Fusion ScaleOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

Value ActivationGradOp::getRowSource(unsigned) { return getX(); }
int64_t ActivationGradOp::getHeadsOf(unsigned) { return headsOf(getX()); }

void ActivationGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDy(), "dy", getX());
}

Fusion ActivationGradOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

Value RmsNormGradOp::getRowSource(unsigned) { return getX(); }

int64_t RmsNormGradOp::getHeadsOf(unsigned) {
  int64_t parts = partsOf(typeOf(getX()), getGroups());
  return parts > 1 || typeOf(getX()).getRank() == 3 ? parts : 0;
}

void RmsNormGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDy(), "dy", getX());
}

void RmsNormGradOp::ask(unsigned result, const Window &window,
                        WindowSink &sink) {
  int64_t part = rowWidthOf(getX()) / partsOf(typeOf(getX()), getGroups());
  bool inverse = result == 1;
  if (!askParts(getX(), getGroups(), getSumBlocks(), {getX(), getDy()},
                inverse ? 1 : part, window, sink))
    return;
  sink.memory(getW(), "w");
  if (inverse)
    return;
  sink.window(getX(), window);
  sink.window(getDy(), window);
}

Fusion RmsNormGradOp::getFusion() {
  return {.role = Role::alone, .kind = "rms_norm_grad", .epilogue = true};
}

Value RmsNormWeightGradOp::getRowSource(unsigned) { return Value(); }

void RmsNormWeightGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getDy(), "dy", getX());
  sink.rowsLike(getInverse(), "inverse", getX());
}

Fusion RmsNormWeightGradOp::getFusion() {
  return apart("rms_norm_weight_grad");
}

Value MixGradOp::getRowSource(unsigned) { return getMoe(); }

void MixGradOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getShared(), "shared", getMoe());
  sink.rowsLike(getGate(), "gate", getMoe());
  sink.rowsLike(getDy(), "dy", getMoe());
}

void MixGradOp::ask(unsigned result, const Window &window, WindowSink &sink) {
  if (result < 2) {
    sink.window(getDy(), window);
    return sink.window(getGate(), {Window::Base::row, 0, 1});
  }
  for (Value rows : {getMoe(), getShared(), getDy()})
    sink.window(rows, {Window::Base::row, 0, rowWidthOf(rows)});
}

Fusion MixGradOp::getFusion() {
  return {.role = Role::alone, .kind = "mix_grad"};
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

Value ConcatHeadsOp::getRowSource(unsigned) { return getXs().front(); }

void ConcatHeadsOp::addChecks(CheckSink &sink) {
  for (Value x : getXs().drop_front())
    sink.rowsLike(x, "xs", getXs().front());
}

void ConcatHeadsOp::ask(unsigned, const Window &, WindowSink &sink) {
  for (Value x : getXs())
    sink.memory(x, "xs");
}

Fusion ConcatHeadsOp::getFusion() {
  return {.role = Role::alone, .kind = "concat_heads", .writesResults = true};
}
