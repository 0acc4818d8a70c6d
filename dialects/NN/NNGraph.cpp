//===- NNGraph.cpp - what nn ops answer passes ----------------------------===//
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

void EmbeddingOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getIds(), "ids");
  sink.memory(getTable(), "table");
}

Fusion EmbeddingOp::getFusion() {
  return {.role = Role::gather, .kind = "embedding", .takesNorm = true};
}

Value SelectRowsOp::getRowSource(unsigned) { return getRows(); }
Value SelectRowsOp::getGatheredFrom() { return getX(); }

void SelectRowsOp::addChecks(CheckSink &sink) {
  sink.below(getRows(), "rows", Extent{getX()});
}

void SelectRowsOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getRows(), "rows");
  sink.memory(getX(), "x");
}

Fusion SelectRowsOp::getFusion() {
  return {.role = Role::gather, .kind = "select_rows"};
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A product of all of x's columns, for a tile of its own columns.
static void askProduct(Value x, Value w, const Window &window,
                       WindowSink &sink) {
  if (window.base != Window::Base::tile || window.offset != 0)
    return sink.refuse("is asked for other columns than a tile of the "
                       "region's, which no kernel does");
  sink.memory(w, "w");
  sink.window(x, {Window::Base::row, 0, rowWidthOf(x)});
}

Value LinearOp::getRowSource(unsigned) { return getX(); }

bool LinearOp::isPacked(unsigned index) { return index == 1; }

void LinearOp::ask(unsigned, const Window &window, WindowSink &sink) {
  askProduct(getX(), getW(), window, sink);
  if (getBias())
    sink.memory(getBias(), "bias");
}

Fusion LinearOp::getFusion() {
  return {.role = Role::product,
          .kind = "linear",
          .anchor = true,
          .anyNumerics = true,
          .epilogue = true,
          .takesGate = true,
          .prologueKind = "linear"};
}

Value LmHeadOp::getRowSource(unsigned) { return getX(); }

bool LmHeadOp::isPacked(unsigned index) { return index == 1; }

void LmHeadOp::ask(unsigned, const Window &window, WindowSink &sink) {
  askProduct(getX(), getW(), window, sink);
}

Fusion LmHeadOp::getFusion() {
  return {.role = Role::product,
          .kind = "lm_head",
          .anchor = true,
          .anyNumerics = true,
          .takesGather = true,
          .prologueKind = "logits"};
}

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

int64_t hamlet::nn::partsOf(RankedTensorType x, uint64_t groups) {
  return static_cast<int64_t>(groups) *
         (x.getRank() == 3 ? x.getDimSize(1) : 1);
}

Value RmsNormOp::getRowSource(unsigned) { return getX(); }

int64_t RmsNormOp::getHeadsOf(unsigned result) {
  int64_t parts = partsOf(typeOf(getX()), getGroups());
  if (parts > 1 || typeOf(getX()).getRank() == 3)
    return parts;
  return result == 0 ? headsOf(getX()) : 0;
}

bool hamlet::nn::askParts(Value value, uint64_t groups, uint64_t blocks,
                          ArrayRef<Value> rows, int64_t columns,
                          const Window &window, WindowSink &sink) {
  RankedTensorType x = typeOf(value);
  int64_t parts = partsOf(x, groups), part = rowWidthOf(value) / parts;
  if (x.getRank() == 3 && groups > 1) {
    sink.refuse("has " + Twine(groups) +
                " groups in each head; kernels norm a head as one");
    return false;
  }
  bool inPart = window.base == Window::Base::head && window.head == columns &&
                window.offset + window.width <= columns;
  if (parts > 1 && !inPart) {
    sink.refuse("norms parts of " + Twine(part) +
                " columns and is asked for others, which no kernel does");
    return false;
  }
  Window whole{parts > 1 ? Window::Base::head : Window::Base::row, 0, part,
               parts > 1 ? part : 0};
  int64_t block = part / static_cast<int64_t>(blocks);
  for (Value each : rows)
    for (int64_t from = 0; from < part; from += block)
      sink.window(each, whole.at(from, block));
  return true;
}

void RmsNormOp::ask(unsigned result, const Window &window, WindowSink &sink) {
  int64_t part = rowWidthOf(getX()) / partsOf(typeOf(getX()), getGroups());
  bool inverse = result == 1;
  if (!askParts(getX(), getGroups(), getSumBlocks(), {getX()},
                inverse ? 1 : part, window, sink) ||
      inverse)
    return;
  sink.memory(getW(), "w");
  sink.window(getX(), window);
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

SmallVector<int64_t> ActivationOp::getPieces(unsigned) {
  return piecesOf(getX());
}

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

void MixOp::ask(unsigned, const Window &window, WindowSink &sink) {
  sink.window(getMoe(), window);
  sink.window(getShared(), window);
  sink.window(getGate(), {Window::Base::row, 0, 1});
}

Fusion MixOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

//===----------------------------------------------------------------------===//
// Heads and positions
//===----------------------------------------------------------------------===//

Value HeadsOp::getRowSource(unsigned) { return getX(); }
int64_t HeadsOp::getHeadsOf(unsigned) { return headsOf(getX()); }

int64_t HeadsOp::getViewOffset() { return static_cast<int64_t>(getOffset()); }

void HeadsOp::ask(unsigned, const Window &window, WindowSink &sink) {
  sink.window(getX(), window.at(window.offset + getViewOffset(), window.width));
}

Fusion HeadsOp::getFusion() { return {.role = Role::view, .kind = "view"}; }

Value MergeHeadsOp::getRowSource(unsigned) { return getX(); }
int64_t MergeHeadsOp::getHeadsOf(unsigned) { return headsOf(getX()); }

SmallVector<int64_t> MergeHeadsOp::getPieces(unsigned) {
  return piecesOf(getX());
}

void MergeHeadsOp::ask(unsigned, const Window &window, WindowSink &sink) {
  sink.window(getX(), window);
}

Fusion MergeHeadsOp::getFusion() {
  return {.role = Role::view, .kind = "view"};
}

Value RotaryTableOp::getRowSource(unsigned) { return getPositions(); }

void RotaryTableOp::ask(unsigned, const Window &, WindowSink &sink) {
  sink.memory(getPositions(), "positions");
}

Fusion RotaryTableOp::getFusion() {
  return {.role = Role::alone, .kind = "rotary_table", .writesResults = true};
}

Value RotaryOp::getRowSource(unsigned) { return getX(); }
int64_t RotaryOp::getHeadsOf(unsigned) { return typeOf(getX()).getDimSize(1); }

SmallVector<int64_t> RotaryOp::getPieces(unsigned) {
  int64_t half = typeOf(getCos()).getDimSize(1),
          rest = typeOf(getX()).getDimSize(2) - 2 * half;
  if (rest > 0)
    return {half, half, rest};
  return {half, half};
}

void RotaryOp::ask(unsigned, const Window &window, WindowSink &sink) {
  int64_t half = typeOf(getCos()).getDimSize(1),
          dim = typeOf(getX()).getDimSize(2);
  bool head = window.base == Window::Base::head && window.head == dim &&
              window.offset + window.width <= dim;
  if (head && window.offset >= 2 * half)
    return sink.window(getX(), window);
  if (!head || window.width != half || window.offset % half != 0)
    return sink.refuse("rotates halves of " + Twine(half) +
                       " columns and is asked for others, which no kernel "
                       "does");
  for (int64_t from : {int64_t(0), half})
    sink.window(getX(), window.at(from, half));
  for (Value angle : {getCos(), getSin()})
    sink.window(angle, {Window::Base::row, 0, half});
}

void RotaryOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getCos(), "cos", getX());
  sink.rowsLike(getSin(), "sin", getX());
}

Fusion RotaryOp::getFusion() { return {.role = Role::heads, .kind = "rotary"}; }
