//===- Context.h - what every compilation begins with ---------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLETCOMPILER_CONTEXT_H
#define HAMLET_TOOLS_HAMLETCOMPILER_CONTEXT_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/SourceMgr.h"

#include <memory>

namespace mlir {
class SourceMgrDiagnosticHandler;
}

namespace hamlet::tools {

/// A context with all dialects, whose diagnostics go to standard error in the
/// style of the commands.
class CompilerContext {
public:
  CompilerContext();
  ~CompilerContext();

  mlir::MLIRContext context;

private:
  llvm::SourceMgr sources;
  std::unique_ptr<mlir::SourceMgrDiagnosticHandler> diagnostics;
};

} // namespace hamlet::tools

#endif
