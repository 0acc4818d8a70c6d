//===- Driver.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/Driver.h"

#include <dlfcn.h>

namespace hamlet::runtime::cuda {

Driver::~Driver() {
  if (library)
    dlclose(library);
}

Status Driver::check(const char *call, CUresult result) const {
  if (result == kSuccess)
    return {};
  const char *name = nullptr;
  if (errorName(result, &name) != kSuccess || !name)
    name = "unknown error";
  return failure(call, ": ", name, " (", result, ")");
}

Result<std::unique_ptr<Driver>> Driver::open(const std::string &path) {
  auto driver = std::make_unique<Driver>();
  driver->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!driver->library) {
    const char *why = dlerror();
    return failure("cannot open the CUDA driver: ",
                   why ? why : "unknown error");
  }
  Status status;
  auto find = [&](auto &entry, const char *name) {
    void *symbol = dlsym(driver->library, name);
    if (!symbol && status.ok())
      status = failure("'", path, "' has no ", name);
    entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(symbol);
  };
  find(driver->init, "cuInit");
  find(driver->deviceGetCount, "cuDeviceGetCount");
  find(driver->deviceGet, "cuDeviceGet");
  find(driver->deviceGetName, "cuDeviceGetName");
  find(driver->deviceGetAttribute, "cuDeviceGetAttribute");
  find(driver->contextRetain, "cuDevicePrimaryCtxRetain");
  find(driver->contextRelease, "cuDevicePrimaryCtxRelease_v2");
  find(driver->contextSetCurrent, "cuCtxSetCurrent");
  find(driver->moduleLoadData, "cuModuleLoadDataEx");
  find(driver->moduleUnload, "cuModuleUnload");
  find(driver->moduleGetFunction, "cuModuleGetFunction");
  find(driver->functionSetAttribute, "cuFuncSetAttribute");
  find(driver->memAlloc, "cuMemAlloc_v2");
  find(driver->memFree, "cuMemFree_v2");
  find(driver->copyIn, "cuMemcpyHtoDAsync_v2");
  find(driver->copyOut, "cuMemcpyDtoHAsync_v2");
  find(driver->copyWithin, "cuMemcpyDtoDAsync_v2");
  find(driver->setBytes, "cuMemsetD8Async");
  find(driver->launch, "cuLaunchKernel");
  find(driver->streamCreate, "cuStreamCreate");
  find(driver->streamDestroy, "cuStreamDestroy_v2");
  find(driver->streamSynchronize, "cuStreamSynchronize");
  find(driver->streamWaitEvent, "cuStreamWaitEvent");
  find(driver->eventCreate, "cuEventCreate");
  find(driver->eventDestroy, "cuEventDestroy_v2");
  find(driver->eventRecord, "cuEventRecord");
  find(driver->errorName, "cuGetErrorName");
  HAMLET_TRY(status);
  return driver;
}

} // namespace hamlet::runtime::cuda
