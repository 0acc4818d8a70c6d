//===- NNDialect.h - the layers of a model --------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_NN_NNDIALECT_H
#define HAMLET_DIALECTS_NN_NNDIALECT_H

#include "dialects/Tile/TileDialect.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialects/NN/NNDialect.h.inc"
#include "dialects/NN/NNEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/NN/NNAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/NN/NNTypes.h.inc"

namespace hamlet {
/// Argument attribute of a step function: which input this is.
inline constexpr llvm::StringLiteral kInputAttr = "hamlet.input";
/// Of an argument of a plain call: what the caller knows it by.
inline constexpr llvm::StringLiteral kNameAttr = "hamlet.name";
/// Of a function that nn-adjoint differentiates.
inline constexpr llvm::StringLiteral kDifferentiateAttr =
    "hamlet.differentiate";
/// Before a weight's name: the state that its gradient is added to.
inline constexpr llvm::StringLiteral kGradientPrefix = "gradient.";
/// The argument with each expert's factor in the gradient of the balance loss.
inline constexpr llvm::StringLiteral kBalanceName = "balance";
} // namespace hamlet

#endif
