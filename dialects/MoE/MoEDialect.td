//===- MoEDialect.td - mixture of experts ------------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_MOE_DIALECT_TD
#define HAMLET_MOE_DIALECT_TD

include "dialects/GraphBase.td"

def MoE_Dialect : Dialect {
  let name = "moe";
  let summary = "mixture of experts";
  let description = [{
    Routing, the order by expert, the grouped products, and the sum. A token has k
    slots, best expert first; the P = T * k pairs (token, slot) are sorted by
    expert into places, without any limit on an expert's rows. A pair's numbers
    depend on its token alone, whatever the place.
  }];
  let cppNamespace = "::hamlet::moe";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::hamlet::tile::TileDialect", "::hamlet::nn::NNDialect"];
}

def MoE_Score : I32EnumAttr<"Score", "how logits become scores", [
    I32EnumAttrCase<"softmax", 0>,
    I32EnumAttrCase<"sigmoid", 1>]> {
  let cppNamespace = "::hamlet::moe";
  let genSpecializedAttr = 0;
}
def MoE_ScoreAttr : EnumAttr<MoE_Dialect, MoE_Score, "score">;

/// `#nn<activation ...>`, without pulling the nn dialect's records in here.
def MoE_Activation : Attr<CPred<"::llvm::isa<::hamlet::nn::ActivationAttr>($_self)">,
                          "an activation of the nn dialect"> {
  let storageType = "::hamlet::nn::ActivationAttr";
  let returnType = "::hamlet::nn::Activation";
  let convertFromStorage = "$_self.getValue()";
  let constBuilderCall = "::hamlet::nn::ActivationAttr::get($_builder.getContext(), $0)";
}

#endif
