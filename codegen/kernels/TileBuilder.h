//===- TileBuilder.h - writes one kernel in the tile dialect --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_KERNELS_TILEBUILDER_H
#define HAMLET_CODEGEN_KERNELS_TILEBUILDER_H

#include "codegen/schedule/KernelSizes.h"
#include "dialects/NN/NNDialect.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/SaveAndRestore.h"

namespace hamlet::codegen {

/// An argument of a kernel. Its name is its attribute `tile.name`.
struct KernelArgument {
  std::string name;
  mlir::Type type;
};

/// Where a kernel is written, and what for.
struct KernelSite {
  mlir::ModuleOp module;
  llvm::StringRef name;
  mlir::Location location; ///< of the graph op
  KernelSizes sizes = {};
};

/// Writes the body of one kernel: short names for what kernels are made of.
/// Values of tiles are `tensor<..>`; arithmetic takes operands of one shape and
/// broadcasts a scalar (a 0-d value of MLIR type f32 or i32) to it.
class TileBuilder {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;

  /// Starts a function with these arguments at the end of the module.
  TileBuilder(const KernelSite &site, llvm::ArrayRef<KernelArgument> arguments);
  /// Ends the function; nothing may be added after.
  mlir::func::FuncOp finish();

  mlir::OpBuilder &builder() { return b; }
  mlir::Location loc() const { return location; }
  /// Ops get this location as long as the result lives.
  [[nodiscard]] llvm::SaveAndRestore<mlir::Location> at(mlir::Location place) {
    return {location, place};
  }
  const KernelSizes &sizes() const { return numbers; }
  /// The argument with this name, which there is.
  Value arg(llvm::StringRef name);

  // Types.
  Type f32() { return b.getF32Type(); }
  Type i32() { return b.getI32Type(); }
  static Type ptr(Type element);
  static mlir::RankedTensorType tile(llvm::ArrayRef<int64_t> shape, Type type);

  // Index arithmetic; folds constants.
  Value index(int64_t value);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y) { return add(x, index(y)); }
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y) { return mul(x, index(y)); }
  Value divFloor(Value x, int64_t y);
  Value divCeil(Value x, int64_t y);
  Value remainder(Value x, int64_t y);
  Value minIndex(Value x, Value y);
  Value maxIndex(Value x, Value y);
  Value lessIndex(Value x, Value y);
  Value equalIndex(Value x, Value y);
  Value toIndex(Value i32Value);
  Value toI32(Value indexValue);
  Value programId(int axis);

  // Memory.
  /// Extents and strides: -1 takes the next of `dynamic` (sizes first, then
  /// strides).
  Value view(Value base, Value offset, llvm::ArrayRef<int64_t> sizes,
             llvm::ArrayRef<int64_t> strides,
             llvm::ArrayRef<Value> dynamicSizes = {},
             llvm::ArrayRef<Value> dynamicStrides = {});
  /// The matrix [k, n] at `coords` of a packed array, whose extents but the
  /// first are `extents`, as the right operand of products.
  Value matrix(Value base, llvm::ArrayRef<Value> coords,
               llvm::ArrayRef<int64_t> extents, int64_t k, int64_t n,
               tile::Layout packed);
  Value load(Value view, llvm::ArrayRef<Value> coords,
             llvm::ArrayRef<int64_t> shape);
  void store(Value tile, Value view, llvm::ArrayRef<Value> coords);
  Value gather(Value view, Value rows, Value col, int64_t width);
  Value loadScalar(Value base, Value index);
  /// An i32 in memory as an index.
  Value loadIndex(Value base, Value index) {
    return toIndex(loadScalar(base, index));
  }
  void storeScalar(Value value, Value base, Value index);

  // Tiles.
  Value splat(double value, mlir::RankedTensorType type);
  Value splat(Value scalar, llvm::ArrayRef<int64_t> shape);
  Value iota(llvm::ArrayRef<int64_t> shape, int64_t axis);
  Value broadcast(Value source, llvm::ArrayRef<int64_t> dims,
                  llvm::ArrayRef<int64_t> shape);
  /// [R] to [R, n].
  Value alongColumns(Value source, int64_t n);
  /// [n] to [R, n].
  Value alongRows(Value source, int64_t rows);
  Value reduce(tile::Reduction kind, Value source, int64_t axis,
               int64_t split = 0);
  /// f32 of any float or i32 tile or scalar.
  Value widen(Value x);
  /// Rounds f32 to `type`, nearest even.
  Value round(Value x, Type type);
  /// With `next`, this view is prefetched: rows from row `nextRow` on, or the
  /// next B in panels.
  Value dot(Value a, Value bOperand, Value acc, tile::NumericsAttr numerics,
            Value next = {}, Value nextRow = {});
  /// One sum, of bf16 in pairs or of f32.
  Value dot(Value a, Value bOperand, Value acc, bool pairs, Value next = {},
            Value nextRow = {});

  // Elementwise f32.
  Value addF(Value x, Value y);
  Value subF(Value x, Value y);
  Value mulF(Value x, Value y);
  Value divF(Value x, Value y);
  Value maxF(Value x, Value y);
  Value fma(Value x, Value y, Value z);
  Value negF(Value x);
  Value exp(Value x);
  /// Of x <= 0, or NaN.
  Value exp2NonPositive(Value x);
  Value log(Value x);
  Value sqrt(Value x);
  Value sigmoid(Value x);
  Value silu(Value x);
  Value activation(nn::Activation kind, Value x);
  /// The derivative at x.
  Value activationGrad(nn::Activation kind, Value x);
  Value scale(Value x, double factor);
  // Elementwise i32 and comparisons.
  Value addI(Value x, Value y);
  Value subI(Value x, Value y);
  Value compareI(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  Value equalF(Value x, Value y);
  Value select(Value condition, Value x, Value y);
  Value both(Value x, Value y);
  Value either(Value x, Value y);
  /// Of f32 elements.
  Value isFinite(Value x);
  /// Whether a tile [m, n] has an element that is not finite: an i1.
  Value hasNonFinite(Value x);

  // Control.
  /// for (i = from; i < to; i += step) with tiles carried; `body` returns the
  /// next ones.
  llvm::SmallVector<Value>
  forLoop(Value from, Value to, int64_t step, llvm::ArrayRef<Value> carried,
          llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>
              body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  /// What `body` returns if `condition` holds, else `other`.
  Value ifElse(Value condition, llvm::function_ref<Value()> body, Value other);
  /// `body(r)` for the least multiple of sizes().rowStep, or `rows`, that
  /// covers `count` (index) rows: a block's last rows do not drag the whole
  /// block. Nothing where count is 0.
  void forCount(Value count, int64_t rows,
                llvm::function_ref<void(int64_t)> body);

private:
  static mlir::RankedTensorType tileType(Value x) {
    return mlir::dyn_cast<mlir::RankedTensorType>(x.getType());
  }
  /// Gives two operands one shape by splatting the scalar one.
  std::pair<Value, Value> matched(Value x, Value y);

  mlir::OpBuilder b;
  mlir::Location location;
  KernelSizes numbers;
  mlir::func::FuncOp func;
};

} // namespace hamlet::codegen

#endif
