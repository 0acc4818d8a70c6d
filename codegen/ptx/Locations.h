//===- Locations.h - PTX that names the ops it came from --------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PTX_LOCATIONS_H
#define HAMLET_CODEGEN_PTX_LOCATIONS_H

#include "mlir/IR/BuiltinOps.h"

namespace hamlet::ptx {

/// Gives the functions of a module of the llvm dialect debug scopes of lines
/// alone: LLVM writes `.file` and `.loc`, no sections, and the same code. An
/// op's place is the file and line that its location holds; else a name in it
/// stands for a file, line 1 (`layers.3.o_proj:1`). Paths lose their folders,
/// so that the text does not depend on where a source lies. Functions without
/// any place get none.
void addDebugScopes(mlir::ModuleOp module);

} // namespace hamlet::ptx

#endif
