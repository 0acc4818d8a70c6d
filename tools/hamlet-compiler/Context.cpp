//===- Context.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/Context.h"

#include "codegen/kernels/Region.h"
#include "codegen/program/Passes.h"
#include "dialects/RegisterDialects.h"
#include "passes/Passes.h"
#include "tools/command/CommandLine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::tools;

static DialectRegistry allDialects() {
  DialectRegistry registry;
  registerDialects(registry);
  codegen::registerLaunchModels(registry);
  codegen::registerWindowModels(registry);
  registerAdjointModels(registry);
  registry.insert<arith::ArithDialect, func::FuncDialect, math::MathDialect,
                  scf::SCFDialect, tensor::TensorDialect>();
  return registry;
}

/// What no text has a place for (a file of schedules, a folder of dumps) is
/// told like other errors of the command, not at `<unknown>:0`.
static LogicalResult tellWithoutPlace(Diagnostic &diagnostic) {
  if (!isa<UnknownLoc>(diagnostic.getLocation()) ||
      diagnostic.getSeverity() != DiagnosticSeverity::Error)
    return failure();
  sayError(diagnostic.str());
  for (Diagnostic &note : diagnostic.getNotes())
    llvm::errs() << "hamlet: note: " << note.str() << "\n";
  return success();
}

CompilerContext::CompilerContext()
    : context(allDialects()),
      diagnostics(std::make_unique<SourceMgrDiagnosticHandler>(
          sources, &context, llvm::errs())) {
  context.getDiagEngine().registerHandler(tellWithoutPlace);
  // Messages have the place; the op may be the whole module.
  context.printOpOnDiagnostic(false);
}

CompilerContext::~CompilerContext() = default;
