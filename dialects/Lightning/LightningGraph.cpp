//===- LightningGraph.cpp - what lightning ops answer passes --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/GraphShapes.h"
#include "dialects/Lightning/LightningOps.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::lightning;

Value AttentionOp::getRowSource(unsigned result) {
  return getOperation()->getResult(result) == getResult() ? getQ() : Value();
}

void AttentionOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getK(), "k", getQ());
  sink.rowsLike(getV(), "v", getQ());
  if (getDecay() && typeOf(getDecay()).getRank() > 1)
    sink.rowsLike(getDecay(), "decay", getQ());
  if (getBeta())
    sink.rowsLike(getBeta(), "beta", getQ());
  if (getInitial())
    sink.rows(getInitial(), "initial", Extent{getStarts(), 1, -1});
  sink.boundaries(getStarts(), "starts", Extent{getQ()});
}

Fusion AttentionOp::getFusion() {
  return {.role = Role::alone,
          .kind = "lightning",
          .anchor = true,
          .ownKernels = true,
          .prepared = true};
}
