//===- WindowExpertGrads.cpp - gradients of routing in a region -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"
#include "dialects/MoE/MoEOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

/// Rows of the pairs' tokens, each times its gate.
struct ExpandWindow
    : WindowOpInterface::ExternalModel<ExpandWindow, moe::ExpandOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<moe::ExpandOp>(any);
    TileBuilder &t = w.t;
    auto k = static_cast<int64_t>(op.getTopK());
    Value pairs = w.rowList(op.getOrder()), tokens = pairs;
    if (k > 1)
      tokens =
          arith::DivUIOp::create(t.builder(), t.loc(), pairs,
                                 t.splat(static_cast<double>(k),
                                         TileBuilder::tile({w.rows}, t.i32())));
    Value x = t.widen(w.gathered(op.getX(), tokens, c, width, w.sourceRows));
    if (!op.getGates())
      return x;
    Value gates = t.view(w.inMemory(op.getGates()).pointer, t.index(0), {-1, 1},
                         {1, 1}, {t.mul(w.sourceRows, k)});
    Value gate = t.reduce(tile::Reduction::sum,
                          t.gather(gates, pairs, t.index(0), 1), 1);
    return t.mulF(x, t.alongColumns(gate, width));
  }
};

struct GateGradWindow
    : WindowOpInterface::ExternalModel<GateGradWindow, moe::GateGradOp> {
  void store(Operation *any, WindowBuilder &w, unsigned, Value pointer) const {
    auto op = cast<moe::GateGradOp>(any);
    TileBuilder &t = w.t;
    int64_t k = graph::rowWidthOf(op.getPlace()),
            width = graph::rowWidthOf(op.getY());
    Value places = w.rowView(op.getPlace()), pairs = t.mul(w.regionRows, k);
    Value dresult = w.window(op.getDresult(), {Value(), 0}, width);
    Value out = t.view(pointer, t.index(0), {-1, k}, {k, 1}, {w.regionRows});
    for (int64_t slot = 0; slot < k; ++slot) {
      Value y = w.gathered(op.getY(), w.rowEntry(places, slot), {Value(), 0},
                           width, pairs);
      Value sum =
          t.reduce(tile::Reduction::sum, t.mulF(t.widen(y), dresult), 1);
      t.store(t.alongColumns(sum, 1), out, {w.rowStart, t.index(slot)});
    }
  }
};

/// Writes the gradient of one router.
class RouteGrad {
public:
  RouteGrad(WindowBuilder &w, moe::RouteGradOp op)
      : w(w), t(w.t), op(op), rows(w.rows),
        n(graph::rowWidthOf(op.getLogits())), k(graph::rowWidthOf(op.getIds())),
        logits(w.window(op.getLogits(), {Value(), 0}, n)) {}

  /// [rows, n]
  Value write() {
    Value result = ofGates();
    if (Value balance = op.getBalance())
      result = t.addF(result, ofBalance(balance));
    return result;
  }

private:
  Value ofGates() {
    bool renormalize = op.getRenormalize(),
         sigmoid = op.getScore() == moe::Score::sigmoid;
    double epsilon = op.getEpsilon().convertToDouble(),
           scaling = op.getScaling().convertToDouble();
    // Quotients of scores are quotients of powers.
    Value scores = sigmoid                         ? t.sigmoid(logits)
                   : renormalize && epsilon == 0.0 ? powers()
                                                   : softmax();
    SmallVector<Value> chosen, wanted;
    Value total;
    Value ids = w.rowView(op.getIds()), dgates = w.rowView(op.getDgates());
    Value none = t.splat(0.0, w.f32Tile({rows, n}));
    SmallVector<Value> mine; // the expert of a slot
    for (int64_t slot = 0; slot < k; ++slot) {
      mine.push_back(t.compareI(arith::CmpIPredicate::eq, t.iota({rows, n}, 1),
                                t.alongColumns(w.rowEntry(ids, slot), n)));
      chosen.push_back(t.reduce(tile::Reduction::sum,
                                t.select(mine[slot], scores, none), 1));
      wanted.push_back(t.scale(w.rowEntry(dgates, slot), scaling));
      total = total ? t.addF(total, chosen[slot]) : chosen[slot];
    }
    Value divisor = renormalize ? total : Value();
    if (renormalize && epsilon != 0.0)
      divisor = t.addF(total, t.splat(epsilon, w.f32Tile({rows})));
    Value mean; // dgates . gates
    for (int64_t slot = 0; slot < k && (renormalize || !sigmoid); ++slot) {
      Value gate = renormalize ? t.divF(chosen[slot], divisor) : chosen[slot];
      Value part = t.mulF(wanted[slot], gate);
      mean = mean ? t.addF(mean, part) : part;
    }
    Value sum;
    for (int64_t slot = 0; slot < k; ++slot) {
      Value part = renormalize ? t.divF(t.subF(wanted[slot], mean), divisor)
                               : wanted[slot];
      part = t.select(mine[slot], t.alongColumns(part, n), none);
      sum = sum ? t.addF(sum, part) : part;
    }
    if (sigmoid)
      return t.mulF(sum, t.mulF(scores, t.sigmoid(t.negF(logits))));
    Value shared = mean;
    if (renormalize)
      shared = epsilon == 0.0
                   ? Value()
                   : t.mulF(mean, t.divF(t.splat(epsilon, w.f32Tile({rows})),
                                         divisor));
    if (shared)
      sum = t.subF(sum, t.alongColumns(shared, n));
    return t.mulF(scores, sum);
  }

  Value ofBalance(Value balance) {
    Value p = softmax();
    Value f = t.alongRows(w.vectorWindow(balance, {Value(), 0}, n), rows);
    Value mean = t.reduce(tile::Reduction::sum, t.mulF(p, f), 1);
    return t.mulF(p, t.subF(f, t.alongColumns(mean, n)));
  }

  /// e^(logit - largest logit of the row).
  Value powers() {
    Value highest = t.reduce(tile::Reduction::max, logits, 1);
    return t.exp(t.subF(logits, t.alongColumns(highest, n)));
  }

  Value softmax() {
    Value weights = powers();
    return t.divF(
        weights, t.alongColumns(t.reduce(tile::Reduction::sum, weights, 1), n));
  }

  WindowBuilder &w;
  TileBuilder &t;
  moe::RouteGradOp op;
  int64_t rows, n, k;
  Value logits;
};

struct RouteGradWindow
    : WindowOpInterface::ExternalModel<RouteGradWindow, moe::RouteGradOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column,
               int64_t) const {
    return RouteGrad(w, cast<moe::RouteGradOp>(any)).write();
  }
};

} // namespace

void hamlet::codegen::registerExpertGradWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, moe::MoEDialect *) {
    moe::ExpandOp::attachInterface<ExpandWindow>(*context);
    moe::GateGradOp::attachInterface<GateGradWindow>(*context);
    moe::RouteGradOp::attachInterface<RouteGradWindow>(*context);
  });
}
