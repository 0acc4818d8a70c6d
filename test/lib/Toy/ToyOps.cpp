//===- ToyOps.cpp - an op that only a test knows --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Toy/ToyOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::codegen;
using namespace hamlet::toy;

#include "test/lib/Toy/ToyDialect.cpp.inc"
#define GET_OP_CLASSES
#include "test/lib/Toy/ToyOps.cpp.inc"

void ToyDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "test/lib/Toy/ToyOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// clamp: elementwise
//===----------------------------------------------------------------------===//

Value ClampOp::getRowSource(unsigned) { return getX(); }
int64_t ClampOp::getHeadsOf(unsigned) { return headsOf(getX()); }

Fusion ClampOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

Value ClampOp::window(WindowBuilder &w, unsigned, Column c, int64_t width) {
  Value x = w.window(getX(), c, width);
  auto type = cast<RankedTensorType>(x.getType());
  return w.t.maxF(x, w.t.splat(getLeast().convertToDouble(), type));
}

//===----------------------------------------------------------------------===//
// scale_rows: reads a list in memory
//===----------------------------------------------------------------------===//

Value ScaleRowsOp::getRowSource(unsigned) { return getX(); }

void ScaleRowsOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getBy(), "by", getX());
}

void ScaleRowsOp::ask(unsigned, const Window &window, WindowSink &sink) {
  sink.window(getX(), window);
  sink.memory(getBy(), "by");
}

Fusion ScaleRowsOp::getFusion() {
  return {.role = Role::elementwise, .kind = "elementwise", .epilogue = true};
}

Value ScaleRowsOp::window(WindowBuilder &w, unsigned, Column c, int64_t width) {
  Value by = w.t.widen(w.rowList(getBy()));
  return w.t.mulF(w.window(getX(), c, width), w.t.alongColumns(by, width));
}
