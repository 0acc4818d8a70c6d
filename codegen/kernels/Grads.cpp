//===- Grads.cpp - kernels of nn's gradients ------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Grads.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

static RankedTensorType f32Tile(TileBuilder &t, ArrayRef<int64_t> dims) {
  return TileBuilder::tile(dims, t.f32());
}

/// A row-major matrix of `columns` columns.
static Value rowsView(TileBuilder &t, StringRef name, int64_t columns,
                      Value rows, HeadsIn in = {}) {
  return t.view(t.arg(name), t.index(in.column), {-1, columns},
                {in.rowStride ? in.rowStride : columns, 1}, {rows});
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

func::FuncOp hamlet::codegen::linearInputGradKernel(const KernelSite &site,
                                                    const LinearGradShape &s,
                                                    int64_t rows) {
  Builder b(site.location.getContext());
  TileBuilder t(site, {{"dy", TileBuilder::ptr(s.dy)},
                       {"w", TileBuilder::ptr(s.other)},
                       {"out", TileBuilder::ptr(s.result)},
                       {"tokens", b.getIndexType()}});
  Value tokens = t.arg("tokens"), zero = t.index(0);
  Value row = t.mul(t.programId(0), rows),
        col = t.mul(t.programId(1), s.columns);
  Value dy = rowsView(t, "dy", s.n, tokens, s.dyIn),
        out = rowsView(t, "out", s.k, tokens);
  Value w = t.view(t.arg("w"), zero, {s.n, s.k}, {s.k, 1});
  t.forCount(t.sub(tokens, row), rows, [&](int64_t count) {
    Value a = t.load(dy, {row, zero}, {count, s.n});
    Value right = t.load(w, {zero, col}, {s.n, s.columns});
    Value sum = t.dot(a, right, t.splat(0.0, f32Tile(t, {count, s.columns})),
                      s.numerics);
    t.store(t.round(sum, s.result), out, {row, col});
  });
  return t.finish();
}

func::FuncOp hamlet::codegen::linearWeightGradKernel(const KernelSite &site,
                                                     const LinearGradShape &s) {
  Builder b(site.location.getContext());
  TileBuilder t(site, {{"x", TileBuilder::ptr(s.other)},
                       {"dy", TileBuilder::ptr(s.dy)},
                       {"into", TileBuilder::ptr(b.getF32Type())},
                       {"tokens", b.getIndexType()}});
  int64_t rows = site.sizes.gradRows, step = site.sizes.gradTokens;
  Value tokens = t.arg("tokens"), zero = t.index(0);
  Value row = t.mul(t.programId(0), rows),
        col = t.mul(t.programId(1), s.columns);
  // Where tiles cut n evenly, the view is the tile's own: its transpose is
  // quick where rows are known to be inside.
  bool even = s.n % rows == 0;
  Value first = t.add(even ? row : zero, s.dyIn.column);
  Value across = t.view(t.arg("dy"), first, {even ? rows : s.n, -1},
                        {1, s.dyIn.rowStride}, {tokens});
  Value x = rowsView(t, "x", s.k, tokens, s.otherIn);
  Value into = t.view(t.arg("into"), zero, {s.n, s.k}, {s.k, 1});
  Value sum = t.load(into, {row, col}, {rows, s.columns});
  sum = t.forLoop(zero, tokens, step, {sum}, [&](Value at, ValueRange carried) {
    Value left = t.load(across, {even ? zero : row, at}, {rows, step});
    Value right = t.load(x, {at, col}, {step, s.columns});
    return SmallVector<Value>{t.dot(left, right, carried[0], false)};
  })[0];
  t.store(sum, into, {row, col});
  return t.finish();
}

func::FuncOp hamlet::codegen::biasGradKernel(const KernelSite &site,
                                             Type element, int64_t n,
                                             HeadsIn in) {
  Builder b(site.location.getContext());
  TileBuilder t(site, {{"dy", TileBuilder::ptr(element)},
                       {"into", TileBuilder::ptr(b.getF32Type())},
                       {"tokens", b.getIndexType()}});
  int64_t columns = site.sizes.columns;
  Value tokens = t.arg("tokens"), zero = t.index(0);
  Value col = t.mul(t.programId(0), columns);
  Value dy = rowsView(t, "dy", n, tokens, in);
  Value into = t.view(t.arg("into"), zero, {n}, {1});
  Value sum =
      t.forLoop(zero, tokens, 1, {t.load(into, {col}, {columns})},
                [&](Value at, ValueRange carried) {
                  Value row = t.load(dy, {at, col}, {columns});
                  return SmallVector<Value>{t.addF(carried[0], t.widen(row))};
                })[0];
  t.store(sum, into, {col});
  return t.finish();
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

func::FuncOp hamlet::codegen::normWeightGradKernel(const KernelSite &site,
                                                   const NormGradShape &s) {
  Builder b(site.location.getContext());
  Type f32 = TileBuilder::ptr(b.getF32Type());
  TileBuilder t(site, {{"x", TileBuilder::ptr(s.x)},
                       {"inverse", f32},
                       {"dy", TileBuilder::ptr(s.dy)},
                       {"into", f32},
                       {"tokens", b.getIndexType()}});
  int64_t columns = site.sizes.columns, width = s.parts * s.n;
  Value tokens = t.arg("tokens"), zero = t.index(0);
  Value col = t.mul(t.programId(0), columns);
  // Rows of the weight's width, as many for a token as parts share it. Columns
  // past a row's end would be the next one's.
  int64_t shared = width / s.entries;
  auto view = [&](StringRef name, HeadsIn in) {
    return t.view(t.arg(name), t.index(in.column), {-1, shared, s.entries},
                  {in.rowStride, s.entries, 1}, {tokens});
  };
  Value x = view("x", s.xIn), dy = view("dy", s.dyIn);
  Value into = t.view(t.arg("into"), zero, {s.entries}, {1});
  // Parts in a row of the weight's width, and roots of a token.
  int64_t partsOfRow = s.entries / s.n;
  auto add = [&](Value token, Value row, Value sum) {
    Value first = t.add(t.mul(token, s.parts), t.mul(row, partsOfRow)), inverse;
    if (partsOfRow == 1) {
      inverse = t.splat(t.loadScalar(t.arg("inverse"), first), {columns});
    } else {
      Value list = t.view(t.arg("inverse"), first, {partsOfRow, 1}, {1, 1});
      Value part =
          t.addI(t.iota({columns}, 0), t.splat(t.toI32(col), {columns}));
      part = arith::DivUIOp::create(
          t.builder(), t.loc(), part,
          t.splat(static_cast<double>(s.n),
                  TileBuilder::tile({columns}, t.i32())));
      // Of one column: its only element in each row.
      inverse =
          t.reduce(tile::Reduction::sum, t.gather(list, part, zero, 1), 1);
    }
    auto load = [&](Value view) {
      return t.widen(t.load(view, {token, row, col}, {columns}));
    };
    return t.fma(load(dy), t.mulF(load(x), inverse), sum);
  };
  Value sum = t.forLoop(
      zero, tokens, 1, {t.load(into, {col}, {columns})},
      [&](Value token, ValueRange carried) {
        if (shared == 1)
          return SmallVector<Value>{add(token, zero, carried[0])};
        return t.forLoop(zero, t.index(shared), 1, {carried[0]},
                         [&](Value row, ValueRange inner) {
                           return SmallVector<Value>{add(token, row, inner[0])};
                         });
      })[0];
  t.store(sum, into, {col});
  return t.finish();
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

func::FuncOp hamlet::codegen::sortIdsKernel(const KernelSite &site,
                                            int64_t vocab) {
  Builder b(site.location.getContext());
  Type i32 = TileBuilder::ptr(b.getI32Type());
  TileBuilder t(site, {{"ids", i32},
                       {"offsets", i32},
                       {"order", i32},
                       {"tokens", b.getIndexType()}});
  sortByKey(t,
            {.keys = t.arg("ids"),
             .offsets = t.arg("offsets"),
             .order = t.arg("order"),
             .place = {},
             .count = t.arg("tokens")},
            vocab);
  return t.finish();
}

func::FuncOp hamlet::codegen::embeddingGradKernel(const KernelSite &site,
                                                  Type element, int64_t vocab,
                                                  int64_t width, HeadsIn in) {
  Builder b(site.location.getContext());
  Type i32 = TileBuilder::ptr(b.getI32Type());
  TileBuilder t(site, {{"dy", TileBuilder::ptr(element)},
                       {"offsets", i32},
                       {"order", i32},
                       {"into", TileBuilder::ptr(b.getF32Type())},
                       {"tokens", b.getIndexType()}});
  Value id = t.programId(0), zero = t.index(0);
  Value begin = t.loadIndex(t.arg("offsets"), id),
        end = t.loadIndex(t.arg("offsets"), t.add(id, 1));
  Value dy = rowsView(t, "dy", width, t.arg("tokens"), in);
  Value into = t.view(t.arg("into"), zero, {vocab, width}, {width, 1});
  t.ifThen(t.lessIndex(begin, end), [&] {
    Value sum = t.forLoop(
        begin, end, 1, {t.load(into, {id, zero}, {width})},
        [&](Value at, ValueRange carried) {
          Value token = t.loadIndex(t.arg("order"), at);
          return SmallVector<Value>{
              t.addF(carried[0], t.widen(t.load(dy, {token, zero}, {width})))};
        })[0];
    t.store(sum, into, {id, zero});
  });
  return t.finish();
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

func::FuncOp hamlet::codegen::copyKernel(const KernelSite &site,
                                         int64_t count) {
  Builder b(site.location.getContext());
  Type f32 = TileBuilder::ptr(b.getF32Type());
  TileBuilder t(site, {{"in", f32}, {"out", f32}});
  Value first = t.mul(t.programId(0), kCopied);
  auto view = [&](StringRef name) {
    return t.view(t.arg(name), t.index(0), {count}, {1});
  };
  t.store(t.load(view("in"), {first}, {kCopied}), view("out"), {first});
  return t.finish();
}
