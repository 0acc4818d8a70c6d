//===- KernelTable.h - kernels of a program, each once --------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_KERNELTABLE_H
#define HAMLET_CODEGEN_PROGRAM_KERNELTABLE_H

#include "codegen/program/Lower.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace hamlet::codegen {

/// What a kernel is for, beside its code.
struct KernelInfo {
  std::string kind;
  bool product = false;
  std::vector<std::string> fused;
  std::string reason;
  std::vector<int64_t> rows; ///< of the variants, ascending
  std::string schedule;
};

class KernelTable {
public:
  KernelTable(mlir::MLIRContext *context);

  using Write = llvm::function_ref<mlir::FailureOr<mlir::func::FuncOp>(
      llvm::StringRef name, int64_t rows)>;
  /// The kernel with this key, written by `write` once for each number of rows
  /// if it is new.
  mlir::FailureOr<int32_t> get(llvm::StringRef key, const KernelInfo &info,
                               Write write);

  mlir::ModuleOp module() { return *kernels; }
  void finish(LoweredProgram &program);

private:
  mlir::OwningOpRef<mlir::ModuleOp> kernels;
  llvm::StringMap<int32_t> known;
  llvm::StringMap<int> names;
  std::vector<std::unique_ptr<hmlt::KernelT>> table;
};

} // namespace hamlet::codegen

#endif
