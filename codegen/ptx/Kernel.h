//===- Kernel.h - one tile kernel as threads of a block ---------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel runs as steps. In a step all threads of the block work out the
// elements of one tile that has a buffer, or store one tile; a barrier stands
// between two steps where one writes what the other reads or writes.
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PTX_KERNEL_H
#define HAMLET_CODEGEN_PTX_KERNEL_H

#include "codegen/ptx/Plan.h"
#include "codegen/tile/Materialize.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace hamlet::ptx {

class KernelEmitter {
public:
  /// `b` stands where the llvm.func goes; `shared` is the dynamic shared
  /// memory.
  KernelEmitter(mlir::func::FuncOp kernel, const Plan &plan,
                mlir::LLVM::GlobalOp shared, mlir::OpBuilder &builder)
      : kernel(kernel), plan(plan), shared(shared),
        b(kernel.getLoc(), builder) {}

  mlir::LogicalResult emit();

private:
  using Value = mlir::Value;
  using Indices = llvm::SmallVector<Value, 4>; // i32, one for each dimension

  // Kernel.cpp: control, scalars, steps.
  void placeScratch(Value base);
  mlir::LogicalResult emitBlock(mlir::Block &block);
  mlir::LogicalResult emitOp(mlir::Operation *op);
  mlir::LogicalResult emitScalar(mlir::Operation *op);
  mlir::LogicalResult makeTable(mlir::arith::ConstantOp op);
  mlir::LogicalResult emitFor(mlir::scf::ForOp op);
  mlir::LogicalResult emitIf(mlir::scf::IfOp op);
  void emitStore(mlir::Operation *op);
  /// buffer[e] = value[e] for all elements.
  void fill(const Buffer *buffer, Value value);
  mlir::Type scalarType(mlir::Type type);

  // Barriers.
  struct Access {
    const void *object; // kernel argument, or one of the block's own memories
    int64_t low, high;  // bytes; all of it for kernel arguments
    bool write;
  };
  /// Waits where `accesses` clash with what threads did since the last barrier.
  void touch(llvm::ArrayRef<Access> accesses);
  void barrier();
  void settle() {
    if (!pending.empty())
      barrier();
  }
  Access access(const Buffer *buffer, bool write);
  /// What working out an element of `tile` reads.
  void reads(Value tile, llvm::SmallVectorImpl<Access> &found);
  void readsArgument(Value base, llvm::SmallVectorImpl<Access> &found);

  // Loops.
  using Body =
      llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>;
  /// Threads take the numbers below `count` in turn, neighbours side by side.
  void forThreads(int64_t count, llvm::function_ref<void(Value)> body);
  /// for (i = low; i < high; i += step), i32; returns what is carried.
  llvm::SmallVector<Value> forRange(Value low, Value high, int64_t step,
                                    mlir::ValueRange carried, Body body);
  void ifTrue(Value condition, llvm::function_ref<void()> body);
  /// The place of element number `linear` (i32) of a row-major shape.
  Indices split(Value linear, llvm::ArrayRef<int64_t> shape);

  // Small arithmetic.
  Value i32(int64_t v);
  Value i64(int64_t v);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y);
  Value mul(Value x, int64_t y);
  Value less(Value x, Value y); // unsigned
  Value wide(Value x);          // i32, signed, to i64
  Value zeroOf(mlir::Type type);

  // Element.cpp: single elements.
  /// The value of `tile` at i32 indices `at`, which are within its shape.
  Value element(Value tile, llvm::ArrayRef<Value> at);
  /// The same where `condition` holds (null: always), zero elsewhere.
  Value elementWhere(Value condition, Value tile, llvm::ArrayRef<Value> at);
  Value computed(Value tile, llvm::ArrayRef<Value> at);
  Value widened(Value x); // to f32
  /// An element of global memory: its address, and whether it is in bounds
  /// (null: always).
  struct Place {
    Value pointer, valid;
  };
  Place placeIn(tile::DescType type, Value desc, llvm::ArrayRef<Value> coords,
                llvm::ArrayRef<bool> inBounds);
  Place placeOfBox(Value desc, mlir::ValueRange coords,
                   mlir::RankedTensorType box, llvm::ArrayRef<Value> at);
  Place placeOfRow(Value desc, Value rows, Value col,
                   mlir::RankedTensorType box, llvm::ArrayRef<Value> at);
  Value loadFrom(Place place, mlir::Type type);
  void storeTo(Place place, Value value);
  Value read(const Buffer *buffer, llvm::ArrayRef<Value> at);
  void write(const Buffer *buffer, llvm::ArrayRef<Value> at, Value value);
  Value addressOf(const Buffer *buffer, llvm::ArrayRef<Value> at);
  /// Shared or scratch memory `offset` (i32) elements of `type` after `bytes`.
  Value address(bool scratch, int64_t bytes, mlir::Type type, Value offset);

  // Dot.cpp, Reduce.cpp.
  mlir::LogicalResult emitDot(tile::DotOp op);
  void emitMmaBlock(tile::DotOp op, const DotSchedule &s, int64_t m0,
                    int64_t n0);
  void emitFmaBlock(tile::DotOp op, const DotSchedule &s, int64_t m0,
                    int64_t n0);
  llvm::SmallVector<Value> sumSlices(const DotSchedule &s,
                                     llvm::SmallVector<Value> sums, Body slice);
  void startResults(tile::DotOp op, const DotSchedule &s);
  Value finished(tile::DotOp op, const DotSchedule &s, llvm::ArrayRef<Value> at,
                 Value sum);
  mlir::LogicalResult emitReduce(tile::ReduceOp op);
  Value reduceLanes(tile::ReduceOp op, llvm::ArrayRef<Value> row, Value first,
                    int64_t lanes, Value low, int64_t least, int64_t most,
                    Value high);
  void emitScan(tile::ScanOp op);
  /// The sums of `parts` parts, each from `part(number)`, in a balanced tree;
  /// `like` says how many sums there are and of which types.
  llvm::SmallVector<Value>
  sumParts(int64_t parts, mlir::ValueRange like,
           llvm::function_ref<llvm::SmallVector<Value>(Value)> part);

  mlir::func::FuncOp kernel;
  const Plan &plan;
  mlir::LLVM::GlobalOp shared;
  mlir::ImplicitLocOpBuilder b;
  mlir::IRMapping scalars;
  Value thread, warp, lane; // i32
  Value sharedBase, scratchBase;
  llvm::DenseSet<Value> written; // kernel arguments
  llvm::SmallVector<Access> pending;
  /// Constant tiles whose elements differ, in global memory.
  llvm::DenseMap<mlir::Operation *, mlir::LLVM::GlobalOp> tables;
  const Buffer *filling = nullptr; ///< of the lazy tile being worked out
  /// Elements worked out at this place of the code already.
  using Known = std::pair<Value, llvm::SmallVector<Value, 4>>;
  std::vector<std::pair<Known, Value>> known;
};

} // namespace hamlet::ptx

#endif
