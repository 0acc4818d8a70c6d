//===- Region.cpp - a fused region of graph ops as one kernel -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value of the region is asked for in windows: `width` columns from a place
// on, for the rows of the program instance. Asking for a window of a result
// asks for the windows of its operands that it needs, down to memory.

#include "codegen/kernels/Region.h"

#include "codegen/kernels/Kernels.h"
#include "dialects/MoE/MoEOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

/// Columns of one row of a tensor [T, ..]: heads lie side by side.
int64_t rowWidth(Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  int64_t width = 1;
  for (int64_t dim : type.getShape().drop_front())
    width *= dim;
  return width;
}

Type elementOf(Value v) {
  return cast<RankedTensorType>(v.getType()).getElementType();
}

/// Where a window begins: a head's first column, say, and an offset in it.
struct Column {
  Value base; ///< an index; null: 0
  int64_t offset = 0;
};

bool productPairs(Value x, Value weight) {
  return elementOf(x).isBF16() && elementOf(weight).isBF16();
}

class RegionBuilder {
public:
  RegionBuilder(ModuleOp module, StringRef name, const RegionPlan &plan,
                int64_t rows)
      : plan(plan), op(plan.op), rows(rows), t(module, name, argumentsOf(op)) {}

  FailureOr<func::FuncOp> build() {
    domainRows = t.arg("rows");
    tokens = t.arg("tokens");
    rowStart = t.mul(t.programId(0), rows);
    lane = t.programId(1);
    auto storeAll = [&](int64_t size) {
      rows = size;
      windows.clear();
      routes.clear();
      Operation *yield = op.getBody().front().getTerminator();
      for (auto [i, value] : llvm::enumerate(yield->getOperands()))
        storeResult(value, t.arg("y" + std::to_string(i)));
    };
    if (plan.product)
      t.forCount(t.sub(domainRows, rowStart), rows, storeAll);
    else
      storeAll(rows);
    func::FuncOp func = t.finish();
    if (failed_)
      return failure();
    return func;
  }

private:
  static SmallVector<KernelArgument> argumentsOf(nn::FusedOp op) {
    SmallVector<KernelArgument> arguments;
    for (auto [i, v] : llvm::enumerate(op->getOperands()))
      arguments.push_back(
          {"x" + std::to_string(i), TileBuilder::ptr(elementOf(v))});
    for (auto [i, v] : llvm::enumerate(op->getResults()))
      arguments.push_back(
          {"y" + std::to_string(i), TileBuilder::ptr(elementOf(v))});
    for (const char *count : {"rows", "tokens"})
      arguments.push_back({count, IndexType::get(op.getContext())});
    return arguments;
  }

  //===--------------------------------------------------------------------===//
  // Results
  //===--------------------------------------------------------------------===//

  void storeResult(Value value, Value pointer) {
    if (auto route = value.getDefiningOp<moe::RouteOp>())
      return storeRouted(route, value, pointer);
    if (auto table = value.getDefiningOp<nn::RotaryTableOp>())
      return storeRotaryTable(table, value, pointer);
    int64_t width = rowWidth(value);
    Value out =
        t.view(pointer, t.index(0), {-1, width}, {width, 1}, {domainRows});
    Type element = elementOf(value);
    auto put = [&](Column c, int64_t count) {
      t.store(t.round(window(value, c, count), element), out,
              {rowStart, absolute(c)});
    };
    if (plan.product)
      return put({t.mul(lane, plan.columns), 0}, plan.columns);
    auto residual = value.getDefiningOp<nn::RmsNormOp>();
    if (residual && value != residual.getInverse())
      residual = {};
    int64_t heads = headsOf(value);
    auto putInverse = [&](Value base, Value column) {
      int64_t n = rowWidth(residual.getX()) / groupsOf(residual);
      Value inverse = inverseRoot(residual, {base, 0}, n);
      t.store(t.alongColumns(inverse, 1), out, {rowStart, column});
    };
    if (heads == 0 && residual)
      return putInverse(Value(), t.index(0));
    if (heads == 0)
      return put({Value(), 0}, width);
    int64_t dim = residual ? rowWidth(residual.getX()) / heads : width / heads;
    auto perHead = [&] {
      if (residual)
        return putInverse(t.mul(lane, dim), lane);
      Value base = t.mul(lane, dim);
      int64_t half = rotatedHalf(value);
      if (half == 0)
        return put({base, 0}, dim);
      put({base, 0}, half);
      put({base, half}, half);
      if (dim > 2 * half)
        put({base, 2 * half}, dim - 2 * half);
    };
    if (heads == plan.lanes)
      return perHead();
    // What is worked out under the condition is not there after it.
    auto known = windows;
    t.ifThen(t.lessIndex(lane, t.index(heads)), perHead);
    windows = std::move(known);
  }

public:
  /// Parts of a row that are normalised apart: those of each head, if x has
  /// heads.
  static int64_t groupsOf(nn::RmsNormOp norm) {
    auto type = cast<RankedTensorType>(norm.getX().getType());
    return static_cast<int64_t>(norm.getGroups()) *
           (type.getRank() == 3 ? type.getDimSize(1) : 1);
  }

  /// Heads of a value that is worked out head by head; 0: row by row.
  static int64_t headsOf(Value value) {
    Operation *def = value.getDefiningOp();
    if (!def)
      return 0;
    if (auto rotary = dyn_cast<nn::RotaryOp>(def))
      return cast<RankedTensorType>(rotary.getX().getType()).getDimSize(1);
    if (auto norm = dyn_cast<nn::RmsNormOp>(def))
      return groupsOf(norm) > 1 ? groupsOf(norm) : headsOf(norm.getX());
    if (isa<nn::HeadsOp, nn::MergeHeadsOp, nn::ActivationOp>(def))
      return headsOf(def->getOperand(0));
    return 0;
  }

private:
  static int64_t rotatedHalf(Value value) {
    Operation *def = value.getDefiningOp();
    if (!def)
      return 0;
    if (auto rotary = dyn_cast<nn::RotaryOp>(def))
      return cast<RankedTensorType>(rotary.getCos().getType()).getDimSize(1);
    if (isa<nn::MergeHeadsOp>(def))
      return rotatedHalf(def->getOperand(0));
    return 0;
  }

  //===--------------------------------------------------------------------===//
  // Windows
  //===--------------------------------------------------------------------===//

  Value absolute(Column c) {
    return c.base ? t.add(c.base, c.offset) : t.index(c.offset);
  }

  /// f32 [rows, width]: the window of `value` that begins at `c`.
  Value window(Value value, Column c, int64_t width) {
    auto key = std::make_tuple(value.getAsOpaquePointer(),
                               c.base.getAsOpaquePointer(), c.offset, width);
    if (Value known = windows.lookup(key))
      return known;
    Value tile = computeWindow(value, c, width);
    windows[key] = tile;
    return tile;
  }

  RankedTensorType f32Tile(ArrayRef<int64_t> dims) {
    return TileBuilder::tile(dims, t.f32());
  }

  Value argumentOf(Value v) {
    return t.arg("x" + std::to_string(cast<BlockArgument>(v).getArgNumber()));
  }

  /// A window as it lies in memory, not widened. `v` is an argument of the
  /// region.
  Value loadWindow(Value v, Column c, int64_t width) {
    int64_t stride = rowWidth(v);
    Value view = t.view(argumentOf(v), t.index(0), {-1, stride}, {stride, 1},
                        {domainRows});
    return t.load(view, {rowStart, absolute(c)}, {rows, width});
  }

  Value computeWindow(Value value, Column c, int64_t width) {
    if (isa<BlockArgument>(value))
      return t.widen(loadWindow(value, c, width));
    return TypeSwitch<Operation *, Value>(value.getDefiningOp())
        .Case([&](nn::LinearOp op) { return linear(op, c, width); })
        .Case([&](nn::LmHeadOp op) {
          return product(op.getX(), op.getW(), c, width);
        })
        .Case([&](nn::ActivationOp op) { return activation(op, c, width); })
        .Case([&](nn::MulOp op) {
          return t.mulF(window(op.getX(), c, width),
                        window(op.getY(), c, width));
        })
        .Case([&](nn::ResidualOp op) {
          return t.addF(t.scale(window(op.getR(), c, width),
                                op.getAlpha().convertToDouble()),
                        t.scale(window(op.getY(), c, width),
                                op.getBeta().convertToDouble()));
        })
        .Case([&](nn::MixOp op) { return mix(op, c, width); })
        .Case([&](nn::HeadsOp op) {
          return window(
              op.getX(),
              {c.base, c.offset + static_cast<int64_t>(op.getOffset())}, width);
        })
        .Case([&](nn::MergeHeadsOp op) { return window(op.getX(), c, width); })
        .Case([&](nn::RmsNormOp op) { return norm(op, c, width); })
        .Case([&](nn::RotaryOp op) { return rotary(op, c, width); })
        .Case([&](nn::EmbeddingOp op) {
          return gathered(op.getTable(), rowList(op.getIds()), c, width,
                          nullptr);
        })
        .Case([&](nn::SelectRowsOp op) {
          return gathered(op.getX(), rowList(op.getRows()), c, width, tokens);
        })
        .Case([&](moe::CombineOp op) { return combine(op, c, width); })
        .Default([&](Operation *other) {
          failed_ = true;
          other->emitOpError("has no kernel inside a fused region; it needs a "
                             "region of its own");
          return t.splat(0.0, f32Tile({rows, width}));
        });
  }

  /// [rows] of an i32 list with an entry for each row of the domain.
  Value rowList(Value list) {
    Value view = t.view(argumentOf(list), t.index(0), {-1}, {1}, {domainRows});
    return t.load(view, {rowStart}, {rows});
  }

  Value gathered(Value from, Value list, Column c, int64_t width, Value count) {
    if (!isa<BlockArgument>(from)) {
      failed_ = true;
      from.getDefiningOp()->emitOpError("is gathered from inside its own "
                                        "region; it needs a region of its own");
      return t.splat(0.0, f32Tile({rows, width}));
    }
    auto type = cast<RankedTensorType>(from.getType());
    int64_t stride = rowWidth(from);
    Value view = count ? t.view(argumentOf(from), t.index(0), {-1, stride},
                                {stride, 1}, {count})
                       : t.view(argumentOf(from), t.index(0),
                                {type.getDimSize(0), stride}, {stride, 1});
    return t.widen(t.gather(view, list, absolute(c), width));
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// The left operand of a product, all of its columns, in the type the product
  /// takes.
  Value operandRows(Value x, bool pairs) {
    int64_t k = rowWidth(x);
    Value source = x;
    int64_t offset = 0;
    while (Operation *def = source.getDefiningOp()) {
      if (auto heads = dyn_cast<nn::HeadsOp>(def))
        offset += static_cast<int64_t>(heads.getOffset());
      else if (!isa<nn::MergeHeadsOp>(def))
        break;
      source = def->getOperand(0);
    }
    if (isa<BlockArgument>(source))
      return loadWindow(source, {Value(), offset}, k);
    if (auto select = source.getDefiningOp<nn::SelectRowsOp>();
        select && offset == 0) {
      int64_t stride = rowWidth(select.getX());
      if (isa<BlockArgument>(select.getX())) {
        Value view = t.view(argumentOf(select.getX()), t.index(0), {-1, stride},
                            {stride, 1}, {tokens});
        return t.gather(view, rowList(select.getRows()), t.index(0), k);
      }
    }
    Value tile = window(x, {Value(), 0}, k);
    return pairs ? t.round(tile, elementOf(x)) : tile;
  }

  Value product(Value x, Value weight, Column c, int64_t width) {
    auto type = cast<RankedTensorType>(weight.getType());
    int64_t n = type.getDimSize(0), k = type.getDimSize(1);
    bool pairs = productPairs(x, weight);
    Value a = operandRows(x, pairs);
    Value view = t.panelView(argumentOf(weight), t.index(0), k, n, pairs);
    Value w = t.load(view, {t.index(0), absolute(c)}, {k, width});
    return t.dot(a, w, t.splat(0.0, f32Tile({rows, width})), pairs);
  }

  Value linear(nn::LinearOp op, Column c, int64_t width) {
    Value y = product(op.getX(), op.getW(), c, width);
    if (Value bias = op.getBias())
      y = t.addF(y, t.alongRows(vectorWindow(bias, c, width), rows));
    return y;
  }

  /// [width] of a weight vector, widened.
  Value vectorWindow(Value vector, Column c, int64_t width) {
    int64_t n = cast<RankedTensorType>(vector.getType()).getDimSize(0);
    Value view = t.view(argumentOf(vector), t.index(0), {n}, {1});
    return t.widen(t.load(view, {absolute(c)}, {width}));
  }

  //===--------------------------------------------------------------------===//
  // Elementwise, norms, rotation
  //===--------------------------------------------------------------------===//

  Value activation(nn::ActivationOp op, Column c, int64_t width) {
    Value x = window(op.getX(), c, width);
    return op.getKind() == nn::Activation::silu ? t.silu(x) : t.sigmoid(x);
  }

  Value mix(nn::MixOp op, Column c, int64_t width) {
    Value gate = t.reduce(tile::Reduction::sum,
                          window(op.getGate(), {Value(), 0}, 1), 1);
    Value one = t.splat(1.0, f32Tile({rows}));
    Value routed = t.mulF(window(op.getMoe(), c, width),
                          t.alongColumns(t.subF(one, gate), width));
    return t.addF(routed, t.mulF(window(op.getShared(), c, width),
                                 t.alongColumns(gate, width)));
  }

  Value norm(nn::RmsNormOp op, Column c, int64_t width) {
    int64_t groups = groupsOf(op), n = rowWidth(op.getX()) / groups;
    // A window of one group among several begins in that group: its base is the
    // group's.
    Column group{groups > 1 ? c.base : Value(), 0};
    assert((groups == 1 || c.offset + width <= n) && "a window crosses groups");
    Value inverse = inverseRoot(op, group, n);
    Value u =
        t.mulF(window(op.getX(), c, width), t.alongColumns(inverse, width));
    Type type = elementOf(op.getResult());
    if (type.isBF16())
      u = t.widen(t.round(u, type));
    // One weight for each group, or one for all of a row.
    int64_t entries = cast<RankedTensorType>(op.getW().getType()).getDimSize(0);
    Column at = groups > 1 && entries == n ? Column{Value(), c.offset} : c;
    Value w = vectorWindow(op.getW(), at, width);
    if (op.getUnitOffset())
      w = t.addF(w, t.splat(1.0, f32Tile({width})));
    return t.mulF(u, t.alongRows(w, rows));
  }

  /// 1 / sqrt(mean of squares + eps) of one group: [rows].
  Value inverseRoot(nn::RmsNormOp op, Column group, int64_t n) {
    auto key =
        std::make_tuple(op.getOperation()->getResult(0).getAsOpaquePointer(),
                        group.base.getAsOpaquePointer(), int64_t(-1), n);
    if (Value known = windows.lookup(key))
      return known;
    int64_t parts = static_cast<int64_t>(op.getSumBlocks()), width = n / parts;
    Value sum;
    for (int64_t p = 0; p < parts; ++p) {
      Value x = window(op.getX(), {group.base, p * width}, width);
      Value part = t.reduce(tile::Reduction::sum, t.mulF(x, x), 1);
      sum = sum ? t.addF(sum, part) : part;
    }
    RankedTensorType type = f32Tile({rows});
    Value mean = t.divF(sum, t.splat(static_cast<double>(n), type));
    Value root =
        t.sqrt(t.addF(mean, t.splat(op.getEps().convertToDouble(), type)));
    Value inverse = t.divF(t.splat(1.0, type), root);
    windows[key] = inverse;
    return inverse;
  }

  Value rotary(nn::RotaryOp op, Column c, int64_t width) {
    int64_t half = cast<RankedTensorType>(op.getCos().getType()).getDimSize(1);
    if (c.offset >= 2 * half)
      return window(op.getX(), c, width);
    Value low = window(op.getX(), {c.base, 0}, half),
          high = window(op.getX(), {c.base, half}, half);
    Value cos = window(op.getCos(), {Value(), 0}, half),
          sin = window(op.getSin(), {Value(), 0}, half);
    if (c.offset == 0)
      return t.subF(t.mulF(low, cos), t.mulF(high, sin));
    return t.addF(t.mulF(high, cos), t.mulF(low, sin));
  }

  /// cos or sin of position * theta^(-2i / dims), the angle an f32 product as
  /// every implementation has it.
  void storeRotaryTable(nn::RotaryTableOp op, Value value, Value pointer) {
    int64_t half = static_cast<int64_t>(op.getDims()) / 2;
    double theta = op.getTheta().convertToDouble();
    SmallVector<float> rates;
    for (int64_t i = 0; i < half; ++i)
      rates.push_back(static_cast<float>(
          1.0 / std::pow(theta, 2.0 * i / static_cast<double>(2 * half))));
    Value rate = arith::ConstantOp::create(
        t.builder(), t.loc(),
        DenseElementsAttr::get(f32Tile({half}), ArrayRef<float>(rates)));
    Value position = t.widen(rowList(op.getPositions()));
    Value angle =
        t.mulF(t.alongColumns(position, half), t.alongRows(rate, rows));
    bool cosine = value == op.getCos();
    Value out =
        t.view(pointer, t.index(0), {-1, half}, {half, 1}, {domainRows});
    Value table =
        cosine ? math::CosOp::create(t.builder(), t.loc(), angle).getResult()
               : math::SinOp::create(t.builder(), t.loc(), angle).getResult();
    t.store(table, out, {rowStart, t.index(0)});
  }

  //===--------------------------------------------------------------------===//
  // Experts
  //===--------------------------------------------------------------------===//

  /// Sum over slots, ascending, of gate * row.
  Value combine(moe::CombineOp op, Column c, int64_t width) {
    auto type = cast<RankedTensorType>(op.getPlace().getType());
    int64_t k = type.getDimSize(1), stride = rowWidth(op.getY());
    Value places = t.view(argumentOf(op.getPlace()), t.index(0), {-1, k},
                          {k, 1}, {domainRows});
    Value gates = t.view(argumentOf(op.getGates()), t.index(0), {-1, k}, {k, 1},
                         {domainRows});
    Value y = t.view(argumentOf(op.getY()), t.index(0), {-1, stride},
                     {stride, 1}, {t.mul(domainRows, k)});
    Value sum;
    for (int64_t slot = 0; slot < k; ++slot) {
      // A column of one: its only element in each row.
      Value place =
          t.reduce(tile::Reduction::max,
                   t.load(places, {rowStart, t.index(slot)}, {rows, 1}), 1);
      Value gate =
          t.reduce(tile::Reduction::sum,
                   t.load(gates, {rowStart, t.index(slot)}, {rows, 1}), 1);
      Value row = t.widen(t.gather(y, place, absolute(c), width));
      Value part = t.mulF(row, t.alongColumns(gate, width));
      sum = sum ? t.addF(sum, part) : part;
    }
    return sum;
  }

  struct Routed {
    SmallVector<Value> ids, gates; ///< [rows] each, one for each slot
  };

  void storeRouted(moe::RouteOp op, Value value, Value pointer) {
    const Routed &routed = route(op);
    int64_t k = static_cast<int64_t>(op.getTopK());
    Value out = t.view(pointer, t.index(0), {-1, k}, {k, 1}, {domainRows});
    bool ids = value == op.getIds();
    for (int64_t slot = 0; slot < k; ++slot)
      t.store(t.alongColumns(ids ? routed.ids[slot] : routed.gates[slot], 1),
              out, {rowStart, t.index(slot)});
  }

  /// The largest of each row of `scores` [rows, n]: its value and the lowest
  /// column that has it.
  std::pair<Value, Value> best(Value scores, int64_t n) {
    Value highest = t.reduce(tile::Reduction::max, scores, 1);
    Value column = t.iota({rows, n}, 1);
    // A row of NaN has no largest: the last column stands in, which is in
    // bounds.
    Value last = t.splat(static_cast<double>(n - 1),
                         TileBuilder::tile({rows, n}, t.i32()));
    Value where =
        t.select(t.equalF(scores, t.alongColumns(highest, n)), column, last);
    return {highest, t.reduce(tile::Reduction::min, where, 1)};
  }

  Value isColumn(Value id, int64_t n) {
    return t.compareI(arith::CmpIPredicate::eq, t.iota({rows, n}, 1),
                      t.alongColumns(id, n));
  }

  const Routed &route(moe::RouteOp op) {
    auto [it, fresh] = routes.try_emplace(op.getOperation());
    if (!fresh)
      return it->second;
    Routed &routed = it->second;
    int64_t n = cast<RankedTensorType>(op.getW().getType()).getDimSize(0),
            k = static_cast<int64_t>(op.getTopK());
    RankedTensorType type = f32Tile({rows, n});
    Value hidden = t.splat(-std::numeric_limits<double>::infinity(), type);
    Value logits = product(op.getX(), op.getW(), {Value(), 0}, n);
    bool sigmoid = op.getScore() == moe::Score::sigmoid;
    Value scores = sigmoid ? t.sigmoid(logits) : logits;
    if (!op.getGiven()) {
      Value choice = scores;
      if (Value bias = op.getBias())
        choice = t.addF(choice,
                        t.alongRows(vectorWindow(bias, {Value(), 0}, n), rows));
      if (op.getGroups() > 1)
        choice = limitGroups(op, choice, n);
      for (int64_t slot = 0; slot < k; ++slot) {
        Value id = best(choice, n).second;
        routed.ids.push_back(id);
        if (slot + 1 < k)
          choice = t.select(isColumn(id, n), hidden, choice);
      }
    } else {
      Value given = t.view(argumentOf(op.getGiven()), t.index(0), {-1, k},
                           {k, 1}, {domainRows});
      for (int64_t slot = 0; slot < k; ++slot)
        routed.ids.push_back(
            t.reduce(tile::Reduction::max,
                     t.load(given, {rowStart, t.index(slot)}, {rows, 1}), 1));
    }
    // The score of each chosen expert; for softmax e^(logit - largest logit of
    // the row).
    Value highest = t.reduce(tile::Reduction::max, logits, 1);
    Value weights =
        sigmoid ? scores : t.exp(t.subF(logits, t.alongColumns(highest, n)));
    Value total;
    for (Value id : routed.ids) {
      Value mine = t.select(isColumn(id, n), weights, t.splat(0.0, type));
      Value gate = t.reduce(tile::Reduction::sum, mine, 1);
      routed.gates.push_back(gate);
      total = total ? t.addF(total, gate) : gate;
    }
    if (!sigmoid && !op.getRenormalize())
      total = t.reduce(tile::Reduction::sum, weights, 1);
    if (op.getRenormalize() && !op.getEpsilon().isZero())
      total = t.addF(
          total, t.splat(op.getEpsilon().convertToDouble(), f32Tile({rows})));
    for (Value &gate : routed.gates) {
      if (!sigmoid || op.getRenormalize())
        gate = t.divF(gate, total);
      gate = t.scale(gate, op.getScaling().convertToDouble());
    }
    return routed;
  }

  /// Leaves the experts of the best groups, by the sum of their two best.
  Value limitGroups(moe::RouteOp op, Value choice, int64_t n) {
    int64_t groups = static_cast<int64_t>(op.getGroups()), size = n / groups;
    RankedTensorType type = f32Tile({rows, n}), small = f32Tile({rows, groups});
    Value hidden = t.splat(-std::numeric_limits<double>::infinity(), type);
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
      sums = t.select(isColumn(id, groups),
                      t.splat(-std::numeric_limits<double>::infinity(), small),
                      sums);
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

  const RegionPlan &plan;
  nn::FusedOp op;
  int64_t rows;
  TileBuilder t;
  Value domainRows, tokens, rowStart, lane;
  llvm::DenseMap<std::tuple<const void *, const void *, int64_t, int64_t>,
                 Value>
      windows;
  std::map<Operation *, Routed> routes;
  bool failed_ = false;
};

/// Whether every tile of a product works its rows out: they are not plain rows
/// of an operand of the region.
bool computesRows(Value x) {
  while (Operation *def = x.getDefiningOp()) {
    if (!isa<nn::HeadsOp, nn::MergeHeadsOp>(def))
      return true;
    x = def->getOperand(0);
  }
  return false;
}

} // namespace

int64_t hamlet::codegen::productColumns(int64_t n, bool computedRows) {
  int64_t padded = (n + tile::kPanel - 1) / tile::kPanel * tile::kPanel;
  return std::min<int64_t>(padded, computedRows && n >= 1024 ? 128 : 64);
}

FailureOr<RegionPlan> hamlet::codegen::planRegion(nn::FusedOp op) {
  RegionPlan plan;
  plan.op = op;
  plan.operands.assign(op->getNumOperands(), OperandLayout::plain);
  auto panel = [&](Value weight, Value x) -> LogicalResult {
    auto arg = dyn_cast<BlockArgument>(weight);
    if (!arg)
      return op->emitOpError(
          "expected the weight of a product to be an operand of the region");
    plan.operands[arg.getArgNumber()] = productPairs(x, weight)
                                            ? OperandLayout::panelPairs
                                            : OperandLayout::panel;
    return success();
  };
  for (Operation &inner : op.getBody().front()) {
    for (Value v : inner.getResults())
      if (auto type = dyn_cast<RankedTensorType>(v.getType());
          type && type.getRank() > 1)
        plan.widest = std::max(plan.widest, rowWidth(v));
    LogicalResult ok =
        TypeSwitch<Operation *, LogicalResult>(&inner)
            .Case([&](nn::LinearOp linear) {
              plan.product = true;
              plan.columns = productColumns(rowWidth(linear.getResult()),
                                            computesRows(linear.getX()));
              plan.lanes = (rowWidth(linear.getResult()) + plan.columns - 1) /
                           plan.columns;
              return panel(linear.getW(), linear.getX());
            })
            .Case([&](nn::LmHeadOp head) {
              plan.product = true;
              plan.columns = productColumns(rowWidth(head.getResult()),
                                            computesRows(head.getX()));
              plan.lanes = (rowWidth(head.getResult()) + plan.columns - 1) /
                           plan.columns;
              return panel(head.getW(), head.getX());
            })
            .Case([&](moe::RouteOp route) {
              return panel(route.getW(), route.getX());
            })
            .Case([&](nn::RmsNormOp norm) -> LogicalResult {
              if (norm.getGroups() > 1 &&
                  cast<RankedTensorType>(norm.getX().getType()).getRank() == 3)
                return norm.emitOpError("has ")
                       << norm.getGroups()
                       << " groups in each head; kernels norm a head as one";
              return success();
            })
            .Case([&](nn::SelectRowsOp) {
              plan.selectsRows = true;
              return success();
            })
            .Default([](Operation *) { return success(); });
    if (failed(ok))
      return failure();
  }
  if (!plan.product)
    for (Value v : op.getBody().front().getTerminator()->getOperands())
      plan.lanes = std::max(plan.lanes, RegionBuilder::headsOf(v));
  return plan;
}

FailureOr<func::FuncOp> hamlet::codegen::regionKernel(ModuleOp module,
                                                      StringRef name,
                                                      const RegionPlan &plan,
                                                      int64_t rows) {
  return RegionBuilder(module, name, plan, rows).build();
}
