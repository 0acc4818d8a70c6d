//===- Passes.cpp - from fused regions to kernels and a plan --------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/Passes.h"

#include "codegen/program/Lower.h"
#include "codegen/program/ProgramModule.h"
#include "passes/Passes.h"

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

class LowerToTile : public codegen::impl::LowerToTilePassBase<LowerToTile> {
public:
  void runOnOperation() final {
    FailureOr<LoweredProgram> program = lowerProgram(getOperation());
    if (failed(program))
      return signalPassFailure();
    replaceModule(getOperation(), *program->kernels);
  }
};

class LowerToProgram
    : public codegen::impl::LowerToProgramPassBase<LowerToProgram> {
public:
  void runOnOperation() final {
    FailureOr<LoweredProgram> program = lowerProgram(getOperation());
    if (failed(program))
      return signalPassFailure();
    OwningOpRef<ModuleOp> plan =
        programModule(getContext(), program->container);
    replaceModule(getOperation(), *plan);
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
