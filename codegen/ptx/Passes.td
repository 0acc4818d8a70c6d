//===- Passes.td - kernels as PTX --------------------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PTX_PASSES_TD
#define HAMLET_CODEGEN_PTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileToNvvmPass : Pass<"tile-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "lower tile kernels to threads of the llvm and nvvm dialects";
  let description = [{
    Replaces each function marked `tile.kernel` by an `llvm.func` that 128 threads
    of a block run. Tiles that are worth it, and those that must, lie in the
    dynamic shared memory `hamlet_shared`; a remark names those that do not fit
    and lie in global scratch. Other functions are left alone. Fails, at the op,
    on what is not lowered, and on an unknown GPU.

    Before:
    ```mlir
    func.func @twice(%x: !tile.ptr<f32>) attributes {tile.kernel} {
      ...
      %a = tile.load %v[%c0] : !tile.desc<128xf32> -> tensor<128xf32>
      %b = arith.addf %a, %a : tensor<128xf32>
      tile.store %b, %v[%c0] : tensor<128xf32>, !tile.desc<128xf32>
    ```
    After:
    ```mlir
    llvm.func @twice(%x: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>, ...} {
      %i = nvvm.read.ptx.sreg.tid.x : i32
      %p = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %a = llvm.load %p : !llvm.ptr<1> -> f32
      %b = llvm.fadd %a, %a : f32
      llvm.store %b, %p : f32, !llvm.ptr<1>
    ```
  }];
  let options = [Option<"chip", "chip", "std::string", "\"sm_80\"", "GPU, such as sm_80">,
                 ListOption<"targets", "targets", "std::string", "folders with more descriptions">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect"];
}

def TileToPtxPass : Pass<"tile-to-ptx", "::mlir::ModuleOp"> {
  let summary = "print the PTX of tile kernels, with each launch as a comment";
  let description = [{
    Writes one PTX module with every kernel to standard output and leaves the IR
    alone. Before it stands a line for each kernel, with the bytes of dynamic
    shared memory, the threads of a block, and the bytes of scratch of each:

    ```
    // kernel twice shared 0 threads 128 scratch 0
    ```

    Fails where `tile-to-nvvm` does, and where LLVM cannot emit the code.
  }];
  let options = [Option<"chip", "chip", "std::string", "\"sm_80\"", "GPU, such as sm_80">,
                 ListOption<"targets", "targets", "std::string", "folders with more descriptions">];
}

#endif
