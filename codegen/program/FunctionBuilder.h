//===- FunctionBuilder.h - one function of the container ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_FUNCTIONBUILDER_H
#define HAMLET_CODEGEN_PROGRAM_FUNCTIONBUILDER_H

#include "codegen/kernels/Region.h"
#include "codegen/program/KernelTable.h"
#include "dialects/NN/NNOps.h"

namespace hamlet::codegen {

/// Where a value lies: what an argument of a launch refers to.
struct Place {
  hmlt::ArgKind kind = hmlt::ArgKind::buffer;
  int32_t index = -1;
};

Place stepInput(hmlt::StepInput input);

// Quantities known when a step is prepared.
hmlt::Expr constant(int64_t value);
hmlt::Expr symbol(hmlt::Symbol symbol);
/// `rows` times `factor`; `rows` has no divisor.
hmlt::Expr times(const hmlt::Expr &rows, int64_t factor);
/// ceil(rows / divisor); `rows` adds nothing.
hmlt::Expr ceilDiv(const hmlt::Expr &rows, int64_t divisor);
/// ceil(rows / the variant's rows).
hmlt::Expr byRows(const hmlt::Expr &rows);

/// The value whose rows `v` has, through a region to its argument.
mlir::Value domainOf(mlir::Value v);

int64_t bytesOf(mlir::Type element);
hmlt::DType dtypeOf(mlir::Type element);

/// Collects one function: values get places, launches arguments. The arena is
/// planned at the end by lifetimes.
class FunctionBuilder {
public:
  using LaunchArgs = std::vector<std::unique_ptr<hmlt::ArgT>>;

  FunctionBuilder(mlir::func::FuncOp func, KernelTable &kernels,
                  hmlt::ContainerT &container);

  /// A model's step, told by `hamlet.input` attributes; else a plain call.
  mlir::LogicalResult bindArguments();
  mlir::LogicalResult bindResults(mlir::func::ReturnOp returned);
  mlir::LogicalResult addConstant(mlir::arith::ConstantOp op);
  void beginRegion(nn::FusedOp op);
  mlir::LogicalResult finish(mlir::func::ReturnOp returned);

  /// Rows (extent of dimension 0) of a value.
  hmlt::Expr rowsOf(mlir::Value v) const;
  /// Where a value that the function does not compute lies: an operand or a
  /// constant.
  std::optional<Place> given(mlir::Value v) const;
  /// The place of `v`; a weight in that layout is loaded so, another matrix is
  /// packed by a launch.
  mlir::FailureOr<Place> placeOf(mlir::Value v, OperandLayout layout);
  /// A buffer, or the function's result, for a value of `rows` rows. Null: a
  /// buffer that nothing reads.
  Place define(mlir::Value v, const hmlt::Expr &rows);
  Place temporary(llvm::StringRef name, mlir::Type element,
                  const hmlt::Expr &elements, bool zero);
  /// The updated cache is the cache.
  void alias(mlir::Value updated, mlir::Value cache);
  struct Pool {
    const char *name;
    int64_t bytes; ///< 0: there is none
  };
  std::vector<Place> cachePools(mlir::Value cache, llvm::StringRef kind,
                                hmlt::CachePer per, llvm::ArrayRef<Pool> pools);
  hmlt::Expr sum(llvm::StringRef name, llvm::ArrayRef<hmlt::Expr> terms);
  hmlt::Expr product(llvm::StringRef name, const hmlt::Expr &x,
                     const hmlt::Expr &y);

  std::unique_ptr<hmlt::ArgT> arg(const Place &place);
  std::unique_ptr<hmlt::ArgT> scalar(const hmlt::Expr &value);
  /// `metric`: the rows by which a variant of the kernel is picked.
  void launch(int32_t kernel, const hmlt::Expr &metric,
              std::array<hmlt::Expr, 3> grid, LaunchArgs args);
  std::string familyKey(llvm::ArrayRef<int64_t> rows) const;

private:
  mlir::LogicalResult addChecks();
  mlir::FailureOr<Place> packed(mlir::Value v, OperandLayout layout);
  hmlt::Expr derived(llvm::StringRef name, llvm::ArrayRef<hmlt::Expr> terms,
                     bool product);
  void planArena();

  mlir::func::FuncOp func;
  KernelTable &kernels;
  hmlt::ContainerT &container;
  std::unique_ptr<hmlt::FunctionT> out;
  bool step = false;
  int32_t layer = -1;
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::DenseMap<mlir::Value, hmlt::Expr> rows;
  llvm::DenseMap<mlir::Value, int32_t> results;
  llvm::DenseMap<mlir::Value, std::vector<Place>> pools;
  llvm::DenseMap<mlir::Value, mlir::Value> aliases;
  std::map<std::pair<void *, int>, Place> packedPlaces;
};

} // namespace hamlet::codegen

#endif
