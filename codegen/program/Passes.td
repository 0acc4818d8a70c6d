//===- Passes.td - from fused regions to kernels and a plan ------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PASSES_TD
#define HAMLET_CODEGEN_PROGRAM_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToTilePass : Pass<"lower-to-tile", "::mlir::ModuleOp"> {
  let summary = "replace the module by the kernels of its fused regions, as tile IR";
  let description = [{
    Each `nn.fused` region becomes a kernel, equal regions one. A kernel is a
    function for each number of rows that it works on (`linear_r1`, `linear_r8`,
    ...), marked `tile.kernel`. What launches them is lost here; `lower-to-program`
    has it. Fails on an op outside a region (run `nn-fuse` before) and on what no
    kernel does.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x48xf32>, %w: tensor<64x48xf32>) -> tensor<?x64xf32> {
      %0 = nn.fused "linear"(%x, %w) : ...
    ```
    After:
    ```mlir
    func.func @linear_r1(%x: !tile.ptr<f32>, ...) attributes {tile.kernel} {
      %0 = tile.program_id 0
      ...
    func.func @linear_r8(...) attributes {tile.kernel} {
    ```
  }];
  let dependentDialects = ["::hamlet::tile::TileDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect"];
}

def LowerToProgramPass : Pass<"lower-to-program", "::mlir::ModuleOp"> {
  let summary = "replace the module by the plan that a binary stores";
  let description = [{
    Each function of fused regions becomes a `program.func`: its buffers with their
    lifetimes and arena slots, and the launches of the kernels that `lower-to-tile`
    gives. Fails where that fails.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x48xf32>, %w: tensor<64x48xf32>) -> tensor<?x64xf32> {
      %0 = nn.fused "linear"(%x, %w) : ...
    ```
    After:
    ```mlir
    program.func @f extents [] arena_slots 0 {
      ...
      program.launch @linear grid [#program.extent<tokens, byRows = true>, #program.extent<one>, #program.extent<one>] by <tokens>(%0, %1, ...)
    ```
  }];
  let dependentDialects = ["::hamlet::program::ProgramDialect", "::hamlet::tile::TileDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}

#endif
