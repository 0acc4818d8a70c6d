//===- Experts.cpp - dispatch to experts and their products ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows are sorted by expert without a limit of capacity, and cut into blocks
// of one expert's rows; a product's program instance works on one block. A
// row's sums do not depend on the block it lands in.

#include "codegen/kernels/Kernels.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// Each expert's rows in blocks of `rows`; the blocks left of `n` are empty.
static void cutBlocks(TileBuilder &t, Value offsets, Value blocks,
                      int64_t experts, int64_t rows, Value n) {
  Value zero = t.index(0);
  auto put = [&](Value value, Value at) {
    t.storeScalar(t.toI32(value), blocks, at);
  };
  Value used = t.forLoop(
      zero, t.index(experts), 1, {zero}, [&](Value e, ValueRange carried) {
        Value begin = t.loadIndex(offsets, e),
              end = t.loadIndex(offsets, t.add(e, 1));
        Value mine = t.divCeil(t.sub(end, begin), rows);
        t.forLoop(zero, mine, 1, {}, [&](Value i, ValueRange) {
          Value at = t.mul(t.add(carried[0], i), 3),
                first = t.add(begin, t.mul(i, rows));
          put(e, at);
          put(first, t.add(at, 1));
          put(t.minIndex(t.index(rows), t.sub(end, first)), t.add(at, 2));
          return SmallVector<Value>{};
        });
        return SmallVector<Value>{t.add(carried[0], mine)};
      })[0];
  t.forLoop(used, n, 1, {}, [&](Value i, ValueRange) {
    put(zero, t.add(t.mul(i, 3), 2));
    return SmallVector<Value>{};
  });
}

func::FuncOp hamlet::codegen::blockPlanKernel(const KernelSite &site,
                                              int64_t experts, int64_t rows) {
  Builder b(site.location.getContext());
  Type i32 = TileBuilder::ptr(b.getI32Type());
  TileBuilder t(
      site,
      {{"offsets", i32}, {"blocks", i32}, {"block_count", b.getIndexType()}});
  cutBlocks(t, t.arg("offsets"), t.arg("blocks"), experts, rows,
            t.arg("block_count"));
  return t.finish();
}

func::FuncOp hamlet::codegen::dispatchKernel(const KernelSite &site,
                                             int64_t experts, int64_t rows) {
  Builder b(site.location.getContext());
  Type i32 = TileBuilder::ptr(b.getI32Type()), index = b.getIndexType();
  TileBuilder t(site, {{"ids", i32},
                       {"offsets", i32},
                       {"order", i32},
                       {"place", i32},
                       {"blocks", i32},
                       {"pairs", index},
                       {"block_count", index}});
  Value ids = t.arg("ids"), offsets = t.arg("offsets"), order = t.arg("order"),
        place = t.arg("place"), blocks = t.arg("blocks");
  Value pairs = t.arg("pairs"), zero = t.index(0), one = t.index(1),
        count = t.index(experts);
  auto put = [&](Value value, Value base, Value at) {
    t.storeScalar(t.toI32(value), base, at);
  };
  auto each = [&](Value from, Value to, function_ref<void(Value)> body) {
    t.forLoop(from, to, 1, {}, [&](Value i, ValueRange) {
      body(i);
      return SmallVector<Value>{};
    });
  };
  // Rows of each expert, one place up; then where each begins.
  each(zero, t.add(count, 1), [&](Value e) { put(zero, offsets, e); });
  each(zero, pairs, [&](Value p) {
    Value next = t.add(t.loadIndex(ids, p), 1);
    put(t.add(t.loadIndex(offsets, next), 1), offsets, next);
  });
  each(one, t.add(count, 1), [&](Value e) {
    put(t.add(t.loadIndex(offsets, e), t.loadIndex(offsets, t.sub(e, one))),
        offsets, e);
  });
  // Placing a row moves its expert's begin up to its end, which is the next
  // one's begin.
  each(zero, pairs, [&](Value p) {
    Value e = t.loadIndex(ids, p);
    Value at = t.loadIndex(offsets, e);
    put(p, order, at);
    put(at, place, p);
    put(t.add(at, 1), offsets, e);
  });
  each(zero, count, [&](Value i) {
    Value e = t.sub(count, i);
    put(t.loadIndex(offsets, t.sub(e, one)), offsets, e);
  });
  put(zero, offsets, zero);

  cutBlocks(t, offsets, blocks, experts, rows, t.arg("block_count"));
  return t.finish();
}

namespace {
/// The block of one expert's rows that a program instance has.
struct RowBlock {
  Value expert, first, count;

  /// `body(block, r)` with as many rows as the block needs of up to `rows`;
  /// nothing where there is no block.
  static void each(TileBuilder &t, Value blocks, int64_t rows,
                   function_ref<void(const RowBlock &, int64_t)> body) {
    Value at = t.mul(t.programId(0), 3);
    RowBlock block;
    block.count = t.loadIndex(blocks, t.add(at, 2));
    t.ifThen(t.lessIndex(t.index(0), block.count), [&] {
      // Of no block, only the count is written.
      block.expert = t.loadIndex(blocks, at);
      block.first = t.loadIndex(blocks, t.add(at, 1));
      t.forCount(block.count, rows, [&](int64_t r) { body(block, r); });
    });
  }
};
} // namespace

/// Columns `col`.. of the block's rows times one expert's weights.
static Value expertProduct(TileBuilder &t, const ExpertShape &s, Value rows,
                           Value weights, Value expert, Value col,
                           int64_t count) {
  Value view = t.matrix(weights, {expert}, {}, s.in, s.out,
                        tile::packedFor(s.numerics.getOperands()));
  Value w = t.load(view, {t.index(0), col}, {s.in, s.columns});
  return t.dot(rows, w,
               t.splat(0.0, TileBuilder::tile({count, s.columns}, t.f32())),
               s.numerics);
}

func::FuncOp hamlet::codegen::expertUpKernel(const KernelSite &site,
                                             const ExpertShape &s,
                                             int64_t rows) {
  Builder b(site.location.getContext());
  Type element = TileBuilder::ptr(s.element),
       weight = TileBuilder::ptr(s.weight),
       i32 = TileBuilder::ptr(b.getI32Type()), index = b.getIndexType();
  TileBuilder t(site, {{"x", element},
                       {"order", i32},
                       {"blocks", i32},
                       {"w_gate", weight},
                       {"w_up", weight},
                       {"out", TileBuilder::ptr(s.result)},
                       {"tokens", index},
                       {"pairs", index}});
  RowBlock::each(
      t, t.arg("blocks"), rows, [&](const RowBlock &block, int64_t rows) {
        Value zero = t.index(0);
        Value col = t.mul(t.programId(1), s.columns);
        Value pairs =
            t.load(t.view(t.arg("order"), zero, {-1}, {1}, {t.arg("pairs")}),
                   {block.first}, {rows});
        Value tokens = pairs;
        if (s.topK > 1)
          tokens = arith::DivUIOp::create(
              t.builder(), t.loc(), pairs,
              t.splat(static_cast<double>(s.topK),
                      TileBuilder::tile({rows}, t.i32())));
        Value x = t.gather(
            t.view(t.arg("x"), zero, {-1, s.in}, {s.in, 1}, {t.arg("tokens")}),
            tokens, zero, s.in);
        Value gate =
            expertProduct(t, s, x, t.arg("w_gate"), block.expert, col, rows);
        Value up =
            expertProduct(t, s, x, t.arg("w_up"), block.expert, col, rows);
        Value h = t.mulF(t.activation(s.activation, gate), up);
        Value out = t.view(t.arg("out"), t.mul(block.first, s.out), {-1, s.out},
                           {s.out, 1}, {block.count});
        t.store(t.round(h, s.result), out, {zero, col});
      });
  return t.finish();
}

func::FuncOp hamlet::codegen::expertDownKernel(const KernelSite &site,
                                               const ExpertShape &s,
                                               int64_t rows) {
  Builder b(site.location.getContext());
  Type element = TileBuilder::ptr(s.element),
       weight = TileBuilder::ptr(s.weight),
       i32 = TileBuilder::ptr(b.getI32Type()), index = b.getIndexType();
  TileBuilder t(site, {{"h", element},
                       {"blocks", i32},
                       {"w", weight},
                       {"out", TileBuilder::ptr(s.result)},
                       {"pairs", index}});
  RowBlock::each(
      t, t.arg("blocks"), rows, [&](const RowBlock &block, int64_t rows) {
        Value zero = t.index(0);
        Value col = t.mul(t.programId(1), s.columns);
        Value x = t.load(t.view(t.arg("h"), t.mul(block.first, s.in),
                                {-1, s.in}, {s.in, 1}, {block.count}),
                         {zero, zero}, {rows, s.in});
        Value y = expertProduct(t, s, x, t.arg("w"), block.expert, col, rows);
        Value out = t.view(t.arg("out"), t.mul(block.first, s.out), {-1, s.out},
                           {s.out, 1}, {block.count});
        t.store(t.round(y, s.result), out, {zero, col});
      });
  return t.finish();
}
