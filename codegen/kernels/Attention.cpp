//===- Attention.cpp - softmax attention over paged keys and values -------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Online softmax in steps of one page, in the order of positions, in powers of
// two: e^(scale (s - max)) = 2^(c s - m) with c = scale log2(e) and m = c max,
// which is never below c s: rounding keeps the order. A page of
// which a query sees nothing changes nothing of it, to the bit: its maximum
// stays, the correction is 2^0 = 1 and every probability is 0. So a row does
// not depend on the rows beside it. Pages are zero when a sequence takes them;
// keys past the sequence's end are masked and their values count 0 times 0.
//
// A hidden key's value that is not finite makes NaN of a row, times zero. So
// where a row of the result is not finite, the rows are worked out again and
// such values kept out of the product (`apart`, addSeen).

#include "codegen/kernels/Kernels.h"

#include <numbers>
#include <numeric>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

/// Below any score; a difference with it is finite.
constexpr double kLowest = -1.0e+30;

/// What decode and prefill share: the loop over pages.
struct PageLoop {
  TileBuilder &t;
  const AttentionShape &shape;
  Value keyPages, valuePages; ///< pools
  Value keyHead, table; ///< page table, and the row of it this sequence has
  Value tableRow;
  Value logSumExp = {}; ///< [rows], of the last run

  /// Attention of `q` [rows, dk] whose row i stands at position `first` +
  /// (perRow ? i : 0); pages from `fromPage` to `toPage`. Returns [rows, dv].
  Value run(Value q, int64_t rows, Value first, bool perRow, Value fromPage,
            Value toPage, bool apart) {
    auto f32 = [&](ArrayRef<int64_t> dims) {
      return TileBuilder::tile(dims, t.f32());
    };
    Value m = t.splat(kLowest, f32({rows})), l = t.splat(0.0, f32({rows}));
    Value o = t.splat(0.0, f32({rows, shape.dv}));
    SmallVector<Value> done{m, l, o};
    // Of pages that all rows see whole, nothing is hidden.
    if (perRow && shape.window == 0 && !apart) {
      Value seen = t.divFloor(t.add(first, 1), kPageTokens);
      done = pages(q, rows, first, perRow, /*hides=*/false, apart, fromPage,
                   seen, done);
      fromPage = seen;
    }
    done = pages(q, rows, first, perRow, /*hides=*/true, apart, fromPage,
                 toPage, done);
    if (shape.logSumExp)
      logSumExp = t.fma(done[0], t.splat(std::numbers::ln2, f32({rows})),
                        t.log(done[1]));
    return t.divF(done[2], t.alongColumns(done[1], shape.dv));
  }

  /// One loop of `run`; `state`: largest exponent of two and sum of each row,
  /// and the sum of values.
  SmallVector<Value> pages(Value q, int64_t rows, Value first, bool perRow,
                           bool hides, bool apart, Value fromPage, Value toPage,
                           ArrayRef<Value> state) {
    auto f32 = [&](ArrayRef<int64_t> dims) {
      return TileBuilder::tile(dims, t.f32());
    };
    return t.forLoop(
        fromPage, toPage, 1, state, [&](Value page, ValueRange carried) {
          auto [keys, values] = viewsOf(page);
          Value zero = t.index(0), nextKeys, nextValues;
          // A row passes over a page in less time than memory takes to bring
          // it, and pages are too short for a processor to foresee.
          if (!perRow)
            std::tie(nextKeys, nextValues) =
                viewsOf(t.minIndex(t.add(page, 1), t.sub(toPage, t.index(1))));
          SmallVector<int64_t> dims{rows, kPageTokens};
          Value k = t.load(keys, {zero, zero}, {shape.dk, kPageTokens});
          Value scores = t.dot(q, k, t.splat(0.0, f32(dims)), shape.pairs(),
                               nextKeys, zero);
          double factor = shape.scale * std::numbers::log2e;
          if (factor <= 0) { // the largest product would be the least score
            scores = t.scale(scores, shape.scale);
            factor = std::numbers::log2e;
          }
          if (hides)
            scores = visible(scores, first, page, perRow);
          // A NaN that `maxnum` passes over is in `p`, and so in the sum.
          Value highest = t.maxF(
              carried[0],
              t.scale(t.reduce(tile::Reduction::maxnum, scores, 1), factor));
          Value correction = t.exp2NonPositive(t.subF(carried[0], highest));
          Value p = t.exp2NonPositive(t.subF(
              t.scale(scores, factor), t.alongColumns(highest, kPageTokens)));
          Value sum = t.fma(carried[1], correction,
                            t.reduce(tile::Reduction::sum, p, 1));
          Value scaled =
              t.mulF(carried[2], t.alongColumns(correction, shape.dv));
          if (apart)
            return SmallVector<Value>{
                highest, sum, addSeen(p, values, scaled, first, page, perRow)};
          Value v = t.load(values, {zero, zero}, {kPageTokens, shape.dv});
          Value out = t.dot(t.round(p, shape.element), v, scaled, shape.pairs(),
                            nextValues, zero);
          return SmallVector<Value>{highest, sum, out};
        });
  }

  /// Keys [dk, tokens] and values [tokens, dv] of a page.
  std::pair<Value, Value> viewsOf(Value page) {
    Value number = t.loadIndex(table, t.add(tableRow, page));
    auto view = [&](Value pool, int64_t k, int64_t n) {
      return t.matrix(pool, {number, keyHead}, {shape.keyHeads}, k, n,
                      tile::packedFor(shape.element));
    };
    return {view(keyPages, shape.dk, kPageTokens),
            view(valuePages, kPageTokens, shape.dv)};
  }

  /// `scores` of a page where a row may see the key, else -inf: keys at or
  /// before the query, and within the window.
  Value visible(Value scores, Value first, Value page, bool perRow) {
    ArrayRef<int64_t> dims =
        cast<RankedTensorType>(scores.getType()).getShape();
    Value hidden = t.splat(-std::numeric_limits<double>::infinity(),
                           TileBuilder::tile(dims, t.f32()));
    return whereSeen(scores, hidden, t.iota(dims, 1), first, page, perRow);
  }

  /// `x` where a row sees the `key` of a page, [rows, any], else `other`.
  Value whereSeen(Value x, Value other, Value key, Value first, Value page,
                  bool perRow) {
    ArrayRef<int64_t> dims = cast<RankedTensorType>(x.getType()).getShape();
    // The query's position within this page.
    Value offset =
        t.splat(t.toI32(t.sub(first, t.mul(page, kPageTokens))), dims);
    Value position = perRow ? t.addI(t.iota(dims, 0), offset) : offset;
    x = t.select(t.compareI(arith::CmpIPredicate::sle, key, position), x,
                 other);
    if (shape.window == 0)
      return x;
    Value oldest = t.subI(position, t.splat(static_cast<double>(shape.window),
                                            TileBuilder::tile(dims, t.i32())));
    return t.select(t.compareI(arith::CmpIPredicate::sgt, key, oldest), x,
                    other);
  }

  /// `sum` [rows, dv] and a page's values times `p`. Those that are not finite
  /// are zero in the product, and added to the rows that see them one by one.
  Value addSeen(Value p, Value values, Value sum, Value first, Value page,
                bool perRow) {
    int64_t rows = cast<RankedTensorType>(p.getType()).getDimSize(0);
    SmallVector<int64_t> box{kPageTokens, shape.dv}, dims{rows, shape.dv};
    Value zero = t.index(0);
    Value v = t.widen(t.load(values, {zero, zero}, box));
    Value finite = t.select(t.isFinite(v), v,
                            t.splat(0.0, TileBuilder::tile(box, t.f32())));
    Value out = t.dot(t.round(p, shape.element), t.round(finite, shape.element),
                      sum, shape.pairs());
    Value keys = t.select(t.hasNonFinite(v), t.index(kPageTokens), zero);
    return t.forLoop(zero, keys, 1, {out}, [&](Value key, ValueRange carried) {
      Value number = t.toI32(key);
      ArrayRef<int64_t> all = cast<RankedTensorType>(p.getType()).getShape();
      // A row or column of one: all of a sum.
      Value weight =
          t.reduce(tile::Reduction::sum,
                   t.select(t.compareI(arith::CmpIPredicate::eq, t.iota(all, 1),
                                       t.splat(number, all)),
                            p, t.splat(0.0, TileBuilder::tile(all, t.f32()))),
                   1);
      Value value =
          t.reduce(tile::Reduction::sum,
                   t.widen(t.load(values, {key, zero}, {1, shape.dv})), 0);
      value = t.alongRows(value, rows);
      Value more =
          t.addF(carried[0], t.mulF(t.alongColumns(weight, shape.dv), value));
      more = whereSeen(more, carried[0], t.splat(number, dims), first, page,
                       perRow);
      return SmallVector<Value>{t.select(t.isFinite(value), carried[0], more)};
    })[0];
  }

  /// The first page that a query at `position` sees.
  Value firstPage(Value position) {
    if (shape.window == 0)
      return t.index(0);
    Value oldest =
        t.maxIndex(t.sub(position, t.index(shape.window - 1)), t.index(0));
    return t.divFloor(oldest, kPageTokens);
  }
};

SmallVector<KernelArgument> attentionArguments(MLIRContext *context,
                                               const AttentionShape &shape) {
  Builder b(context);
  Type element = TileBuilder::ptr(shape.element),
       i32 = TileBuilder::ptr(b.getI32Type());
  SmallVector<KernelArgument> arguments{{"q", element},
                                        {"out", TileBuilder::ptr(shape.result)},
                                        {"key_pages", element},
                                        {"value_pages", element},
                                        {"list", i32},
                                        {"starts", i32},
                                        {"first", i32},
                                        {"page_table", i32},
                                        {"max_pages", b.getIndexType()}};
  if (shape.logSumExp)
    arguments.push_back({"log_sum_exp", TileBuilder::ptr(b.getF32Type())});
  return arguments;
}

} // namespace

func::FuncOp hamlet::codegen::appendKernel(const KernelSite &site,
                                           const AttentionShape &shape) {
  Builder b(site.location.getContext());
  Type element = TileBuilder::ptr(shape.element),
       i32 = TileBuilder::ptr(b.getI32Type());
  TileBuilder t(site, {{"k", element},
                       {"v", element},
                       {"key_pages", element},
                       {"value_pages", element},
                       {"token_pages", i32},
                       {"token_offsets", i32},
                       {"tokens", b.getIndexType()}});
  Value head = t.programId(0), token = t.programId(1), zero = t.index(0),
        tokens = t.arg("tokens");
  Value page = t.loadIndex(t.arg("token_pages"), token),
        offset = t.loadIndex(t.arg("token_offsets"), token);
  auto inPage = [&](StringRef pool, int64_t k, int64_t n) {
    return t.matrix(t.arg(pool), {page, head}, {shape.keyHeads}, k, n,
                    tile::packedFor(shape.element));
  };
  Value keys = inPage("key_pages", shape.dk, kPageTokens),
        values = inPage("value_pages", kPageTokens, shape.dv);
  Value k = t.view(t.arg("k"), t.add(t.mul(head, shape.dk), shape.k.column),
                   {shape.dk, -1}, {1, shape.k.rowStride}, {tokens});
  Value v = t.view(t.arg("v"), t.add(t.mul(head, shape.dv), shape.v.column),
                   {-1, shape.dv}, {shape.v.rowStride, 1}, {tokens});
  t.store(t.load(k, {zero, token}, {shape.dk, 1}), keys, {zero, offset});
  t.store(t.load(v, {token, zero}, {1, shape.dv}), values, {offset, zero});
  return t.finish();
}

func::FuncOp
hamlet::codegen::attentionDecodeKernel(const KernelSite &site,
                                       const AttentionShape &shape) {
  TileBuilder t(site, attentionArguments(site.location.getContext(), shape));
  Value head = t.programId(0), zero = t.index(0);
  Value sequence = t.loadIndex(t.arg("list"), t.programId(1));
  Value token = t.loadIndex(t.arg("starts"), sequence),
        position = t.loadIndex(t.arg("first"), sequence);
  int64_t rows = shape.group();
  Value offset = t.add(t.mul(token, shape.q.rowStride),
                       t.add(t.mul(head, rows * shape.dk), shape.q.column));
  Value q = t.load(t.view(t.arg("q"), offset, {rows, shape.dk}, {shape.dk, 1}),
                   {zero, zero}, {rows, shape.dk});
  PageLoop loop{t,
                shape,
                t.arg("key_pages"),
                t.arg("value_pages"),
                head,
                t.arg("page_table"),
                t.mul(sequence, t.arg("max_pages"))};
  Value out = t.view(t.arg("out"),
                     t.add(t.mul(token, shape.queryHeads * shape.dv),
                           t.mul(head, rows * shape.dv)),
                     {rows, shape.dv}, {shape.dv, 1});
  auto attend = [&](bool apart) {
    Value o =
        loop.run(q, rows, position, /*perRow=*/false, loop.firstPage(position),
                 t.add(t.divFloor(position, kPageTokens), 1), apart);
    t.store(t.round(o, shape.result), out, {zero, zero});
  };
  attend(/*apart=*/false);
  if (shape.logSumExp)
    t.store(loop.logSumExp,
            t.view(t.arg("log_sum_exp"),
                   t.add(t.mul(token, shape.queryHeads), t.mul(head, rows)),
                   {rows}, {1}),
            {zero});
  // Without a window, what is hidden is zero.
  if (shape.window > 0)
    t.ifThen(t.hasNonFinite(t.load(out, {zero, zero}, {1, shape.dv})),
             [&] { attend(/*apart=*/true); });
  return t.finish();
}

func::FuncOp hamlet::codegen::attentionPrefillKernel(
    const KernelSite &site, const AttentionShape &shape, int64_t rows) {
  TileBuilder t(site, attentionArguments(site.location.getContext(), shape));
  Value head = t.programId(0), zero = t.index(0);
  Value item = t.mul(t.programId(1), 2);
  Value sequenceI32 = t.loadScalar(t.arg("list"), item);
  Value sequence = t.toIndex(sequenceI32);
  t.ifThen(t.lessIndex(t.index(-1), sequence), [&] {
    Value start = t.loadIndex(t.arg("list"), t.add(item, 1));
    Value begin = t.loadIndex(t.arg("starts"), sequence),
          end = t.loadIndex(t.arg("starts"), t.add(sequence, 1));
    Value n = t.sub(end, begin);
    Value before = t.loadIndex(t.arg("first"), sequence);
    Value offset = t.add(t.mul(begin, shape.q.rowStride),
                         t.add(t.mul(head, shape.dk), shape.q.column));
    Value queries =
        t.view(t.arg("q"), offset, {-1, shape.dk}, {shape.q.rowStride, 1}, {n});
    Value outOffset =
        t.add(t.mul(begin, shape.queryHeads * shape.dv), t.mul(head, shape.dv));
    Value out = t.view(t.arg("out"), outOffset, {-1, shape.dv},
                       {shape.queryHeads * shape.dv, 1}, {n});
    PageLoop loop{t,
                  shape,
                  t.arg("key_pages"),
                  t.arg("value_pages"),
                  t.divFloor(head, shape.group()),
                  t.arg("page_table"),
                  t.mul(sequence, t.arg("max_pages"))};
    // `rows` rows of the piece from `from` on.
    auto attend = [&](Value from, int64_t rows, bool apart) {
      Value q = t.load(queries, {from, zero}, {rows, shape.dk});
      Value first = t.add(before, from);
      Value last = t.add(
          first, t.sub(t.minIndex(t.index(rows), t.sub(n, from)), t.index(1)));
      Value o = loop.run(q, rows, first, /*perRow=*/true, loop.firstPage(first),
                         t.add(t.divFloor(last, kPageTokens), 1), apart);
      t.store(t.round(o, shape.result), out, {from, zero});
    };
    attend(start, rows, /*apart=*/false);
    if (shape.logSumExp)
      t.store(loop.logSumExp,
              t.view(t.arg("log_sum_exp"),
                     t.add(t.mul(begin, shape.queryHeads), head), {-1},
                     {shape.queryHeads}, {n}),
              {start});
    // Each row has met every value that any has.
    t.ifThen(t.hasNonFinite(t.load(out, {start, zero}, {1, shape.dv})), [&] {
      // No row of another block is worked out again.
      int64_t size = std::gcd(rows, t.sizes().apartRows);
      t.forLoop(start, t.minIndex(t.add(start, rows), n), size, {},
                [&](Value from, ValueRange) {
                  attend(from, size, /*apart=*/true);
                  return SmallVector<Value>{};
                });
    });
  });
  return t.finish();
}

func::FuncOp hamlet::codegen::pagePlanKernel(const KernelSite &site,
                                             int64_t rows) {
  Builder b(site.location.getContext());
  Type i32 = TileBuilder::ptr(b.getI32Type()), index = b.getIndexType();
  TileBuilder t(site, {{"starts", i32},
                       {"token_pages", i32},
                       {"token_offsets", i32},
                       {"page_table", i32},
                       {"query_blocks", i32},
                       {"sequences", index},
                       {"max_pages", index},
                       {"block_count", index}});
  Value starts = t.arg("starts"), table = t.arg("page_table"),
        blockList = t.arg("query_blocks"), zero = t.index(0);
  Value used = t.forLoop(
      zero, t.arg("sequences"), 1, {zero}, [&](Value s, ValueRange carried) {
        Value begin = t.loadIndex(starts, s),
              end = t.loadIndex(starts, t.add(s, 1));
        Value n = t.sub(end, begin),
              page = t.add(t.divFloor(begin, kPageTokens), s);
        t.forLoop(zero, n, 1, {}, [&](Value i, ValueRange) {
          Value token = t.add(begin, i);
          t.storeScalar(t.toI32(t.add(page, t.divFloor(i, kPageTokens))),
                        t.arg("token_pages"), token);
          t.storeScalar(t.toI32(t.remainder(i, kPageTokens)),
                        t.arg("token_offsets"), token);
          return SmallVector<Value>{};
        });
        Value row = t.mul(s, t.arg("max_pages"));
        t.forLoop(
            zero, t.divCeil(n, kPageTokens), 1, {}, [&](Value j, ValueRange) {
              t.storeScalar(t.toI32(t.add(page, j)), table, t.add(row, j));
              return SmallVector<Value>{};
            });
        Value blocks = t.divCeil(n, rows);
        t.forLoop(zero, blocks, 1, {}, [&](Value j, ValueRange) {
          Value at = t.mul(t.add(carried[0], j), 2);
          t.storeScalar(t.toI32(s), blockList, at);
          t.storeScalar(t.toI32(t.mul(j, rows)), blockList, t.add(at, 1));
          return SmallVector<Value>{};
        });
        return SmallVector<Value>{t.add(carried[0], blocks)};
      })[0];
  t.forLoop(used, t.arg("block_count"), 1, {}, [&](Value j, ValueRange) {
    t.storeScalar(t.toI32(t.index(-1)), blockList, t.mul(j, 2));
    return SmallVector<Value>{};
  });
  return t.finish();
}
