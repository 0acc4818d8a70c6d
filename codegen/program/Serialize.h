//===- Serialize.h - a program as a container, and back ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_SERIALIZE_H
#define HAMLET_CODEGEN_PROGRAM_SERIALIZE_H

#include "container/hmlt_generated.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace hamlet::codegen {

/// Attributes of a program's module: what it was made from, and by what.
inline constexpr llvm::StringLiteral kModelAttr = "hamlet.model";
inline constexpr llvm::StringLiteral kProvenanceAttr = "hamlet.provenance";
inline constexpr llvm::StringLiteral kRemarksAttr = "hamlet.remarks";

/// The container that stores `program`. Fails with a diagnostic where something
/// has no form in a container: a buffer without a life, an element type.
mlir::FailureOr<std::unique_ptr<hmlt::ContainerT>>
serializeProgram(mlir::ModuleOp program);

/// The program that `container`, which verifies, stores: serialised again it
/// gives the same bytes.
mlir::OwningOpRef<mlir::ModuleOp>
deserializeProgram(mlir::MLIRContext &context,
                   const hmlt::ContainerT &container);

} // namespace hamlet::codegen

#endif
