//===- Plans.cpp - what a plain call prepares for itself ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Kernels.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

func::FuncOp hamlet::codegen::iotaKernel(const KernelSite &site) {
  Builder b(site.location.getContext());
  TileBuilder t(site, {{"out", TileBuilder::ptr(b.getI32Type())},
                       {"count", b.getIndexType()}});
  t.forLoop(t.index(0), t.arg("count"), 1, {}, [&](Value i, ValueRange) {
    t.storeScalar(t.toI32(i), t.arg("out"), i);
    return SmallVector<Value>{};
  });
  return t.finish();
}

func::FuncOp hamlet::codegen::packKernel(const KernelSite &site, Type element,
                                         int64_t n, int64_t k,
                                         tile::Layout packed) {
  TileBuilder t(site, {{"in", TileBuilder::ptr(element)},
                       {"out", TileBuilder::ptr(element)}});
  Value col = t.mul(t.programId(0), tile::kPanel), matrix = t.programId(1),
        zero = t.index(0);
  Value in = t.view(t.arg("in"), t.mul(matrix, n * k), {k, n}, {1, k});
  Value out = t.matrix(t.arg("out"), {matrix}, {}, k, n, packed);
  t.store(t.load(in, {zero, col}, {k, tile::kPanel}), out, {zero, col});
  return t.finish();
}

func::FuncOp hamlet::codegen::packStateKernel(const KernelSite &site, int64_t k,
                                              int64_t n) {
  Builder b(site.location.getContext());
  Type f32 = TileBuilder::ptr(b.getF32Type());
  TileBuilder t(site, {{"in", f32}, {"out", f32}});
  Value matrix = t.programId(1), zero = t.index(0);
  Value in = t.view(t.arg("in"), t.mul(matrix, k * n), {k, n}, {n, 1});
  Value out = t.matrix(t.arg("out"), {matrix}, {}, k, n, tile::Layout::packed);
  t.store(t.load(in, {zero, zero}, {k, n}), out, {zero, zero});
  return t.finish();
}
