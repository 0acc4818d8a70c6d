//===- DotEmitter.h - products as register blocks ---------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dot.cpp has the loops over blocks, DotSums.cpp what a register block does.
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_CPU_DOTEMITTER_H
#define HAMLET_CODEGEN_CPU_DOTEMITTER_H

#include "codegen/cpu/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace hamlet::cpu {

/// Writes one product.
class DotEmitter {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;

  DotEmitter(KernelEmitter &e, tile::DotOp op);
  void run();

private:
  using Buffer = KernelEmitter::Buffer;
  using Strip = KernelEmitter::Strip;
  /// How B's panels hold their elements.
  enum class Panels { f32, bf16, f16, pairs };

  void chooseBlocks();
  void chooseSources();
  void fillZeros();
  void block(Value k0, int64_t length);
  void packA(Value k0, int64_t length);
  void packB(Value k0, int64_t length);
  Value rowOf(Value i, Value k0);
  /// The panel's address at row k0, and whether it is inside (null: yes).
  std::pair<Value, Value> panelOf(Value j, Value k0);
  void columns(Value j, int64_t count, Value k0, int64_t length);
  void rowsTimes(Value j, llvm::ArrayRef<Value> panels, Value step, int64_t mr,
                 Value k0, int64_t length);
  void micro(Value i, int64_t mr, Value j, llvm::ArrayRef<Value> panels,
             Value step, Value k0, int64_t length);
  /// Where a register block reads.
  struct Operands {
    llvm::SmallVector<Value> rows, panels;
    Value step;
    llvm::SmallVector<Value> next; // panels to prefetch
  };
  Operands shifted(const Operands &operands, Value rows);
  void ascend(const Operands &operands, int64_t length,
              llvm::SmallVector<Value> &sums);
  llvm::SmallVector<Value> sumOfParts(const Operands &operands, int64_t length);
  using SumAddress = llvm::function_ref<Value(Value level, int64_t sum)>;
  void climb(Value number, llvm::SmallVector<Value> &sums, SumAddress address);
  void descend(int64_t count, llvm::SmallVector<Value> &sums,
               SumAddress address);
  bool isAddedToZero();
  void addBlocks();
  void prefetchAt(Value base, int64_t byte);
  void prefetchRows(Value i, int64_t mr, Value j);
  llvm::SmallVector<Value> nextPanels(Value j, int64_t count, Value k0);
  void products(Value unit, llvm::ArrayRef<Value> rows,
                llvm::ArrayRef<Value> panels, Value step,
                llvm::SmallVector<Value> &acc);
  void lastProduct(int64_t unit, llvm::ArrayRef<Value> rows,
                   llvm::ArrayRef<Value> panels, Value step,
                   llvm::SmallVector<Value> &acc);
  Value panelStrip(Value panel, Value unit, Value step, Type type);
  /// Of a register block of one panel, near the end of B.
  int64_t loneRows() const { return std::min<int64_t>(m, 6); }
  /// As large as an element of a panel's strip.
  Type stripElement() {
    return panels == Panels::pairs || panels == Panels::f32 ? e.i32 : e.i16;
  }
  Value fma(Value x, Value y, Value z) {
    return mlir::math::FmaOp::create(b, x, y, z);
  }
  Value toF32(Value words) {
    return mlir::arith::BitcastOp::create(b, e.vec(e.f32), words);
  }
  Value evenOf(Value words) {
    return toF32(mlir::arith::ShLIOp::create(b, words, e.splatInt(e.i32, 16)));
  }
  Value oddOf(Value words) {
    return toF32(mlir::arith::AndIOp::create(
        b, words, e.splatInt(e.i32, int32_t(0xffff0000))));
  }
  Value dp(Value acc, Value x, Value y);

  KernelEmitter &e;
  mlir::ImplicitLocOpBuilder &b;
  tile::DotOp op;
  int64_t m, n, k, panelCount;
  bool bf16; // numerics with pairs
  bool native;
  int64_t mr, nv, kc;
  Buffer result;
  /// One block of k: the first sums are evaluated where they are needed.
  bool startsInRegisters = false;

  /// Rows of k in a part of a split sum; 0: sums begin as `acc`.
  int64_t part = 0;
  /// The trees over parts of one block of k and over blocks of k, if there are
  /// several: sums of subtrees, [level][element].
  std::optional<Buffer> partSums, blockSums;
  Value blockNumber; ///< if there are several

  Type typeA; // f32, or i16 of bf16 bits for the instruction
  std::optional<Buffer> bufferA, packedA, zeroRow;
  tile::LoadOp loadA;
  tile::GatherOp gatherA;

  Panels panels;
  std::optional<Buffer> packedB, zeroPanel;
  tile::LoadOp loadB;
};

} // namespace hamlet::cpu

#endif
