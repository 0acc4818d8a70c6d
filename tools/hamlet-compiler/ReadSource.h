//===- ReadSource.h - what is compiled ------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLETCOMPILER_READSOURCE_H
#define HAMLET_TOOLS_HAMLETCOMPILER_READSOURCE_H

#include "frontend/Import.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace hamlet::tools {

bool isMlir(llvm::StringRef path);

/// What `--dtype` asks for, none of it as stored; none at all if it is no such
/// name.
std::optional<std::optional<frontend::FloatType>>
parseDtype(llvm::StringRef name);

/// What is known of a source beside its graph.
struct Imported {
  std::string description;          ///< For people.
  std::vector<std::string> entries; ///< What the container keeps of it.
};

/// A checkpoint, a lone configuration or MLIR text (of a graph or a program).
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
readSource(mlir::MLIRContext &context, const std::string &source,
           const frontend::ImportOptions &options,
           std::vector<std::string> &notes, Imported &imported);

/// Hash of the text the compilation started from.
std::string inputHash(mlir::ModuleOp module);

} // namespace hamlet::tools

#endif
