//===- Passes.cpp - from fused regions to a program ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/Passes.h"

#include "codegen/program/Lower.h"
#include "dialects/Program/ProgramOps.h"
#include "dialects/Tile/TileDialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace hamlet::codegen {
#define GEN_PASS_DEF_LOWERTOTILEPASS
#define GEN_PASS_DEF_LOWERTOPROGRAMPASS
#include "codegen/program/Passes.h.inc"
} // namespace hamlet::codegen

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// `module` becomes `other`, which is left empty.
static void replaceModule(ModuleOp module, ModuleOp other) {
  module.getBody()->clear();
  module->setAttrs(other->getAttrDictionary());
  module.getBody()->getOperations().splice(module.getBody()->end(),
                                           other.getBody()->getOperations());
}

namespace {

class LowerToProgram
    : public codegen::impl::LowerToProgramPassBase<LowerToProgram> {
public:
  using LowerToProgramPassBase::LowerToProgramPassBase;

  void runOnOperation() final {
    std::vector<std::string> names(targets.begin(), targets.end());
    if (names.empty())
      names.push_back("x86-64-v3");
    std::vector<TargetClass> classes{{"default", names, {}}};
    FailureOr<OwningOpRef<ModuleOp>> program =
        lowerToProgram(getOperation(), classes);
    if (failed(program))
      return signalPassFailure();
    replaceModule(getOperation(), **program);
  }
};

class LowerToTile : public codegen::impl::LowerToTilePassBase<LowerToTile> {
public:
  void runOnOperation() final {
    std::vector<TargetClass> classes{{"default", {"x86-64-v3"}, {}}};
    FailureOr<OwningOpRef<ModuleOp>> program =
        lowerToProgram(getOperation(), classes);
    if (failed(program))
      return signalPassFailure();
    classes[0].tiles->removeAttr(kTilesAttr);
    replaceModule(getOperation(), classes[0].tiles);
  }
};

} // namespace

void hamlet::codegen::registerLoweringPasses() {
  registerHamletLoweringPasses();
  PassPipelineRegistration<GraphPipelineOptions>(
      "graph-to-tile", "lower a model's graph to its kernels as tile IR",
      [](OpPassManager &passes, const GraphPipelineOptions &options) {
        buildGraphToFusedPipeline(passes, options.chunk);
        passes.addPass(createLowerToTilePass());
        passes.addPass(createCanonicalizerPass());
        passes.addPass(createCSEPass());
      });
}
