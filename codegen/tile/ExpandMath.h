//===- ExpandMath.h - transcendental functions as arithmetic ----*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_EXPANDMATH_H
#define HAMLET_CODEGEN_TILE_EXPANDMATH_H

#include "mlir/IR/Operation.h"

#include <memory>

namespace hamlet::tile {

/// Replaces `math.exp`, `math.exp2`, `math.log`, `math.cos`, `math.sin` and
/// `math.rsqrt` of f32, scalars and statically shaped tiles, under `root` by
/// `arith` and `math.fma`, in one order for every backend: correctly rounded
/// operations only, so that all targets give the same bits (the payload of a
/// NaN apart).
///
/// - exp: within 1 ulp; 0 from -104 down to -inf, inf above 88.73, denormal
///   results included.
/// - exp2: within 1 ulp; 0 from -150 down to -inf, inf from 128 on, denormal
///   results included. With `tile.nonpositive` 0 from -126.5 down, in 12
///   instructions instead of 17.
/// - log: within 1 ulp; -inf at 0, NaN below, denormal arguments included.
/// - cos, sin: within 1 ulp up to 2^30, reduced and evaluated in f64; still
///   absolutely accurate to 2^50, NaN beyond.
/// - rsqrt: 1 / sqrt(x), two roundings.
///
/// Other element types are left alone: backends refuse what they cannot emit.
void expandMath(mlir::Operation *root);

} // namespace hamlet::tile

#endif
