//===- TargetClass.h - targets that work with the same tiles --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_TARGETCLASS_H
#define HAMLET_CODEGEN_PROGRAM_TARGETCLASS_H

#include "codegen/schedule/KernelSizes.h"
#include "dialects/Tile/TileDialect.h"
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

  /// How a packed weight lies; caches have the default layout on all targets.
  tile::Layout weightLayout(tile::Layout packed) const {
    if (packed == tile::Layout::packed_bf16 && sizes.weightBlocks)
      return tile::Layout::blocks;
    return packed == tile::Layout::strided ? packed
                                           : tile::defaultLayout(packed);
  }
};

} // namespace hamlet::codegen

#endif
