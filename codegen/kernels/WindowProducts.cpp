//===- WindowProducts.cpp - products in a region's kernel --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// The left operand of a product, all of its columns: as it lies in memory, or
/// f32 unless the product takes bf16.
static Value leftRows(WindowBuilder &w, Value x, bool pairs) {
  int64_t k = graph::rowWidthOf(x);
  if (Value stored = w.storedWindow(x, {Value(), 0}, k))
    return stored;
  Value tile = w.window(x, {Value(), 0}, k);
  return pairs ? w.t.round(tile, elementOf(x)) : tile;
}

Value WindowBuilder::product(Value x, Value weight, tile::NumericsAttr numerics,
                             Column c, int64_t width) {
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t n = type.getDimSize(0), k = type.getDimSize(1);
  Value a = leftRows(*this, x, numerics.getOperands().isBF16());
  Value view = t.matrix(inMemory(weight).pointer, {}, {}, k, n,
                        tile::packedFor(numerics.getOperands()));
  Value b = t.load(view, {t.index(0), absolute(c)}, {k, width});
  Value zero = t.splat(0.0, f32Tile({rows, width}));
  return t.dot(a, b, zero, numerics);
}

namespace {

struct LinearWindow
    : WindowOpInterface::ExternalModel<LinearWindow, nn::LinearOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::LinearOp>(any);
    Value y = w.product(op.getX(), op.getW(), op.getNumerics(), c, width);
    if (Value bias = op.getBias())
      y = w.t.addF(y, w.t.alongRows(w.vectorWindow(bias, c, width), w.rows));
    return y;
  }
};

struct LmHeadWindow
    : WindowOpInterface::ExternalModel<LmHeadWindow, nn::LmHeadOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::LmHeadOp>(any);
    return w.product(op.getX(), op.getW(), op.getNumerics(), c, width);
  }
};

} // namespace

void hamlet::codegen::registerProductWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::LinearOp::attachInterface<LinearWindow>(*context);
    nn::LmHeadOp::attachInterface<LmHeadWindow>(*context);
  });
}
