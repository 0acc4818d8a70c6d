//===- ExpertGrads.cpp - gradients of the products of experts -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/ExpertGrads.h"

#include "codegen/kernels/ExpertRows.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

func::FuncOp hamlet::codegen::expertInputGradKernel(const KernelSite &site,
                                                    const ExpertShape &s,
                                                    int64_t rows) {
  Builder b(site.location.getContext());
  TileBuilder t(site, {{"dy", TileBuilder::ptr(s.element)},
                       {"blocks", TileBuilder::ptr(b.getI32Type())},
                       {"w", TileBuilder::ptr(s.weight)},
                       {"out", TileBuilder::ptr(s.result)},
                       {"pairs", b.getIndexType()}});
  RowBlock::each(
      t, t.arg("blocks"), rows, [&](const RowBlock &block, int64_t rows) {
        Value zero = t.index(0), col = t.mul(t.programId(1), s.columns);
        Value dy = t.load(t.view(t.arg("dy"), t.mul(block.first, s.in),
                                 {-1, s.in}, {s.in, 1}, {block.count}),
                          {zero, zero}, {rows, s.in});
        Value w = t.load(t.view(t.arg("w"), t.mul(block.expert, s.in * s.out),
                                {s.in, s.out}, {s.out, 1}),
                         {zero, col}, {s.in, s.columns});
        Value dx = t.dot(
            dy, w, t.splat(0.0, TileBuilder::tile({rows, s.columns}, t.f32())),
            s.numerics);
        Value out = t.view(t.arg("out"), t.mul(block.first, s.out), {-1, s.out},
                           {s.out, 1}, {block.count});
        t.store(t.round(dx, s.result), out, {zero, col});
      });
  return t.finish();
}

void ExpertWeightGradShape::chooseTiles(const KernelSizes &sizes) {
  tileIn = productColumns(in, /*computedRows=*/true, sizes);
  tileOut = productColumns(out, /*computedRows=*/false, sizes);
  // dy is read across its rows, which is fast for whole tiles alone.
  for (int64_t whole = tileOut; whole >= 2 * tile::kPanel;
       whole -= tile::kPanel)
    if (out % whole == 0) {
      tileOut = whole;
      break;
    }
}

func::FuncOp
hamlet::codegen::expertWeightGradKernel(const KernelSite &site,
                                        const ExpertWeightGradShape &s) {
  constexpr int64_t kRows = 64, kLastRows = 16; // of x and dy at a time
  Builder b(site.location.getContext());
  TileBuilder t(site, {{"x", TileBuilder::ptr(s.x)},
                       {"dy", TileBuilder::ptr(s.dy)},
                       {"offsets", TileBuilder::ptr(b.getI32Type())},
                       {"into", TileBuilder::ptr(b.getF32Type())}});
  Value expert = t.programId(2), zero = t.index(0);
  Value begin = t.loadIndex(t.arg("offsets"), expert);
  Value count = t.sub(t.loadIndex(t.arg("offsets"), t.add(expert, 1)), begin);
  t.ifThen(t.lessIndex(zero, count), [&] {
    Value row = t.mul(t.programId(0), s.tileOut),
          col = t.mul(t.programId(1), s.tileIn);
    // The rows of this expert alone: what is outside is zero. The first column
    // of dy stands in the view's base, which lets a CPU turn blocks of it.
    Value first = t.add(t.mul(begin, s.out), row);
    Value dy =
        s.out % s.tileOut == 0
            ? t.view(t.arg("dy"), first, {s.tileOut, -1}, {1, s.out}, {count})
            : t.view(t.arg("dy"), first, {-1, -1}, {1, s.out},
                     {t.sub(t.index(s.out), row), count});
    Value x =
        t.view(t.arg("x"), t.mul(begin, s.in), {-1, s.in}, {s.in, 1}, {count});
    Value into = t.view(t.arg("into"), t.mul(expert, s.out * s.in),
                        {s.out, s.in}, {s.in, 1});
    auto rowsFrom = [&](Value p, int64_t rows) {
      return std::pair(t.load(dy, {zero, p}, {s.tileOut, rows}),
                       t.load(x, {p, col}, {rows, s.tileIn}));
    };
    Value sums = t.load(into, {row, col}, {s.tileOut, s.tileIn});
    Value whole = t.mul(t.divFloor(count, kRows), kRows);
    sums = t.forLoop(zero, whole, kRows, {sums}, [&](Value p, ValueRange sum) {
      auto [a, b] = rowsFrom(p, kRows);
      return SmallVector<Value>{t.dot(a, b, sum[0], /*pairs=*/false)};
    })[0];
    // Rows that are not there add -0 * 0 = -0, which changes no sum, not even
    // a zero's sign: where a call ends leaves no trace.
    sums = t.forLoop(
        whole, count, kLastRows, {sums}, [&](Value p, ValueRange sum) {
          auto [a, b] = rowsFrom(p, kLastRows);
          Value left =
              t.splat(t.toI32(t.sub(count, p)), {s.tileOut, kLastRows});
          Value there = t.compareI(arith::CmpIPredicate::slt,
                                   t.iota({s.tileOut, kLastRows}, 1), left);
          Value masked =
              t.select(there, t.widen(a),
                       t.splat(-0.0, TileBuilder::tile({s.tileOut, kLastRows},
                                                       t.f32())));
          return SmallVector<Value>{t.dot(masked, b, sum[0], /*pairs=*/false)};
        })[0];
    t.store(sums, into, {row, col});
  });
  return t.finish();
}
