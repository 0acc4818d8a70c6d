//===- Window.h - what ops write a region's kernel with -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value of a region is asked for in windows: `width` columns from a place on,
// for the rows of the program instance. Asking for a window of a result asks
// for the windows of its operands that it needs, down to memory.

#ifndef HAMLET_CODEGEN_KERNELS_WINDOW_H
#define HAMLET_CODEGEN_KERNELS_WINDOW_H

#include "codegen/kernels/Region.h"
#include "llvm/Support/ErrorHandling.h"

namespace hamlet::codegen {

/// Where a window begins: a head's first column, say, and an offset in it.
struct Column {
  mlir::Value base; ///< an index; null: 0
  int64_t offset = 0;
};

/// Elements of a ranked tensor.
mlir::Type elementOf(mlir::Value v);

/// The kernel of one region, for one number of rows, while it is written.
class WindowBuilder {
public:
  using Value = mlir::Value;

  WindowBuilder(const KernelSite &site, const RegionPlan &plan, int64_t rows);
  mlir::func::FuncOp build();

  /// f32 [rows, width]: the window of `value` that begins at `c`.
  Value window(Value value, Column c, int64_t width);
  /// The same as it lies in memory; null if `value` is computed.
  Value storedWindow(Value value, Column c, int64_t width);

  /// `x` . `weight`, which is packed: [rows, width] of f32 sums as `numerics`
  /// says.
  Value product(Value x, Value weight, tile::NumericsAttr numerics, Column c,
                int64_t width);

  // Operands of the region, and views of them.
  /// `v` with a place in memory: its pointer, the elements of a row, the column
  /// that it begins at.
  struct InMemory {
    Value pointer;
    int64_t stride, column;
  };
  InMemory inMemory(Value v);
  /// [width] of a weight vector, widened.
  Value vectorWindow(Value vector, Column c, int64_t width);
  /// [rows] of an i32 list with an entry for each row of the region.
  Value rowList(Value list);
  /// The rows of `matrix`, one for each row of the region.
  Value rowView(Value matrix);
  /// [rows]: column `column` of such rows.
  Value rowEntry(Value view, int64_t column);
  /// Rows of `from`, which has `count` rows, by index, not widened. Null
  /// `count`: it has a static number.
  Value gathered(Value from, Value list, Column c, int64_t width, Value count);

  Value absolute(Column c);
  mlir::RankedTensorType f32Tile(llvm::ArrayRef<int64_t> dims);

  /// What `make` makes, once for each `op` and `base` where it is there.
  llvm::SmallVector<Value>
  once(mlir::Operation *op, Value base,
       llvm::function_ref<llvm::SmallVector<Value>()> make);

  TileBuilder t;
  int64_t rows;     ///< of the instance
  Value regionRows; ///< in all
  Value sourceRows; ///< of what is gathered from
  Value rowStart;   ///< the instance's first row
  Value lane;       ///< its tile of columns, or its head

private:
  void storeResult(Value value, Value pointer);
  void onLanes(int64_t count, llvm::function_ref<void()> body);

  const RegionPlan &plan;
  nn::FusedOp op;
  llvm::DenseMap<std::tuple<const void *, const void *, int64_t, int64_t>,
                 Value>
      windows;
  llvm::DenseMap<std::pair<mlir::Operation *, Value>, llvm::SmallVector<Value>>
      made;
};

} // namespace hamlet::codegen

#include "codegen/kernels/WindowOpInterface.h.inc"

namespace hamlet::codegen {

// WindowOpInterface for our ops, by subject; registerWindowModels calls them
// all.
void registerProductWindows(mlir::DialectRegistry &registry);
void registerNormWindows(mlir::DialectRegistry &registry);
void registerRotaryWindows(mlir::DialectRegistry &registry);
void registerGatherWindows(mlir::DialectRegistry &registry);
void registerRoutingWindows(mlir::DialectRegistry &registry);
void registerExpertGradWindows(mlir::DialectRegistry &registry);

} // namespace hamlet::codegen

#endif
