//===- CheckGraph.h - what can be compiled at all ---------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLETCOMPILER_CHECKGRAPH_H
#define HAMLET_TOOLS_HAMLETCOMPILER_CHECKGRAPH_H

#include "mlir/IR/BuiltinOps.h"

namespace hamlet {

/// Brackets of a module's text may be nested so deep: the parser recurses.
inline constexpr size_t kDeepest = 256;

/// The line, from 1, on which brackets are nested deeper than that; 0: none.
size_t tooDeepLine(llvm::StringRef text);

/// Checks a valid module for what the compiler has no meaning for: anything
/// but functions of one block, ops of other dialects, arguments and constants
/// of types that no kernel reads, functions that compute nothing, tensors
/// without elements or of absurd sizes. Emits an error for the first.
mlir::LogicalResult checkGraph(mlir::ModuleOp module);

} // namespace hamlet

#endif
