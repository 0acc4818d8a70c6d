//===- LightningGrad.cpp - gradients of linear attention ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two walks over the chunks of a sequence keep the state before each chunk and
// the gradient by the state after it; then every chunk is worked on alone, once
// for each head of q, of k and of v, so that heads that share one are added by
// the instance that has it. Decays enter as e^x with x <= 0 only. Rows past a
// chunk's end are zeros, and their sums of decays the last row's.

#include "codegen/kernels/AttentionGrads.h"

#include <limits>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

class LightningGradBuilder {
public:
  LightningGradBuilder(const KernelSite &site, const LightningGradShape &shape,
                       ArrayRef<StringRef> names)
      : s(shape), block(std::min(s.chunk, site.sizes.lightningRows)),
        blocks((s.chunk + block - 1) / block), hs(s.stateHeads()),
        t(site, argumentsOf(site.location.getContext(), shape, names)) {}

  func::FuncOp sumDecays();
  /// A sequence's chunks.
  struct Walk {
    Value firstItem, chunks;
  };
  /// Sets `carry` to the matrix of the sequence that `from` names, or to zeros.
  Walk beginWalk(Value head, StringRef from);
  func::FuncOp statesForward();
  func::FuncOp statesBack();
  func::FuncOp queries();
  func::FuncOp keys(bool values);
  func::FuncOp decays();

private:
  static SmallVector<KernelArgument> argumentsOf(MLIRContext *context,
                                                 const LightningGradShape &s,
                                                 ArrayRef<StringRef> names) {
    Builder b(context);
    SmallVector<KernelArgument> arguments;
    for (StringRef name : names) {
      Type type =
          llvm::StringSwitch<Type>(name)
              .Cases({"q", "k", "v"}, s.element)
              .Case("dresult", s.dresult)
              .Case("dq", s.dq)
              .Case("dk", s.dkeys)
              .Case("dv", s.dvalues)
              .Cases({"starts", "blocks", "first_block"}, b.getI32Type())
              .Default(b.getF32Type());
      arguments.push_back({name.str(), TileBuilder::ptr(type)});
    }
    return arguments;
  }

  //===--------------------------------------------------------------------===//
  // Places
  //===--------------------------------------------------------------------===//

  /// `body` for the chunk of this instance, if there is one.
  func::FuncOp forChunk(function_ref<void()> body) {
    item = t.programId(1);
    Value at = t.mul(item, 2);
    sequence = t.loadIndex(t.arg("blocks"), at);
    t.ifThen(t.lessIndex(t.index(-1), sequence), [&] {
      first = t.loadIndex(t.arg("blocks"), t.add(at, 1));
      readSequence();
      enterChunk(first);
      body();
    });
    return t.finish();
  }

  void readSequence() {
    begin = t.loadIndex(t.arg("starts"), sequence);
    n = t.sub(t.loadIndex(t.arg("starts"), t.add(sequence, 1)), begin);
  }

  /// The chunk that begins with row `from` of the sequence.
  void enterChunk(Value from) {
    base = t.add(begin, from);
    count = t.minIndex(t.sub(n, from), t.index(s.chunk));
  }

  /// A head's rows of the chunk in [T, heads, dim]: [count, dim].
  Value rowsOf(StringRef name, const HeadsIn &in, Value head, int64_t dim) {
    return t.view(t.arg(name), offsetOf(in, head, dim), {-1, dim},
                  {in.rowStride, 1}, {count});
  }
  /// The same transposed: [dim, count].
  Value columnsOf(StringRef name, const HeadsIn &in, Value head, int64_t dim) {
    return t.view(t.arg(name), offsetOf(in, head, dim), {dim, -1},
                  {1, in.rowStride}, {count});
  }
  Value offsetOf(const HeadsIn &in, Value head, int64_t dim) {
    return t.add(t.mul(base, in.rowStride), t.add(t.mul(head, dim), in.column));
  }
  /// A head's numbers in [T, heads]: [count].
  Value numbersOf(StringRef name, int64_t heads, Value head) {
    return t.view(t.arg(name), t.add(t.mul(base, heads), head), {-1}, {heads},
                  {count});
  }
  /// Matrix `place` [dk, dv] of head `head`.
  Value stateAt(StringRef name, Value place, Value head) {
    return t.view(t.arg(name), stateOffset(place, head), {s.dk, s.dv},
                  {s.dv, 1});
  }
  Value transposedStateAt(StringRef name, Value place, Value head) {
    return t.view(t.arg(name), stateOffset(place, head), {s.dv, s.dk},
                  {1, s.dv});
  }
  Value stateOffset(Value place, Value head) {
    return t.mul(t.add(t.mul(place, hs), head), s.dk * s.dv);
  }

  Value loadRows(Value view, Value row, int64_t dim) {
    return t.load(view, {row, t.index(0)}, {block, dim});
  }
  Value loadColumns(Value view, Value row, int64_t dim) {
    return t.load(view, {t.index(0), row}, {dim, block});
  }
  Value loadAll(Value view) {
    ArrayRef<int64_t> shape = cast<tile::DescType>(view.getType()).getShape();
    return t.load(view, {t.index(0), t.index(0)}, shape);
  }
  void storeAll(Value tile, Value view) {
    t.store(tile, view, {t.index(0), t.index(0)});
  }

  Value queryHead(Value stateHead, Value reader) {
    return s.readers() > 1 ? t.add(t.mul(stateHead, s.readers()), reader)
                           : t.divFloor(stateHead, hs / s.queryHeads);
  }
  Value outHead(Value stateHead, Value reader) {
    return s.readers() > 1 ? queryHead(stateHead, reader) : stateHead;
  }
  Value keyHead(Value stateHead) {
    return t.divFloor(stateHead, hs / s.keyHeads);
  }
  Value valueHead(Value stateHead) {
    return t.divFloor(stateHead, hs / s.valueHeads);
  }

  //===--------------------------------------------------------------------===//
  // Tiles
  //===--------------------------------------------------------------------===//

  RankedTensorType f32Tile(ArrayRef<int64_t> dims) {
    return TileBuilder::tile(dims, t.f32());
  }
  Value zeros(ArrayRef<int64_t> dims) { return t.splat(0.0, f32Tile(dims)); }
  Value hidden(ArrayRef<int64_t> dims) {
    return t.splat(-std::numeric_limits<double>::infinity(), f32Tile(dims));
  }
  /// As products take it.
  Value operand(Value x) { return t.round(t.widen(x), s.element); }
  Value product(Value a, Value b, bool pairs) {
    SmallVector<int64_t> dims{
        cast<RankedTensorType>(a.getType()).getDimSize(0),
        cast<RankedTensorType>(b.getType()).getDimSize(1)};
    return t.dot(a, b, zeros(dims), pairs);
  }
  /// The sum of each row of x * y: [block].
  Value rowDots(Value x, Value y) {
    return t.reduce(tile::Reduction::sum, t.mulF(x, t.widen(y)), 1);
  }
  /// `body` of 0 to `times`, adding up.
  Value sumOver(int64_t times, ArrayRef<int64_t> dims,
                function_ref<Value(Value)> body) {
    if (times == 1)
      return body(t.index(0));
    return t.forLoop(t.index(0), t.index(times), 1, {zeros(dims)},
                     [&](Value i, ValueRange carried) {
                       return SmallVector<Value>{t.addF(carried[0], body(i))};
                     })[0];
  }
  /// `body` of the first row of each block of the chunk.
  void forBlocks(function_ref<void(Value)> body) {
    if (blocks == 1)
      return body(t.index(0));
    t.forLoop(t.index(0), t.divCeil(count, block), 1, {},
              [&](Value i, ValueRange) {
                body(t.mul(i, block));
                return SmallVector<Value>{};
              });
  }

  //===--------------------------------------------------------------------===//
  // Decays
  //===--------------------------------------------------------------------===//

  int64_t padded() const { return block * blocks; }

  /// Where the decays of a state head in chunk `place` are.
  void enterDecays(Value place, Value head) {
    if (!s.perToken) {
      logDecay = t.loadScalar(t.arg("decay"), head);
      return;
    }
    Value offset = t.mul(t.add(t.mul(place, hs), head), 2 * s.sumRow());
    for (int64_t i = 0; i < 2; ++i)
      sums[i] =
          t.view(t.arg("sums"), t.add(offset, i * s.sumRow()), {padded()}, {1});
  }
  /// The last of the running sums, or of their errors.
  Value lastSum(Value view) {
    auto op = view.getDefiningOp<tile::ViewOp>();
    return t.loadScalar(op.getBase(), t.add(op.getOffset(), padded() - 1));
  }

  /// scale e^(G_i) for the rows of a block: [block].
  Value rowFactor(Value row) {
    Value exponent;
    if (s.perToken)
      exponent = t.addF(t.load(sums[0], {row}, {block}),
                        t.load(sums[1], {row}, {block}));
    else
      exponent =
          t.mulF(t.widen(t.addI(t.iota({block}, 0),
                                t.splat(t.toI32(t.add(row, 1)), {block}))),
                 logDecay);
    return t.scale(t.exp(exponent), s.scale);
  }

  /// i - j; `axis` is that of the rows i.
  Value distances(Value row, Value key, int64_t axis) {
    SmallVector<int64_t> dims{block, block};
    Value offset = t.splat(t.toI32(t.sub(row, key)), dims);
    return t.subI(t.addI(t.iota(dims, axis), offset), t.iota(dims, 1 - axis));
  }

  /// scale e^(G_i - G_j) where j <= i, else 0.
  Value pairFactor(Value row, Value key, int64_t axis) {
    SmallVector<int64_t> dims{block, block};
    Value distance = distances(row, key, axis);
    Value causal = t.compareI(arith::CmpIPredicate::sge, distance,
                              t.splat(0.0, TileBuilder::tile(dims, t.i32())));
    auto spread = [&](Value x, int64_t along) {
      return along == 0 ? t.alongColumns(x, block) : t.alongRows(x, block);
    };
    auto difference = [&](Value view) {
      return t.subF(spread(t.load(view, {row}, {block}), axis),
                    spread(t.load(view, {key}, {block}), 1 - axis));
    };
    Value exponent = s.perToken
                         ? t.addF(difference(sums[0]), difference(sums[1]))
                         : t.mulF(t.widen(distance), logDecay);
    return t.scale(t.exp(t.select(causal, exponent, hidden(dims))), s.scale);
  }

  /// `dots` and what its rows, or keys, have of pairs with j < i: sums of
  /// weights [block, block] times products q . k. A token with itself has no
  /// decay between; the largest term of all would cancel out, but for its
  /// error.
  Value addPairDots(Value dots, Value weights, Value products, Value row,
                    Value key, int64_t axis) {
    SmallVector<int64_t> dims{block, block};
    Value apart =
        t.compareI(arith::CmpIPredicate::sgt, distances(row, key, axis),
                   t.splat(0.0, TileBuilder::tile(dims, t.i32())));
    Value terms = t.select(apart, t.mulF(weights, products), zeros(dims));
    return t.addF(dots, t.reduce(tile::Reduction::sum, terms, 1));
  }

  /// e^(G_last - G_j) for the keys of a block: [block].
  Value ageFactor(Value key) {
    if (s.perToken) {
      auto difference = [&](Value view) {
        return t.subF(t.splat(lastSum(view), {block}),
                      t.load(view, {key}, {block}));
      };
      return t.exp(t.addF(difference(sums[0]), difference(sums[1])));
    }
    Value last =
        t.splat(t.toI32(t.sub(t.sub(count, t.index(1)), key)), {block});
    Value age = t.subI(last, t.iota({block}, 0));
    Value in = t.compareI(arith::CmpIPredicate::sge, age,
                          t.splat(0.0, TileBuilder::tile({block}, t.i32())));
    return t.exp(t.select(in, t.mulF(t.widen(age), logDecay), hidden({block})));
  }

  /// e^(G_last): a scalar.
  Value wholeFactor() {
    if (s.perToken)
      return t.exp(t.addF(lastSum(sums[0]), lastSum(sums[1])));
    Value rows =
        arith::SIToFPOp::create(t.builder(), t.loc(), t.f32(), t.toI32(count));
    return t.exp(t.mulF(rows, logDecay));
  }

  /// The walk's state, decayed over the chunk, and `delta`.
  void advance(Value delta) {
    storeAll(t.fma(t.splat(wholeFactor(), {s.dk, s.dv}), loadAll(carry), delta),
             carry);
  }

  /// The sum of x * y over two matrices: a scalar.
  Value innerProduct(Value x, Value y) {
    Value sum =
        t.reduce(tile::Reduction::sum, t.mulF(loadAll(x), loadAll(y)), 1);
    sum = t.reduce(tile::Reduction::sum, sum, 0);
    return tile::ExtractOp::create(t.builder(), t.loc(), t.f32(), sum,
                                   ValueRange{});
  }

  LightningGradShape s;
  int64_t block, blocks; ///< rows of a block, and how many a chunk has
  int64_t hs;
  TileBuilder t;
  Value item, sequence, first, begin, n, base, count;
  Value sums[2], logDecay;
  Value carry; ///< of a walk: the state it has
};

/// Of each chunk and state head: running sums of its log decays, then the sums'
/// errors.
func::FuncOp LightningGradBuilder::sumDecays() {
  return forChunk([&] {
    Value head = t.programId(0), zero = t.index(0);
    enterDecays(item, head);
    // Zero past the end: there the sum stays.
    Value g = t.load(numbersOf("decay", hs, head), {zero}, {padded()});
    auto scan = tile::ScanOp::create(t.builder(), t.loc(),
                                     TypeRange{g.getType(), g.getType()}, g, 0);
    t.store(scan.getSums(), sums[0], {zero});
    t.store(scan.getErrors(), sums[1], {zero});
  });
}

LightningGradBuilder::Walk LightningGradBuilder::beginWalk(Value head,
                                                           StringRef from) {
  sequence = t.programId(1);
  readSequence();
  carry = stateAt("carry", sequence, head);
  storeAll(from.empty() ? zeros({s.dk, s.dv})
                        : loadAll(stateAt(from, sequence, head)),
           carry);
  return {t.loadIndex(t.arg("first_block"), sequence), t.divCeil(n, s.chunk)};
}

func::FuncOp LightningGradBuilder::statesForward() {
  Value head = t.programId(0), zero = t.index(0);
  Walk walk = beginWalk(head, s.initial ? "initial" : "");
  Value firstItem = walk.firstItem, chunks = walk.chunks;
  auto keep = [&](Value c) {
    storeAll(loadAll(carry), stateAt("states", t.add(firstItem, c), head));
  };
  Value last = t.maxIndex(t.sub(chunks, t.index(1)), zero);
  t.forLoop(zero, last, 1, {}, [&](Value c, ValueRange) {
    keep(c);
    enterChunk(t.mul(c, s.chunk));
    enterDecays(t.add(firstItem, c), head);
    Value keys = columnsOf("k", s.inK, keyHead(head), s.dk),
          values = rowsOf("v", s.inV, valueHead(head), s.dv);
    Value delta = zeros({s.dk, s.dv});
    for (int64_t kb = 0; kb < blocks; ++kb) {
      Value key = t.index(kb * block);
      Value aged = t.mulF(t.widen(loadColumns(keys, key, s.dk)),
                          t.alongRows(ageFactor(key), s.dk));
      delta = t.dot(aged, loadRows(values, key, s.dv), delta, false);
    }
    advance(delta);
    return SmallVector<Value>{};
  });
  t.ifThen(t.lessIndex(zero, chunks), [&] { keep(last); });
  return t.finish();
}

func::FuncOp LightningGradBuilder::statesBack() {
  Value head = t.programId(0), zero = t.index(0);
  Walk walk = beginWalk(head, s.dfinal ? "dfinal" : "");
  Value firstItem = walk.firstItem, chunks = walk.chunks;
  auto keep = [&](Value c) {
    storeAll(loadAll(carry), stateAt("dstates", t.add(firstItem, c), head));
  };
  // Before the first chunk it is asked for, or not.
  Value steps =
      s.toFirst ? chunks : t.maxIndex(t.sub(chunks, t.index(1)), zero);
  t.forLoop(zero, steps, 1, {}, [&](Value i, ValueRange) {
    Value c = t.sub(t.sub(chunks, t.index(1)), i);
    keep(c);
    enterChunk(t.mul(c, s.chunk));
    enterDecays(t.add(firstItem, c), head);
    Value delta = zeros({s.dk, s.dv});
    for (int64_t rb = 0; rb < blocks; ++rb)
      delta = t.forLoop(
          zero, t.index(s.readers()), 1, {delta},
          [&](Value reader, ValueRange carried) {
            Value row = t.index(rb * block);
            Value queries =
                      columnsOf("q", s.inQ, queryHead(head, reader), s.dk),
                  given = rowsOf("dresult", s.inDresult, outHead(head, reader),
                                 s.dv);
            Value decayed = t.mulF(t.widen(loadColumns(queries, row, s.dk)),
                                   t.alongRows(rowFactor(row), s.dk));
            return SmallVector<Value>{t.dot(decayed,
                                            operand(loadRows(given, row, s.dv)),
                                            carried[0], false)};
          })[0];
    advance(delta);
    return SmallVector<Value>{};
  });
  if (!s.toFirst)
    t.ifThen(t.lessIndex(zero, chunks), [&] { keep(zero); });
  return t.finish();
}

func::FuncOp LightningGradBuilder::queries() {
  return forChunk([&] {
    Value head = t.programId(0), zero = t.index(0);
    int64_t shared = std::max<int64_t>(1, hs / s.queryHeads);
    Value out = rowsOf("dq", HeadsIn{s.queryHeads * s.dk, 0}, head, s.dk);
    auto ofHead = [&](Value e, Value row) {
      Value outHead = shared > 1 ? t.add(t.mul(head, shared), e) : head;
      Value stateHead = t.divFloor(outHead, s.readers());
      enterDecays(item, stateHead);
      Value given = operand(
          loadRows(rowsOf("dresult", s.inDresult, outHead, s.dv), row, s.dv));
      Value sum = product(
          given, loadAll(transposedStateAt("states", item, stateHead)), false);
      sum = t.mulF(sum, t.alongColumns(rowFactor(row), s.dk));
      Value keys = rowsOf("k", s.inK, keyHead(stateHead), s.dk),
            valuesT = columnsOf("v", s.inV, valueHead(stateHead), s.dv);
      Value query;
      SmallVector<Value> sums{sum};
      if (s.ddecay) {
        query = loadRows(rowsOf("q", s.inQ, head, s.dk), row, s.dk);
        sums.push_back(rowDots(sum, query));
      }
      auto add = [&](Value key, ValueRange sums) {
        Value da =
            t.mulF(product(given, loadColumns(valuesT, key, s.dv), s.pairs()),
                   pairFactor(row, key, 0));
        SmallVector<Value> next{
            t.dot(operand(da), loadRows(keys, key, s.dk), sums[0], s.pairs())};
        if (s.ddecay) {
          Value keysT = columnsOf("k", s.inK, keyHead(stateHead), s.dk);
          Value products =
              product(query, loadColumns(keysT, key, s.dk), s.pairs());
          next.push_back(addPairDots(sums[1], da, products, row, key, 0));
        }
        return next;
      };
      sums = blocks == 1 ? add(zero, sums)
                         : t.forLoop(zero, t.add(row, 1), block, sums, add);
      if (s.ddecay)
        t.store(sums[1], numbersOf("query_dots", s.outHeads(), outHead), {row});
      return sums[0];
    };
    forBlocks([&](Value row) {
      Value sum = sumOver(shared, {block, s.dk},
                          [&](Value e) { return ofHead(e, row); });
      t.store(t.round(sum, s.dq), out, {row, zero});
    });
  });
}

/// Of keys or of values.
func::FuncOp LightningGradBuilder::keys(bool values) {
  return forChunk([&] {
    Value head = t.programId(0), zero = t.index(0);
    int64_t heads = values ? s.valueHeads : s.keyHeads;
    int64_t dim = values ? s.dv : s.dk, other = values ? s.dk : s.dv;
    int64_t shared = hs / heads;
    Value out =
        rowsOf(values ? "dv" : "dk", HeadsIn{heads * dim, 0}, head, dim);
    auto ofHead = [&](Value e, Value key) {
      Value stateHead = t.add(t.mul(head, shared), e);
      enterDecays(item, stateHead);
      // What the state has from a token beside its key, or value.
      Value mine = values ? rowsOf("k", s.inK, keyHead(stateHead), s.dk)
                          : rowsOf("v", s.inV, valueHead(stateHead), s.dv);
      mine = loadRows(mine, key, other);
      Value dstate = values ? stateAt("dstates", item, stateHead)
                            : transposedStateAt("dstates", item, stateHead);
      Value sum = product(mine, loadAll(dstate), false);
      sum = t.mulF(sum, t.alongColumns(ageFactor(key), dim));
      SmallVector<Value> sums{sum};
      bool dots = s.ddecay && !values;
      Value keyRows;
      if (dots) {
        keyRows = loadRows(rowsOf("k", s.inK, head, s.dk), key, s.dk);
        sums.push_back(rowDots(sum, keyRows));
      }
      auto add = [&](Value row, Value reader, ValueRange sums) {
        Value query = queryHead(stateHead, reader),
              outHead = this->outHead(stateHead, reader);
        auto given = [&](bool transposed) {
          return operand(
              transposed
                  ? loadColumns(
                        columnsOf("dresult", s.inDresult, outHead, s.dv), row,
                        s.dv)
                  : loadRows(rowsOf("dresult", s.inDresult, outHead, s.dv), row,
                             s.dv));
        };
        Value theirs =
            values ? loadColumns(columnsOf("q", s.inQ, query, s.dk), row, s.dk)
                   : given(true);
        Value weights =
            t.mulF(product(mine, theirs, s.pairs()), pairFactor(row, key, 1));
        Value added =
            values ? given(false)
                   : loadRows(rowsOf("q", s.inQ, query, s.dk), row, s.dk);
        SmallVector<Value> next{
            t.dot(operand(weights), added, sums[0], s.pairs())};
        if (dots) {
          Value queriesT = columnsOf("q", s.inQ, query, s.dk);
          Value products =
              product(keyRows, loadColumns(queriesT, row, s.dk), s.pairs());
          next.push_back(addPairDots(sums[1], weights, products, row, key, 1));
        }
        return next;
      };
      // Blocks of rows, in each the heads that read the state.
      int64_t readers = s.readers();
      if (blocks == 1 && readers == 1)
        sums = add(zero, zero, sums);
      else
        sums = t.forLoop(t.mul(t.divFloor(key, block), readers),
                         t.mul(t.divCeil(count, block), readers), 1, sums,
                         [&](Value step, ValueRange carried) {
                           Value row = t.mul(t.divFloor(step, readers), block);
                           return add(row, t.remainder(step, readers), carried);
                         });
      if (dots)
        t.store(sums[1], numbersOf("key_dots", hs, stateHead), {key});
      return sums[0];
    };
    forBlocks([&](Value key) {
      Value sum = sumOver(shared, {block, dim},
                          [&](Value e) { return ofHead(e, key); });
      t.store(t.round(sum, values ? s.dvalues : s.dkeys), out, {key, zero});
    });
  });
}

func::FuncOp LightningGradBuilder::decays() {
  return forChunk([&] {
    Value head = t.programId(0), zero = t.index(0);
    Value none = arith::ConstantOp::create(t.builder(), t.loc(),
                                           t.builder().getF32FloatAttr(0.0f));
    Value state = stateAt("states", item, head);
    // The first chunk's state has a gradient if there was one.
    Value start = s.initial
                      ? t.ifElse(
                            t.equalIndex(first, zero),
                            [&] {
                              return innerProduct(
                                  stateAt("dinitial", sequence, head), state);
                            },
                            none)
                      : none;
    start = t.ifElse(
        t.lessIndex(zero, first),
        [&] {
          Value before = t.sub(item, t.index(1));
          return innerProduct(stateAt("dstates", before, head), state);
        },
        start);
    // Row i has the rows before it: row -1 is zero.
    auto shifted = [&](StringRef name, int64_t heads, Value head) {
      return t.load(numbersOf(name, heads, head), {t.index(-1)}, {padded()});
    };
    Value dots = zeros({padded()});
    for (int64_t reader = 0; reader < s.readers(); ++reader)
      dots = t.addF(dots, shifted("query_dots", s.outHeads(),
                                  outHead(head, t.index(reader))));
    dots = t.subF(dots, shifted("key_dots", hs, head));
    auto scan = tile::ScanOp::create(t.builder(), t.loc(),
                                     TypeRange{dots.getType(), dots.getType()},
                                     dots, 0);
    Value found = t.subF(t.splat(start, {padded()}),
                         t.addF(scan.getSums(), scan.getErrors()));
    t.store(found, numbersOf("ddecay", hs, head), {zero});
  });
}

} // namespace

SmallVector<StringRef>
LightningGradShape::argumentsOf(LightningGradKernel kernel) const {
  SmallVector<StringRef> names;
  auto add = [&](std::initializer_list<StringRef> more, bool there = true) {
    if (there)
      names.append(more.begin(), more.end());
  };
  StringRef decays = perToken ? "sums" : "decay", list = "blocks";
  switch (kernel) {
  case LightningGradKernel::sums:
    add({"decay", "sums"});
    break;
  case LightningGradKernel::states:
    add({"k", "v", decays, "carry", "states"});
    add({"initial"}, initial);
    list = "first_block";
    break;
  case LightningGradKernel::dstates:
    add({"q", "dresult", decays, "carry", "dstates"});
    add({"dfinal"}, dfinal);
    list = "first_block";
    break;
  case LightningGradKernel::queries:
    add({"k", "v", "dresult", decays, "states", "dq"});
    add({"q", "query_dots"}, ddecay);
    break;
  case LightningGradKernel::keys:
    add({"q", "v", "dresult", decays, "dstates", "dk"});
    add({"k", "key_dots"}, ddecay);
    break;
  case LightningGradKernel::values:
    add({"q", "k", "dresult", decays, "dstates", "dv"});
    break;
  case LightningGradKernel::decays:
    add({"states", "dstates", "query_dots", "key_dots", "ddecay"});
    add({"dinitial"}, initial);
    break;
  }
  add({"starts", list});
  return names;
}

func::FuncOp
hamlet::codegen::lightningGradKernel(const KernelSite &site,
                                     const LightningGradShape &shape,
                                     LightningGradKernel kernel) {
  LightningGradBuilder builder(site, shape, shape.argumentsOf(kernel));
  switch (kernel) {
  case LightningGradKernel::sums:
    return builder.sumDecays();
  case LightningGradKernel::states:
    return builder.statesForward();
  case LightningGradKernel::dstates:
    return builder.statesBack();
  case LightningGradKernel::queries:
    return builder.queries();
  case LightningGradKernel::keys:
  case LightningGradKernel::values:
    return builder.keys(kernel == LightningGradKernel::values);
  case LightningGradKernel::decays:
    return builder.decays();
  }
  llvm_unreachable("all kernels are above");
}
