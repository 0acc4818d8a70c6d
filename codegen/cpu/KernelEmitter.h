//===- KernelEmitter.h - one tile kernel as loops over strips ---*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A strip is 16 elements of a tile along its last dimension: one virtual
// vector, the same at every level, so that the order of a sum does not depend
// on the machine. A sink (store, dot, reduction, ...) runs loops over strips;
// in them, the chain of lazy ops behind its operand is evaluated strip by
// strip, once for each strip. Example: y = a * b + c, [2, 24], stored:
//
//   for i in 0..2:  for j in {0, 16}:  (the second strip has 8 valid lanes)
//     y[i][j..] = a[i][j..] * b[i][j..] + c[i][j..]
//
// In the new function all integers of type index are i64, bf16 travels as the
// i16 of its bits, and memory is !llvm.ptr. Lanes past the end of a row hold
// anything; rows of buffers are padded to whole strips.
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_CPU_KERNELEMITTER_H
#define HAMLET_CODEGEN_CPU_KERNELEMITTER_H

#include "codegen/cpu/Emit.h"
#include "codegen/tile/Materialize.h"
#include "container/Lifetimes.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <map>

namespace hamlet::cpu {

/// Lanes of a strip.
inline constexpr int64_t kLanes = 16;

inline int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

class KernelEmitter {
public:
  KernelEmitter(mlir::func::FuncOp kernel, Level level);

  /// Writes the lowered function after the kernel and gives the bytes of
  /// scratch it needs; the kernel is left as it was. On failure the error has
  /// been reported at the op that is not supported.
  mlir::FailureOr<int64_t> run();

private:
  //===--------------------------------------------------------------------===//
  // What tile values become
  //===--------------------------------------------------------------------===//

  /// A tile in scratch: rows of the last dimension, padded to whole strips.
  struct Buffer {
    mlir::Value ptr;
    mlir::Type element; // i8 for i1, i16 for bf16
    llvm::SmallVector<int64_t> shape;
    int id = -1;
    int64_t rowElements() const {
      return shape.empty() ? kLanes : padded(shape.back());
    }
  };
  struct View {
    tile::DescType desc;
    mlir::Value base; // the first element
    llvm::SmallVector<mlir::Value> sizes, strides;
    mlir::Type element;
    tile::DescType type() const { return desc; }
    int64_t rank() const { return sizes.size(); }
  };
  /// The place of a strip: an index for each dimension but the last, then the
  /// first column; `lanes` of the 16 are inside the tile.
  struct Strip {
    llvm::SmallVector<mlir::Value> lead;
    mlir::Value col;
    int64_t lanes = kLanes;
    /// What has been evaluated for this strip, by tile and place.
    using Key = std::pair<void *, llvm::SmallVector<void *>>;
    std::shared_ptr<std::map<Key, mlir::Value>> cache =
        std::make_shared<std::map<Key, mlir::Value>>();
    Key key(mlir::Value tile) const;
  };
  /// Scratch of one lifetime, in steps of `now`.
  struct Slot {
    Lifetime life;
    mlir::LLVM::GEPOp address;
  };

  //===--------------------------------------------------------------------===//
  // Small things (KernelEmitter.cpp)
  //===--------------------------------------------------------------------===//

  mlir::Value c(int64_t value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value divBy(mlir::Value x, int64_t y);    // x >= 0
  mlir::Value modBy(mlir::Value x, int64_t y);    // x >= 0
  mlir::Value both(mlir::Value x, mlir::Value y); // null is true
  mlir::Value test(mlir::arith::CmpIPredicate p, mlir::Value x, mlir::Value y);
  std::optional<int64_t> constantOf(mlir::Value v);
  bool isMultiple(mlir::Value v, int64_t of);
  mlir::Type scalarType(mlir::Type type);
  mlir::VectorType vec(mlir::Type element, int64_t lanes = kLanes);
  mlir::Value splat(mlir::Value scalar, int64_t lanes = kLanes);
  mlir::Value zeros(mlir::Type type);
  mlir::Value splatInt(mlir::Type element, int64_t value);
  mlir::Value laneNumbers(mlir::Type element);
  mlir::Value laneMask(int64_t lanes);
  mlir::Value at(mlir::Value ptr, mlir::Type element, mlir::Value index);
  mlir::Value loadAt(mlir::Type type, mlir::Value ptr, int64_t align = 0);
  void storeAt(mlir::Value value, mlir::Value ptr, int64_t align = 0);
  int64_t bytesOf(mlir::Type element);
  mlir::Value widen(mlir::Value bits);    // bf16 bits or f16 to f32
  mlir::Value roundBf16(mlir::Value f32); // nearest even, to bits
  /// Runs `body` with induction variable in [lo, hi) by `step`; inline if it
  /// runs once for certain.
  void loop(mlir::Value lo, mlir::Value hi, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  mlir::Value error(mlir::Operation *op, const llvm::Twine &message,
                    mlir::Type type = {});

  //===--------------------------------------------------------------------===//
  // Buffers (KernelEmitter.cpp)
  //===--------------------------------------------------------------------===//

  Buffer allocate(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  Buffer allocateFor(mlir::Value tile);
  void touch(int id);
  const Buffer *bufferOf(mlir::Value tile);
  mlir::Value addressIn(const Buffer &buffer, llvm::ArrayRef<mlir::Value> lead,
                        mlir::Value col);
  mlir::Value loadStrip(const Buffer &buffer, const Strip &s, mlir::Type type);
  void storeStrip(mlir::Value value, const Buffer &buffer, const Strip &s);
  /// `bounds`: [first, past) for each dimension but the last; the whole if
  /// none.
  using Bounds = llvm::SmallVector<std::pair<mlir::Value, mlir::Value>>;
  void forEachStrip(llvm::ArrayRef<int64_t> shape,
                    llvm::function_ref<void(Strip &)> body,
                    const Bounds *bounds = nullptr);
  void evaluateInto(mlir::Value tile, const Buffer &buffer);
  int64_t placeSlots();

  //===--------------------------------------------------------------------===//
  // Evaluation (Strips.cpp)
  //===--------------------------------------------------------------------===//

  /// The strip of `tile` at `s`, computed here.
  mlir::Value strip(mlir::Value tile, Strip &s);
  mlir::Value evaluate(mlir::Operation *op, Strip &s);
  mlir::Value evaluateBroadcast(tile::BroadcastOp op, Strip &s);
  /// One element of a tile that is in a buffer or as cheap.
  mlir::Value element(mlir::Value tile, llvm::ArrayRef<mlir::Value> index);
  /// The elementwise op on strips or scalars.
  mlir::Value elementwise(mlir::Operation *op, mlir::ValueRange operands,
                          int64_t lanes, bool isVector);
  mlir::Value loadStrip(tile::LoadOp op, Strip &s);
  mlir::Value gatherStrip(tile::GatherOp op, Strip &s);

  //===--------------------------------------------------------------------===//
  // Memory (Memory.cpp)
  //===--------------------------------------------------------------------===//

  View makeView(tile::ViewOp op);
  /// Null if coordinates [from, from + extent) of dimension `dim` are inside
  /// for certain, else the test of the one coordinate `at`.
  mlir::Value inside(const View &view, int64_t dim, mlir::Value from,
                     int64_t extent, mlir::Value at);
  /// Where a box begins, dimension by dimension of its view.
  struct Box {
    const View &view;
    llvm::SmallVector<mlir::Value> coords;
    llvm::ArrayRef<int64_t> shape;
    /// The dimension of the box that spans the view's `dim`, or -1.
    int64_t spans(int64_t dim) const {
      return dim - (view.rank() - int64_t(shape.size()));
    }
    int64_t extent(int64_t dim) const {
      return spans(dim) < 0 ? 1 : shape[spans(dim)];
    }
  };
  Box makeBox(mlir::Value desc, mlir::ValueRange coords, mlir::Type tile);
  /// The coordinate of dimension `dim` at `index` of the box.
  mlir::Value coordinate(const Box &box, int64_t dim,
                         llvm::ArrayRef<mlir::Value> index);
  /// Address after the first `dims` dimensions, and whether their coordinates
  /// are inside (null: for certain).
  std::pair<mlir::Value, mlir::Value>
  leading(const Box &box, int64_t dims, llvm::ArrayRef<mlir::Value> index);
  /// Columns from `first` of the row at `row`, zero outside.
  mlir::Value readRow(const Box &box, mlir::Value row, mlir::Value rowInside,
                      mlir::Value from, int64_t lanes, mlir::Value col,
                      int64_t extent);
  mlir::Value readPanel(const Box &box, const Strip &s);
  /// Offsets of [k, columns] in a panel block; `columns` scalar or a strip.
  mlir::Value panelOffsets(const View &view, mlir::Value k,
                           mlir::Value columns);
  mlir::Value columnMask(mlir::Value first, mlir::Value size, int64_t lanes,
                         mlir::Value rowInside);
  mlir::Value ifInside(mlir::Value cond, mlir::Type type,
                       llvm::function_ref<mlir::Value()> then,
                       llvm::function_ref<mlir::Value()> otherwise);
  mlir::Value readMasked(mlir::Type type, mlir::Value ptr, mlir::Value mask);
  mlir::Value readLanes(mlir::Type element, mlir::Value ptr,
                        mlir::Value offsets, mlir::Value mask);
  mlir::Value loadElement(tile::LoadOp op, llvm::ArrayRef<mlir::Value> index);
  void emitStore(tile::StoreOp op);
  void emitScatter(tile::ScatterOp op);
  void writeRow(mlir::Value value, const View &view, mlir::Value row,
                mlir::Value from, mlir::Value col, int64_t lanes,
                int64_t extent);
  void writePanel(mlir::Value value, const Box &box, const Strip &s);
  /// Both rows of each pair at once, where the box has them.
  bool writesPairs(const Box &box);
  /// Stores the one element of a strip of one lane.
  void writeElement(mlir::Value value, const Box &box, const Strip &s);
  void writePairs(tile::StoreOp op, const Box &box);
  void writeMasked(mlir::Value value, mlir::Value ptr, mlir::Value mask);
  void writeLanes(mlir::Value value, mlir::Value ptr, mlir::Value offsets,
                  mlir::Value mask);

  //===--------------------------------------------------------------------===//
  // Rows into columns (Transpose.cpp)
  //===--------------------------------------------------------------------===//

  /// True if strips of the load run across the rows of memory, in whole blocks.
  bool readsAcross(tile::LoadOp op);
  void evaluateAcross(tile::LoadOp op, const Buffer &buffer);

  //===--------------------------------------------------------------------===//
  // Ops (Ops.cpp)
  //===--------------------------------------------------------------------===//

  void emitBlock(mlir::Block &block);
  void emitOp(mlir::Operation *op);
  void emitScalarOp(mlir::Operation *op);
  /// Writes a constant that is not a splat.
  void emitTable(mlir::arith::ConstantOp op, const Buffer &buffer);
  /// True if `op`'s result may take the place of the loop value `arg`, which
  /// nothing reads after it, and it only where operand `updated` is.
  bool updatesInPlace(mlir::Operation *op, mlir::Value updated,
                      mlir::Value arg);
  void emitReduce(tile::ReduceOp op);
  void emitScan(tile::ScanOp op);
  void emitFor(mlir::scf::ForOp op);
  void emitIf(mlir::scf::IfOp op);
  mlir::Value combine(tile::ReduceOp op, mlir::Value x, mlir::Value y);
  mlir::Value scalar(mlir::Value v);

  //===--------------------------------------------------------------------===//
  // Dots (Dot.cpp)
  //===--------------------------------------------------------------------===//

  friend class DotEmitter;
  void emitDot(tile::DotOp op);
  /// True if the load is a dot's rows, short ones that lie far apart: every
  /// panel of columns would fetch them again.
  bool collectsRows(tile::LoadOp op);

  mlir::func::FuncOp kernel;
  Level level;
  tile::Materialization plan;
  mlir::func::FuncOp lowered;
  mlir::ImplicitLocOpBuilder b;
  mlir::Type i1, i8, i16, i32, i64, f32;
  mlir::LLVM::LLVMPointerType ptrType;
  mlir::Value scratch;
  mlir::Value programIds[3];
  llvm::DenseMap<mlir::Value, mlir::Value> scalars;
  llvm::DenseMap<mlir::Value, Buffer> buffers;
  llvm::DenseMap<mlir::Value, View> views;
  llvm::DenseMap<int64_t, mlir::Value> constants;
  std::vector<Slot> slots;
  int64_t now = 0;
  struct OpenLoop {
    int64_t start;
    llvm::DenseSet<int> touched;
  };
  std::vector<OpenLoop> openLoops;
  mlir::Operation *current = nullptr;
  bool failed = false;
};

} // namespace hamlet::cpu

#endif
