//===- Passes.td - how products are blocked ----------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_SCHEDULE_PASSES_TD
#define HAMLET_CODEGEN_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SchedulePass : Pass<"tile-schedule", "::mlir::ModuleOp"> {
  let summary = "give each product of tile kernels its register block for a target";
  let description = [{
    Adds to the dictionary `tile.block` of each `tile.dot` the block for `target`:
    rows of A, panels of 16 columns of B, and the depth of k over which their
    sums stay in registers. It is the one of least predicted cycles that fits the
    registers (docs/schedules.md), or that of the last fitting entry of the file
    `schedules`. No bit of a result depends on it; blocks for other targets stay.
    Fails on an unknown target, on an entry that fits no product of the module,
    and on one that asks for more registers than there are.

    Before:
    ```mlir
    %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c
      : tensor<64x1024xf32>, tensor<1024x64xf32> -> tensor<64x64xf32>
    ```
    After:
    ```mlir
    %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c
      {tile.block = {"x86-64-v4" = array<i64: 6, 4, 1024>}}
      : tensor<64x1024xf32>, tensor<1024x64xf32> -> tensor<64x64xf32>
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"x86-64-v3\"", "name of a target description">,
    Option<"schedules", "schedules", "std::string", "\"\"", "a file of blocks">,
    ListOption<"targets", "targets", "std::string", "folders with more descriptions">
  ];
}

#endif
