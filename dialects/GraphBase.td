//===- GraphBase.td - constraints that the graph dialects share -*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_GRAPH_BASE_TD
#define HAMLET_GRAPH_BASE_TD

include "dialects/Graph/GraphOpInterface.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Activations: what flows between ops.
class Graph_Activation<int rank> : TensorRankOf<[F32, BF16], [rank]>;
class Graph_I32<int rank> : TensorRankOf<[I32], [rank]>;
class Graph_F32<int rank> : TensorRankOf<[F32], [rank]>;

/// Weights as stored: f16 is widened under f32 operands; i8 and f8E4M3FN are
/// quantised storage, whose scales are in the weight's recipe.
defvar Graph_StoredTypes = [F32, BF16, F16, I8, F8E4M3FN];
class Graph_Weight<int rank> : TensorRankOf<Graph_StoredTypes, [rank]>;

/// `!nn.state`, without pulling the nn dialect's records in here.
def Graph_State : Type<CPred<"::llvm::isa<::hamlet::nn::StateType>($_self)">,
                       "memory that outlives a call, !nn.state", "::hamlet::nn::StateType">;

/// `#tile.numerics`, without pulling the tile dialect's records in here.
def Graph_Numerics : Attr<CPred<"::llvm::isa<::hamlet::tile::NumericsAttr>($_self)">,
                          "the canonical order of a sum of products, #tile.numerics"> {
  let storageType = "::hamlet::tile::NumericsAttr";
  let returnType = "::hamlet::tile::NumericsAttr";
  let convertFromStorage = "$_self";
  let constBuilderCall = "$0";
}

#endif
