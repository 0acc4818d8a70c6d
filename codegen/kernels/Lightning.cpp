//===- Lightning.cpp - chunk-anchored lightning attention -----------------===//
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
// ascending, products of keys masked out are exact zeros. What a tail holds
// past the sequence's end is zero.

#include "codegen/kernels/Kernels.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class LightningBuilder {
public:
  LightningBuilder(const KernelSite &site, const LightningShape &shape,
                   bool single)
      : shape(shape), sizes(site.sizes), single(single),
        block(shape.block(sizes)), blocks((shape.chunk + block - 1) / block),
        rows(single ? 1 : block),
        t(site, argumentsOf(site.location.getContext(), shape)) {}

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
  static SmallVector<KernelArgument> argumentsOf(MLIRContext *context,
                                                 const LightningShape &s) {
    Builder b(context);
    Type element = TileBuilder::ptr(s.element),
         f32 = TileBuilder::ptr(b.getF32Type()),
         i32 = TileBuilder::ptr(b.getI32Type());
    SmallVector<KernelArgument> arguments{{"q", element},
                                          {"k", element},
                                          {"v", element},
                                          {"decay", f32},
                                          {"out", TileBuilder::ptr(s.result)},
                                          {"state", f32},
                                          {"tail_keys", element},
                                          {"tail_values", element}};
    if (s.perToken)
      arguments.push_back({"tail_decays", f32});
    for (const char *list : {"list", "starts", "first", "slots"})
      arguments.push_back({list, i32});
    if (s.finalState)
      arguments.push_back({"final_state", f32});
    return arguments;
  }

  /// Which sequence, head and slot; views of them.
  void readPlace() {
    Value head = t.programId(0), item = t.programId(1);
    sequence = t.loadIndex(t.arg("list"), item);
    Value begin = t.loadIndex(t.arg("starts"), sequence);
    Value end = t.loadIndex(t.arg("starts"), t.add(sequence, 1));
    p0 = t.loadIndex(t.arg("first"), sequence);
    Value slot = t.loadIndex(t.arg("slots"), sequence);
    n = t.sub(end, begin);
    stateHead = head;

    int64_t hs = shape.stateHeads();
    int64_t groups = shape.outHeads() / hs;
    for (int64_t g = 0; g < groups; ++g) {
      Value queryHead = groups > 1 ? t.add(t.mul(head, groups), g)
                                   : t.divFloor(head, hs / shape.queryHeads);
      Value outHead = groups > 1 ? queryHead : head;
      queries.push_back(
          rowsOf(t.arg("q"), shape.q, begin, queryHead, shape.dk));
      Value offset = t.add(t.mul(begin, shape.outHeads() * shape.dv),
                           t.mul(outHead, shape.dv));
      outputs.push_back(outputFrom(offset, n));
    }
    Value keyHead = t.divFloor(head, hs / shape.keyHeads);
    Value keyOffset = t.add(t.mul(begin, shape.k.rowStride),
                            t.add(t.mul(keyHead, shape.dk), shape.k.column));
    keysT = t.view(t.arg("k"), keyOffset, {shape.dk, -1},
                   {1, shape.k.rowStride}, {n});
    keys = rowsOf(t.arg("k"), shape.k, begin,
                  t.divFloor(head, hs / shape.keyHeads), shape.dk);
    values = rowsOf(t.arg("v"), shape.v, begin,
                    t.divFloor(head, hs / shape.valueHeads), shape.dv);

    state = t.matrix(t.arg("state"), {slot, head}, {hs}, shape.dk, shape.dv,
                     tile::Layout::packed);
    tailKeys = t.matrix(t.arg("tail_keys"), {slot, head}, {hs}, shape.dk,
                        shape.chunk, tile::packedFor(shape.element));
    tailValues = t.matrix(t.arg("tail_values"), {slot, head}, {hs}, shape.chunk,
                          shape.dv, tile::packedFor(shape.element));
    if (shape.perToken) {
      // Decays, their running sums and the sums' errors.
      Value place = t.add(t.mul(slot, hs), head);
      Value offset = t.mul(place, shape.tailDecayElements());
      auto row = [&](int64_t i) {
        return t.view(t.arg("tail_decays"), t.add(offset, i * shape.chunk),
                      {shape.chunk}, {1});
      };
      tailDecays = row(0);
      sums = row(1);
      errors = row(2);
      decays = t.view(t.arg("decay"), t.add(t.mul(begin, hs), head), {-1}, {hs},
                      {n});
    } else {
      logDecay = t.loadScalar(t.arg("decay"), head);
    }
  }

  Value rowsOf(Value base, const HeadsIn &in, Value begin, Value head,
               int64_t dim) {
    Value offset =
        t.add(t.mul(begin, in.rowStride), t.add(t.mul(head, dim), in.column));
    return t.view(base, offset, {-1, dim}, {in.rowStride, 1}, {n});
  }

  /// Rows of the output from `offset` on.
  Value outputFrom(Value offset, Value count) {
    return t.view(t.arg("out"), offset, {-1, shape.dv},
                  {shape.outHeads() * shape.dv, 1}, {count});
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

  /// e^(G_i) for `size` rows from chunk row `first` on: [size].
  Value rowDecay(Value first, int64_t size) {
    if (shape.perToken)
      return t.exp(t.addF(t.load(sums, {first}, {size}),
                          t.load(errors, {first}, {size})));
    Value i =
        t.addI(t.iota({size}, 0), t.splat(t.toI32(t.add(first, 1)), {size}));
    return t.exp(t.mulF(t.widen(i), logDecay));
  }

  /// e^(G_i - G_j) where j <= i, else 0, for `size` rows and `keys` keys.
  struct PairDecay {
    Value causal, factor; ///< [size, keys]
  };
  PairDecay pairDecay(Value firstRow, Value firstKey, int64_t size,
                      int64_t keys) {
    SmallVector<int64_t> dims{size, keys};
    Value offset = t.splat(t.toI32(t.sub(firstRow, firstKey)), dims);
    Value distance = t.subI(t.addI(t.iota(dims, 0), offset), t.iota(dims, 1));
    Value causal = t.compareI(arith::CmpIPredicate::sge, distance,
                              t.splat(0.0, TileBuilder::tile(dims, t.i32())));
    Value exponent;
    if (shape.perToken) {
      auto difference = [&](Value view) {
        return t.subF(t.alongColumns(t.load(view, {firstRow}, {size}), keys),
                      t.alongRows(t.load(view, {firstKey}, {keys}), size));
      };
      exponent = t.addF(difference(sums), difference(errors));
    } else {
      exponent = t.mulF(t.widen(distance), logDecay);
    }
    return {causal, t.exp(t.select(causal, exponent, hidden(dims)))};
  }

  /// e^(G_(count-1) - G_j) for j < count, else 0, for a block of keys: [block].
  Value ageDecay(Value count, Value firstKey) {
    int64_t keys = block;
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

  /// Adds the keys of one block, from chunk row `firstKey` on, to rows of
  /// queries `q`: [rows of q, dv]. Keys and values from row `next` of this step
  /// on are prefetched, if it is given.
  Value addKeys(Value q, Value firstKey, const PairDecay &decay, Value sum,
                Value next = {}) {
    auto dims = cast<RankedTensorType>(decay.factor.getType()).getShape();
    Value zero = t.index(0), none = t.splat(0.0, f32Tile(dims));
    Value k = t.load(tailKeys, {zero, firstKey}, {shape.dk, dims[1]});
    Value scores =
        t.dot(q, k, none, shape.pairs(), next ? keys : Value(), next);
    Value p = t.select(decay.causal, t.mulF(scores, decay.factor), none);
    Value v = t.load(tailValues, {firstKey, zero}, {dims[1], shape.dv});
    return t.dot(t.round(p, shape.element), v, sum, shape.pairs(),
                 next ? values : Value(), next);
  }

  /// Output of `size` rows from chunk row `firstRow` on; `step` is the row of
  /// this step that is. They see `before` blocks of keys (null: none), and
  /// those of their own block that `last` covers. Rows that see fewer keys than
  /// a decode row passes over have the same bits: sums that end as zero end as
  /// +0. A prefill block brings the same rows of the next chunk near meanwhile:
  /// rows of one head lie far apart, and no processor foresees them.
  void attend(Value firstRow, int64_t size, Value step, Value before,
              const PairDecay *last) {
    for (auto [query, output] : llvm::zip_equal(queries, outputs)) {
      Value zero = t.index(0);
      Value q = t.load(query, {step, zero}, {size, shape.dk});
      Value s = t.load(state, {zero, zero}, {shape.dk, shape.dv});
      Value next = single ? Value() : t.add(step, shape.chunk);
      Value qs = t.dot(q, s, t.splat(0.0, f32Tile({size, shape.dv})), false,
                       next ? query : Value(), next);
      Value o = t.mulF(qs, t.alongColumns(rowDecay(firstRow, size), shape.dv));
      if (before)
        o = t.forLoop(zero, before, 1, {o}, [&](Value kb, ValueRange carried) {
          Value first = t.mul(kb, block);
          return SmallVector<Value>{addKeys(
              q, first, pairDecay(firstRow, first, size, block), carried[0])};
        })[0];
      if (last)
        o = addKeys(q, t.mul(t.divFloor(firstRow, block), block), *last, o,
                    next);
      o = t.addF(o, t.splat(0.0, f32Tile({size, shape.dv})));
      t.store(t.round(t.scale(o, shape.scale), shape.result), output,
              {origin ? t.sub(firstRow, origin) : step, zero});
    }
  }

  /// Output of the block of rows from chunk row `first` on, of which chunk rows
  /// [low, high) are in this step. Half a block sees half of its keys.
  void attendBlock(Value first, Value step, Value low, Value high) {
    int64_t size = part(), before = blocks == 1 ? 0 : 1;
    for (int64_t from = 0; from < rows; from += size) {
      Value row = t.add(first, from);
      int64_t keys = from + size;
      auto rowsOfPart = [&] {
        PairDecay decay = shape.perToken
                              ? pairDecay(row, first, size, keys)
                              : diagonal[static_cast<size_t>(from / size)];
        attend(row, size, t.add(step, row),
               before ? t.divFloor(first, rows) : Value(), &decay);
      };
      if (size == rows)
        rowsOfPart();
      else
        t.ifThen(t.lessIndex(row, high), [&] {
          t.ifThen(t.lessIndex(low, t.add(row, size)), rowsOfPart);
        });
    }
  }

  /// Rows that a prefill block takes at a time.
  int64_t part() const {
    return rows % sizes.lightningPart == 0 ? sizes.lightningPart : rows;
  }

  /// The state after `count` tokens of the chunk whose keys are in the tail.
  /// The output's rows from `next` on are prefetched, if it is given.
  Value advanced(Value count, Value next = {}) {
    Value delta = t.splat(0.0, f32Tile({shape.dk, shape.dv}));
    for (int64_t kb = 0; kb < blocks; ++kb) {
      Value firstKey = t.index(kb * block);
      Value k =
          t.widen(t.load(tailKeys, {t.index(0), firstKey}, {shape.dk, block}));
      Value kw = t.mulF(k, t.alongRows(ageDecay(count, firstKey), shape.dk));
      Value v = t.load(tailValues, {firstKey, t.index(0)}, {block, shape.dv});
      delta =
          t.dot(kw, v, delta, false, next ? outputs.front() : Value(), next);
    }
    Value s = t.load(state, {t.index(0), t.index(0)}, {shape.dk, shape.dv});
    return t.fma(t.splat(wholeDecay(count), {shape.dk, shape.dv}), s, delta);
  }

  void decode() {
    Value i = t.remainder(p0, shape.chunk);
    Value zero = t.index(0);
    // A value of another chunk or sequence that is not finite would be NaN
    // times zero.
    t.ifThen(t.equalIndex(i, zero), [&] {
      SmallVector<int64_t> box{block, shape.dv};
      for (int64_t kb = 0; kb < blocks; ++kb)
        t.store(t.splat(0.0, TileBuilder::tile(box, shape.element)), tailValues,
                {t.index(kb * block), zero});
    });
    t.store(t.load(keysT, {zero, zero}, {shape.dk, 1}), tailKeys, {zero, i});
    t.store(t.load(values, {zero, zero}, {1, shape.dv}), tailValues, {i, zero});
    if (shape.perToken)
      t.store(t.load(decays, {zero}, {1}), tailDecays, {i});
    sumDecays(t.toI32(t.add(i, 1)));
    if (blocks == 1) {
      PairDecay decay = pairDecay(i, zero, 1, block);
      attend(i, 1, zero, Value(), &decay);
    } else {
      attend(i, 1, zero, t.add(t.divFloor(i, block), 1), nullptr);
    }
    Value chunk = t.index(shape.chunk);
    t.ifThen(t.equalIndex(t.add(i, 1), chunk),
             [&] { t.store(advanced(chunk), state, {zero, zero}); });
  }

  void prefill() {
    Value zero = t.index(0), chunk = t.index(shape.chunk);
    Value p1 = t.add(p0, n);
    // Decays of a block's own keys do not depend on where the block is.
    if (!shape.perToken)
      for (int64_t from = 0; from < rows; from += part())
        diagonal.push_back(
            pairDecay(t.index(from), zero, part(), from + part()));
    t.forLoop(t.divFloor(p0, shape.chunk), t.divCeil(p1, shape.chunk), 1, {},
              [&](Value c, ValueRange) {
                Value start = t.mul(c, shape.chunk);
                // The row of this step that chunk row 0 is; negative where it
                // was fed before.
                Value step = t.sub(start, p0);
                Value low = t.maxIndex(t.sub(zero, step), zero);
                Value high = t.minIndex(t.sub(p1, start), chunk);
                feed(step, low, high);
                t.ifThen(t.equalIndex(high, chunk), [&] {
                  t.store(advanced(chunk, t.add(step, chunk)), state,
                          {zero, zero});
                });
                return SmallVector<Value>{};
              });
  }

  /// Chunk rows [low, high) join the tail, and their outputs are worked out. A
  /// value that is not finite makes NaN of the rows before its own, too, which
  /// have it times zero. So where a row is not finite the rows are fed again,
  /// in pieces that begin at such values: none has one that a row does not see.
  void feed(Value step, Value low, Value high) {
    Value zero = t.index(0), one = t.index(1);
    Value none = t.splat(0.0, f32Tile({shape.dv}));
    t.forLoop(
        zero, t.index(2), 1, {t.sub(high, one)}, [&](Value, ValueRange last) {
          Value next = t.forLoop(
              last[0], high, 1, {low, high, none},
              [&](Value row, ValueRange carried) {
                Value begin = carried[0], isNan = carried[2];
                Value end = t.add(row, 1);
                Value v = rowOf(values, t.add(step, end));
                // In columns that are NaN anyway, one more changes nothing.
                Value known = t.equalF(isNan, none);
                Value cut = t.either(t.hasNonFinite(t.select(known, v, none)),
                                     t.equalIndex(end, high));
                Value again = t.ifElse(
                    cut,
                    [&] {
                      return t.select(feedPiece(step, begin, end),
                                      t.sub(low, one), high);
                    },
                    high);
                return SmallVector<Value>{
                    t.select(cut, end, begin), again,
                    t.select(t.equalF(v, v), isNan, t.addF(isNan, v))};
              })[1];
          return SmallVector<Value>{next};
        });
  }

  /// Row `row` of a view of the step: f32 [dv].
  Value rowOf(Value view, Value row) {
    return t.reduce(tile::Reduction::sum,
                    t.widen(t.load(view, {row, t.index(0)}, {1, shape.dv})), 0);
  }

  /// Feeds chunk rows [low, high) as if the step ended there. Whether the last
  /// row, which has met all values that any of them has, is not finite.
  Value feedPiece(Value step, Value low, Value high) {
    joinTail(step, low, high);
    sumDecays(t.toI32(high));
    SmallVector<Value> whole = outputs;
    origin = low;
    for (Value &output : outputs)
      output = outputFrom(
          t.add(output.getDefiningOp<tile::ViewOp>().getOffset(),
                t.mul(t.add(step, low), shape.outHeads() * shape.dv)),
          t.sub(high, low));
    if (blocks == 1) {
      attendBlock(t.index(0), step, low, high);
    } else {
      t.forLoop(t.divFloor(low, rows), t.divCeil(high, rows), 1, {},
                [&](Value rb, ValueRange) {
                  attendBlock(t.mul(rb, rows), step, low, high);
                  return SmallVector<Value>{};
                });
    }
    Value bad = t.hasNonFinite(
        rowOf(outputs.front(), t.sub(t.sub(high, low), t.index(1))));
    outputs = whole;
    origin = Value();
    return bad;
  }

  /// Tokens of chunk rows [low, high) join the tail; what follows becomes zero,
  /// as it is read.
  void joinTail(Value step, Value low, Value high) {
    Value zero = t.index(0), end = t.add(step, high);
    Value keysT = upTo(this->keysT, end), values = upTo(this->values, end);
    int64_t width = block;
    auto all = [&](bool whole) {
      for (int64_t at = 0; at < blocks * width; at += width) {
        Value first = t.index(at), row = t.add(step, first);
        Value left = t.toI32(t.sub(low, first));
        join(t.load(keysT, {zero, row}, {shape.dk, width}), tailKeys,
             {zero, first}, 1, left, whole);
        join(t.load(values, {row, zero}, {width, shape.dv}), tailValues,
             {first, zero}, 0, left, whole);
      }
    };
    if (shape.perToken ? sizes.wholeTailsPerToken : sizes.wholeTails) {
      t.ifThen(t.equalIndex(low, zero), [&] { all(true); });
      t.ifThen(t.lessIndex(zero, low), [&] { all(false); });
    } else {
      all(false);
    }
    if (shape.perToken)
      join(t.load(upTo(decays, end), {step}, {shape.chunk}), tailDecays, {zero},
           0, t.toI32(low), false);
  }

  /// A view of the step's tokens with those before `end` alone.
  Value upTo(Value view, Value end) {
    auto op = view.getDefiningOp<tile::ViewOp>();
    return tile::ViewOp::create(t.builder(), t.loc(), op.getResult().getType(),
                                op.getBase(), op.getOffset(), ValueRange{end},
                                op.getStrides(), op.getStaticSizes(),
                                op.getStaticStrides());
  }

  /// Stores tokens to the tail, but not the first `low` of them along `axis`,
  /// which it has; `whole`: it has none.
  void join(Value fresh, Value tail, ArrayRef<Value> coords, int64_t axis,
            Value low, bool whole) {
    if (!whole) {
      ArrayRef<int64_t> dims =
          cast<RankedTensorType>(fresh.getType()).getShape();
      Value isOld = t.compareI(arith::CmpIPredicate::slt, t.iota(dims, axis),
                               t.splat(low, dims));
      fresh = t.select(isOld, t.load(tail, coords, dims), fresh);
    }
    t.store(fresh, tail, coords);
  }

  void writeFinalState() {
    Value zero = t.index(0);
    Value base = t.arg("final_state");
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
  KernelSizes sizes;
  bool single;
  int64_t block, blocks; ///< rows of a block, and how many a chunk has
  int64_t rows;
  TileBuilder t;
  Value sequence, stateHead, p0, n;
  SmallVector<Value> queries, outputs;
  Value origin; ///< chunk row of row 0 of `outputs`; null: the step's row 0
  Value keys, keysT, values, decays, logDecay;
  Value state, tailKeys, tailValues, tailDecays;
  Value sums, errors;
  SmallVector<PairDecay> diagonal; ///< of each part of a block
};

} // namespace

func::FuncOp hamlet::codegen::lightningKernel(const KernelSite &site,
                                              const LightningShape &shape,
                                              bool single) {
  return LightningBuilder(site, shape, single).build();
}
