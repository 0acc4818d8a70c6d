//===- DeviceApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Devices, their properties and limits. Every number is the driver's.
#include "emulator/cudart/Runtime.h"

#include <cstring>

using namespace hamlet::emu::cudart;

namespace {
constexpr int kVersion = 13000;

int attribute(int id, int device) {
  int value = 0;
  cuDeviceGetAttribute(&value, id, device);
  return value;
}
size_t bytes(int id, int device) {
  return static_cast<size_t>(attribute(id, device));
}

/// CUdevice_attribute.
void describe(cudaDeviceProp &p, int d) {
  auto at = [d](int id) { return attribute(id, d); };
  std::memset(&p, 0, sizeof p);
  cuDeviceGetName(p.name, sizeof p.name, d);
  cuDeviceGetUuid_v2(&p.uuid, d);
  cuDeviceTotalMem_v2(&p.totalGlobalMem, d);
  p.sharedMemPerBlock = bytes(8, d);
  p.regsPerBlock = at(12);
  p.warpSize = at(10);
  p.memPitch = bytes(11, d);
  p.maxThreadsPerBlock = at(1);
  for (int i = 0; i < 3; ++i) {
    p.maxThreadsDim[i] = at(2 + i);
    p.maxGridSize[i] = at(5 + i);
  }
  p.totalConstMem = bytes(9, d);
  p.major = at(75);
  p.minor = at(76);
  p.textureAlignment = bytes(14, d);
  p.texturePitchAlignment = bytes(51, d);
  p.multiProcessorCount = at(16);
  p.integrated = at(18);
  p.canMapHostMemory = at(19);
  p.surfaceAlignment = bytes(30, d);
  p.concurrentKernels = at(31);
  p.ECCEnabled = at(32);
  p.pciBusID = at(33);
  p.pciDeviceID = at(34);
  p.pciDomainID = at(50);
  p.tccDriver = at(35);
  p.asyncEngineCount = at(40);
  p.unifiedAddressing = at(41);
  p.memoryBusWidth = at(37);
  p.l2CacheSize = at(38);
  p.persistingL2CacheMaxSize = at(108);
  p.maxThreadsPerMultiProcessor = at(39);
  p.streamPrioritiesSupported = at(78);
  p.globalL1CacheSupported = at(79);
  p.localL1CacheSupported = at(80);
  p.sharedMemPerMultiprocessor = bytes(81, d);
  p.regsPerMultiprocessor = at(82);
  p.managedMemory = at(83);
  p.isMultiGpuBoard = at(84);
  p.multiGpuBoardGroupID = at(85);
  p.hostNativeAtomicSupported = at(86);
  p.pageableMemoryAccess = at(88);
  p.concurrentManagedAccess = at(89);
  p.computePreemptionSupported = at(90);
  p.canUseHostPointerForRegisteredMem = at(91);
  p.cooperativeLaunch = at(95);
  p.sharedMemPerBlockOptin = bytes(97, d);
  p.pageableMemoryAccessUsesHostPageTables = at(100);
  p.directManagedMemAccessFromHost = at(101);
  p.maxBlocksPerMultiProcessor = at(106);
  p.accessPolicyMaxWindowSize = at(109);
  p.reservedSharedMemPerBlock = bytes(111, d);
  p.hostRegisterSupported = at(99);
  p.hostRegisterReadOnlySupported = at(113);
  p.memoryPoolsSupported = at(115);
  p.clusterLaunch = at(120);
}

int deviceCount() {
  int n = 0;
  cuDeviceGetCount(&n);
  return n;
}
bool validDevice(int d) { return d >= 0 && d < deviceCount(); }
} // namespace

HAMLET_CUDART cudaRuntimeGetVersion(int *version) {
  return enter(Needs::Nothing, [&]() -> cudaError_t {
    if (!version)
      return kInvalidValue;
    *version = kVersion;
    return kSuccess;
  });
}
HAMLET_CUDART cudaDriverGetVersion(int *version) {
  return enter(Needs::Nothing, [&] { return cuDriverGetVersion(version); });
}
HAMLET_CUDART cudaGetDeviceCount(int *n) {
  return enter(Needs::Driver, [&] { return cuDeviceGetCount(n); });
}
HAMLET_CUDART cudaGetDeviceProperties(cudaDeviceProp *p, int d) {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    if (!p)
      return kInvalidValue;
    if (!validDevice(d))
      return kInvalidDevice;
    describe(*p, d);
    return kSuccess;
  });
}
HAMLET_CUDART cudaDeviceGetAttribute(int *value, int id, int d) {
  return enter(Needs::Driver,
               [&] { return cuDeviceGetAttribute(value, id, d); });
}
HAMLET_CUDART cudaChooseDevice(int *d, const cudaDeviceProp *wanted) {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    if (!d || !wanted)
      return kInvalidValue;
    *d = 0; // all are alike
    return kSuccess;
  });
}
HAMLET_CUDART cudaSetValidDevices(int *list, int n) {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    if (n && !list)
      return kInvalidValue;
    for (int i = 0; i < n; ++i)
      if (!validDevice(list[i]))
        return kInvalidDevice;
    return kSuccess;
  });
}
HAMLET_CUDART cudaSetDevice(int d) {
  return enter(Needs::Driver, [&] { return setDevice(d); });
}
HAMLET_CUDART cudaInitDevice(int d, unsigned, unsigned) {
  return enter(Needs::Driver, [&] {
    CUcontext c;
    return contextOf(d, c);
  });
}
HAMLET_CUDART cudaGetDevice(int *d) {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    if (!d)
      return kInvalidValue;
    if (cuCtxGetDevice(d))
      *d = thisThread().device;
    return kSuccess;
  });
}
HAMLET_CUDART cudaSetDeviceFlags(unsigned flags) {
  return enter(Needs::Driver, [&] { // how to wait, and more that is always so
    return flags & ~0xffu ? kInvalidValue : kSuccess;
  });
}
HAMLET_CUDART cudaGetDeviceFlags(unsigned *flags) {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    if (!flags)
      return kInvalidValue;
    *flags = 8; // cudaDeviceMapHost
    return kSuccess;
  });
}
HAMLET_CUDART cudaDeviceReset() {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    int d = thisThread().device;
    cuCtxGetDevice(&d);
    forgetContexts();
    thisThread().last = kSuccess;
    return cuDevicePrimaryCtxReset_v2(d);
  });
}
HAMLET_CUDART cudaDeviceSynchronize() {
  return enter([] { return cuCtxSynchronize(); });
}
HAMLET_CUDART cudaDeviceSetLimit(int limit, size_t value) {
  return enter([&] { return cuCtxSetLimit(limit, value); });
}
HAMLET_CUDART cudaDeviceGetLimit(size_t *value, int limit) {
  return enter([&] { return cuCtxGetLimit(value, limit); });
}
HAMLET_CUDART cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  return enter([&] { return cuCtxGetStreamPriorityRange(least, greatest); });
}
// Caches are not modelled: what is preferred is taken and has no effect.
HAMLET_CUDART cudaDeviceGetCacheConfig(int *config) {
  return enter([&]() -> cudaError_t {
    if (!config)
      return kInvalidValue;
    *config = 0; // no preference
    return kSuccess;
  });
}
HAMLET_CUDART cudaDeviceSetCacheConfig(int config) {
  return enter(
      [&] { return config < 0 || config > 3 ? kInvalidValue : kSuccess; });
}
HAMLET_CUDART cudaDeviceGetSharedMemConfig(int *config) {
  return enter([&]() -> cudaError_t {
    if (!config)
      return kInvalidValue;
    *config = 1; // banks of 4 bytes
    return kSuccess;
  });
}
HAMLET_CUDART cudaDeviceSetSharedMemConfig(int config) {
  return enter(
      [&] { return config < 0 || config > 2 ? kInvalidValue : kSuccess; });
}
HAMLET_CUDART cudaCtxResetPersistingL2Cache() {
  return enter([] { return kSuccess; });
}
HAMLET_CUDART cudaDeviceGetByPCIBusId(int *d, const char *text) {
  return enter(Needs::Driver, [&] { return cuDeviceGetByPCIBusId(d, text); });
}
HAMLET_CUDART cudaDeviceGetPCIBusId(char *text, int length, int d) {
  return enter(Needs::Driver,
               [&] { return cuDeviceGetPCIBusId(text, length, d); });
}
HAMLET_CUDART cudaDeviceCanAccessPeer(int *can, int a, int b) {
  return enter(Needs::Driver, [&] { return cuDeviceCanAccessPeer(can, a, b); });
}
HAMLET_CUDART cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  return enter([&] {
    CUcontext c = nullptr;
    cudaError_t r = contextOf(peer, c);
    return r ? r : cuCtxEnablePeerAccess(c, flags);
  });
}
HAMLET_CUDART cudaDeviceDisablePeerAccess(int peer) {
  return enter([&] {
    CUcontext c = nullptr;
    cudaError_t r = contextOf(peer, c);
    return r ? r : cuCtxDisablePeerAccess(c);
  });
}
HAMLET_CUDART cudaDeviceGetP2PAttribute(int *value, int id, int a, int b) {
  return enter(Needs::Driver, [&]() -> cudaError_t {
    int can = 0;
    if (!value || id < 1 || id > 4)
      return kInvalidValue;
    cudaError_t r = cuDeviceCanAccessPeer(&can, a, b);
    *value = id == 2 || id == 3 ? can : 0; // access, atomics
    return r;
  });
}
HAMLET_CUDART cudaProfilerStart() {
  return enter([] { return cuProfilerStart(); });
}
HAMLET_CUDART cudaProfilerStop() {
  return enter([] { return cuProfilerStop(); });
}
