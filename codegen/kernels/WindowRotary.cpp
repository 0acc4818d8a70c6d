//===- WindowRotary.cpp - heads and rotation in a region ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

template <typename View>
struct ViewWindow : WindowOpInterface::ExternalModel<ViewWindow<View>, View> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<View>(any);
    return w.window(op.getX(), {c.base, c.offset + op.getViewOffset()}, width);
  }
  Value storedWindow(Operation *any, WindowBuilder &w, unsigned, Column c,
                     int64_t width) const {
    auto op = cast<View>(any);
    return w.storedWindow(op.getX(), {c.base, c.offset + op.getViewOffset()},
                          width);
  }
};

/// Writes rows of all operands side by side.
struct ConcatHeadsWindow
    : WindowOpInterface::ExternalModel<ConcatHeadsWindow, nn::ConcatHeadsOp> {
  void store(Operation *any, WindowBuilder &w, unsigned, Value pointer) const {
    auto op = cast<nn::ConcatHeadsOp>(any);
    int64_t total = graph::rowWidthOf(op.getResult()), column = 0;
    Value out = w.t.view(pointer, w.t.index(0), {-1, total}, {total, 1},
                         {w.regionRows});
    for (Value x : op.getXs()) {
      int64_t width = graph::rowWidthOf(x);
      w.t.store(w.storedWindow(x, {Value(), 0}, width), out,
                {w.rowStart, w.t.index(column)});
      column += width;
    }
  }
};

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

struct RotaryWindow
    : WindowOpInterface::ExternalModel<RotaryWindow, nn::RotaryOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::RotaryOp>(any);
    TileBuilder &t = w.t;
    int64_t half = cast<RankedTensorType>(op.getCos().getType()).getDimSize(1);
    if (c.offset >= 2 * half)
      return w.window(op.getX(), c, width);
    Value low = w.window(op.getX(), {c.base, 0}, half),
          high = w.window(op.getX(), {c.base, half}, half);
    Value cos = w.window(op.getCos(), {Value(), 0}, half),
          sin = w.window(op.getSin(), {Value(), 0}, half);
    if (c.offset == 0)
      return t.subF(t.mulF(low, cos), t.mulF(high, sin));
    return t.addF(t.mulF(high, cos), t.mulF(low, sin));
  }
};

/// cos or sin of position * theta^(-2i / dims), the angle an f32 product as
/// every implementation has it.
struct RotaryTableWindow
    : WindowOpInterface::ExternalModel<RotaryTableWindow, nn::RotaryTableOp> {
  void store(Operation *any, WindowBuilder &w, unsigned result,
             Value pointer) const {
    auto op = cast<nn::RotaryTableOp>(any);
    TileBuilder &t = w.t;
    int64_t half = static_cast<int64_t>(op.getDims()) / 2;
    double theta = op.getTheta().convertToDouble();
    SmallVector<float> rates;
    for (int64_t i = 0; i < half; ++i)
      rates.push_back(static_cast<float>(
          1.0 / std::pow(theta, 2.0 * i / static_cast<double>(2 * half))));
    Value rate = arith::ConstantOp::create(
        t.builder(), t.loc(),
        DenseElementsAttr::get(w.f32Tile({half}), ArrayRef<float>(rates)));
    Value position = t.widen(w.rowList(op.getPositions()));
    Value angle =
        t.mulF(t.alongColumns(position, half), t.alongRows(rate, w.rows));
    Value out =
        t.view(pointer, t.index(0), {-1, half}, {half, 1}, {w.regionRows});
    bool cosine = op->getResult(result) == op.getCos();
    Value table =
        cosine ? math::CosOp::create(t.builder(), t.loc(), angle).getResult()
               : math::SinOp::create(t.builder(), t.loc(), angle).getResult();
    t.store(table, out, {w.rowStart, t.index(0)});
  }
};

} // namespace

void hamlet::codegen::registerRotaryWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::HeadsOp::attachInterface<ViewWindow<nn::HeadsOp>>(*context);
    nn::MergeHeadsOp::attachInterface<ViewWindow<nn::MergeHeadsOp>>(*context);
    nn::ConcatHeadsOp::attachInterface<ConcatHeadsWindow>(*context);
    nn::RotaryOp::attachInterface<RotaryWindow>(*context);
    nn::RotaryTableOp::attachInterface<RotaryTableWindow>(*context);
  });
}
