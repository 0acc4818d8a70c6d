//===- AttentionGrad.cpp - gradients of softmax attention -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Probabilities are worked out again, block by block, from the log of their
// sum: p = 2^(c s - log2(e) lse) with c = scale log2(e). Rows past a
// sequence's end are zeros; a query there has p = 1 and nothing to give, a key
// is hidden from the queries that count.

#include "codegen/kernels/AttentionGrads.h"

#include <limits>
#include <numbers>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

func::FuncOp hamlet::codegen::sequenceBlocksKernel(const KernelSite &site,
                                                   int64_t rows) {
  Builder b(site.location.getContext());
  Type i32 = TileBuilder::ptr(b.getI32Type()), index = b.getIndexType();
  TileBuilder t(site, {{"starts", i32},
                       {"blocks", i32},
                       {"first_block", i32},
                       {"sequences", index},
                       {"block_count", index}});
  Value starts = t.arg("starts"), list = t.arg("blocks"), zero = t.index(0);
  Value used = t.forLoop(
      zero, t.arg("sequences"), 1, {zero}, [&](Value s, ValueRange carried) {
        Value n =
            t.sub(t.loadIndex(starts, t.add(s, 1)), t.loadIndex(starts, s));
        Value count = t.divCeil(n, rows);
        t.storeScalar(t.toI32(carried[0]), t.arg("first_block"), s);
        t.forLoop(zero, count, 1, {}, [&](Value j, ValueRange) {
          Value at = t.mul(t.add(carried[0], j), 2);
          t.storeScalar(t.toI32(s), list, at);
          t.storeScalar(t.toI32(t.mul(j, rows)), list, t.add(at, 1));
          return SmallVector<Value>{};
        });
        return SmallVector<Value>{t.add(carried[0], count)};
      })[0];
  t.forLoop(used, t.arg("block_count"), 1, {}, [&](Value j, ValueRange) {
    t.storeScalar(t.toI32(t.index(-1)), list, t.mul(j, 2));
    return SmallVector<Value>{};
  });
  return t.finish();
}

namespace {

constexpr int64_t kBlock = SoftmaxGradShape::kBlock;

/// What both kernels share. Tiles are [queries, keys] or, in the kernel of
/// keys, [keys, queries]; an axis says which dimension the queries are.
class GradBuilder {
public:
  GradBuilder(const KernelSite &site, const SoftmaxGradShape &shape,
              ArrayRef<KernelArgument> arguments)
      : s(shape), t(site, arguments) {}

  /// Reads the block of this instance and writes `body` for it, if there is
  /// one.
  func::FuncOp write(function_ref<void()> body) {
    Value item = t.mul(t.programId(1), 2);
    Value sequence = t.loadIndex(t.arg("blocks"), item);
    t.ifThen(t.lessIndex(t.index(-1), sequence), [&] {
      first = t.loadIndex(t.arg("blocks"), t.add(item, 1));
      begin = t.loadIndex(t.arg("starts"), sequence);
      n = t.sub(t.loadIndex(t.arg("starts"), t.add(sequence, 1)), begin);
      body();
    });
    return t.finish();
  }

protected:
  static SmallVector<KernelArgument>
  commonArguments(const KernelSite &site, const SoftmaxGradShape &s) {
    Builder b(site.location.getContext());
    Type element = TileBuilder::ptr(s.element),
         f32 = TileBuilder::ptr(b.getF32Type()),
         i32 = TileBuilder::ptr(b.getI32Type());
    return {{"q", element},       {"k", element},
            {"v", element},       {"dresult", TileBuilder::ptr(s.dresult)},
            {"log_sum_exp", f32}, {"row_dots", f32},
            {"starts", i32},      {"blocks", i32}};
  }

  RankedTensorType f32Tile(ArrayRef<int64_t> dims) {
    return TileBuilder::tile(dims, t.f32());
  }
  Value zeros(ArrayRef<int64_t> dims) { return t.splat(0.0, f32Tile(dims)); }

  /// A head of the sequence's rows in [T, heads, dim]: [n, dim].
  Value rowsOf(StringRef name, const HeadsIn &in, Value head, int64_t dim) {
    return t.view(t.arg(name), offsetOf(in, head, dim), {-1, dim},
                  {in.rowStride, 1}, {n});
  }
  /// The same transposed: [dim, n].
  Value columnsOf(StringRef name, const HeadsIn &in, Value head, int64_t dim) {
    return t.view(t.arg(name), offsetOf(in, head, dim), {dim, -1},
                  {1, in.rowStride}, {n});
  }
  Value offsetOf(const HeadsIn &in, Value head, int64_t dim) {
    return t.add(t.mul(begin, in.rowStride),
                 t.add(t.mul(head, dim), in.column));
  }
  /// A query head's numbers in [T, query heads]: [n].
  Value perQuery(StringRef name, Value head) {
    return t.view(t.arg(name), t.add(t.mul(begin, s.queryHeads), head), {-1},
                  {s.queryHeads}, {n});
  }
  /// A head of a result [T, heads * dim].
  Value resultRows(StringRef name, int64_t heads, Value head, int64_t dim) {
    return rowsOf(name, HeadsIn{heads * dim, 0}, head, dim);
  }

  Value loadRows(Value view, Value row, int64_t dim) {
    return t.load(view, {row, t.index(0)}, {kBlock, dim});
  }
  Value loadColumns(Value view, Value row, int64_t dim) {
    return t.load(view, {t.index(0), row}, {dim, kBlock});
  }
  /// As products take it.
  Value operand(Value x) { return t.round(t.widen(x), s.element); }
  Value product(Value a, Value b) {
    SmallVector<int64_t> dims{
        cast<RankedTensorType>(a.getType()).getDimSize(0),
        cast<RankedTensorType>(b.getType()).getDimSize(1)};
    return t.dot(a, b, zeros(dims), s.pairs());
  }

  /// [kBlock], one for each query, along the other axis.
  Value ofQueries(Value x, int64_t axis) {
    return axis == 0 ? t.alongColumns(x, kBlock) : t.alongRows(x, kBlock);
  }

  /// p from products q . k and log2(e) lse: zero where the key is hidden.
  Value probabilities(Value scores, Value logSum, int64_t axis, bool hides,
                      Value firstQuery, Value firstKey) {
    SmallVector<int64_t> dims{kBlock, kBlock};
    Value exponent = t.subF(t.scale(scores, s.scale * std::numbers::log2e),
                            ofQueries(logSum, axis));
    if (!hides)
      return t.exp2NonPositive(exponent);
    Value none =
        t.splat(-std::numeric_limits<double>::infinity(), f32Tile(dims));
    Value offset = t.splat(t.toI32(t.sub(firstQuery, firstKey)), dims);
    Value distance =
        t.subI(t.addI(t.iota(dims, axis), offset), t.iota(dims, 1 - axis));
    auto limit = [&](int64_t value) {
      return t.splat(static_cast<double>(value),
                     TileBuilder::tile(dims, t.i32()));
    };
    exponent =
        t.select(t.compareI(arith::CmpIPredicate::sge, distance, limit(0)),
                 exponent, none);
    if (s.window > 0)
      exponent = t.select(
          t.compareI(arith::CmpIPredicate::slt, distance, limit(s.window)),
          exponent, none);
    return t.exp2NonPositive(exponent);
  }

  Value logSums(Value view, Value row) {
    return t.scale(t.load(view, {row}, {kBlock}), std::numbers::log2e);
  }

  SoftmaxGradShape s;
  TileBuilder t;
  Value first, begin, n; ///< of the block; of its sequence
};

class QueriesBuilder : public GradBuilder {
public:
  QueriesBuilder(const KernelSite &site, const SoftmaxGradShape &shape)
      : GradBuilder(site, shape, argumentsOf(site, shape)) {}

  func::FuncOp build() {
    return write([&] { block(); });
  }

private:
  static SmallVector<KernelArgument> argumentsOf(const KernelSite &site,
                                                 const SoftmaxGradShape &s) {
    SmallVector<KernelArgument> arguments = commonArguments(site, s);
    arguments.push_back({"result", TileBuilder::ptr(s.result)});
    arguments.push_back({"dq", TileBuilder::ptr(s.dq)});
    return arguments;
  }

  void block() {
    Value head = t.programId(0), zero = t.index(0);
    Value keyHead = t.divFloor(head, s.group());
    Value q = loadRows(rowsOf("q", s.inQ, head, s.dk), first, s.dk);
    Value given = operand(
        loadRows(rowsOf("dresult", s.inDresult, head, s.dv), first, s.dv));
    Value out = t.widen(
        loadRows(rowsOf("result", s.inResult, head, s.dv), first, s.dv));
    Value dots = t.reduce(tile::Reduction::sum, t.mulF(t.widen(given), out), 1);
    t.store(dots, perQuery("row_dots", head), {first});
    Value logSum = logSums(perQuery("log_sum_exp", head), first);

    Value keys = rowsOf("k", s.inK, keyHead, s.dk),
          keysT = columnsOf("k", s.inK, keyHead, s.dk),
          valuesT = columnsOf("v", s.inV, keyHead, s.dv);
    auto loop = [&](Value from, Value to, bool hides, Value sum) {
      return t.forLoop(from, to, 1, {sum}, [&](Value kb, ValueRange carried) {
        Value key = t.mul(kb, kBlock);
        Value p = probabilities(product(q, loadColumns(keysT, key, s.dk)),
                                logSum, 0, hides, first, key);
        Value dp = product(given, loadColumns(valuesT, key, s.dv));
        Value ds = t.mulF(p, t.subF(dp, ofQueries(dots, 0)));
        return SmallVector<Value>{t.dot(operand(ds), loadRows(keys, key, s.dk),
                                        carried[0], s.pairs())};
      })[0];
    };
    Value own = t.divFloor(first, kBlock), next = t.add(own, 1);
    Value sum = zeros({kBlock, s.dk});
    if (s.window == 0) {
      sum = loop(zero, own, /*hides=*/false, sum);
      sum = loop(own, next, /*hides=*/true, sum);
    } else {
      Value oldest = t.maxIndex(t.sub(first, t.index(s.window - 1)), zero);
      sum = loop(t.divFloor(oldest, kBlock), next, /*hides=*/true, sum);
    }
    t.store(t.round(t.scale(sum, s.scale), s.dq),
            resultRows("dq", s.queryHeads, head, s.dk), {first, zero});
  }
};

class KeysBuilder : public GradBuilder {
public:
  KeysBuilder(const KernelSite &site, const SoftmaxGradShape &shape)
      : GradBuilder(site, shape, argumentsOf(site, shape)) {}

  func::FuncOp build() {
    return write([&] { block(); });
  }

private:
  static SmallVector<KernelArgument> argumentsOf(const KernelSite &site,
                                                 const SoftmaxGradShape &s) {
    SmallVector<KernelArgument> arguments = commonArguments(site, s);
    arguments.push_back({"dk", TileBuilder::ptr(s.dkeys)});
    arguments.push_back({"dv", TileBuilder::ptr(s.dvalues)});
    return arguments;
  }

  void block() {
    Value keyHead = t.programId(0), zero = t.index(0);
    Value k = loadRows(rowsOf("k", s.inK, keyHead, s.dk), first, s.dk);
    Value v = loadRows(rowsOf("v", s.inV, keyHead, s.dv), first, s.dv);
    int64_t group = s.group();
    // Blocks of queries, in each the heads of the group.
    auto loop = [&](Value from, Value to, bool hides, ArrayRef<Value> sums) {
      return t.forLoop(
          t.mul(from, group), t.mul(to, group), 1, sums,
          [&](Value step, ValueRange carried) {
            Value query = t.mul(t.divFloor(step, group), kBlock);
            Value head = t.add(t.mul(keyHead, group), t.remainder(step, group));
            Value queriesT = columnsOf("q", s.inQ, head, s.dk),
                  givenT = columnsOf("dresult", s.inDresult, head, s.dv);
            Value p =
                probabilities(product(k, loadColumns(queriesT, query, s.dk)),
                              logSums(perQuery("log_sum_exp", head), query), 1,
                              hides, query, first);
            Value dp = product(v, operand(loadColumns(givenT, query, s.dv)));
            Value dots = t.load(perQuery("row_dots", head), {query}, {kBlock});
            Value ds = t.mulF(p, t.subF(dp, ofQueries(dots, 1)));
            Value q = loadRows(rowsOf("q", s.inQ, head, s.dk), query, s.dk),
                  given = operand(loadRows(
                      rowsOf("dresult", s.inDresult, head, s.dv), query, s.dv));
            return SmallVector<Value>{
                t.dot(operand(ds), q, carried[0], s.pairs()),
                t.dot(operand(p), given, carried[1], s.pairs())};
          });
    };
    Value own = t.divFloor(first, kBlock);
    SmallVector<Value> sums{zeros({kBlock, s.dk}), zeros({kBlock, s.dv})};
    if (s.window == 0) {
      Value next = t.add(own, 1);
      sums = loop(own, next, /*hides=*/true, sums);
      sums = loop(next, t.divCeil(n, kBlock), /*hides=*/false, sums);
    } else {
      Value end = t.minIndex(n, t.add(first, kBlock - 1 + s.window));
      sums = loop(own, t.divCeil(end, kBlock), /*hides=*/true, sums);
    }
    t.store(t.round(t.scale(sums[0], s.scale), s.dkeys),
            resultRows("dk", s.keyHeads, keyHead, s.dk), {first, zero});
    t.store(t.round(sums[1], s.dvalues),
            resultRows("dv", s.keyHeads, keyHead, s.dv), {first, zero});
  }
};

} // namespace

func::FuncOp
hamlet::codegen::softmaxGradQueriesKernel(const KernelSite &site,
                                          const SoftmaxGradShape &shape) {
  return QueriesBuilder(site, shape).build();
}

func::FuncOp
hamlet::codegen::softmaxGradKeysKernel(const KernelSite &site,
                                       const SoftmaxGradShape &shape) {
  return KeysBuilder(site, shape).build();
}
