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

#include "codegen/kernels/ExpertRows.h"
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

void hamlet::codegen::sortByKey(TileBuilder &t, const KeySort &sort,
                                int64_t keys) {
  Value zero = t.index(0), one = t.index(1), count = t.index(keys);
  auto put = [&](Value value, Value base, Value at) {
    t.storeScalar(t.toI32(value), base, at);
  };
  auto each = [&](Value from, Value to, function_ref<void(Value)> body) {
    t.forLoop(from, to, 1, {}, [&](Value i, ValueRange) {
      body(i);
      return SmallVector<Value>{};
    });
  };
  // Pairs of each key, one place up; then where each begins.
  each(zero, t.add(count, 1), [&](Value e) { put(zero, sort.offsets, e); });
  each(zero, sort.count, [&](Value p) {
    Value next = t.add(t.loadIndex(sort.keys, p), 1);
    put(t.add(t.loadIndex(sort.offsets, next), 1), sort.offsets, next);
  });
  each(one, t.add(count, 1), [&](Value e) {
    put(t.add(t.loadIndex(sort.offsets, e),
              t.loadIndex(sort.offsets, t.sub(e, one))),
        sort.offsets, e);
  });
  // Placing a row moves its key's begin up to its end, which is the next
  // one's begin.
  each(zero, sort.count, [&](Value p) {
    Value e = t.loadIndex(sort.keys, p);
    Value at = t.loadIndex(sort.offsets, e);
    put(p, sort.order, at);
    if (sort.place)
      put(at, sort.place, p);
    put(t.add(at, 1), sort.offsets, e);
  });
  each(zero, count, [&](Value i) {
    Value e = t.sub(count, i);
    put(t.loadIndex(sort.offsets, t.sub(e, one)), sort.offsets, e);
  });
  put(zero, sort.offsets, zero);
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
  Value offsets = t.arg("offsets"), blocks = t.arg("blocks");
  sortByKey(
      t,
      {t.arg("ids"), offsets, t.arg("order"), t.arg("place"), t.arg("pairs")},
      experts);
  cutBlocks(t, offsets, blocks, experts, rows, t.arg("block_count"));
  return t.finish();
}

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
  SmallVector<KernelArgument> arguments = {
      {"x", element},   {"order", i32},
      {"blocks", i32},  {"w_gate", weight},
      {"w_up", weight}, {"out", TileBuilder::ptr(s.result)}};
  if (s.gate)
    arguments.push_back({"gate", TileBuilder::ptr(s.gate)});
  if (s.up)
    arguments.push_back({"up", TileBuilder::ptr(s.up)});
  arguments.append({{"tokens", index}, {"pairs", index}});
  TileBuilder t(site, arguments);
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
        auto store = [&](Value value, StringRef name, Type type) {
          Value out = t.view(t.arg(name), t.mul(block.first, s.out),
                             {-1, s.out}, {s.out, 1}, {block.count});
          t.store(t.round(value, type), out, {zero, col});
        };
        store(t.mulF(t.activation(s.activation, gate), up), "out", s.result);
        if (s.gate)
          store(gate, "gate", s.gate);
        if (s.up)
          store(up, "up", s.up);
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
