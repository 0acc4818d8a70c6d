//===- AssignLayout.cpp - how packed matrices lie -------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/AssignLayout.h"

#include "codegen/tile/Passes.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace hamlet::tile;

namespace hamlet::tile {
#define GEN_PASS_DEF_ASSIGNLAYOUTPASS
#include "codegen/tile/Passes.h.inc"
} // namespace hamlet::tile

static Layout layoutOf(MatrixOp op) {
  auto argument = cast<BlockArgument>(op.getBase());
  auto kernel = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (auto name = kernel.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      kLayoutAttr))
    return *symbolizeLayout(name); // the dialect verifies it
  return defaultLayout(op.getResult().getType().getLayout());
}

/// A matrix is an argument's, and is read and written where it is named.
static LogicalResult check(MatrixOp op) {
  if (!isa<BlockArgument>(op.getBase()) ||
      !isa<func::FuncOp>(
          cast<BlockArgument>(op.getBase()).getOwner()->getParentOp())) {
    InFlightDiagnostic error =
        op.emitOpError("expected an argument of the kernel to lie in");
    error.attachNote(op.getBase().getLoc()) << "this pointer is none";
    return error;
  }
  for (Operation *user : op->getUsers())
    if (!isa<LoadOp, StoreOp, DotOp>(user)) {
      InFlightDiagnostic error = user->emitOpError(
          "takes a packed matrix, which only loads, stores and prefetches do; "
          "name it where they stand");
      error.attachNote(op.getLoc()) << "the matrix";
      return error;
    }
  return success();
}

static LogicalResult assign(MatrixOp op) {
  DescType packed = op.getResult().getType();
  Layout layout = layoutOf(op);
  if (layout == Layout::blocks &&
      packed.getElementType().getIntOrFloatBitWidth() != 16)
    return op.emitOpError("lies in blocks, which have elements of 2 bytes, "
                          "not ")
           << packed.getElementType();
  int64_t k = packed.getShape()[0], n = packed.getShape()[1];
  OpBuilder b(op);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, op.getLoc(), value);
  };
  auto times = [&](Value x, int64_t factor) -> Value {
    return b.createOrFold<arith::MulIOp>(op.getLoc(), x, index(factor));
  };
  Value place;
  for (auto [i, coordinate] : llvm::enumerate(op.getCoords()))
    place = place ? b.createOrFold<arith::AddIOp>(
                        op.getLoc(), times(place, op.getExtents()[i - 1]),
                        coordinate)
                  : coordinate;
  Value offset = place ? times(place, matrixElements(layout, k, n)) : index(0);
  auto type = DescType::get(op.getContext(), packed.getShape(),
                            packed.getElementType(), layout);
  auto view =
      ViewOp::create(b, op.getLoc(), type, op.getBase(), offset, ValueRange{},
                     ValueRange{}, packed.getShape(), ArrayRef<int64_t>{});
  op.replaceAllUsesWith(view.getResult());
  op.erase();
  return success();
}

LogicalResult hamlet::tile::assignLayouts(Operation *root) {
  SmallVector<MatrixOp> matrices;
  root->walk([&](MatrixOp op) { matrices.push_back(op); });
  for (MatrixOp op : matrices)
    if (failed(check(op)) || failed(assign(op)))
      return failure();
  return success();
}

namespace {
struct AssignLayout : hamlet::tile::impl::AssignLayoutPassBase<AssignLayout> {
  void runOnOperation() override {
    if (failed(assignLayouts(getOperation())))
      signalPassFailure();
  }
};
} // namespace
