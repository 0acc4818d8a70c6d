//===- GraphShapes.h - what the verifiers of the graph dialects share -----===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_GRAPHSHAPES_H
#define HAMLET_DIALECTS_GRAPHSHAPES_H

#include "dialects/Tile/TileDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace hamlet::graph {

inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

/// Whether two extents can be equal: a dynamic one fits anything.
inline bool fits(int64_t a, int64_t b) {
  return mlir::ShapedType::isDynamic(a) || mlir::ShapedType::isDynamic(b) ||
         a == b;
}

inline bool fits(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           return fits(std::get<0>(pair), std::get<1>(pair));
         });
}

/// "[?, 64, 128]", for messages.
inline std::string text(llvm::ArrayRef<int64_t> shape) {
  std::string out = "[";
  for (auto [i, dim] : llvm::enumerate(shape))
    out += (i ? ", " : "") + (mlir::ShapedType::isDynamic(dim)
                                  ? std::string("?")
                                  : std::to_string(dim));
  return out + "]";
}

/// Fails with "expected 'name' to be [..], got <type>" if the extents of
/// `value` cannot be `shape`.
inline mlir::LogicalResult expectShape(mlir::Operation *op,
                                       llvm::StringRef name, mlir::Value value,
                                       llvm::ArrayRef<int64_t> shape) {
  if (fits(typeOf(value).getShape(), shape))
    return mlir::success();
  return op->emitOpError("expected '")
         << name << "' to be " << text(shape) << ", got " << value.getType();
}

/// Most elements along one dimension of weights, heads or features: what
/// indices of 32 bits reach.
inline constexpr int64_t kMostExtent = (int64_t(1) << 31) - 1;

/// Extents of weights, heads and features are static, at least 1 and at most
/// kMostExtent.
inline mlir::LogicalResult expectStatic(mlir::Operation *op,
                                        llvm::StringRef name, mlir::Value value,
                                        unsigned from) {
  for (int64_t dim : typeOf(value).getShape().drop_front(from))
    if (mlir::ShapedType::isDynamic(dim))
      return op->emitOpError("expected '")
             << name << "' to have static extents from dimension " << from
             << " on, got " << value.getType();
    else if (dim < 1 || dim > kMostExtent)
      return op->emitOpError("expected '")
             << name << "' to have extents of 1 to " << kMostExtent
             << " from dimension " << from << " on, got " << value.getType();
  return mlir::success();
}

/// bf16 operands need bf16 values on both sides; f32 operands take anything,
/// widened.
inline mlir::LogicalResult expectOperands(mlir::Operation *op,
                                          hamlet::tile::NumericsAttr numerics,
                                          llvm::StringRef name,
                                          mlir::Value value) {
  if (!numerics.getOperands().isBF16() ||
      typeOf(value).getElementType().isBF16())
    return mlir::success();
  return op->emitOpError("expected '")
         << name << "' to be bf16 as the operands of " << numerics << ", got "
         << value.getType();
}

/// Boundaries of sequences are the first token of each, then all tokens.
inline mlir::LogicalResult expectStarts(mlir::Operation *op,
                                        mlir::Value starts) {
  int64_t count = typeOf(starts).getDimSize(0);
  if (mlir::ShapedType::isDynamic(count) || count >= 2)
    return mlir::success();
  return op->emitOpError("expected 'starts' to have at least 2 elements, got ")
         << count << "; a single sequence of T tokens is [0, T]";
}

/// The result is what accumulates (f32) or what `like` is.
inline mlir::LogicalResult expectElement(mlir::Operation *op,
                                         llvm::StringRef name,
                                         mlir::Value value, mlir::Value like) {
  mlir::Type element = typeOf(value).getElementType();
  if (element.isF32() || element == typeOf(like).getElementType())
    return mlir::success();
  return op->emitOpError("expected '")
         << name << "' to have elements of f32 or "
         << typeOf(like).getElementType() << ", got " << value.getType();
}

} // namespace hamlet::graph

#endif
