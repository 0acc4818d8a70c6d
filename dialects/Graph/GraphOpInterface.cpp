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

bool graph::isView(Operation *op) {
  auto graphOp = dyn_cast<GraphOpInterface>(op);
  return graphOp && graphOp.isView();
}

Value graph::underViews(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (!isView(def))
      break;
    value = def->getOperand(0);
  }
  return value;
}
