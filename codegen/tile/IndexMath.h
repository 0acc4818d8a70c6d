//===- IndexMath.h - sums and products of indices ---------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_INDEXMATH_H
#define HAMLET_CODEGEN_TILE_INDEXMATH_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace hamlet::tile {

/// Makes, or finds, a constant of the operands' type.
using ConstantMaker = llvm::function_ref<mlir::Value(int64_t)>;

/// x + y, x - y, x * y of integers or indices of one type. Of two constants the
/// result is one; 0 and 1 cost nothing.
mlir::Value addIndices(mlir::OpBuilder &b, mlir::Location location,
                       mlir::Value x, mlir::Value y, ConstantMaker constant);
mlir::Value subIndices(mlir::OpBuilder &b, mlir::Location location,
                       mlir::Value x, mlir::Value y, ConstantMaker constant);
mlir::Value mulIndices(mlir::OpBuilder &b, mlir::Location location,
                       mlir::Value x, mlir::Value y, ConstantMaker constant);

} // namespace hamlet::tile

#endif
