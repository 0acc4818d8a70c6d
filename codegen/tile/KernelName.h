//===- KernelName.h - which kernel, which variant ---------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_KERNELNAME_H
#define HAMLET_CODEGEN_TILE_KERNELNAME_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace hamlet::tile {

/// What a kernel's function is a variant of. `linear_2_r64` is variant 64 of
/// kernel `linear_2`, of kind `linear`.
struct KernelName {
  std::string name, kind;
  std::optional<int64_t> rows; ///< of the variant
};

/// A dictionary {name = "linear_2", kind = "linear", rows = 64} on a kernel.
inline constexpr llvm::StringLiteral kKernelNameAttr = "tile.kernel_name";

void setKernelName(mlir::func::FuncOp kernel, const KernelName &name);
/// From the attribute; of a kernel without it, from the symbol as it is spelled
/// above.
KernelName getKernelName(mlir::func::FuncOp kernel);

} // namespace hamlet::tile

#endif
