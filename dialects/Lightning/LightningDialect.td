//===- LightningDialect.td - the linear-attention family ---------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_LIGHTNING_DIALECT_TD
#define HAMLET_LIGHTNING_DIALECT_TD

include "dialects/GraphBase.td"
include "mlir/IR/AttrTypeBase.td"

def Lightning_Dialect : Dialect {
  let name = "lightning";
  let summary = "the linear-attention family";
  let description = [{
    One op, `lightning.attention`, and the type of what it keeps of a sequence,
    `!lightning.state`: the state at the last chunk boundary (the anchor) and the
    keys and values since (the tail). The chunk is part of a binary's meaning: it
    fixes the order of every sum, so that prefill, pieces of a prompt and single
    tokens give the same bits. The pass `lightning-chunk` sets it.
  }];
  let cppNamespace = "::hamlet::lightning";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::hamlet::tile::TileDialect"];
}

def Lightning_Update : I32EnumAttr<"Update", "how a token changes the state", [
    I32EnumAttrCase<"linear", 0>,
    I32EnumAttrCase<"gated", 1>,
    I32EnumAttrCase<"delta", 2>,
    I32EnumAttrCase<"gated_delta", 3>]> {
  let cppNamespace = "::hamlet::lightning";
  let genSpecializedAttr = 0;
}
def Lightning_UpdateAttr : EnumAttr<Lightning_Dialect, Lightning_Update, "update">;

def Lightning_StateType : TypeDef<Lightning_Dialect, "State"> {
  let mnemonic = "state";
  let summary = "anchors and tails of all sequences of one layer";
  let description = [{
    `!lightning.state<64x128x128, bf16, chunk 64, tail 64>`: for each slot
    (sequence), 64 anchors [Dk, Dv] = [128, 128] in f32, and room for the keys and
    values of `tail` tokens in the tail's type; `tail` is at least `chunk`, and
    what exceeds it is room to take tokens back.

    Constraints:
    - (C1) heads, Dk and Dv are at least 1.
    - (C2) the tail's type is f32 or bf16.
    - (C3) 1 <= chunk <= tail.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$keyDim, "int64_t":$valueDim,
                        "::mlir::Type":$tailType, "int64_t":$chunk, "int64_t":$tail);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif
