//===- Dot.cpp - products by mma.sync or fma ------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync m16n8k16 by lane = 4 g + t: a lane holds of a the pairs of columns
// (2t, 2t + 1) and (2t + 8, 2t + 9) in rows g and g + 8, of b the pairs of rows
// t and t + 4 in column g, of the result rows g and g + 8 in columns 2t, 2t
// + 1.
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

LogicalResult KernelEmitter::emitDot(tile::DotOp op) {
  DotSchedule s = DotSchedule::of(op);
  for (int64_t m0 = 0; m0 < s.m; m0 += s.mBlock)
    for (int64_t n0 = 0; n0 < s.n; n0 += s.nBlock) {
      SmallVector<Access> touched;
      for (Value operand : op->getOperands())
        reads(operand, touched);
      touched.push_back(access(plan.bufferOf(op.getResult()), true));
      touched.push_back(access(plan.stagingOf(op), true));
      touch(touched);
      if (s.mma)
        emitMmaBlock(op, s, m0, n0);
      else
        emitFmaBlock(op, s, m0, n0);
    }
  return success();
}

/// Runs `slice` over all of k, part by part, and adds the parts.
SmallVector<Value> KernelEmitter::sumSlices(const DotSchedule &s,
                                            SmallVector<Value> sums,
                                            Body slice) {
  int64_t end = llvm::alignTo(s.k, s.kSlice);
  if (s.parts > 1)
    return sumParts(s.parts, sums, [&](Value number) {
      Value from = mul(number, s.part);
      Value to = add(from, s.part);
      if (end % s.part)
        to = arith::MinUIOp::create(b, to, i32(end));
      return forRange(from, to, s.kSlice, sums, slice);
    });
  if (end == s.kSlice)
    return slice(i32(0), sums);
  return forRange(i32(0), i32(end), s.kSlice, sums, slice);
}

/// After the last barrier nothing but the result is touched, and `acc`.
void KernelEmitter::startResults(tile::DotOp op, const DotSchedule &s) {
  pending.clear();
  known.clear();
  pending.push_back(access(plan.bufferOf(op.getResult()), true));
  if (s.addsLast)
    reads(op.getAcc(), pending);
}

/// The sum of a dot whose place is `at`, with `acc` if that is added last.
Value KernelEmitter::finished(tile::DotOp op, const DotSchedule &s,
                              ArrayRef<Value> at, Value sum) {
  if (!s.addsLast || matchPattern(op.getAcc(), m_AnyZeroFloat()))
    return sum;
  return arith::AddFOp::create(b, element(op.getAcc(), at), sum);
}

void KernelEmitter::emitMmaBlock(tile::DotOp op, const DotSchedule &s,
                                 int64_t m0, int64_t n0) {
  const Buffer *result = plan.bufferOf(op.getResult());
  const Buffer *staging = plan.stagingOf(op);
  int64_t rows = std::min(s.mBlock, s.m - m0),
          columns = std::min(s.nBlock, s.n - n0);
  bool ragged = s.k % s.kSlice != 0;
  Type bf16 = b.getBF16Type(), i16 = b.getI16Type(), word = b.getI32Type();
  auto aAt = [&](Type type, Value offset) {
    return address(false, staging->life.offset, type, offset);
  };
  auto bAt = [&](Value offset) {
    return address(false, staging->life.offset + s.aBytes, word, offset);
  };

  // Rows and columns that do not exist are zero throughout.
  if (rows < s.mBlock)
    forThreads((s.mBlock - rows) * s.aStride / 2, [&](Value e) {
      Value at = add(e, rows * s.aStride / 2);
      LLVM::StoreOp::create(b, i32(0), aAt(word, at));
    });
  if (columns < s.nBlock)
    forThreads(s.kSlice / 2 * (s.nBlock - columns), [&](Value e) {
      Indices at = split(e, {s.kSlice / 2, s.nBlock - columns});
      LLVM::StoreOp::create(
          b, i32(0), bAt(add(mul(at[0], s.bStride), add(at[1], columns))));
    });

  Value group = arith::ShRUIOp::create(b, lane, i32(2));
  Value inGroup = arith::AndIOp::create(b, lane, i32(3));
  Value warpM = arith::RemUIOp::create(b, warp, i32(s.warpsM));
  Value warpN = arith::DivUIOp::create(b, warp, i32(s.warpsM));
  Value row0 = add(mul(warpM, s.tilesM * 16), group);
  Value column0 = mul(warpN, s.tilesN * 8);
  Value pair2 = mul(inGroup, 2);

  // Visits the results of a thread, with the place of each in the tile.
  auto forResults =
      [&](function_ref<void(unsigned, Value, ArrayRef<Value>)> visit) {
        unsigned number = 0;
        for (int64_t tm = 0; tm < s.tilesM; ++tm)
          for (int64_t tn = 0; tn < s.tilesN; ++tn)
            for (int64_t r = 0; r < 4; ++r) {
              Value row = add(row0, tm * 16 + (r / 2) * 8);
              Value column = add(add(column0, pair2), tn * 8 + r % 2);
              Value exists;
              if (rows < s.mBlock)
                exists = less(row, i32(rows));
              if (columns < s.nBlock) {
                Value in = less(column, i32(columns));
                exists = exists
                             ? arith::AndIOp::create(b, exists, in).getResult()
                             : in;
              }
              visit(number++, exists, {add(row, m0), add(column, n0)});
            }
      };
  SmallVector<Value> sums;
  forResults([&](unsigned, Value exists, ArrayRef<Value> at) {
    sums.push_back(s.addsLast ? zeroOf(b.getF32Type())
                              : elementWhere(exists, op.getAcc(), at));
  });

  auto slice = [&](Value k0, ValueRange carried) {
    forThreads(rows * s.kSlice, [&](Value e) {
      Indices at = split(e, {rows, s.kSlice});
      Value k = add(k0, at[1]);
      Value exists = ragged ? less(k, i32(s.k)) : Value();
      Value value = elementWhere(exists, op.getA(), {add(at[0], m0), k});
      LLVM::StoreOp::create(b, value,
                            aAt(bf16, add(mul(at[0], s.aStride), at[1])));
    });
    forThreads(s.kSlice / 2 * columns, [&](Value e) {
      Indices at = split(e, {s.kSlice / 2, columns});
      Value k = add(k0, mul(at[0], 2)), n = add(at[1], n0);
      auto bits = [&](Value row) -> Value {
        Value exists = ragged ? less(row, i32(s.k)) : Value();
        Value value = elementWhere(exists, op.getB(), {row, n});
        return arith::ExtUIOp::create(b, word,
                                      arith::BitcastOp::create(b, i16, value));
      };
      Value low = bits(k), high = bits(add(k, 1));
      Value both =
          arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, i32(16)));
      LLVM::StoreOp::create(b, both, bAt(add(mul(at[0], s.bStride), at[1])));
    });
    NVVM::Barrier0Op::create(b);
    SmallVector<Value> next(carried);
    for (int64_t kk = 0; kk < s.kSlice; kk += 16) {
      SmallVector<SmallVector<Value>> a(s.tilesM);
      for (int64_t tm = 0; tm < s.tilesM; ++tm)
        for (int64_t r = 0; r < 4; ++r) {
          Value row = add(row0, tm * 16 + (r % 2) * 8);
          Value half = add(inGroup, kk / 2 + (r / 2) * 4);
          Value at = add(mul(row, s.aStride / 2), half);
          a[tm].push_back(LLVM::LoadOp::create(b, word, aAt(word, at)));
        }
      for (int64_t tn = 0; tn < s.tilesN; ++tn) {
        SmallVector<Value> bPair;
        Value column = add(add(column0, group), tn * 8);
        for (int64_t r = 0; r < 2; ++r)
          bPair.push_back(LLVM::LoadOp::create(
              b, word,
              bAt(add(mul(add(inGroup, kk / 2 + r * 4), s.bStride), column))));
        for (int64_t tm = 0; tm < s.tilesM; ++tm) {
          Type f32 = b.getF32Type();
          auto type = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                       {f32, f32, f32, f32});
          auto first = next.begin() + (tm * s.tilesN + tn) * 4;
          SmallVector<Value> c(first, first + 4);
          Value d = NVVM::MmaOp::create(
              b, type, a[tm], bPair, c, ArrayRef<int64_t>{16, 8, 16},
              std::nullopt, std::nullopt,
              std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::bf16,
                                            NVVM::MMATypes::bf16},
              std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                             NVVM::MMALayout::col});
          for (int64_t r = 0; r < 4; ++r)
            *(first + r) = LLVM::ExtractValueOp::create(b, d, r);
        }
      }
    }
    NVVM::Barrier0Op::create(b);
    return next;
  };
  sums = sumSlices(s, sums, slice);
  startResults(op, s);
  forResults([&](unsigned number, Value exists, ArrayRef<Value> at) {
    auto put = [&] { write(result, at, finished(op, s, at, sums[number])); };
    if (exists)
      ifTrue(exists, put);
    else
      put();
  });
}

void KernelEmitter::emitFmaBlock(tile::DotOp op, const DotSchedule &s,
                                 int64_t m0, int64_t n0) {
  const Buffer *result = plan.bufferOf(op.getResult());
  const Buffer *staging = plan.stagingOf(op);
  int64_t rows = std::min(s.mBlock, s.m - m0),
          columns = std::min(s.nBlock, s.n - n0);
  bool allRows = rows == s.threadsM * s.tilesM,
       allColumns = columns == s.threadsN * s.tilesN;
  bool ragged = s.k % s.kSlice != 0;
  Type f32 = b.getF32Type();
  auto aAt = [&](Value offset) {
    return address(false, staging->life.offset, f32, offset);
  };
  auto bAt = [&](Value offset) {
    return address(false, staging->life.offset + s.aBytes, f32, offset);
  };
  Value threadN = arith::RemUIOp::create(b, thread, i32(s.threadsN));
  Value threadM = arith::DivUIOp::create(b, thread, i32(s.threadsN));
  // Places of this thread's sums; those that do not exist repeat the last one.
  SmallVector<Value> row, column, rowRead, columnRead;
  for (int64_t r = 0; r < s.tilesM; ++r) {
    row.push_back(add(threadM, r * s.threadsM));
    rowRead.push_back(
        allRows ? row[r]
                : arith::MinUIOp::create(b, row[r], i32(rows - 1)).getResult());
  }
  for (int64_t c = 0; c < s.tilesN; ++c) {
    column.push_back(add(threadN, c * s.threadsN));
    columnRead.push_back(
        allColumns ? column[c]
                   : arith::MinUIOp::create(b, column[c], i32(columns - 1))
                         .getResult());
  }
  SmallVector<Value> sums;
  for (Value r : rowRead)
    for (Value c : columnRead)
      sums.push_back(s.addsLast
                         ? zeroOf(f32)
                         : element(op.getAcc(), {add(r, m0), add(c, n0)}));

  auto slice = [&](Value k0, ValueRange carried) {
    forThreads(rows * s.kSlice, [&](Value e) {
      Indices at = split(e, {rows, s.kSlice});
      Value k = add(k0, at[1]);
      Value value = elementWhere(ragged ? less(k, i32(s.k)) : Value(),
                                 op.getA(), {add(at[0], m0), k});
      LLVM::StoreOp::create(b, widened(value),
                            aAt(add(mul(at[0], s.aStride), at[1])));
    });
    if (!s.directB)
      forThreads(s.kSlice * columns, [&](Value e) {
        Indices at = split(e, {s.kSlice, columns});
        Value k = add(k0, at[0]);
        Value value = elementWhere(ragged ? less(k, i32(s.k)) : Value(),
                                   op.getB(), {k, add(at[1], n0)});
        LLVM::StoreOp::create(b, widened(value),
                              bAt(add(mul(at[0], s.bStride), at[1])));
      });
    NVVM::Barrier0Op::create(b);
    Value count = i32(s.kSlice);
    if (ragged) {
      Value left = arith::SubIOp::create(b, i32(s.k), k0);
      count = arith::MinUIOp::create(b, count, left);
    }
    SmallVector<Value> next =
        forRange(i32(0), count, 1, carried, [&](Value kk, ValueRange in) {
          SmallVector<Value> x, y, out;
          for (Value r : rowRead)
            x.push_back(
                LLVM::LoadOp::create(b, f32, aAt(add(mul(r, s.aStride), kk))));
          for (Value c : columnRead)
            y.push_back(s.directB ? widened(element(op.getB(),
                                                    {add(k0, kk), add(c, n0)}))
                                  : LLVM::LoadOp::create(
                                        b, f32, bAt(add(mul(kk, s.bStride), c)))
                                        .getResult());
          for (auto [i, u] : llvm::enumerate(x))
            for (auto [j, v] : llvm::enumerate(y))
              out.push_back(math::FmaOp::create(b, u, v, in[i * y.size() + j]));
          return out;
        });
    NVVM::Barrier0Op::create(b);
    return next;
  };
  sums = sumSlices(s, sums, slice);
  startResults(op, s);
  for (size_t r = 0; r < row.size(); ++r)
    for (size_t c = 0; c < column.size(); ++c) {
      Value exists;
      if (!allRows)
        exists = less(row[r], i32(rows));
      if (!allColumns) {
        Value in = less(column[c], i32(columns));
        exists = exists ? arith::AndIOp::create(b, exists, in).getResult() : in;
      }
      auto store = [&] {
        Value at[] = {add(row[r], m0), add(column[c], n0)};
        write(result, at, finished(op, s, at, sums[r * column.size() + c]));
      };
      if (exists)
        ifTrue(exists, store);
      else
        store();
    }
}
