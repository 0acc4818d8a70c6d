//===- AttentionGraph.cpp - what attention ops answer passes --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attention/AttentionOps.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::attention;

Value SoftmaxOp::getRowSource(unsigned result) {
  return getOperation()->getResult(result) == getUpdated() ? Value() : getQ();
}

void SoftmaxOp::addChecks(CheckSink &sink) {
  sink.rowsLike(getK(), "k", getQ());
  sink.rowsLike(getV(), "v", getQ());
  sink.boundaries(getStarts(), "starts", Extent{getQ()});
}

Fusion SoftmaxOp::getFusion() {
  return {.role = Role::alone,
          .kind = "softmax",
          .anchor = true,
          .ownKernels = true,
          .prepared = true};
}
