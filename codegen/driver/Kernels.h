//===- Kernels.h - every kernel for every target --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_DRIVER_KERNELS_H
#define HAMLET_CODEGEN_DRIVER_KERNELS_H

#include "codegen/cpu/Emit.h"
#include "codegen/driver/KernelCache.h"
#include "codegen/ptx/Emit.h"

#include <functional>

namespace hamlet {

struct EmittedTarget {
  std::string name;        ///< as images name it
  std::vector<char> bytes; ///< a shared object, or PTX
  std::vector<cpu::CpuKernel> cpuKernels;
  std::vector<ptx::PtxKernel> ptxKernels;
};

/// Compiles each kernel of `kernels`, which is left alone, for CPU `levels` and
/// `gpus` (that ptx::checkGpu passes), in their order. All cores work on it, a
/// kernel and target at a time; the bytes depend on neither their number nor
/// the cache. `progress`, if it is set, is told of each kernel that is done;
/// one thread at a time calls it.
mlir::FailureOr<std::vector<EmittedTarget>>
emitKernels(mlir::ModuleOp kernels, llvm::ArrayRef<cpu::Level> levels,
            llvm::ArrayRef<schedule::GpuTarget> gpus, KernelCache &cache,
            const std::function<void(size_t, size_t)> &progress,
            EmitTimes &times);

} // namespace hamlet

#endif
