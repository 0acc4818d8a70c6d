//===- KernelTable.h - kernels of a program, each declared once -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is declared once, whatever the targets. What a target makes of it is
// asked for each class of targets: those that work with the same tiles share
// their kernels as tile IR, and each gets a realization of its own.

#ifndef HAMLET_CODEGEN_PROGRAM_KERNELTABLE_H
#define HAMLET_CODEGEN_PROGRAM_KERNELTABLE_H

#include "codegen/kernels/TileBuilder.h"
#include "codegen/program/Extent.h"
#include "codegen/program/TargetClass.h"
#include "dialects/Program/ProgramOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

#include <array>

namespace hamlet::codegen {

/// What a kernel is for, beside its code.
struct KernelInfo {
  std::string kind;
  bool product = false;
  std::vector<std::string> fused;
  std::string reason;
  std::vector<std::string> sizes; ///< what a launch counts
  Extent metric;                  ///< over the sizes: rows, to pick a variant
};

/// What one class of targets makes of a kernel.
struct Realization {
  std::vector<int64_t> rows; ///< of the variants, ascending
  std::array<Extent, 3> grid{constant(1), constant(1), constant(1)};
  /// Of parameters that are packed weights; a target says how they lie.
  llvm::StringMap<tile::Layout> packed;
  std::string schedule;
  /// Writes the kernel of `rows` rows.
  std::function<mlir::FailureOr<mlir::func::FuncOp>(const KernelSite &site,
                                                    int64_t rows)>
      write;
};

class KernelTable {
public:
  /// Declares kernels at the end of `module`.
  KernelTable(mlir::ModuleOp module, llvm::ArrayRef<TargetClass> classes);

  using Realize =
      llvm::function_ref<mlir::FailureOr<Realization>(const TargetClass &)>;
  /// The kernel with this key and these variants; a new one is declared, and
  /// written for each class.
  mlir::FailureOr<program::KernelOp> get(llvm::StringRef key,
                                         const KernelInfo &info,
                                         mlir::Location loc, Realize realize);

  /// Elements of a packed matrix on the target that takes most.
  int64_t mostElements(tile::Layout packed, int64_t k, int64_t n) const;

private:
  mlir::LogicalResult realize(program::KernelOp &kernel, const KernelInfo &info,
                              llvm::StringRef name, mlir::Location loc,
                              const TargetClass &targets,
                              const Realization &realization);
  program::KernelOp declare(const KernelInfo &info, llvm::StringRef name,
                            mlir::Location loc, mlir::func::FuncOp written);

  mlir::ModuleOp module;
  llvm::ArrayRef<TargetClass> classes;
  llvm::StringMap<program::KernelOp> known;
  llvm::StringMap<int> names;
};

} // namespace hamlet::codegen

#endif
