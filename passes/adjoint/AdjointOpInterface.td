//===- AdjointOpInterface.td - an op's gradient ------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_ADJOINT_OP_INTERFACE_TD
#define HAMLET_ADJOINT_OP_INTERFACE_TD

include "mlir/IR/OpBase.td"

def AdjointOpInterface : OpInterface<"AdjointOpInterface"> {
  let cppNamespace = "::hamlet::adjoint";
  let description = [{
    How `nn-adjoint` differentiates an op. Ops of our dialects get it by
    `registerAdjointModels`, a file for each dialect.
  }];
  let methods = [
    InterfaceMethod<[{
      Adds to the gradients of the operands what those of the results, of which
      there is one at least, say.
    }], "::llvm::LogicalResult", "buildAdjoint",
      (ins "::hamlet::adjoint::Adjoint &":$a)>,
    InterfaceMethod<[{
      Whether gradients begin here: it is asked although nothing has a gradient
      by its results.
    }], "bool", "isLoss", (ins), "", "return false;">
  ];
}

#endif
