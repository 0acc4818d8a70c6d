#ifndef HAMLET_RUNTIME_CUDA_CUDADEVICE_H
#define HAMLET_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/Device.h"
#include "runtime/cuda/Driver.h"

namespace hamlet::runtime::cuda {

/// Opens GPU `ordinal` of `driver` with its primary context and one stream.
/// With `ptxOnly`, cubins are passed over: an emulator executes PTX.
Result<std::unique_ptr<Device>> openCudaDevice(std::unique_ptr<Driver> driver,
                                               int ordinal, bool ptxOnly);

/// The image of `file` for a GPU of compute capability `capability` (80 for
/// 8.0): the newest target that it can run. A cubin serves its own major
/// version from its minor on, PTX every later GPU. Null if there is none.
const hmlt::ImageT *pickGpuImage(const hmlt::ContainerT &file, int capability,
                                 bool &useCubin);

} // namespace hamlet::runtime::cuda

#endif // HAMLET_RUNTIME_CUDA_CUDADEVICE_H
