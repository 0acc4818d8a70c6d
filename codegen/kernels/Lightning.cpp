//===- Lightning.cpp - chunk-anchored lightning attention
//-----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A slot holds the state S at the last chunk boundary and the keys and values
// since then. Row i of a chunk is
//   o_i = e^(G_i) q_i S + sum_{j <= i} e^(G_i - G_j) (q_i . k_j) v_j
// with G_i the sum of the chunk's log decays up to and with i, and at the
// chunk's end S = e^(G_last) S + sum_j e^(G_last - G_j) k_j v_j. A decode row
// and a prefill block run these same sums in the same order: S first, keys
// ascending, products of keys masked out are exact zeros.

#include "codegen/kernels/Kernels.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

int64_t hamlet::codegen::panelElements(int64_t k, int64_t n, bool pairs) {
  return (n + tile::kPanel - 1) / tile::kPanel * tile::kPanel *
         (pairs ? k + k % 2 : k);
}

namespace {

class LightningBuilder {
public:
  LightningBuilder(ModuleOp module, StringRef name, const LightningShape &shape,
                   bool single)
      : shape(shape), single(single), rows(single ? 1 : shape.block()),
        t(module, name, argumentTypes(module.getContext(), shape)) {}

  func::FuncOp build() {
    readPlace();
    if (single)
      decode();
    else
      prefill();
    if (shape.finalState)
      writeFinalState();
    return t.finish();
  }

private:
  static SmallVector<Type> argumentTypes(MLIRContext *context,
                                         const LightningShape &s) {
    Builder b(context);
    Type element = TileBuilder::ptr(s.element),
         f32 = TileBuilder::ptr(b.getF32Type()),
         i32 = TileBuilder::ptr(b.getI32Type());
    SmallVector<Type> types{
        element, element, element, f32, TileBuilder::ptr(s.result),
        f32,     element, element};
    if (s.perToken)
      types.push_back(f32);
    types.append(4, i32);
    if (s.finalState)
      types.push_back(f32);
    return types;
  }

  /// Which sequence, head and slot; views of them.
  void readPlace() {
    unsigned lists = shape.perToken ? 9 : 8;
    Value head = t.programId(0), item = t.programId(1);
    sequence = t.loadIndex(t.arg(lists), item);
    Value begin = t.loadIndex(t.arg(lists + 1), sequence);
    Value end = t.loadIndex(t.arg(lists + 1), t.add(sequence, 1));
    p0 = t.loadIndex(t.arg(lists + 2), sequence);
    Value slot = t.loadIndex(t.arg(lists + 3), sequence);
    n = t.sub(end, begin);
    stateHead = head;

    int64_t hs = shape.stateHeads();
    int64_t groups = shape.outHeads() / hs;
    for (int64_t g = 0; g < groups; ++g) {
      Value queryHead = groups > 1 ? t.add(t.mul(head, groups), g)
                                   : t.divFloor(head, hs / shape.queryHeads);
      Value outHead = groups > 1 ? queryHead : head;
      queries.push_back(rowsOf(t.arg(0), shape.q, begin, queryHead, shape.dk));
      Value offset = t.add(t.mul(begin, shape.outHeads() * shape.dv),
                           t.mul(outHead, shape.dv));
      outputs.push_back(t.view(t.arg(4), offset, {-1, shape.dv},
                               {shape.outHeads() * shape.dv, 1}, {n}));
    }
    Value keyHead = t.divFloor(head, hs / shape.keyHeads);
    Value keyOffset = t.add(t.mul(begin, shape.k.rowStride),
                            t.add(t.mul(keyHead, shape.dk), shape.k.column));
    keysT = t.view(t.arg(1), keyOffset, {shape.dk, -1}, {1, shape.k.rowStride},
                   {n});
    values = rowsOf(t.arg(2), shape.v, begin,
                    t.divFloor(head, hs / shape.valueHeads), shape.dv);

    Value place = t.add(t.mul(slot, hs), head);
    state = t.panelView(t.arg(5), t.mul(place, shape.stateElements()), shape.dk,
                        shape.dv, false);
    tailKeys = t.panelView(t.arg(6), t.mul(place, shape.tailKeyElements()),
                           shape.dk, shape.chunk, shape.pairs());
    tailValues = t.panelView(t.arg(7), t.mul(place, shape.tailValueElements()),
                             shape.chunk, shape.dv, shape.pairs());
    if (shape.perToken) {
      // Decays, their running sums and the sums' errors.
      Value offset = t.mul(place, shape.tailDecayElements());
      auto row = [&](int64_t i) {
        return t.view(t.arg(8), t.add(offset, i * shape.chunk), {shape.chunk},
                      {1});
      };
      tailDecays = row(0);
      sums = row(1);
      errors = row(2);
      decays = t.view(t.arg(3), t.add(t.mul(begin, hs), head), {-1}, {hs}, {n});
    } else {
      logDecay = t.loadScalar(t.arg(3), head);
    }
  }

  Value rowsOf(Value base, const HeadsIn &in, Value begin, Value head,
               int64_t dim) {
    Value offset =
        t.add(t.mul(begin, in.rowStride), t.add(t.mul(head, dim), in.column));
    return t.view(base, offset, {-1, dim}, {in.rowStride, 1}, {n});
  }

  RankedTensorType f32Tile(ArrayRef<int64_t> dims) {
    return TileBuilder::tile(dims, t.f32());
  }

  //===--------------------------------------------------------------------===//
  // Decays
  //===--------------------------------------------------------------------===//

  /// Works the running sums of the chunk's log decays out and keeps them beside
  /// the decays; tokens at `count` and later count 0.
  void sumDecays(Value countI32) {
    if (!shape.perToken)
      return;
    Value g = t.load(tailDecays, {t.index(0)}, {shape.chunk});
    Value in = t.compareI(arith::CmpIPredicate::slt, t.iota({shape.chunk}, 0),
                          t.splat(countI32, {shape.chunk}));
    Value masked = t.select(in, g, t.splat(0.0, f32Tile({shape.chunk})));
    auto scan = tile::ScanOp::create(
        t.builder(), t.loc(), TypeRange{masked.getType(), masked.getType()},
        masked, 0);
    t.store(scan.getSums(), sums, {t.index(0)});
    t.store(scan.getErrors(), errors, {t.index(0)});
  }

  /// One of the sums, or errors, as a scalar.
  Value sumAt(Value view, Value at) {
    auto op = view.getDefiningOp<tile::ViewOp>();
    return t.loadScalar(op.getBase(), t.add(op.getOffset(), at));
  }

  /// e^(G_i) for the rows that start at chunk row `first`: [rows].
  Value rowDecay(Value first) {
    if (shape.perToken)
      return t.exp(t.addF(t.load(sums, {first}, {rows}),
                          t.load(errors, {first}, {rows})));
    Value i =
        t.addI(t.iota({rows}, 0), t.splat(t.toI32(t.add(first, 1)), {rows}));
    return t.exp(t.mulF(t.widen(i), logDecay));
  }

  /// e^(G_i - G_j) where j <= i, else 0, for a block of rows and keys:
  /// [rows, block].
  Value pairDecay(Value firstRow, Value firstKey, Value &causal) {
    int64_t keys = shape.block();
    SmallVector<int64_t> dims{rows, keys};
    Value offset = t.splat(t.toI32(t.sub(firstRow, firstKey)), dims);
    Value distance = t.subI(t.addI(t.iota(dims, 0), offset), t.iota(dims, 1));
    causal = t.compareI(arith::CmpIPredicate::sge, distance,
                        t.splat(0.0, TileBuilder::tile(dims, t.i32())));
    Value exponent;
    if (shape.perToken) {
      auto difference = [&](Value view) {
        return t.subF(t.alongColumns(t.load(view, {firstRow}, {rows}), keys),
                      t.alongRows(t.load(view, {firstKey}, {keys}), rows));
      };
      exponent = t.addF(difference(sums), difference(errors));
    } else {
      exponent = t.mulF(t.widen(distance), logDecay);
    }
    return t.exp(t.select(causal, exponent, hidden(dims)));
  }

  /// e^(G_(count-1) - G_j) for j < count, else 0, for a block of keys: [block].
  Value ageDecay(Value count, Value firstKey) {
    int64_t keys = shape.block();
    Value j = t.addI(t.iota({keys}, 0), t.splat(t.toI32(firstKey), {keys}));
    Value last = t.sub(count, t.index(1));
    Value age = t.subI(t.splat(t.toI32(last), {keys}), j);
    Value in = t.compareI(arith::CmpIPredicate::sge, age,
                          t.splat(0.0, TileBuilder::tile({keys}, t.i32())));
    Value exponent;
    if (shape.perToken) {
      auto difference = [&](Value view) {
        return t.subF(t.splat(sumAt(view, last), {keys}),
                      t.load(view, {firstKey}, {keys}));
      };
      exponent = t.addF(difference(sums), difference(errors));
    } else {
      exponent = t.mulF(t.widen(age), logDecay);
    }
    return t.exp(t.select(in, exponent, hidden({keys})));
  }

  /// e^(G_(count-1)): a scalar.
  Value wholeDecay(Value count) {
    if (shape.perToken) {
      Value last = t.sub(count, t.index(1));
      return t.exp(t.addF(sumAt(sums, last), sumAt(errors, last)));
    }
    Value c =
        arith::SIToFPOp::create(t.builder(), t.loc(), t.f32(), t.toI32(count));
    return t.exp(t.mulF(c, logDecay));
  }

  Value hidden(ArrayRef<int64_t> dims) {
    return t.splat(-std::numeric_limits<double>::infinity(), f32Tile(dims));
  }

  //===--------------------------------------------------------------------===//
  // Sums
  //===--------------------------------------------------------------------===//

  /// Output rows from chunk row `firstRow` on; `step` is the row of this step
  /// that is.
  void attend(Value firstRow, Value step, Value lastBlock) {
    for (auto [query, output] : llvm::zip_equal(queries, outputs)) {
      Value q = t.load(query, {step, t.index(0)}, {rows, shape.dk});
      Value s = t.load(state, {t.index(0), t.index(0)}, {shape.dk, shape.dv});
      Value qs = t.dot(q, s, t.splat(0.0, f32Tile({rows, shape.dv})), false);
      Value o = t.mulF(qs, t.alongColumns(rowDecay(firstRow), shape.dv));
      auto keyBlock = [&](Value kb, Value sum) {
        Value firstKey = t.mul(kb, shape.block());
        Value k =
            t.load(tailKeys, {t.index(0), firstKey}, {shape.dk, shape.block()});
        Value scores = t.dot(q, k, t.splat(0.0, f32Tile({rows, shape.block()})),
                             shape.pairs());
        Value causal;
        Value decay = pairDecay(firstRow, firstKey, causal);
        Value p = t.select(causal, t.mulF(scores, decay),
                           t.splat(0.0, f32Tile({rows, shape.block()})));
        Value v = t.load(tailValues, {firstKey, t.index(0)},
                         {shape.block(), shape.dv});
        return t.dot(t.round(p, shape.element), v, sum, shape.pairs());
      };
      if (shape.blocks() == 1)
        o = keyBlock(t.index(0), o);
      else
        o = t.forLoop(t.index(0), t.add(lastBlock, 1), 1, {o},
                      [&](Value kb, ValueRange carried) {
                        return SmallVector<Value>{keyBlock(kb, carried[0])};
                      })[0];
      t.store(t.round(t.scale(o, shape.scale), shape.result), output,
              {step, t.index(0)});
    }
  }

  /// The state after `count` tokens of the chunk whose keys are in the tail.
  Value advanced(Value count) {
    Value delta = t.splat(0.0, f32Tile({shape.dk, shape.dv}));
    for (int64_t kb = 0; kb < shape.blocks(); ++kb) {
      Value firstKey = t.index(kb * shape.block());
      Value k = t.widen(
          t.load(tailKeys, {t.index(0), firstKey}, {shape.dk, shape.block()}));
      Value kw = t.mulF(k, t.alongRows(ageDecay(count, firstKey), shape.dk));
      Value v =
          t.load(tailValues, {firstKey, t.index(0)}, {shape.block(), shape.dv});
      delta = t.dot(kw, v, delta, false);
    }
    Value s = t.load(state, {t.index(0), t.index(0)}, {shape.dk, shape.dv});
    return t.fma(t.splat(wholeDecay(count), {shape.dk, shape.dv}), s, delta);
  }

  void decode() {
    Value i = t.remainder(p0, shape.chunk);
    Value zero = t.index(0);
    t.store(t.load(keysT, {zero, zero}, {shape.dk, 1}), tailKeys, {zero, i});
    t.store(t.load(values, {zero, zero}, {1, shape.dv}), tailValues, {i, zero});
    if (shape.perToken)
      t.store(t.load(decays, {zero}, {1}), tailDecays, {i});
    sumDecays(t.toI32(t.add(i, 1)));
    attend(i, zero, t.divFloor(i, shape.block()));
    Value chunk = t.index(shape.chunk);
    t.ifThen(t.equalIndex(t.add(i, 1), chunk),
             [&] { t.store(advanced(chunk), state, {zero, zero}); });
  }

  void prefill() {
    Value zero = t.index(0), chunk = t.index(shape.chunk);
    Value p1 = t.add(p0, n);
    t.forLoop(t.divFloor(p0, shape.chunk), t.divCeil(p1, shape.chunk), 1, {},
              [&](Value c, ValueRange) {
                Value start = t.mul(c, shape.chunk);
                // The row of this step that chunk row 0 is; negative where it
                // was fed before.
                Value step = t.sub(start, p0);
                Value low = t.maxIndex(t.sub(zero, step), zero);
                Value high = t.minIndex(t.sub(p1, start), chunk);
                joinTail(step, low, high);
                sumDecays(t.toI32(high));
                if (shape.blocks() == 1) {
                  attend(zero, step, zero);
                } else {
                  t.forLoop(t.divFloor(low, rows), t.divCeil(high, rows), 1, {},
                            [&](Value rb, ValueRange) {
                              Value first = t.mul(rb, rows);
                              attendClipped(first, step, rb);
                              return SmallVector<Value>{};
                            });
                }
                t.ifThen(t.equalIndex(high, chunk), [&] {
                  t.store(advanced(chunk), state, {zero, zero});
                });
                return SmallVector<Value>{};
              });
  }

  /// A block of rows that may reach past the chunk's end (chunk not a multiple
  /// of the block): those rows belong to the next chunk and are not stored.
  void attendClipped(Value first, Value step, Value rb) {
    if (shape.chunk % rows == 0)
      return attend(first, t.add(step, first), rb);
    SmallVector<Value> whole = outputs;
    // Rows of this step up to the chunk's end.
    Value rowsLeft = t.minIndex(n, t.add(step, shape.chunk));
    for (Value &output : outputs) {
      auto view = output.getDefiningOp<tile::ViewOp>();
      output = t.view(view.getBase(), view.getOffset(), {-1, shape.dv},
                      {shape.outHeads() * shape.dv, 1}, {rowsLeft});
    }
    attend(first, t.add(step, first), rb);
    outputs = whole;
  }

  /// Tokens [low, high) of the chunk join the tail; what follows becomes zero.
  void joinTail(Value step, Value low, Value high) {
    int64_t width = shape.block();
    auto joined = [&](Value old, Value fresh, Value place,
                      ArrayRef<int64_t> dims) {
      Value isOld = t.compareI(arith::CmpIPredicate::slt, place,
                               t.splat(t.toI32(low), dims));
      Value isIn = t.compareI(arith::CmpIPredicate::slt, place,
                              t.splat(t.toI32(high), dims));
      Type element = cast<RankedTensorType>(old.getType()).getElementType();
      return t.select(isIn, t.select(isOld, old, fresh),
                      t.splat(0.0, TileBuilder::tile(dims, element)));
    };
    Value zero = t.index(0);
    for (int64_t kb = 0; kb < shape.blocks(); ++kb) {
      Value first = t.index(kb * width);
      Value firstI = t.toI32(first);
      SmallVector<int64_t> kDims{shape.dk, width}, vDims{width, shape.dv};
      Value k = joined(t.load(tailKeys, {zero, first}, kDims),
                       t.load(keysT, {zero, t.add(step, first)}, kDims),
                       t.addI(t.iota(kDims, 1), t.splat(firstI, kDims)), kDims);
      t.store(k, tailKeys, {zero, first});
      Value v = joined(t.load(tailValues, {first, zero}, vDims),
                       t.load(values, {t.add(step, first), zero}, vDims),
                       t.addI(t.iota(vDims, 0), t.splat(firstI, vDims)), vDims);
      t.store(v, tailValues, {first, zero});
    }
    if (shape.perToken) {
      SmallVector<int64_t> dims{shape.chunk};
      Value g = joined(t.load(tailDecays, {zero}, dims),
                       t.load(decays, {step}, dims), t.iota(dims, 0), dims);
      t.store(g, tailDecays, {zero});
    }
  }

  void writeFinalState() {
    Value zero = t.index(0);
    Value base = t.arg(shape.perToken ? 13 : 12);
    Value place = t.add(t.mul(sequence, shape.stateHeads()), stateHead);
    Value out = t.view(base, t.mul(place, shape.dk * shape.dv),
                       {shape.dk, shape.dv}, {shape.dv, 1});
    Value count = t.remainder(t.add(p0, n), shape.chunk);
    t.ifThen(t.equalIndex(count, zero), [&] {
      t.store(t.load(state, {zero, zero}, {shape.dk, shape.dv}), out,
              {zero, zero});
    });
    t.ifThen(t.lessIndex(zero, count), [&] {
      sumDecays(t.toI32(count));
      t.store(advanced(count), out, {zero, zero});
    });
  }

  const LightningShape &shape;
  bool single;
  int64_t rows;
  TileBuilder t;
  Value sequence, stateHead, p0, n;
  SmallVector<Value> queries, outputs;
  Value keysT, values, decays, logDecay;
  Value state, tailKeys, tailValues, tailDecays;
  Value sums, errors;
};

} // namespace

func::FuncOp hamlet::codegen::lightningKernel(ModuleOp module, StringRef name,
                                              const LightningShape &shape,
                                              bool single) {
  return LightningBuilder(module, name, shape, single).build();
}
