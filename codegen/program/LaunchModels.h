//===- LaunchModels.h - which ops launch kernels of their own ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_LAUNCHMODELS_H
#define HAMLET_CODEGEN_PROGRAM_LAUNCHMODELS_H

#include "codegen/program/RegionLowering.h"

namespace hamlet::codegen {

/// LaunchOpInterface of an op: `kLaunch` is its launch.
template <typename OpTy,
          mlir::LogicalResult (*kLaunch)(RegionLowering &region, OpTy op)>
struct LaunchModel
    : LaunchOpInterface::ExternalModel<LaunchModel<OpTy, kLaunch>, OpTy> {
  mlir::LogicalResult launch(mlir::Operation *op,
                             RegionLowering &region) const {
    return kLaunch(region, mlir::cast<OpTy>(op));
  }
};

void attachLightningLaunches(mlir::MLIRContext *context);
void attachLightningGradLaunches(mlir::MLIRContext *context);
void attachAttentionLaunches(mlir::MLIRContext *context);
void attachAttentionGradLaunches(mlir::MLIRContext *context);
void attachExpertLaunches(mlir::MLIRContext *context);
void attachExpertGradLaunches(mlir::MLIRContext *context);
void attachGradLaunches(mlir::MLIRContext *context);
void attachPolicyLaunches(mlir::MLIRContext *context);

} // namespace hamlet::codegen

#endif
