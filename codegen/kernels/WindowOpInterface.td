//===- WindowOpInterface.td - ops inside a region's kernel -------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_WINDOW_OP_INTERFACE_TD
#define HAMLET_WINDOW_OP_INTERFACE_TD

include "mlir/IR/OpBase.td"

def WindowOpInterface : OpInterface<"WindowOpInterface"> {
  let cppNamespace = "::hamlet::codegen";
  let description = [{
    How an op is written into the kernel of a region: the tile IR of a window of
    its result. What it needs of its operands it asks the builder for; it asks
    for no more than its `GraphOpInterface::ask` says, by which regions were
    found to have a kernel. Ops of our dialects get it by
    `registerWindowModels`.
  }];
  let methods = [
    InterfaceMethod<[{
      f32 [rows, width]: the window of result `result` that begins at `c`.
    }], "::mlir::Value", "window", (ins
      "::hamlet::codegen::WindowBuilder &":$w, "unsigned":$result,
      "::hamlet::codegen::Column":$c, "int64_t":$width), "", [{
      llvm_unreachable("an op that writes its results has no window");
    }]>,
    InterfaceMethod<[{
      The same as it lies in memory, neither widened nor rounded; null if it
      lies in none.
    }], "::mlir::Value", "storedWindow", (ins
      "::hamlet::codegen::WindowBuilder &":$w, "unsigned":$result,
      "::hamlet::codegen::Column":$c, "int64_t":$width), "", "return {};">,
    InterfaceMethod<[{
      Writes all of result `result` to `pointer`, where its op writes its
      results itself.
    }], "void", "store", (ins
      "::hamlet::codegen::WindowBuilder &":$w, "unsigned":$result,
      "::mlir::Value":$pointer), "", [{
      llvm_unreachable("windows of this op are stored");
    }]>
  ];
}

#endif
