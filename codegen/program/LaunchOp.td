//===- LaunchOp.td - ops that launch kernels of their own --------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_LAUNCHOP_TD
#define HAMLET_CODEGEN_PROGRAM_LAUNCHOP_TD

include "mlir/IR/OpBase.td"

def LaunchOpInterface : OpInterface<"LaunchOpInterface"> {
  let description = [{
    A graph op that has kernels of its own, beside the views in its region. Ops
    without it are computed row by row, by the region's one kernel
    (`WindowOpInterface`). Implemented outside of the dialects, which know no
    kernels: `registerLaunchModels`.
  }];
  let cppNamespace = "::hamlet::codegen";
  let methods = [
    InterfaceMethod<"Launches the kernels of the region that this op is the anchor of.",
      "::mlir::LogicalResult", "launch", (ins "::hamlet::codegen::RegionLowering &":$region)>
  ];
}

#endif
