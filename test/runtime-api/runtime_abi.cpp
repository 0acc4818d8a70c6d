//===- runtime_abi.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Prints the structures of the runtime interface: once with CUDA's headers,
// once with the stand-in's.
#include <cstddef>
#include <cstdio>
#ifdef REAL
#include <cuda.h>
#include <cuda_runtime_api.h>
#else
#include "emulator/cudart/Types.h"
#endif

#define SIZE(type) std::printf(#type " %zu\n", sizeof(type));
#define FIELD(type, field)                                                     \
  std::printf(#type "." #field " %zu\n", offsetof(type, field));

int main() {
  SIZE(cudaMemcpy3DParms)
  FIELD(cudaMemcpy3DParms, dstArray)
  FIELD(cudaMemcpy3DParms, extent)
  FIELD(cudaMemcpy3DParms, kind)
  SIZE(cudaMemcpy3DPeerParms)
  FIELD(cudaMemcpy3DPeerParms, dstDevice)
  SIZE(cudaMemsetParams)
  FIELD(cudaMemsetParams, width)
  SIZE(cudaKernelNodeParams)
  FIELD(cudaKernelNodeParams, kernelParams)
  SIZE(cudaGraphNodeParams)
  FIELD(cudaGraphNodeParams, kernel)
  FIELD(cudaGraphNodeParams, memcpy.copyParams)
  SIZE(cudaPointerAttributes)
  FIELD(cudaPointerAttributes, hostPointer)
  SIZE(cudaFuncAttributes)
  FIELD(cudaFuncAttributes, numRegs)
  FIELD(cudaFuncAttributes, nonPortableClusterSizeAllowed)
  SIZE(cudaLaunchConfig_t)
  FIELD(cudaLaunchConfig_t, stream)
  FIELD(cudaLaunchConfig_t, numAttrs)
  SIZE(cudaChannelFormatDesc)
  SIZE(cudaPitchedPtr)
  SIZE(cudaExtent)
  SIZE(CUmemPoolProps)
  FIELD(CUmemPoolProps, maxSize)
  SIZE(CUmemAccessDesc)
  SIZE(CUmemLocation)
  SIZE(cudaDeviceProp)
#define PROP(field) FIELD(cudaDeviceProp, field)
  PROP(uuid)
  PROP(totalGlobalMem)
  PROP(warpSize)
  PROP(maxGridSize)
  PROP(textureAlignment)
  PROP(canMapHostMemory)
  PROP(surfaceAlignment)
  PROP(concurrentKernels)
  PROP(pciBusID)
  PROP(l2CacheSize)
  PROP(localL1CacheSupported)
  PROP(sharedMemPerMultiprocessor)
  PROP(managedMemory)
  PROP(cooperativeLaunch)
  PROP(sharedMemPerBlockOptin)
  PROP(maxBlocksPerMultiProcessor)
  PROP(reservedSharedMemPerBlock)
  PROP(hostRegisterSupported)
  PROP(memoryPoolsSupported)
  PROP(clusterLaunch)
  PROP(hostNumaMultinodeIpcSupported)
}
