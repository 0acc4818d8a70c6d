//===- Pipelines.cpp - the passes over a graph, in their order ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void hamlet::buildGraphToFusedPipeline(OpPassManager &passes, int64_t chunk) {
  passes.addPass(createLightningChunkPass(LightningChunkPassOptions{chunk}));
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createNNFusePass());
  passes.addPass(createNNAdjointPass());
  passes.addPass(createCSEPass());
  passes.addPass(createNNFusePass());
}

void hamlet::registerGraphPasses() {
  registerHamletGraphPasses();
  PassPipelineRegistration<GraphPipelineOptions>(
      "graph-to-fused", "chunk and fuse a model's graph",
      [](OpPassManager &passes, const GraphPipelineOptions &options) {
        buildGraphToFusedPipeline(passes, options.chunk);
      });
}
