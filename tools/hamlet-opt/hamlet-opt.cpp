//===- hamlet-opt.cpp - runs passes on text -------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifdef HAVE_HamletCodegenCPU
#include "codegen/cpu/Emit.h"
#include "codegen/schedule/Schedule.h"
#endif
#ifdef HAVE_HamletLowering
#include "codegen/kernels/Region.h"
#include "codegen/program/Passes.h"
#endif
#ifdef HAVE_HamletCodegenPTX
#include "codegen/ptx/Emit.h"
#endif
#ifdef HAVE_HamletCodegenTile
#include "codegen/tile/Passes.h"
#endif
#include "dialects/RegisterDialects.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

#include <algorithm>

static void registerHamletPasses(mlir::DialectRegistry &registry) {
  hamlet::registerGraphPasses();
#ifdef HAVE_HamletLowering
  hamlet::codegen::registerWindowModels(registry);
  hamlet::registerAdjointModels(registry);
  hamlet::codegen::registerLoweringPasses();
  hamlet::codegen::registerLaunchModels(registry);
#endif
#ifdef HAVE_HamletCodegenCPU
  hamlet::cpu::registerCpuPasses();
  hamlet::schedule::registerSchedulePass();
#endif
#ifdef HAVE_HamletCodegenPTX
  hamlet::ptx::registerHamletCodegenPTXPasses();
#endif
#ifdef HAVE_HamletCodegenTile
  hamlet::tile::registerHamletCodegenTilePasses();
#endif
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  hamlet::registerDialects(registry);
  registerHamletPasses(registry);
  // Among a thousand options of LLVM nobody finds them: they are told first.
  auto asksForHelp = [](llvm::StringRef word) {
    return word.ltrim('-') == "help" && word.starts_with("-");
  };
  if (std::any_of(argv + 1, argv + argc, asksForHelp)) {
    llvm::outs() << "Hamlet's own; upstream's follow below.\n\n";
    mlir::printRegisteredPasses();
    llvm::outs() << "\n";
    llvm::outs().flush();
  }
  mlir::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Hamlet's passes on MLIR text\n", registry));
}
