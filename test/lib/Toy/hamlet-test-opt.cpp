//===- hamlet-test-opt.cpp - hamlet-opt with the toy dialect --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/Passes.h"
#include "dialects/RegisterDialects.h"
#include "passes/Passes.h"
#include "test/lib/Toy/ToyOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::func::FuncDialect, hamlet::toy::ToyDialect>();
  hamlet::registerDialects(registry);
  hamlet::codegen::registerWindowModels(registry);
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  hamlet::registerGraphPasses();
  hamlet::codegen::registerLoweringPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Hamlet's passes with a dialect of the tests\n", registry));
}
