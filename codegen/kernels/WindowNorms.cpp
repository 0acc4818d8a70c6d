//===- WindowNorms.cpp - norms, elementwise ops in a region ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// 1 / sqrt(mean of squares + eps) of the `n` columns from `base` on: [rows].
Value inverseRoot(WindowBuilder &w, nn::RmsNormOp op, Value base, int64_t n) {
  TileBuilder &t = w.t;
  auto make = [&]() -> SmallVector<Value> {
    int64_t parts = static_cast<int64_t>(op.getSumBlocks()), width = n / parts;
    Value sum;
    for (int64_t p = 0; p < parts; ++p) {
      Value x = w.window(op.getX(), {base, p * width}, width);
      Value part = t.reduce(tile::Reduction::sum, t.mulF(x, x), 1,
                            static_cast<int64_t>(op.getSumSplit()));
      sum = sum ? t.addF(sum, part) : part;
    }
    RankedTensorType type = w.f32Tile({w.rows});
    Value mean = t.divF(sum, t.splat(static_cast<double>(n), type));
    Value root =
        t.sqrt(t.addF(mean, t.splat(op.getEps().convertToDouble(), type)));
    return {t.divF(t.splat(1.0, type), root)};
  };
  return w.once(op, base, make).front();
}

struct RmsNormWindow
    : WindowOpInterface::ExternalModel<RmsNormWindow, nn::RmsNormOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned result, Column c,
               int64_t width) const {
    auto op = cast<nn::RmsNormOp>(any);
    int64_t parts = nn::partsOf(op), n = graph::rowWidthOf(op.getX()) / parts;
    if (result == 1) { // a column for each part, the instance's here
      Value base = parts > 1 ? w.t.mul(w.lane, n) : Value();
      return w.t.alongColumns(inverseRoot(w, op, base, n), width);
    }
    // A window of one part among several begins in that part: its base is the
    // part's.
    Value inverse = inverseRoot(w, op, parts > 1 ? c.base : Value(), n);
    Value u = w.t.mulF(w.window(op.getX(), c, width),
                       w.t.alongColumns(inverse, width));
    Type type = elementOf(op.getResult());
    if (type.isBF16())
      u = w.t.widen(w.t.round(u, type));
    // One weight for each part, or one for all of a row.
    int64_t entries = cast<RankedTensorType>(op.getW().getType()).getDimSize(0);
    Column at = parts > 1 && entries == n ? Column{Value(), c.offset} : c;
    Value weight = w.vectorWindow(op.getW(), at, width);
    if (op.getUnitOffset())
      weight = w.t.addF(weight, w.t.splat(1.0, w.f32Tile({width})));
    return w.t.mulF(u, w.t.alongRows(weight, w.rows));
  }
};

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

struct ActivationWindow
    : WindowOpInterface::ExternalModel<ActivationWindow, nn::ActivationOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::ActivationOp>(any);
    return w.t.activation(op.getKind(), w.window(op.getX(), c, width));
  }
};

struct MulWindow : WindowOpInterface::ExternalModel<MulWindow, nn::MulOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::MulOp>(any);
    Value x = w.window(op.getX(), c, width);
    return w.t.mulF(x, w.window(op.getY(), c, width));
  }
};

struct ResidualWindow
    : WindowOpInterface::ExternalModel<ResidualWindow, nn::ResidualOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::ResidualOp>(any);
    Value r = w.t.scale(w.window(op.getR(), c, width),
                        op.getAlpha().convertToDouble());
    return w.t.addF(r, w.t.scale(w.window(op.getY(), c, width),
                                 op.getBeta().convertToDouble()));
  }
};

struct MixWindow : WindowOpInterface::ExternalModel<MixWindow, nn::MixOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::MixOp>(any);
    TileBuilder &t = w.t;
    Value gate = t.reduce(tile::Reduction::sum,
                          w.window(op.getGate(), {Value(), 0}, 1), 1);
    Value one = t.splat(1.0, w.f32Tile({w.rows}));
    Value moe = w.window(op.getMoe(), c, width);
    Value routed = t.mulF(moe, t.alongColumns(t.subF(one, gate), width));
    Value shared = w.window(op.getShared(), c, width);
    return t.addF(routed, t.mulF(shared, t.alongColumns(gate, width)));
  }
};

} // namespace

void hamlet::codegen::registerNormWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::RmsNormOp::attachInterface<RmsNormWindow>(*context);
    nn::ActivationOp::attachInterface<ActivationWindow>(*context);
    nn::MulOp::attachInterface<MulWindow>(*context);
    nn::ResidualOp::attachInterface<ResidualWindow>(*context);
    nn::MixOp::attachInterface<MixWindow>(*context);
  });
}
