//===- Transpose.cpp - reading rows into columns --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A box whose strips run across the rows of memory (keys, transposed) would be
// read one element at a time: a gather, of addresses that share few sets of the
// cache. It is read in blocks of 16 rows by 16 words instead, each turned in
// registers. Words are f32, i32, or two bf16.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;
using Cmp = arith::CmpIPredicate;

/// Elements of a word.
static int64_t packing(Type element) { return element.isInteger(16) ? 2 : 1; }

bool KernelEmitter::readsAcross(tile::LoadOp op) {
  auto found = views.find(op.getSource());
  if (found == views.end() || op.getResult().use_empty())
    return false;
  const View &view = found->second;
  ArrayRef<int64_t> shape = op.getResult().getType().getShape();
  int64_t rank = view.rank();
  if (view.type().isPanel() || shape.size() != 2 || rank < 2 ||
      constantOf(view.strides[rank - 1]) == 1 ||
      constantOf(view.strides[rank - 2]) != 1 ||
      (view.element != f32 && view.element != i32 && view.element != i16))
    return false;
  auto first = constantOf(scalar(op.getCoords()[rank - 2])),
       size = constantOf(view.sizes[rank - 2]);
  return first && size && *first >= 0 && *first + shape[0] <= *size &&
         shape[0] % (kLanes * packing(view.element)) == 0 &&
         shape[1] % kLanes == 0;
}

/// Turns a block of 16 rows of 16 words: halves of halves change places.
static void transpose(ImplicitLocOpBuilder &b, SmallVector<Value> &rows) {
  for (int64_t half = kLanes / 2; half; half /= 2)
    for (int64_t i = 0; i < kLanes; ++i) {
      if (i & half)
        continue;
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        bool second = lane & half;
        low.push_back(second ? kLanes + lane - half : lane);
        high.push_back(second ? kLanes + lane : lane + half);
      }
      Value x = rows[i], y = rows[i + half];
      rows[i] = vector::ShuffleOp::create(b, x, y, low);
      rows[i + half] = vector::ShuffleOp::create(b, x, y, high);
    }
}

void KernelEmitter::evaluateAcross(tile::LoadOp op, const Buffer &buffer) {
  touch(buffer.id);
  Box box = makeBox(op.getSource(), op.getCoords(), op.getResult().getType());
  const View &view = box.view;
  int64_t rank = view.rank(), words = packing(view.element);
  auto [base, ok] = leading(box, rank - 2, {c(0), c(0)});
  Value fromRow = box.coords[rank - 1], stride = view.strides[rank - 1];
  base = at(base, view.element, box.coords[rank - 2]);
  Type block = vec(words == 2 ? i32 : view.element);

  auto turned = [&](Value row, Value col) {
    loop(c(0), c(box.shape[0]), kLanes * words, [&](Value k) {
      SmallVector<Value> rows;
      for (int64_t r = 0; r < kLanes; ++r) {
        Value start = add(mul(add(row, c(r)), stride), k);
        rows.push_back(loadAt(block, at(base, view.element, start),
                              bytesOf(view.element)));
      }
      transpose(b, rows);
      for (int64_t r = 0; r < kLanes; ++r) {
        auto put = [&](Value v, int64_t at) {
          storeAt(v, addressIn(buffer, {add(k, c(at))}, col));
        };
        if (words == 1) {
          put(rows[r], r);
          continue;
        }
        Value odd = arith::ShRUIOp::create(b, rows[r], splatInt(i32, 16));
        put(arith::TruncIOp::create(b, vec(i16), rows[r]), 2 * r);
        put(arith::TruncIOp::create(b, vec(i16), odd), 2 * r + 1);
      }
    });
  };
  loop(c(0), c(box.shape[1]), kLanes, [&](Value col) {
    Value row = add(fromRow, col);
    Value whole = ok;
    if (inside(view, rank - 1, fromRow, box.shape[1], row))
      whole = both(both(whole, test(Cmp::sge, row, c(0))),
                   test(Cmp::sle, add(row, c(kLanes)), view.sizes[rank - 1]));
    if (!whole)
      return turned(row, col);
    auto branch = scf::IfOp::create(b, whole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    turned(row, col);
    b.setInsertionPointToStart(branch.elseBlock());
    loop(c(0), c(box.shape[0]), 1, [&](Value k) {
      Strip s;
      s.lead = {k};
      s.col = col;
      storeStrip(loadStrip(op, s), buffer, s);
    });
  });
}
