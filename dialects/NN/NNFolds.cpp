//===- NNFolds.cpp - folders and canonicalisations ------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// None of these changes a bit of a result.
//===----------------------------------------------------------------------===//

#include "dialects/NN/NNOps.h"

using namespace mlir;
using namespace hamlet::nn;

/// merge_heads(heads(x)) of all columns is x.
OpFoldResult MergeHeadsOp::fold(FoldAdaptor) {
  auto heads = getX().getDefiningOp<HeadsOp>();
  if (heads && heads.getX().getType() == getType())
    return heads.getX();
  return {};
}

/// heads(merge_heads(x)) with the heads that x has is x.
OpFoldResult HeadsOp::fold(FoldAdaptor) {
  auto merge = getX().getDefiningOp<MergeHeadsOp>();
  if (merge && merge.getX().getType() == getType())
    return merge.getX();
  return {};
}
