//===- Passes.td - kernels as code of a CPU ----------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_CPU_PASSES_TD
#define HAMLET_CODEGEN_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileToCpuPass : Pass<"tile-to-cpu", "::mlir::ModuleOp"> {
  let summary = "lower tile kernels to loops over strips of 16 elements";
  let description = [{
    Replaces each function marked `tile.kernel` by one of the signature in
    codegen/cpu/Emit.h over scf, arith, vector and pointers, with the attribute
    `hamlet.scratch`, the bytes that an instance needs. Elementwise chains run
    inside of the loops of what reads them. Other functions are left alone.
    Fails, at the op, on what is not lowered, and on an unknown level.

    Before:
    ```mlir
    func.func @twice(%x: !tile.ptr<f32>) attributes {tile.kernel} {
      ...
      %a = tile.load %v[%c0] : !tile.desc<32xf32> -> tensor<32xf32>
      %b = arith.addf %a, %a : tensor<32xf32>
      tile.store %b, %v[%c0] : tensor<32xf32>, !tile.desc<32xf32>
    ```
    After:
    ```mlir
    func.func @twice(%words: !llvm.ptr, %x: i64, %y: i64, %z: i64, %scratch: !llvm.ptr)
        attributes {hamlet.scratch = 0 : i64} {
      ...
      scf.for %j = %c0 to %c32 step %c16 : i64 {
        %a = llvm.load %p : !llvm.ptr -> vector<16xf32>
        %b = arith.addf %a, %a : vector<16xf32>
        llvm.store %b, %p : vector<16xf32>, !llvm.ptr
    ```
  }];
  let options = [Option<"level", "level", "std::string", "\"v3\"", "v3, v4 or v4bf16">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::vector::VectorDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif
