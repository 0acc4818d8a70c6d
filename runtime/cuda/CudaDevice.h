//===- CudaDevice.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_CUDA_CUDADEVICE_H
#define HAMLET_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/Device.h"
#include "runtime/cuda/Driver.h"

namespace hamlet::runtime::cuda {

/// Opens GPU `ordinal` of `driver` with its primary context and one stream.
/// With `ptxOnly`, cubins are passed over: an emulator executes PTX.
Result<std::unique_ptr<Device>> openCudaDevice(std::unique_ptr<Driver> driver,
                                               int ordinal, bool ptxOnly);

/// What a GPU executes of a container. `image` is null where there is nothing.
struct GpuImage {
  const hmlt::ImageT *image = nullptr;
  bool cubin = false; ///< else PTX
};

/// The code of `file` for a GPU of compute capability `capability` (80 for
/// 8.0), passing over cubins with `ptxOnly`. First come images for that very
/// capability, those with the suffix `a` before others; then cubins, which
/// need no compiler; then the newest.
GpuImage pickGpuImage(const hmlt::ContainerT &file, int capability,
                      bool ptxOnly);

} // namespace hamlet::runtime::cuda

#endif // HAMLET_RUNTIME_CUDA_CUDADEVICE_H
