//===- ProgramModule.h - a container's functions as IR ----------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PROGRAMMODULE_H
#define HAMLET_CODEGEN_PROGRAM_PROGRAMMODULE_H

#include "container/hmlt_generated.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace hamlet::codegen {

/// The functions of `container` in the `program` dialect, one op for each
/// entry: what `--compile-to=program` prints. The dialect's verifiers check the
/// plan (lifetimes against arena slots) once more.
mlir::OwningOpRef<mlir::ModuleOp>
programModule(mlir::MLIRContext &context, const hmlt::ContainerT &container);

} // namespace hamlet::codegen

#endif
