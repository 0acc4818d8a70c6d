//===- TargetClass.h - targets that work with the same tiles --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_TARGETCLASS_H
#define HAMLET_CODEGEN_PROGRAM_TARGETCLASS_H

#include "codegen/schedule/KernelSizes.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace hamlet::codegen {

/// The attribute of a nested module that holds the tile kernels of a class: its
/// name.
inline constexpr llvm::StringLiteral kTilesAttr = "program.tiles";

struct TargetClass {
  std::string name;
  std::vector<std::string> targets; ///< as images name them
  mlir::ModuleOp tiles;             ///< of its kernels
  KernelSizes sizes = KernelSizes();
};

} // namespace hamlet::codegen

#endif
