//===- LaunchApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Launches, what is known of kernels, occupancy.
#include "emulator/cudart/Runtime.h"

using namespace hamlet::emu::cudart;

namespace {
enum LaunchAttribute { kCooperative = 2 };
/// CUfunction_attribute, in the order of cudaFuncAttributes.
enum FunctionAttribute {
  kMaxThreads,
  kSharedBytes,
  kConstBytes,
  kLocalBytes,
  kRegisters,
  kPtxVersion,
  kBinaryVersion,
  kCacheMode,
  kMaxDynamicShared,
  kCarveout,
  kClusterMustBeSet,
  kClusterWidth,
  kClusterHeight,
  kClusterDepth,
  kNonPortableCluster,
  kClusterPolicy,
};

int currentDevice() {
  int d = 0;
  cuCtxGetDevice(&d);
  return d;
}
/// The driver says "invalid value", the runtime "invalid configuration".
bool fits(const dim3 &grid, const dim3 &block) {
  int d = currentDevice();
  auto limit = [d](int id) {
    int value = 0;
    cuDeviceGetAttribute(&value, id, d);
    return static_cast<unsigned long long>(value);
  };
  unsigned long long threads = 1ull * block.x * block.y * block.z;
  return grid.x && grid.y && grid.z && threads && grid.x <= limit(5) &&
         grid.y <= limit(6) && grid.z <= limit(7) && block.x <= limit(2) &&
         block.y <= limit(3) && block.z <= limit(4) && threads <= limit(1);
}

CUlaunchConfig configOf(const cudaLaunchConfig_t &c) {
  return {c.gridDim.x,
          c.gridDim.y,
          c.gridDim.z,
          c.blockDim.x,
          c.blockDim.y,
          c.blockDim.z,
          static_cast<unsigned>(c.dynamicSmemBytes),
          streamOf(c.stream),
          c.attrs,
          c.numAttrs};
}

cudaError_t launch(CUkernel k, const cudaLaunchConfig_t &c, void **arguments) {
  if (!k)
    return missingKernel();
  if (!fits(c.gridDim, c.blockDim))
    return kInvalidConfiguration;
  if (c.dynamicSmemBytes > ~0u)
    return kInvalidValue;
  CUlaunchConfig config = configOf(c);
  return cuLaunchKernelEx(&config, functionOf(k), arguments, nullptr);
}
cudaError_t launch(const void *function, const cudaLaunchConfig_t &c,
                   void **arguments) {
  CUkernel k = nullptr;
  cudaError_t r = kernelOf(function, k);
  return r ? r : launch(k, c, arguments);
}

/// Calls `f` with the kernel of a host function.
template <class F> cudaError_t withKernel(const void *function, F f) {
  return enter([&] {
    CUkernel k = nullptr;
    cudaError_t r = kernelOf(function, k);
    return r ? r : f(k);
  });
}
} // namespace

extern "C" __attribute__((visibility("default"))) unsigned
__cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared,
                            CUstream stream) {
  thisThread().shapes.push_back({grid, block, shared, stream});
  return 0;
}
HAMLET_CUDART __cudaPopCallConfiguration(dim3 *grid, dim3 *block,
                                         size_t *shared, void *stream) {
  auto &shapes = thisThread().shapes;
  if (shapes.empty())
    return ended(52); // cudaErrorMissingConfiguration
  Shape s = shapes.back();
  shapes.pop_back();
  *grid = s.grid;
  *block = s.block;
  *shared = s.shared;
  *static_cast<CUstream *>(stream) = s.stream;
  return kSuccess;
}
HAMLET_CUDART_STREAM(__cudaLaunchKernel, _ptsz,
                     (CUkernel k, dim3 grid, dim3 block, void **arguments,
                      size_t shared, CUstream s),
                     (k, grid, block, arguments, shared, s)) {
  return launch(k, {grid, block, shared, s, nullptr, 0}, arguments);
}
HAMLET_CUDART_STREAM(cudaLaunchKernel, _ptsz,
                     (const void *f, dim3 grid, dim3 block, void **arguments,
                      size_t shared, CUstream s),
                     (f, grid, block, arguments, shared, s)) {
  return launch(f, {grid, block, shared, s, nullptr, 0}, arguments);
}
HAMLET_CUDART_STREAM(cudaLaunchCooperativeKernel, _ptsz,
                     (const void *f, dim3 grid, dim3 block, void **arguments,
                      size_t shared, CUstream s),
                     (f, grid, block, arguments, shared, s)) {
  CUlaunchAttribute a{};
  a.id = kCooperative;
  a.value = 1;
  return launch(f, {grid, block, shared, s, &a, 1}, arguments);
}
HAMLET_CUDART_STREAM(cudaLaunchKernelExC, _ptsz,
                     (const cudaLaunchConfig_t *c, const void *f,
                      void **arguments),
                     (c, f, arguments)) {
  return c ? launch(f, *c, arguments) : int(kInvalidValue);
}
HAMLET_CUDART_STREAM(cudaLaunchHostFunc, _ptsz,
                     (CUstream s, CUhostFn fn, void *data), (s, fn, data)) {
  return cuLaunchHostFunc(streamOf(s), fn, data);
}

// ---- kernels ----
HAMLET_CUDART cudaFuncGetAttributes(cudaFuncAttributes *a, const void *f) {
  return withKernel(f, [&](CUkernel k) -> cudaError_t {
    if (!a)
      return kInvalidValue;
    *a = {};
    int d = currentDevice();
    auto get = [&](int id) {
      int value = 0;
      cuKernelGetAttribute(&value, id, k, d);
      return value;
    };
    auto bytes = [&](int id) { return static_cast<size_t>(get(id)); };
    a->sharedSizeBytes = bytes(kSharedBytes);
    a->constSizeBytes = bytes(kConstBytes);
    a->localSizeBytes = bytes(kLocalBytes);
    a->maxThreadsPerBlock = get(kMaxThreads);
    a->numRegs = get(kRegisters);
    a->ptxVersion = get(kPtxVersion);
    a->binaryVersion = get(kBinaryVersion);
    a->cacheModeCA = get(kCacheMode);
    a->maxDynamicSharedSizeBytes = get(kMaxDynamicShared);
    a->preferredShmemCarveout = get(kCarveout);
    a->clusterDimMustBeSet = get(kClusterMustBeSet);
    a->requiredClusterWidth = get(kClusterWidth);
    a->requiredClusterHeight = get(kClusterHeight);
    a->requiredClusterDepth = get(kClusterDepth);
    a->clusterSchedulingPolicyPreference = get(kClusterPolicy);
    a->nonPortableClusterSizeAllowed = get(kNonPortableCluster);
    return kSuccess;
  });
}
HAMLET_CUDART cudaFuncSetAttribute(const void *f, int id, int value) {
  return withKernel(f, [&](CUkernel k) {
    return cuKernelSetAttribute(id, value, k, currentDevice());
  });
}
HAMLET_CUDART cudaKernelSetAttributeForDevice(CUkernel k, int id, int value,
                                              int d) {
  return enter([&] { return cuKernelSetAttribute(id, value, k, d); });
}
HAMLET_CUDART cudaFuncSetCacheConfig(const void *f, int config) {
  return withKernel(f, [&](CUkernel k) {
    return cuKernelSetCacheConfig(k, config, currentDevice());
  });
}
HAMLET_CUDART cudaFuncSetSharedMemConfig(const void *f, int) {
  return withKernel(f, [](CUkernel) { return int(kSuccess); });
}
HAMLET_CUDART cudaFuncGetName(const char **name, const void *f) {
  return withKernel(f, [&](CUkernel k) { return cuKernelGetName(name, k); });
}
HAMLET_CUDART cudaFuncGetParamInfo(const void *f, size_t index, size_t *offset,
                                   size_t *bytes) {
  return withKernel(f, [&](CUkernel k) {
    return cuKernelGetParamInfo(k, index, offset, bytes);
  });
}

// ---- occupancy ----
HAMLET_CUDART
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *f,
                                              int threads, size_t shared) {
  return withKernel(f, [&](CUkernel k) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, functionOf(k),
                                                       threads, shared);
  });
}
HAMLET_CUDART cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, const void *f, int threads, size_t shared, unsigned flags) {
  return withKernel(f, [&](CUkernel k) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        blocks, functionOf(k), threads, shared, flags);
  });
}
HAMLET_CUDART cudaOccupancyAvailableDynamicSMemPerBlock(size_t *bytes,
                                                        const void *f,
                                                        int blocks,
                                                        int threads) {
  return withKernel(f, [&](CUkernel k) {
    return cuOccupancyAvailableDynamicSMemPerBlock(bytes, functionOf(k), blocks,
                                                   threads);
  });
}
static cudaError_t
clusters(int *out, const void *f, const cudaLaunchConfig_t *c,
         CUresult (*ask)(int *, CUfunction, const CUlaunchConfig *)) {
  return withKernel(f, [&](CUkernel k) -> cudaError_t {
    if (!c)
      return kInvalidValue;
    CUlaunchConfig config = configOf(*c);
    return ask(out, functionOf(k), &config);
  });
}
HAMLET_CUDART
cudaOccupancyMaxPotentialClusterSize(int *size, const void *f,
                                     const cudaLaunchConfig_t *c) {
  return clusters(size, f, c, cuOccupancyMaxPotentialClusterSize);
}
HAMLET_CUDART cudaOccupancyMaxActiveClusters(int *n, const void *f,
                                             const cudaLaunchConfig_t *c) {
  return clusters(n, f, c, cuOccupancyMaxActiveClusters);
}
