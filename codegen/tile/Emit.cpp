//===- Emit.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/Emit.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/TargetSelect.h"

#include <mutex>

using namespace mlir;

void hamlet::initializeBackEnds() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

std::string hamlet::tile::kernelText(func::FuncOp kernel, bool locations) {
  OwningOpRef<ModuleOp> alone = ModuleOp::create(kernel.getLoc());
  // What it may name; to call it is an error, which names the callee.
  for (auto other : kernel->getParentOp()->getRegion(0).getOps<func::FuncOp>())
    if (other.isExternal())
      alone->push_back(other.clone());
  alone->push_back(kernel.clone());
  std::string text;
  llvm::raw_string_ostream out(text);
  OpPrintingFlags flags;
  if (locations)
    flags.enableDebugInfo();
  alone->print(out, flags);
  return text;
}
