//===- BuildGraph.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_BUILDGRAPH_H
#define HAMLET_FRONTEND_BUILDGRAPH_H

#include "frontend/Import.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include "llvm/Support/Error.h"

namespace hamlet::frontend {

/// The model as one function `@step` in the nn, lightning, attention and moe
/// dialects, in a verified module (see docs/graph-module.md). Loads the
/// dialects into `context`. Fails where the description asks for something that
/// no op computes yet; the error names the family and the layer.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildGraph(mlir::MLIRContext &context, const ModelSpec &spec,
           const GraphOptions &options);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_BUILDGRAPH_H
