//===- Reduce.cpp - reductions and running sums ---------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last axis is a warp's, or half a warp's for 16 strands: lane l sums x[l],
// x[strands + l], ... in order, then lanes strands / 2, ..., 2 and 1 apart are
// added. Other axes and running sums belong to one thread, which goes through
// them in order.
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

static Value combine(ImplicitLocOpBuilder &b, tile::Reduction kind, Value x,
                     Value y) {
  bool isFloat = isa<FloatType>(x.getType());
  switch (kind) {
  case tile::Reduction::sum:
    return isFloat ? arith::AddFOp::create(b, x, y).getResult()
                   : arith::AddIOp::create(b, x, y).getResult();
  case tile::Reduction::max:
    return isFloat ? arith::MaximumFOp::create(b, x, y).getResult()
                   : arith::MaxSIOp::create(b, x, y).getResult();
  case tile::Reduction::maxnum:
    return arith::MaxNumFOp::create(b, x, y);
  case tile::Reduction::min:
    return isFloat ? arith::MinimumFOp::create(b, x, y).getResult()
                   : arith::MinSIOp::create(b, x, y).getResult();
  }
  llvm_unreachable("a reduction has four kinds");
}

/// What a lane without an element holds: it changes nothing.
static Value neutral(ImplicitLocOpBuilder &b, tile::Reduction kind, Type type) {
  bool max = kind == tile::Reduction::max || kind == tile::Reduction::maxnum;
  if (kind == tile::Reduction::sum)
    return arith::ConstantOp::create(b, b.getZeroAttr(type));
  if (type.isF32()) {
    float infinity = std::numeric_limits<float>::infinity();
    return arith::ConstantOp::create(
        b, b.getF32FloatAttr(max ? -infinity : infinity));
  }
  return arith::ConstantOp::create(
      b, b.getI32IntegerAttr(max ? std::numeric_limits<int32_t>::min()
                                 : std::numeric_limits<int32_t>::max()));
}

LogicalResult KernelEmitter::emitReduce(tile::ReduceOp op) {
  auto source = cast<RankedTensorType>(op.getSource().getType());
  const Buffer *result = plan.bufferOf(op.getResult());
  tile::Reduction kind = op.getKind();
  int64_t axis = op.getAxis(), n = source.getDimSize(axis);
  ArrayRef<int64_t> rows = result->type.getShape();
  SmallVector<Access> touched;
  reads(op.getSource(), touched);
  touched.push_back(access(result, true));
  touch(touched);

  if (axis != source.getRank() - 1) {
    auto sourceAt = [&](ArrayRef<Value> row, Value place) {
      Indices at(row);
      at.insert(at.begin() + axis, place);
      return element(op.getSource(), at);
    };
    forThreads(result->type.getNumElements(), [&](Value e) {
      Indices row = split(e, rows);
      Value first = sourceAt(row, i32(0));
      Value total =
          forRange(i32(1), i32(n), 1, first, [&](Value i, ValueRange carried) {
            return SmallVector<Value>{
                combine(b, kind, carried[0], sourceAt(row, i))};
          })[0];
      write(result, row, total);
    });
    return success();
  }
  // Only an f32 sum has an order.
  bool isOrdered =
      kind == tile::Reduction::sum && source.getElementType().isF32();
  int64_t lanes = isOrdered ? op.getStrands() : kWarp;
  if (lanes != kWarp && lanes != kWarp / 2)
    return op.emitOpError("has ")
           << lanes << " strands; PTX lowers 16 and 32, half a warp and a warp";
  int64_t rowsOfWarp = kWarp / lanes, count = result->type.getNumElements();
  int64_t part = tile::partOf(n, op.getSplit());
  Value first = arith::RemUIOp::create(b, lane, i32(lanes));
  Value below = arith::DivUIOp::create(b, lane, i32(lanes));
  auto reduceRows = [&](Value number) {
    // Lanes without a row repeat the last one: all take part in shuffles.
    Value mine = add(number, below), exists;
    Value clamped = mine;
    if (count % rowsOfWarp) {
      exists = less(mine, i32(count));
      clamped = arith::MinUIOp::create(b, mine, i32(count - 1));
    }
    Indices row = split(clamped, rows);
    Value total;
    if (part == n) {
      total = reduceLanes(op, row, first, lanes, i32(0), n, n, i32(n));
    } else {
      Value zero = zeroOf(source.getElementType());
      total = sumParts(llvm::divideCeil(n, part), zero, [&](Value number) {
        Value low = mul(number, part);
        Value high = arith::MinUIOp::create(b, add(low, part), i32(n));
        int64_t least = n % part ? n % part : part;
        return SmallVector<Value>{
            reduceLanes(op, row, first, lanes, low, least, part, high)};
      })[0];
    }
    Value writes =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, first, i32(0));
    if (exists)
      writes = arith::AndIOp::create(b, writes, exists);
    ifTrue(writes, [&] { write(result, split(mine, rows), total); });
  };
  if (count <= rowsOfWarp) {
    ifTrue(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warp, i32(0)),
           [&] { reduceRows(i32(0)); });
    return success();
  }
  forRange(mul(warp, rowsOfWarp), i32(count), kWarps * rowsOfWarp, {},
           [&](Value number, ValueRange) {
             reduceRows(number);
             return SmallVector<Value>{};
           });
  return success();
}

/// Elements [low, high) of a row, `least` to `most` of them, as `lanes` lanes
/// reduce them, of which this thread is number `first`; all of them have the
/// result.
Value KernelEmitter::reduceLanes(tile::ReduceOp op, ArrayRef<Value> row,
                                 Value first, int64_t lanes, Value low,
                                 int64_t least, int64_t most, Value high) {
  tile::Reduction kind = op.getKind();
  Type type = cast<RankedTensorType>(op.getSource().getType()).getElementType();
  auto sourceAt = [&](Value place) {
    Indices at(row);
    at.push_back(place);
    return element(op.getSource(), at);
  };
  Value start = add(low, first), total;
  if (least < lanes) {
    auto branch =
        scf::IfOp::create(b, TypeRange{type}, less(start, high), true);
    OpBuilder::InsertionGuard guard(b);
    auto saved = known;
    b.setInsertionPointToStart(branch.thenBlock());
    Value value = sourceAt(start);
    scf::YieldOp::create(b, value);
    known = saved;
    b.setInsertionPointToStart(branch.elseBlock());
    Value none = neutral(b, kind, type);
    scf::YieldOp::create(b, none);
    total = branch.getResult(0);
  } else {
    total = sourceAt(start);
  }
  if (most > lanes)
    total = forRange(add(start, lanes), high, lanes, total,
                     [&](Value i, ValueRange carried) {
                       return SmallVector<Value>{
                           combine(b, kind, carried[0], sourceAt(i))};
                     })[0];
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    Value other =
        NVVM::ShflOp::create(b, type, i32(-1), total, i32(distance), i32(31),
                             NVVM::ShflKind::bfly, UnitAttr());
    total = combine(b, kind, total, other);
  }
  return total;
}

void KernelEmitter::emitScan(tile::ScanOp op) {
  auto type = cast<RankedTensorType>(op.getSource().getType());
  const Buffer *sums = plan.bufferOf(op.getSums());
  const Buffer *errors =
      op.getErrors() ? plan.bufferOf(op.getErrors()) : nullptr;
  int64_t axis = op.getAxis(), n = type.getDimSize(axis);
  SmallVector<int64_t> lines(type.getShape());
  lines.erase(lines.begin() + axis);
  SmallVector<Access> touched;
  reads(op.getSource(), touched);
  touched.push_back(access(sums, true));
  if (errors)
    touched.push_back(access(errors, true));
  touch(touched);
  forThreads(type.getNumElements() / n, [&](Value e) {
    Indices line = split(e, lines);
    Value zero = zeroOf(type.getElementType());
    SmallVector<Value> start{zero};
    if (errors)
      start.push_back(zero);
    forRange(i32(0), i32(n), 1, start, [&](Value i, ValueRange carried) {
      Indices at(line);
      at.insert(at.begin() + axis, i);
      Value x = element(op.getSource(), at);
      if (!errors) {
        Value sum = arith::AddIOp::create(b, carried[0], x);
        write(sums, at, sum);
        return SmallVector<Value>{sum};
      }
      // Knuth's two-sum: sum + error is carried[0] + x exactly.
      Value sum = arith::AddFOp::create(b, carried[0], x);
      Value kept = arith::SubFOp::create(b, sum, carried[0]);
      Value lostOfSum = arith::SubFOp::create(
          b, carried[0], arith::SubFOp::create(b, sum, kept));
      Value lostOfX = arith::SubFOp::create(b, x, kept);
      Value error = arith::AddFOp::create(
          b, carried[1], arith::AddFOp::create(b, lostOfSum, lostOfX));
      write(sums, at, sum);
      write(errors, at, error);
      return SmallVector<Value>{sum, error};
    });
  });
}
