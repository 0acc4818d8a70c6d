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

/// The columns of a row that are normed together.
template <typename Norm> struct Part {
  WindowBuilder &w;
  Norm op;
  int64_t parts, n;

  Part(WindowBuilder &w, Norm op)
      : w(w), op(op),
        parts(nn::partsOf(cast<RankedTensorType>(op.getX().getType()),
                          op.getGroups())),
        n(graph::rowWidthOf(op.getX()) / parts) {}

  /// A window of one part among several begins in that part: its base is the
  /// part's.
  Value baseOf(Column c) { return parts > 1 ? c.base : Value(); }
  /// The part of the instance, for results with a column for each.
  Value baseOfLane() { return parts > 1 ? w.t.mul(w.lane, n) : Value(); }

  /// The mean of what `make` gives for each block's columns: [rows].
  Value mean(Value base, function_ref<Value(Column, int64_t)> make) {
    TileBuilder &t = w.t;
    int64_t blocks = static_cast<int64_t>(op.getSumBlocks()),
            width = n / blocks;
    Value sum;
    for (int64_t p = 0; p < blocks; ++p) {
      Value part =
          t.reduce(tile::Reduction::sum, make({base, p * width}, width), 1,
                   static_cast<int64_t>(op.getSumSplit()));
      sum = sum ? t.addF(sum, part) : part;
    }
    return t.divF(sum, t.splat(static_cast<double>(n), w.f32Tile({w.rows})));
  }

  /// 1 / sqrt(mean of squares + eps): [rows].
  Value inverseRoot(Value base) {
    TileBuilder &t = w.t;
    Value squares = mean(base, [&](Column c, int64_t width) {
      Value x = w.window(op.getX(), c, width);
      return t.mulF(x, x);
    });
    RankedTensorType type = w.f32Tile({w.rows});
    Value root =
        t.sqrt(t.addF(squares, t.splat(op.getEps().convertToDouble(), type)));
    return t.divF(t.splat(1.0, type), root);
  }

  /// [rows, width] of the weight. One for each part, or one for all of a row.
  Value weight(Column c, int64_t width) {
    int64_t entries = cast<RankedTensorType>(op.getW().getType()).getDimSize(0);
    Column at = parts > 1 && entries == n ? Column{Value(), c.offset} : c;
    Value weight = w.vectorWindow(op.getW(), at, width);
    if (op.getUnitOffset())
      weight = w.t.addF(weight, w.t.splat(1.0, w.f32Tile({width})));
    return w.t.alongRows(weight, w.rows);
  }
};

struct RmsNormWindow
    : WindowOpInterface::ExternalModel<RmsNormWindow, nn::RmsNormOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned result, Column c,
               int64_t width) const {
    auto op = cast<nn::RmsNormOp>(any);
    Part part(w, op);
    Value base = result == 1 ? part.baseOfLane() : part.baseOf(c);
    Value inverse = w.once(op, base, [&]() -> SmallVector<Value> {
                       return {part.inverseRoot(base)};
                     }).front();
    inverse = w.t.alongColumns(inverse, width);
    if (result == 1)
      return inverse;
    Value u = w.t.mulF(w.window(op.getX(), c, width), inverse);
    Type type = elementOf(op.getResult());
    if (type.isBF16())
      u = w.t.widen(w.t.round(u, type));
    return w.t.mulF(u, part.weight(c, width));
  }
};

struct RmsNormGradWindow
    : WindowOpInterface::ExternalModel<RmsNormGradWindow, nn::RmsNormGradOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned result, Column c,
               int64_t width) const {
    auto op = cast<nn::RmsNormGradOp>(any);
    TileBuilder &t = w.t;
    Part part(w, op);
    Value base = result == 1 ? part.baseOfLane() : part.baseOf(c);
    auto weighed = [&](Column c, int64_t width) {
      return t.mulF(w.window(op.getDy(), c, width), part.weight(c, width));
    };
    auto normed = [&](Column c, int64_t width, Value inverse) {
      return t.mulF(w.window(op.getX(), c, width),
                    t.alongColumns(inverse, width));
    };
    SmallVector<Value> known = w.once(op, base, [&]() -> SmallVector<Value> {
      Value inverse = part.inverseRoot(base);
      Value along = part.mean(base, [&](Column c, int64_t width) {
        return t.mulF(weighed(c, width), normed(c, width, inverse));
      });
      return {inverse, along};
    });
    if (result == 1)
      return t.alongColumns(known[0], width);
    Value across =
        t.subF(weighed(c, width), t.mulF(normed(c, width, known[0]),
                                         t.alongColumns(known[1], width)));
    return t.mulF(t.alongColumns(known[0], width), across);
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

struct ScaleWindow
    : WindowOpInterface::ExternalModel<ScaleWindow, nn::ScaleOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::ScaleOp>(any);
    return w.t.scale(w.window(op.getX(), c, width),
                     op.getFactor().convertToDouble());
  }
};

struct ActivationGradWindow
    : WindowOpInterface::ExternalModel<ActivationGradWindow,
                                       nn::ActivationGradOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::ActivationGradOp>(any);
    return w.t.mulF(
        w.window(op.getDy(), c, width),
        w.t.activationGrad(op.getKind(), w.window(op.getX(), c, width)));
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

struct MixGradWindow
    : WindowOpInterface::ExternalModel<MixGradWindow, nn::MixGradOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned result, Column c,
               int64_t width) const {
    auto op = cast<nn::MixGradOp>(any);
    TileBuilder &t = w.t;
    if (result == 2) {
      int64_t n = graph::rowWidthOf(op.getDy());
      auto row = [&](Value v) { return w.window(v, {Value(), 0}, n); };
      Value sum = t.reduce(tile::Reduction::sum,
                           t.mulF(row(op.getDy()), t.subF(row(op.getShared()),
                                                          row(op.getMoe()))),
                           1);
      return t.alongColumns(sum, width);
    }
    Value gate = t.reduce(tile::Reduction::sum,
                          w.window(op.getGate(), {Value(), 0}, 1), 1);
    if (result == 0)
      gate = t.subF(t.splat(1.0, w.f32Tile({w.rows})), gate);
    return t.mulF(w.window(op.getDy(), c, width), t.alongColumns(gate, width));
  }
};

} // namespace

void hamlet::codegen::registerNormWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::RmsNormOp::attachInterface<RmsNormWindow>(*context);
    nn::RmsNormGradOp::attachInterface<RmsNormGradWindow>(*context);
    nn::ActivationOp::attachInterface<ActivationWindow>(*context);
    nn::ActivationGradOp::attachInterface<ActivationGradWindow>(*context);
    nn::ScaleOp::attachInterface<ScaleWindow>(*context);
    nn::MulOp::attachInterface<MulWindow>(*context);
    nn::ResidualOp::attachInterface<ResidualWindow>(*context);
    nn::MixOp::attachInterface<MixWindow>(*context);
    nn::MixGradOp::attachInterface<MixGradWindow>(*context);
  });
}
