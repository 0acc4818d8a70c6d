//===- AssignLayout.h - how packed matrices lie -----------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_ASSIGNLAYOUT_H
#define HAMLET_CODEGEN_TILE_ASSIGNLAYOUT_H

#include "mlir/IR/Operation.h"

namespace hamlet::tile {

/// Replaces every `tile.matrix` under `root` by a view of the layout that its
/// argument's `tile.layout` names, by default panels (defaultLayout). Every
/// back end begins with it. Fails, at the op, on blocks of other elements than
/// those of 2 bytes.
mlir::LogicalResult assignLayouts(mlir::Operation *root);

} // namespace hamlet::tile

#endif
