//===- Passes.h - the passes over the graph dialects ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PASSES_PASSES_H
#define HAMLET_PASSES_PASSES_H

#include "dialects/Attention/AttentionDialect.h"
#include "dialects/Lightning/LightningDialect.h"
#include "dialects/MoE/MoEDialect.h"
#include "dialects/NN/NNDialect.h"
#include "dialects/Policy/PolicyDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace hamlet {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

/// Chunks and fuses a graph: what `--compile-to=fused` prints.
void buildGraphToFusedPipeline(mlir::OpPassManager &passes, int64_t chunk);

/// The options of the pipelines that start from a graph.
struct GraphPipelineOptions : mlir::PassPipelineOptions<GraphPipelineOptions> {
  Option<int64_t> chunk{*this, "chunk",
                        llvm::cl::desc("of lightning-chunk, in tokens"),
                        llvm::cl::init(64)};
};

/// Gives AdjointOpInterface to our ops. Whoever differentiates registers it.
void registerAdjointModels(mlir::DialectRegistry &registry);

/// The passes of this folder and the pipeline `graph-to-fused{chunk=64}`.
void registerGraphPasses();
} // namespace hamlet

#endif
