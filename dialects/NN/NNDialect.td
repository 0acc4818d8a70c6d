//===- NNDialect.td - the layers of a model ----------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_NN_DIALECT_TD
#define HAMLET_NN_DIALECT_TD

include "dialects/GraphBase.td"
include "mlir/IR/AttrTypeBase.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let summary = "the layers of a model that mix no tokens";
  let description = [{
    Values are builtin tensors in the packed layout: the T tokens of all
    sequences of a step, one sequence after another, `[T, features]` or
    `[T, heads, dim]`. T is dynamic, everything else static. Activations are f32
    or bf16; one that is not f32 is rounded once, to the nearest even, where an op
    ends. Arithmetic inside an op is f32 unless `#tile.numerics` says otherwise.
    Row t of every result depends on row t of the operands only, to the bit.

    ## A step function

    A model is one function `@step`. What each argument is stands in its
    attribute `hamlet.input`:

    | `hamlet.input` | type | meaning |
    | --- | --- | --- |
    | `"token_ids"` | `tensor<?xi32>` | the T tokens of the step |
    | `"positions"` | `tensor<?xi32>` | the place of each in its sequence, from 0 |
    | `"starts"` | `tensor<?xi32>` | S + 1 entries: first token of each sequence, then T |
    | `"first"` | `tensor<?xi32>` | S entries: tokens that each sequence already has in the caches |
    | `"slots"` | `tensor<?xi32>` | S entries: where each sequence keeps its lightning states |
    | `"pages"` | `tensor<?x?xi32>` | row s: the pages of sequence s, in order, -1 where there is none |
    | `"rows"` | `tensor<?xi32>` | the tokens whose logits are wanted |
    | `"cache"` | `!lightning.state` or `!attention.cache` | one for each layer, in their order |

    The results are the logits, then the caches in the order of their arguments.
    A cache is a value: an op takes it and gives the updated one, each is used
    once, and so the runtime updates it in place.

    A function on plain tensors, as the examples of these pages are, is compiled
    the same way and run by `hamlet call`.
  }];
  let cppNamespace = "::hamlet::nn";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::hamlet::tile::TileDialect"];
}

def NN_StateType : TypeDef<NN_Dialect, "State"> {
  let mnemonic = "state";
  let summary = "memory that outlives a call";
  let description = [{
    `!nn.state<tensor<48x32xf32>>`: as a cache it is a value that an op takes and
    gives the updated one; each is used once, and so it is updated in place.

    Constraints:
    - (C1) extents are static and at least 1.
    - (C2) elements are f32.
  }];
  let parameters = (ins "::mlir::RankedTensorType":$tensor);
  let assemblyFormat = "`<` $tensor `>`";
  let genVerifyDecl = 1;
}

def NN_Activation : I32EnumAttr<"Activation", "an elementwise function", [
    I32EnumAttrCase<"silu", 0>,
    I32EnumAttrCase<"sigmoid", 1>]> {
  let cppNamespace = "::hamlet::nn";
  let genSpecializedAttr = 0;
}
def NN_ActivationAttr : EnumAttr<NN_Dialect, NN_Activation, "activation">;

#endif
