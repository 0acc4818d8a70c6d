//===- Passes.td - what every target does first ------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_PASSES_TD
#define HAMLET_CODEGEN_TILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignLayoutPass : Pass<"tile-assign-layout"> {
  let summary = "lay packed matrices out as the target has them";
  let description = [{
    Replaces each `tile.matrix` by a view of the layout that the kernel's argument
    has in `tile.layout`, and without it by panels, of pairs for products of bf16.
    Leading coordinates become an offset.

    Before:
    ```mlir
    func.func @f(%w: !tile.ptr<bf16> {tile.layout = "blocks"}, %expert: index) attributes {tile.kernel} {
      %m = tile.matrix %w[%expert] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16, packed_bf16>
    ```
    After:
    ```mlir
      %offset = arith.muli %expert, %c8192 : index
      %m = tile.view %w[%offset] sizes [64, 80] strides [] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16, blocks>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def ExpandMathPass : Pass<"tile-expand-math"> {
  let summary = "write functions of f32 out as arithmetic that gives the same bits on every target";
  let description = [{
    Replaces `math.exp`, `exp2`, `log`, `cos`, `sin` and `rsqrt` of f32, scalars
    and statically shaped tiles, by `arith` and `math.fma` in one order. Their
    accuracy stands in codegen/tile/ExpandMath.h. Other functions and other
    element types are left alone: targets refuse what they cannot emit.

    Before:
    ```mlir
    %y = math.rsqrt %x : tensor<16xf32>
    ```
    After:
    ```mlir
    %one = arith.constant dense<1.000000e+00> : tensor<16xf32>
    %root = math.sqrt %x : tensor<16xf32>
    %y = arith.divf %one, %root : tensor<16xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif
