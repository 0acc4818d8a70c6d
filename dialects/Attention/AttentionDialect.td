//===- AttentionDialect.td - softmax attention -------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_ATTENTION_DIALECT_TD
#define HAMLET_ATTENTION_DIALECT_TD

include "dialects/GraphBase.td"
include "mlir/IR/AttrTypeBase.td"

def Attention_Dialect : Dialect {
  let name = "attention";
  let summary = "softmax attention";
  let description = [{
    Causal softmax attention over packed sequences, and the type of its paged
    keys and values, `!attention.cache`.
  }];
  let cppNamespace = "::hamlet::attention";
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::hamlet::tile::TileDialect"];
}

def Attention_CacheType : TypeDef<Attention_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "pages of keys and values of all sequences of one layer";
  let description = [{
    `!attention.cache<8x128x128, bf16, page 64>`: pages of 64 tokens, each with
    the keys [8, 128] and values [8, 128] (heads x D, heads x Dv) of a token.

    Constraints:
    - (C1) heads, D, Dv and page are at least 1.
    - (C2) the element type is f32 or bf16.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$keyDim, "int64_t":$valueDim,
                        "::mlir::Type":$elementType, "int64_t":$page);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif
