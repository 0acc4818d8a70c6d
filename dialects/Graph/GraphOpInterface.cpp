//===- GraphOpInterface.cpp - questions about values of a graph -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Graph/GraphOpInterface.h"

using namespace mlir;
using namespace hamlet;

#include "dialects/Graph/GraphOpInterface.cpp.inc"

Value graph::rowSourceOf(Value value) {
  while (auto op = value.getDefiningOp<GraphOpInterface>()) {
    Value source = op.getRowSource(cast<OpResult>(value).getResultNumber());
    if (!source)
      break;
    value = source;
  }
  return value;
}

int64_t graph::headsOf(Value value) {
  auto op = value.getDefiningOp<GraphOpInterface>();
  return op ? op.getHeadsOf(cast<OpResult>(value).getResultNumber()) : 0;
}

int64_t graph::rowWidthOf(Value value) {
  int64_t width = 1;
  for (int64_t dim :
       cast<RankedTensorType>(value.getType()).getShape().drop_front())
    width *= dim;
  return width;
}

SmallVector<int64_t> graph::piecesOf(Value value) {
  auto op = value.getDefiningOp<GraphOpInterface>();
  return op ? op.getPieces(cast<OpResult>(value).getResultNumber())
            : SmallVector<int64_t>();
}

void graph::detail::ask(Operation *op, const Window &window, WindowSink &sink) {
  if (cast<GraphOpInterface>(op).getFusion().role != Role::elementwise)
    return sink.refuse("has no kernel inside a fused region; it needs a region "
                       "of its own");
  for (Value operand : op->getOperands())
    sink.window(operand, window);
}

bool graph::isView(Operation *op) {
  auto graphOp = dyn_cast<GraphOpInterface>(op);
  return graphOp && graphOp.isView();
}

Value graph::underViews(Value value) { return viewSourceOf(value).value; }

graph::ViewSource graph::viewSourceOf(Value value) {
  ViewSource source{value};
  while (auto op = source.value.getDefiningOp<GraphOpInterface>()) {
    if (!op.isView())
      break;
    source.column += op.getViewOffset();
    source.value = op->getOperand(0);
  }
  return source;
}
