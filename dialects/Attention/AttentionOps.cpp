//===- AttentionOps.cpp - verifiers ---------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attention/AttentionOps.h"
#include "dialects/Attention/AttentionShapes.h"
#include "dialects/GraphShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace hamlet::graph;
using namespace hamlet::attention;

#define GET_OP_CLASSES
#include "dialects/Attention/AttentionOps.cpp.inc"

/// Tokens of a page of keys and values.
static constexpr int64_t kPage = 64;

static LogicalResult verifyCache(SoftmaxOp op, int64_t sequences) {
  // (C5)
  bool cached = static_cast<bool>(op.getCache());
  if (cached != static_cast<bool>(op.getPages()) ||
      cached != static_cast<bool>(op.getFirst()) ||
      cached != static_cast<bool>(op.getUpdated()))
    return op.emitOpError("expected 'cache', 'pages' and 'first' together, and "
                          "an 'updated' cache with them");
  if (!cached)
    return success();
  // (C4)
  if (failed(expectShape(op, "first", op.getFirst(), {sequences})) ||
      failed(expectShape(op, "pages", op.getPages(),
                         {sequences, ShapedType::kDynamic})))
    return failure();
  // (C6)
  auto type = cast<CacheType>(op.getCache().getType());
  RankedTensorType k = typeOf(op.getK()), v = typeOf(op.getV());
  if (type.getHeads() != k.getDimSize(1) ||
      type.getKeyDim() != k.getDimSize(2) ||
      type.getValueDim() != v.getDimSize(2) ||
      type.getElementType() != k.getElementType() || type.getPage() != kPage)
    return op.emitOpError("expected a cache of ")
           << k.getDimSize(1) << "x" << k.getDimSize(2) << "x"
           << v.getDimSize(2) << ", " << k.getElementType() << ", page "
           << kPage << ", got " << type;
  if (op.getUpdated().getType() != type)
    return op.emitOpError("expected 'updated' to be ")
           << type << ", got " << op.getUpdated().getType();
  return success();
}

LogicalResult hamlet::attention::verifyHeads(Operation *op, Value queries,
                                             Value keys, Value values) {
  RankedTensorType q = typeOf(queries), k = typeOf(keys), v = typeOf(values);
  // (C1)
  if (failed(expectStatic(op, "q", queries, 1)) ||
      failed(expectStatic(op, "k", keys, 1)) ||
      failed(expectStatic(op, "v", values, 1)))
    return failure();
  if (!fits(q.getDimSize(0), k.getDimSize(0)) ||
      !fits(q.getDimSize(0), v.getDimSize(0)) ||
      q.getDimSize(2) != k.getDimSize(2) ||
      k.getDimSize(1) != v.getDimSize(1) ||
      q.getElementType() != k.getElementType() ||
      q.getElementType() != v.getElementType())
    return op->emitOpError("expected 'q' [T, Hq, D], 'k' [T, Hk, D] and 'v' "
                           "[T, Hk, Dv] of one element type, got ")
           << q << ", " << k << " and " << v;
  // (C2)
  if (k.getDimSize(1) < 1 || q.getDimSize(1) % k.getDimSize(1) != 0)
    return op->emitOpError(
               "expected the heads of 'k' to divide those of 'q', got ")
           << k.getDimSize(1) << " and " << q.getDimSize(1);
  return success();
}

LogicalResult SoftmaxOp::verify() {
  RankedTensorType q = typeOf(getQ()), k = typeOf(getK()), v = typeOf(getV());
  // (C1), (C2)
  if (failed(verifyHeads(*this, getQ(), getK(), getV())))
    return failure();
  // (C3)
  if (failed(
          expectShape(*this, "result", getResult(),
                      {q.getDimSize(0), q.getDimSize(1), v.getDimSize(2)})) ||
      failed(expectElement(*this, "result", getResult(), getQ())))
    return failure();
  // (C4)
  int64_t starts = typeOf(getStarts()).getDimSize(0);
  if (failed(expectStarts(*this, getStarts())))
    return failure();
  if (failed(verifyCache(*this, ShapedType::isStatic(starts)
                                    ? starts - 1
                                    : ShapedType::kDynamic)))
    return failure();
  // (C9)
  if (getLogSumExp() && failed(expectShape(*this, "log_sum_exp", getLogSumExp(),
                                           {q.getDimSize(0), q.getDimSize(1)})))
    return failure();
  // (C7)
  if (static_cast<int64_t>(getWindow()) < 0)
    return emitOpError("expected 'window' to be at least 0 tokens, got ")
           << static_cast<int64_t>(getWindow());
  if (!getScale().isFinite())
    return emitOpError("expected 'scale' to be finite, got ") << getScaleAttr();
  // (C8)
  for (auto [name, value] :
       {std::pair("q", getQ()), std::pair("k", getK()), std::pair("v", getV())})
    if (failed(expectOperands(*this, getNumerics(), name, value)))
      return failure();
  return success();
}
