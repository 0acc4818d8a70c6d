//===- ToyOps.td - an op that only a test knows ------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that an op with a kernel needs stands in this folder.

#ifndef HAMLET_TOY_OPS_TD
#define HAMLET_TOY_OPS_TD

include "dialects/GraphBase.td"
include "codegen/kernels/WindowOpInterface.td"

def Toy_Dialect : Dialect {
  let name = "toy";
  let cppNamespace = "::hamlet::toy";
  let dependentDialects = ["::hamlet::tile::TileDialect"];
}

def Toy_ClampOp : Graph_Op<Toy_Dialect, "clamp",
    [Pure, SameOperandsAndResultType,
     DeclareOpInterfaceMethods<WindowOpInterface, ["window"]>],
    ["getHeadsOf"]> {
  let summary = "the larger of an element and `least`";
  let arguments = (ins TensorRankOf<[F32, BF16], [2, 3]>:$x, F32Attr:$least);
  let results = (outs TensorRankOf<[F32, BF16], [2, 3]>:$result);
  let assemblyFormat = "$x `at` $least attr-dict `:` type($x)";
}

def Toy_ScaleRowsOp : Graph_Op<Toy_Dialect, "scale_rows",
    [Pure, DeclareOpInterfaceMethods<WindowOpInterface, ["window"]>],
    ["addChecks", "ask"]> {
  let summary = "each row times its entry of a list";
  let arguments = (ins Graph_Activation<2>:$x, Graph_I32<1>:$by);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$x `,` $by attr-dict `:` functional-type(operands, results)";
}

#endif
