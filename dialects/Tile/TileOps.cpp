//===- TileOps.cpp - verifiers and folders --------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tile/TileOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hamlet::tile;

#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.cpp.inc"

LogicalResult ProgramIdOp::verify() {
  if (getAxis() > 2) // (C1)
    return emitOpError("expected 'axis' to be 0, 1 or 2, got ") << getAxis();
  return success();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

SmallVector<OpFoldResult> ViewOp::getMixedSizes() {
  Builder b(getContext());
  return mlir::getMixedValues(getStaticSizes(), getSizes(), b);
}

SmallVector<OpFoldResult> ViewOp::getMixedStrides() {
  Builder b(getContext());
  return mlir::getMixedValues(getStaticStrides(), getStrides(), b);
}

LogicalResult ViewOp::verify() {
  DescType type = getResult().getType();
  int64_t rank = type.getRank();
  // (C1)
  if (static_cast<int64_t>(getStaticSizes().size()) != rank)
    return emitOpError("expected ")
           << rank << " sizes, got " << getStaticSizes().size();
  for (auto [i, size] : llvm::enumerate(getStaticSizes())) {
    int64_t dim = type.getShape()[i];
    if (dim != size)
      return emitOpError("expected size ")
             << i << " to be that of the result type, " << dim << ", got "
             << size << "; a dynamic size is '?' in the type";
  }
  // (C4)
  if (type.isMatrix() &&
      (rank < 2 || ShapedType::isDynamic(type.getShape()[rank - 1]) ||
       ShapedType::isDynamic(type.getShape()[rank - 2])))
    return emitOpError("expected the last two dimensions of a panel layout to "
                       "be static, got ")
           << type;
  // (C5)
  if (type.isPacked())
    return emitOpError("expected a layout that a target has, got ")
           << type << "; tile.matrix makes packed matrices";
  // (C2)
  int64_t strides = type.isMatrix() ? rank - 2 : rank;
  if (static_cast<int64_t>(getStaticStrides().size()) != strides)
    return emitOpError("expected ")
           << strides << " strides, got " << getStaticStrides().size();
  // (C3)
  if (getBase().getType().getElementType() != type.getElementType())
    return emitOpError("expected a view of ")
           << getBase().getType().getElementType() << ", got "
           << type.getElementType();
  return success();
}

LogicalResult MatrixOp::verify() {
  DescType type = getResult().getType();
  // (C1)
  auto isExtent = [](int64_t extent) {
    return extent >= 1 && extent <= std::numeric_limits<int32_t>::max();
  };
  if (!type.isPacked() || type.getRank() != 2 ||
      !llvm::all_of(type.getShape(), isExtent))
    return emitOpError("expected a packed matrix of static extents from 1 to "
                       "2147483647, got ")
           << type;
  // (C2)
  if (getExtents().size() != std::max<size_t>(getCoords().size(), 1) - 1 ||
      !llvm::all_of(getExtents(), isExtent))
    return emitOpError("expected an extent from 1 to 2147483647 for each "
                       "coordinate but the first, got ")
           << getCoords().size() << " coordinates and " << getExtents().size()
           << " extents";
  // (C3)
  if (getBase().getType().getElementType() != type.getElementType())
    return emitOpError("expected a matrix of ")
           << getBase().getType().getElementType() << ", got "
           << type.getElementType();
  return success();
}

/// What loads and stores of a box have in common.
static LogicalResult verifyBox(Operation *op, DescType view, ValueRange coords,
                               RankedTensorType tile) {
  // (C1)
  if (static_cast<int64_t>(coords.size()) != view.getRank())
    return op->emitOpError("expected ")
           << view.getRank() << " coordinates, got " << coords.size();
  // (C2)
  if (tile.getRank() > view.getRank())
    return op->emitOpError("expected a box of at most ")
           << view.getRank() << " dimensions, got " << tile;
  // (C3)
  if (tile.getElementType() != view.getElementType())
    return op->emitOpError("expected elements of ")
           << view.getElementType() << ", got " << tile.getElementType();
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyBox(*this, getSource().getType(), getCoords(),
                   cast<RankedTensorType>(getResult().getType()));
}

LogicalResult StoreOp::verify() {
  return verifyBox(*this, getDest().getType(), getCoords(),
                   cast<RankedTensorType>(getValue().getType()));
}

/// What gathers and scatters have in common.
static LogicalResult verifyRows(Operation *op, DescType view,
                                RankedTensorType rows, RankedTensorType tile) {
  // (C1)
  if (view.getRank() != 2 || view.isMatrix())
    return op->emitOpError("expected a strided view of rank 2, got ") << view;
  // (C2)
  if (tile.getRank() != 2 || tile.getDimSize(0) != rows.getDimSize(0))
    return op->emitOpError("expected a tile of ")
           << rows.getDimSize(0) << " rows, got " << tile;
  // (C3)
  if (tile.getElementType() != view.getElementType())
    return op->emitOpError("expected elements of ")
           << view.getElementType() << ", got " << tile.getElementType();
  return success();
}

LogicalResult GatherOp::verify() {
  return verifyRows(*this, getSource().getType(),
                    cast<RankedTensorType>(getRows().getType()),
                    cast<RankedTensorType>(getResult().getType()));
}

LogicalResult ScatterOp::verify() {
  return verifyRows(*this, getDest().getType(),
                    cast<RankedTensorType>(getRows().getType()),
                    cast<RankedTensorType>(getValue().getType()));
}

LogicalResult LoadScalarOp::verify() {
  // (C1)
  if (getBase().getType().getElementType() != getResult().getType())
    return emitOpError("expected a result of ")
           << getBase().getType().getElementType() << ", got "
           << getResult().getType();
  return success();
}

LogicalResult StoreScalarOp::verify() {
  // (C1)
  if (getBase().getType().getElementType() != getValue().getType())
    return emitOpError("expected a value of ")
           << getBase().getType().getElementType() << ", got "
           << getValue().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Computation
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  auto a = cast<RankedTensorType>(getA().getType());
  auto b = cast<RankedTensorType>(getB().getType());
  auto acc = cast<RankedTensorType>(getAcc().getType());
  // (C1)
  if (a.getRank() != 2 || b.getRank() != 2 || acc.getRank() != 2 ||
      a.getDimSize(1) != b.getDimSize(0) ||
      acc.getDimSize(0) != a.getDimSize(0) ||
      acc.getDimSize(1) != b.getDimSize(1))
    return emitOpError("expected [M, K] . [K, N] -> [M, N], got ")
           << a << " . " << b << " -> " << acc;
  // (C2)
  if (!acc.getElementType().isF32())
    return emitOpError("expected an f32 accumulator, got ") << acc;
  // (C3)
  bool pairs = getNumerics().getOperands().isBF16();
  for (RankedTensorType type : {a, b}) {
    Type e = type.getElementType();
    if (pairs ? !e.isBF16() : !(e.isF32() || e.isBF16() || e.isF16()))
      return emitOpError("expected operands that numerics ")
             << getNumerics() << " allow, got " << type;
  }
  // (C4)
  if (!getNext())
    return success();
  auto desc = cast<DescType>(getNext().getType());
  auto view = getNext().getDefiningOp<ViewOp>();
  if (desc.getShape().size() != 2 || getNextCoords().size() != 2)
    return emitOpError("expected to prefetch from a view of rank 2 at two "
                       "coordinates, got ")
           << desc << " at " << getNextCoords().size();
  if (!desc.isMatrix() && view &&
      getConstantIntValue(view.getMixedStrides().back()) != 1) {
    InFlightDiagnostic error =
        emitOpError("expected to prefetch contiguous rows, got ") << desc;
    error.attachNote(view.getLoc()) << "the view's strides stand here";
    return error;
  }
  auto from = getB().getDefiningOp<LoadOp>();
  if (desc.isMatrix() && from && from.getSource().getType() != desc) {
    InFlightDiagnostic error =
        emitOpError("expected to prefetch panels like those of 'b', ")
        << from.getSource().getType() << ", got " << desc;
    error.attachNote(from.getLoc()) << "'b' is loaded here";
    return error;
  }
  return success();
}

LogicalResult ReduceOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (static_cast<int64_t>(getAxis()) >= source.getRank())
    return emitOpError("expected 'axis' to be a dimension of ")
           << source << ", got " << getAxis();
  // (C2)
  SmallVector<int64_t> shape(source.getShape());
  shape.erase(shape.begin() + getAxis());
  auto expected = RankedTensorType::get(shape, source.getElementType());
  if (result != expected)
    return emitOpError("expected a result of ")
           << expected << ", got " << result;
  // (C4)
  bool isFloat = source.getElementType().isF32();
  if (!isFloat && !source.getElementType().isInteger(32))
    return emitOpError("expected elements of f32 or i32, got ") << source;
  // (C3)
  if (getKind() == Reduction::maxnum && !isFloat)
    return emitOpError("expected elements of f32 for 'maxnum', got ") << source;
  // (C5)
  int64_t strands = getStrands(), split = getSplit();
  if (strands < 1 || !llvm::isPowerOf2_64(strands))
    return emitOpError("expected 'strands' to be a power of two, got ")
           << strands;
  if (split < 0 || (split != 0 && !llvm::isPowerOf2_64(split)))
    return emitOpError("expected 'split' to be 0 or a power of two, got ")
           << split;
  bool isOrdered = isFloat && getKind() == Reduction::sum &&
                   static_cast<int64_t>(getAxis()) == source.getRank() - 1;
  if (!isOrdered && (strands != kPanel || split != 0))
    return emitOpError("expected 'strands' and 'split' on an f32 sum over the "
                       "last axis only, got ")
           << stringifyReduction(getKind()) << " over axis " << getAxis()
           << " of " << source;
  return success();
}

LogicalResult ScanOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  // (C1)
  if (static_cast<int64_t>(getAxis()) >= source.getRank())
    return emitOpError("expected 'axis' to be a dimension of ")
           << source << ", got " << getAxis();
  // (C2)
  bool f32 = source.getElementType().isF32();
  if (getSums().getType() != source ||
      (getErrors() && getErrors().getType() != source))
    return emitOpError("expected results of type ") << source;
  if (f32 != static_cast<bool>(getErrors()) ||
      (!f32 && !source.getElementType().isInteger(32)))
    return emitOpError("expected f32 with 'errors' or i32 without, got ")
           << source;
  return success();
}

LogicalResult IotaOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (!type.getElementType().isInteger(32) || getAxis() < 0 ||
      static_cast<int64_t>(getAxis()) >= type.getRank())
    return emitOpError("expected an i32 result with a dimension ")
           << getAxis() << ", got " << type;
  return success();
}

LogicalResult BroadcastOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (static_cast<int64_t>(getDims().size()) != source.getRank())
    return emitOpError("expected ")
           << source.getRank() << " entries in 'dims', got "
           << getDims().size();
  int64_t last = -1;
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    if (dim <= last || dim >= result.getRank())
      return emitOpError("expected 'dims' to be ascending dimensions of ")
             << result;
    last = dim;
    // (C2)
    if (result.getDimSize(dim) != source.getDimSize(i))
      return emitOpError("expected dimension ")
             << dim << " of the result to be " << source.getDimSize(i)
             << ", got " << result.getDimSize(dim);
  }
  // (C3)
  if (source.getElementType() != result.getElementType())
    return emitOpError("expected elements of ")
           << source.getElementType() << ", got " << result.getElementType();
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getSource().getType() == getResult().getType())
    return getSource();
  if (auto dense = dyn_cast_or_null<SplatElementsAttr>(adaptor.getSource()))
    return dense.resizeSplat(cast<ShapedType>(getResult().getType()));
  return {};
}

LogicalResult ExtractOp::verify() {
  auto type = cast<RankedTensorType>(getSource().getType());
  // (C1)
  if (static_cast<int64_t>(getIndices().size()) != type.getRank())
    return emitOpError("expected ")
           << type.getRank() << " indices, got " << getIndices().size();
  // (C2)
  if (type.getElementType() != getResult().getType())
    return emitOpError("expected a result of ")
           << type.getElementType() << ", got " << getResult().getType();
  return success();
}
