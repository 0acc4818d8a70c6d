//===- WindowRouting.cpp - the router in a region's kernel -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"
#include "dialects/MoE/MoEOps.h"
#include "llvm/Support/ErrorHandling.h"

#include <limits>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// Writes one router.
class Router {
public:
  Router(WindowBuilder &w, moe::RouteOp op)
      : w(w), t(w.t), op(op), rows(w.rows),
        n(cast<RankedTensorType>(op.getW().getType()).getDimSize(0)),
        k(static_cast<int64_t>(op.getTopK())) {}

  /// [rows] each: the experts of the slots, then their gates.
  SmallVector<Value> write() {
    hidden = t.splat(kNever, w.f32Tile({rows, n}));
    Value logits =
        w.product(op.getX(), op.getW(), op.getNumerics(), {Value(), 0}, n);
    Value scores = scoresOf(logits);
    SmallVector<Value> slots = op.getGiven() ? givenIds() : chooseIds(scores);
    slots.append(gatesOf(logits, scores, slots));
    return slots;
  }

private:
  /// What experts are chosen by, without their bias.
  Value scoresOf(Value logits) {
    switch (op.getScore()) {
    case moe::Score::sigmoid:
      return t.sigmoid(logits);
    case moe::Score::softmax: {
      // The softmax rises with the logit, which orders experts as well; what
      // is added to it needs its value.
      if (!op.getBias() && op.getGroups() == 1)
        return logits;
      Value weights = powersOf(logits);
      return t.divF(
          weights,
          t.alongColumns(t.reduce(tile::Reduction::sum, weights, 1), n));
    }
    }
    llvm_unreachable("a score without a window");
  }

  /// e^(logit - largest logit of the row).
  Value powersOf(Value logits) {
    Value highest = t.reduce(tile::Reduction::max, logits, 1);
    return t.exp(t.subF(logits, t.alongColumns(highest, n)));
  }

  SmallVector<Value> chooseIds(Value choice) {
    SmallVector<Value> ids;
    if (Value bias = op.getBias())
      choice = t.addF(choice,
                      t.alongRows(w.vectorWindow(bias, {Value(), 0}, n), rows));
    if (op.getGroups() > 1)
      choice = limitGroups(choice);
    for (int64_t slot = 0; slot < k; ++slot) {
      Value id = best(choice, n).second;
      ids.push_back(id);
      if (slot + 1 < k)
        choice = t.select(isColumn(id, n), hidden, choice);
    }
    return ids;
  }

  SmallVector<Value> givenIds() {
    SmallVector<Value> ids;
    Value given = w.rowView(op.getGiven());
    for (int64_t slot = 0; slot < k; ++slot)
      ids.push_back(w.rowEntry(given, slot));
    return ids;
  }

  SmallVector<Value> gatesOf(Value logits, Value scores, ArrayRef<Value> ids) {
    bool sigmoid = op.getScore() == moe::Score::sigmoid;
    Value weights = sigmoid ? scores : powersOf(logits);
    SmallVector<Value> gates;
    Value total;
    for (Value id : ids) {
      Value mine = t.select(isColumn(id, n), weights,
                            t.splat(0.0, w.f32Tile({rows, n})));
      Value gate = t.reduce(tile::Reduction::sum, mine, 1);
      gates.push_back(gate);
      total = total ? t.addF(total, gate) : gate;
    }
    if (!sigmoid && !op.getRenormalize())
      total = t.reduce(tile::Reduction::sum, weights, 1);
    if (op.getRenormalize() && !op.getEpsilon().isZero())
      total = t.addF(
          total, t.splat(op.getEpsilon().convertToDouble(), w.f32Tile({rows})));
    for (Value &gate : gates) {
      if (!sigmoid || op.getRenormalize())
        gate = t.divF(gate, total);
      gate = t.scale(gate, op.getScaling().convertToDouble());
    }
    return gates;
  }

  /// The largest of each row of `scores` [rows, n]: its value and the lowest
  /// column that has it.
  std::pair<Value, Value> best(Value scores, int64_t columns) {
    Value highest = t.reduce(tile::Reduction::max, scores, 1);
    Value column = t.iota({rows, columns}, 1);
    // A row of NaN has no largest: the last column stands in, which is in
    // bounds.
    Value last = t.splat(static_cast<double>(columns - 1),
                         TileBuilder::tile({rows, columns}, t.i32()));
    Value where = t.select(t.equalF(scores, t.alongColumns(highest, columns)),
                           column, last);
    return {highest, t.reduce(tile::Reduction::min, where, 1)};
  }

  Value isColumn(Value id, int64_t columns) {
    return t.compareI(arith::CmpIPredicate::eq, t.iota({rows, columns}, 1),
                      t.alongColumns(id, columns));
  }

  /// Leaves the experts of the best groups, by the sum of their two best.
  Value limitGroups(Value choice) {
    int64_t groups = static_cast<int64_t>(op.getGroups()), size = n / groups;
    RankedTensorType small = w.f32Tile({rows, groups});
    Value column = t.iota({rows, n}, 1);
    Value groupColumn = t.iota({rows, groups}, 1);
    Value sums = t.splat(0.0, small);
    auto in = [&](int64_t g) {
      auto i32 = TileBuilder::tile({rows, n}, t.i32());
      Value from = t.compareI(arith::CmpIPredicate::sge, column,
                              t.splat(static_cast<double>(g * size), i32));
      Value to = t.compareI(arith::CmpIPredicate::slt, column,
                            t.splat(static_cast<double>((g + 1) * size), i32));
      return std::pair(from, to);
    };
    for (int64_t g = 0; g < groups; ++g) {
      auto [from, to] = in(g);
      Value mine = t.select(from, t.select(to, choice, hidden), hidden);
      auto [first, id] = best(mine, n);
      Value score = first;
      if (size > 1)
        score = t.addF(first,
                       best(t.select(isColumn(id, n), hidden, mine), n).first);
      Value here =
          t.compareI(arith::CmpIPredicate::eq, groupColumn,
                     t.splat(static_cast<double>(g),
                             TileBuilder::tile({rows, groups}, t.i32())));
      sums = t.select(here, t.alongColumns(score, groups), sums);
    }
    Value kept = hidden;
    for (int64_t i = 0; i < static_cast<int64_t>(op.getTopkGroups()); ++i) {
      Value id = best(sums, groups).second;
      sums = t.select(isColumn(id, groups), t.splat(kNever, small), sums);
      Value low =
          arith::MulIOp::create(t.builder(), t.loc(), id,
                                t.splat(static_cast<double>(size),
                                        TileBuilder::tile({rows}, t.i32())));
      Value high = t.addI(low, t.splat(static_cast<double>(size),
                                       TileBuilder::tile({rows}, t.i32())));
      Value from =
          t.compareI(arith::CmpIPredicate::sge, column, t.alongColumns(low, n));
      Value to = t.compareI(arith::CmpIPredicate::slt, column,
                            t.alongColumns(high, n));
      kept = t.select(from, t.select(to, choice, kept), kept);
    }
    return kept;
  }

  WindowBuilder &w;
  TileBuilder &t;
  moe::RouteOp op;
  int64_t rows, n, k;
  Value hidden; ///< what no choice is below
};

struct RouteWindow
    : WindowOpInterface::ExternalModel<RouteWindow, moe::RouteOp> {
  void store(Operation *any, WindowBuilder &w, unsigned result,
             Value pointer) const {
    auto op = cast<moe::RouteOp>(any);
    TileBuilder &t = w.t;
    SmallVector<Value> slots =
        w.once(op, Value(), [&] { return Router(w, op).write(); });
    int64_t k = static_cast<int64_t>(op.getTopK());
    Value out = t.view(pointer, t.index(0), {-1, k}, {k, 1}, {w.regionRows});
    // Gates come after the experts.
    int64_t first = op->getResult(result) == op.getIds() ? 0 : k;
    for (int64_t slot = 0; slot < k; ++slot)
      t.store(t.alongColumns(slots[first + slot], 1), out,
              {w.rowStart, t.index(slot)});
  }
};

} // namespace

void hamlet::codegen::registerRoutingWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, moe::MoEDialect *) {
    moe::RouteOp::attachInterface<RouteWindow>(*context);
  });
}
