//===- DotSums.cpp - the sums of a register block -------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/DotEmitter.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;

/// Adds `length` products to each sum, in the order of k.
void DotEmitter::ascend(const Operands &operands, int64_t length,
                        SmallVector<Value> &sums) {
  bool byPairs = this->panels == Panels::pairs;
  int64_t count = sums.size(), units = byPairs ? length / 2 : length;
  int64_t unroll = count <= 4 ? 4 : count <= 8 ? 2 : 1;
  int64_t whole = units / unroll * unroll;
  auto one = [&](Value unit) {
    products(unit, operands.rows, operands.panels, operands.step, sums);
    // Each step brings its own strips of the next B.
    for (Value panel : operands.next)
      prefetchAt(e.at(panel, stripElement(), e.mul(unit, e.c(kLanes))), 0);
  };
  if (whole) {
    auto loop = scf::ForOp::create(b, e.c(0), e.c(whole), e.c(unroll), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    sums.assign(loop.getRegionIterArgs().begin(),
                loop.getRegionIterArgs().end());
    for (int64_t u = 0; u < unroll; ++u)
      one(e.add(loop.getInductionVar(), e.c(u)));
    scf::YieldOp::create(b, sums);
    sums.assign(loop.result_begin(), loop.result_end());
  }
  for (int64_t u = whole; u < units; ++u)
    one(e.c(u));
  if (byPairs && length % 2)
    lastProduct(units, operands.rows, operands.panels, operands.step, sums);
}

//===----------------------------------------------------------------------===//
// Split sums
//===----------------------------------------------------------------------===//
//
// The tree grows as a binary counter does: level l holds the sum of a finished
// subtree of 2^l leaves, or nothing. A new leaf climbs while its number has
// ones at the low end: 3 = 0b11 adds level 0, then level 1, and stays on level
// 2. At the end the subtrees are those of the ones in the number of leaves.

/// Adds the subtrees that leaf `number` completes and leaves the sums on its
/// level.
void DotEmitter::climb(Value number, SmallVector<Value> &sums,
                       SumAddress address) {
  Value inverted = arith::XOrIOp::create(b, number, e.c(-1));
  Value level = math::CountTrailingZerosOp::create(b, inverted);
  auto loop = scf::ForOp::create(b, e.c(0), level, e.c(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    SmallVector<Value> next;
    for (auto [x, sum] : llvm::enumerate(loop.getRegionIterArgs()))
      next.push_back(arith::AddFOp::create(
          b, e.loadAt(e.vec(e.f32), address(loop.getInductionVar(), x)), sum));
    scf::YieldOp::create(b, next);
  }
  for (auto [x, sum] : llvm::enumerate(loop.getResults()))
    e.storeAt(sum, address(level, x));
}

/// Adds the subtrees of `count` leaves, the smallest first, to `sums`; null
/// sums are the smallest subtree itself.
void DotEmitter::descend(int64_t count, SmallVector<Value> &sums,
                         SumAddress address) {
  for (int64_t level = 0; count >> level; ++level)
    for (auto [x, sum] : llvm::enumerate(sums)) {
      if (!(count >> level & 1))
        continue;
      Value left = e.loadAt(e.vec(e.f32), address(e.c(level), x));
      sum = sum ? arith::AddFOp::create(b, left, sum).getResult() : left;
    }
}

/// Of `length` of k: parts, each from 0, and the tree over them.
SmallVector<Value> DotEmitter::sumOfParts(const Operands &operands,
                                          int64_t length) {
  int64_t count = operands.rows.size() * operands.panels.size();
  int64_t whole = length / part;
  auto ofPart = [&](Value from, int64_t rows) {
    SmallVector<Value> sums(count, e.zeros(e.vec(e.f32)));
    ascend(shifted(operands, from), rows, sums);
    return sums;
  };
  if (length <= part)
    return ofPart(e.c(0), length);
  auto address = [&](Value level, int64_t x) {
    return e.addressIn(*partSums, {level}, e.c(x * kLanes));
  };
  e.loop(e.c(0), e.c(whole), 1, [&](Value number) {
    SmallVector<Value> sums = ofPart(e.mul(number, e.c(part)), part);
    climb(number, sums, address);
  });
  SmallVector<Value> sums(count);
  if (whole * part < length)
    sums = ofPart(e.c(whole * part), length - whole * part);
  descend(whole, sums, address);
  return sums;
}

bool DotEmitter::isAddedToZero() {
  return matchPattern(op.getAcc(), m_AnyZeroFloat());
}

/// The result of several blocks of k.
void DotEmitter::addBlocks() {
  e.forEachStrip(result.shape, [&](Strip &s) {
    SmallVector<Value> sum(1);
    descend(llvm::divideCeil(k, kc), sum, [&](Value level, int64_t) {
      return e.addressIn(*blockSums, {level, s.lead[0]}, s.col);
    });
    if (!isAddedToZero())
      sum[0] = arith::AddFOp::create(b, e.strip(op.getAcc(), s), sum[0]);
    e.storeStrip(sum[0], result, s);
  });
}

Value DotEmitter::panelStrip(Value panel, Value unit, Value step, Type type) {
  Value index = e.mul(unit, e.c(kLanes));
  if (step)
    index = e.mul(index, step);
  Type element = getElementTypeOrSelf(type);
  return e.loadAt(type, e.at(panel, element, index));
}

Value DotEmitter::dp(Value acc, Value x, Value y) {
  auto halves = VectorType::get({2 * kLanes}, b.getBF16Type());
  SmallVector<Value> args{acc};
  for (Value words : {x, y})
    args.push_back(LLVM::BitcastOp::create(b, halves, words));
  return LLVM::CallIntrinsicOp::create(
             b, acc.getType(),
             b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"), args)
      .getResult(0);
}

void DotEmitter::products(Value unit, ArrayRef<Value> rows,
                          ArrayRef<Value> panels, Value step,
                          SmallVector<Value> &acc) {
  int64_t nv = panels.size();
  SmallVector<Value> strips;
  for (Value panel : panels) {
    switch (this->panels) {
    case Panels::f32:
      strips.push_back(panelStrip(panel, unit, step, e.vec(e.f32)));
      break;
    case Panels::bf16:
      strips.push_back(e.widen(panelStrip(panel, unit, step, e.vec(e.i16))));
      break;
    case Panels::f16:
      strips.push_back(
          e.widen(panelStrip(panel, unit, step, e.vec(b.getF16Type()))));
      break;
    case Panels::pairs:
      strips.push_back(panelStrip(panel, unit, step, e.vec(e.i32)));
      break;
    }
  }
  auto scalarA = [&](size_t r, Value index) {
    return e.splat(e.loadAt(e.f32, e.at(rows[r], e.f32, index)));
  };
  if (this->panels != Panels::pairs) {
    for (size_t r = 0; r < rows.size(); ++r) {
      Value a = scalarA(r, unit);
      for (int64_t j = 0; j < nv; ++j)
        acc[r * nv + j] = fma(a, strips[j], acc[r * nv + j]);
    }
    return;
  }
  if (native) {
    for (size_t r = 0; r < rows.size(); ++r) {
      Value a = e.splat(e.loadAt(e.i32, e.at(rows[r], e.i32, unit), 2));
      for (int64_t j = 0; j < nv; ++j)
        acc[r * nv + j] = dp(acc[r * nv + j], a, strips[j]);
    }
    return;
  }
  // bf16 numerics take the odd element first, f32 numerics go by k.
  Value even = e.mul(unit, e.c(2)), odd = e.add(even, e.c(1));
  for (bool takeOdd : {bf16, !bf16}) {
    SmallVector<Value> wide;
    for (Value words : strips)
      wide.push_back(takeOdd ? oddOf(words) : evenOf(words));
    for (size_t r = 0; r < rows.size(); ++r) {
      Value a = scalarA(r, takeOdd ? odd : even);
      for (int64_t j = 0; j < nv; ++j)
        acc[r * nv + j] = fma(a, wide[j], acc[r * nv + j]);
    }
  }
}

/// The last row of an odd K, whose partner is not read.
void DotEmitter::lastProduct(int64_t unit, ArrayRef<Value> rows,
                             ArrayRef<Value> panels, Value step,
                             SmallVector<Value> &acc) {
  int64_t nv = panels.size();
  for (int64_t j = 0; j < nv; ++j) {
    Value words = panelStrip(panels[j], e.c(unit), step, e.vec(e.i32));
    for (size_t r = 0; r < rows.size(); ++r) {
      Value &sum = acc[r * nv + j];
      if (native) {
        Value half = e.loadAt(e.i16, e.at(rows[r], e.i16, e.c(2 * unit)));
        sum = dp(sum, e.splat(arith::ExtUIOp::create(b, e.i32, half)), words);
        continue;
      }
      Value a = e.splat(e.loadAt(e.f32, e.at(rows[r], e.f32, e.c(2 * unit))));
      if (bf16) {
        Value zero = e.zeros(e.vec(e.f32));
        sum = fma(zero, zero, sum);
      }
      sum = fma(a, evenOf(words), sum);
    }
  }
}
