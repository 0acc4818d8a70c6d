#ifndef HAMLET_FRONTEND_BUILDGRAPH_H
#define HAMLET_FRONTEND_BUILDGRAPH_H

#include "frontend/ModelSpec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include "llvm/Support/Error.h"

namespace hamlet::frontend {

struct GraphOptions {
  /// What the model is compiled for: f32; bf16 operands and activations; f16
  /// weights widened under f32 arithmetic.
  FloatType dtype = FloatType::BF16;
  /// What the checkpoint's matrices are stored in; the LM head keeps it under
  /// bf16.
  FloatType stored = FloatType::BF16;
  int64_t chunk = 64; ///< Tokens between the anchors of lightning states.
};

/// The model as one function `@step` in the nn, lightning, attention and moe
/// dialects, in a verified module (see docs/graph-module.md). Loads the
/// dialects into `context`. Fails where the description asks for something that
/// no op computes yet; the error names the family and the layer.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildGraph(mlir::MLIRContext &context, const ModelSpec &spec,
           const GraphOptions &options);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_BUILDGRAPH_H
