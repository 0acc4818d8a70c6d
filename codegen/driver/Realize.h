//===- Realize.h - what emission adds to a program -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_DRIVER_REALIZE_H
#define HAMLET_CODEGEN_DRIVER_REALIZE_H

#include "codegen/driver/Kernels.h"
#include "codegen/schedule/Schedule.h"
#include "dialects/Program/ProgramOps.h"

namespace hamlet {

/// Puts the schedules of products to the variants of `target`.
void recordProducts(mlir::ModuleOp program, llvm::StringRef target,
                    llvm::ArrayRef<schedule::Record> records);

/// Puts what emission learnt (scratch, shared bytes, ...) to the variants
/// of the target.
void recordCode(mlir::ModuleOp program, const EmittedTarget &target);

/// Realizations for target `from` become those for `to`, which has none.
void renameTarget(mlir::ModuleOp program, llvm::StringRef from,
                  llvm::StringRef to);

/// Drops the realizations of targets that `without` names.
void dropRealizations(mlir::ModuleOp program,
                      llvm::function_ref<bool(llvm::StringRef)> without);

void addImage(mlir::ModuleOp program, const EmittedTarget &target,
              const std::optional<std::vector<char>> &cubin);

} // namespace hamlet

#endif
