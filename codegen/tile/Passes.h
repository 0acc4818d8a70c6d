//===- Passes.h - passes over kernels, for any target -----------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_PASSES_H
#define HAMLET_CODEGEN_TILE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace hamlet::tile {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/tile/Passes.h.inc"

} // namespace hamlet::tile

#endif
