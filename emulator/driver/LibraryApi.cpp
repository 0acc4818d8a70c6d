//===- LibraryApi.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Libraries: an image of the whole process, loaded into a context when that
// asks for it, and kernels, which are functions of whichever context launches.
#include "emulator/driver/Functions.h"

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
/// The library's module of the current context.
CUresult moduleOf(CUlibrary l, CUmodule &m) {
  CUcontext context = currentContext();
  CUmodule &known = l->modules[context];
  if (!known) {
    std::shared_ptr<LoadedModule> module;
    std::string log;
    CUresult r =
        loadPtx(l->text, *context->device->memory, l->managed, module, log);
    tell({.call = "cuLibrary"}, log);
    if (r) {
      l->modules.erase(context);
      // What can differ from the load is the memory that is left.
      return kOutOfMemory;
    }
    known = addModule(context, std::move(module), nullptr);
    known->library = l;
  }
  m = known;
  return kSuccess;
}

CUresult functionOfKernel(CUkernel k, CUfunction &f) {
  CUmodule m;
  if (CUresult r = moduleOf(k->library, m))
    return r;
  f = functionNamed(m, k->name);
  f->settings = k->settings[static_cast<size_t>(m->context->device->ordinal)];
  return kSuccess;
}

CUresult load(CUlibrary *out, const LoadRequest &request) {
  if (!out)
    return kInvalidValue;
  if (!state().initialised)
    return kNotInitialized;
  auto l = std::make_unique<CUlib_st>();
  std::string log;
  l->memory = std::make_unique<DeviceMemory>(kNoDevice, u64(1) << 40);
  l->managed = std::make_shared<Managed>();
  CUresult r = readRequest(request, l->text, log);
  if (!r)
    r = loadPtx(l->text, *l->memory, l->managed, l->reference, log);
  tell(request, log);
  if (r) {
    l->managed->unregister();
    return r;
  }
  for (const std::string &name : l->reference->entries()) {
    auto k = std::make_unique<CUkern_st>();
    k->library = l.get();
    k->name = name;
    k->program = &l->reference->program(name);
    for (size_t i = 0; i < state().devices.size(); ++i)
      k->settings.push_back(std::make_shared<FunctionSettings>());
    state().kernels.insert(k.get());
    l->kernels.push_back(std::move(k));
  }
  state().libraries.insert(l.get());
  *out = l.release();
  return kSuccess;
}

bool known(CUlibrary l) { return state().libraries.count(l) != 0; }
bool known(CUkernel k) { return state().kernels.count(k) != 0; }
bool validDevice(int d) {
  return d >= 0 && static_cast<size_t>(d) < state().devices.size();
}
} // namespace

namespace hamlet::emu::driver {
CUresult functionOf(CUfunction handle, CUfunction &f) {
  f = handle;
  if (state().functions.count(handle))
    return kSuccess;
  auto k = reinterpret_cast<CUkernel>(handle);
  return known(k) ? functionOfKernel(k, f) : int(kInvalidHandle);
}

void destroy(CUlibrary l) {
  for (auto &[context, m] : std::map(l->modules))
    destroy(m);
  for (auto &k : l->kernels)
    state().kernels.erase(k.get());
  l->managed->unregister();
  state().libraries.erase(l);
  delete l;
}
} // namespace hamlet::emu::driver

HAMLET_CUDA cuLibraryLoadData(CUlibrary *l, const void *image, int *options,
                              void **values, unsigned n, int *, void **,
                              unsigned) {
  HAMLET_ENTER(cuLibraryLoadData, false);
  return load(l, {.call = "cuLibraryLoadData",
                  .image = image,
                  .optionCount = n,
                  .options = options,
                  .values = values});
}
HAMLET_CUDA cuLibraryLoadFromFile(CUlibrary *l, const char *path, int *options,
                                  void **values, unsigned n, int *, void **,
                                  unsigned) {
  HAMLET_ENTER(cuLibraryLoadFromFile, false);
  return load(l, {.call = "cuLibraryLoadFromFile",
                  .path = path,
                  .optionCount = n,
                  .options = options,
                  .values = values});
}
HAMLET_CUDA cuLibraryUnload(CUlibrary l) {
  HAMLET_ENTER(cuLibraryUnload, false);
  if (!known(l))
    return kInvalidHandle;
  CUresult r = kSuccess;
  for (auto &[context, m] : std::map(l->modules))
    if (state().contexts.count(context))
      r = call.finish(context);
  if (known(l))
    destroy(l);
  return r;
}
HAMLET_CUDA cuLibraryGetKernel(CUkernel *k, CUlibrary l, const char *name) {
  HAMLET_ENTER(cuLibraryGetKernel, false);
  if (!k || !name)
    return kInvalidValue;
  if (!known(l))
    return kInvalidHandle;
  for (auto &one : l->kernels)
    if (one->name == name) {
      *k = one.get();
      return kSuccess;
    }
  return kNotFound;
}
HAMLET_CUDA cuLibraryGetKernelCount(unsigned *count, CUlibrary l) {
  HAMLET_ENTER(cuLibraryGetKernelCount, false);
  if (!count)
    return kInvalidValue;
  if (!known(l))
    return kInvalidHandle;
  *count = static_cast<unsigned>(l->kernels.size());
  return kSuccess;
}
HAMLET_CUDA cuLibraryEnumerateKernels(CUkernel *kernels, unsigned n,
                                      CUlibrary l) {
  HAMLET_ENTER(cuLibraryEnumerateKernels, false);
  if (!kernels)
    return kInvalidValue;
  if (!known(l))
    return kInvalidHandle;
  for (size_t i = 0; i < n && i < l->kernels.size(); ++i)
    kernels[i] = l->kernels[i].get();
  return kSuccess;
}
HAMLET_CUDA cuLibraryGetModule(CUmodule *m, CUlibrary l) {
  HAMLET_ENTER(cuLibraryGetModule, true);
  if (!m)
    return kInvalidValue;
  return known(l) ? moduleOf(l, *m) : int(kInvalidHandle);
}
HAMLET_CUDA cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary l,
                               const char *name) {
  HAMLET_ENTER(cuLibraryGetGlobal, true);
  if (!name)
    return kInvalidValue;
  if (!known(l))
    return kInvalidHandle;
  CUmodule m;
  if (CUresult r = moduleOf(l, m))
    return r;
  return globalOf(m, name, address, bytes);
}
HAMLET_CUDA cuLibraryGetManaged(CUdeviceptr *address, size_t *bytes,
                                CUlibrary l, const char *name) {
  HAMLET_ENTER(cuLibraryGetManaged, false);
  if (!name)
    return kInvalidValue;
  if (!known(l))
    return kInvalidHandle;
  u64 a, n;
  if (!l->managed->find(name, a))
    return kNotFound;
  l->reference->global(name, a, n);
  if (address)
    *address = a;
  if (bytes)
    *bytes = n;
  return kSuccess;
}
HAMLET_CUDA cuLibraryGetUnifiedFunction(void **, CUlibrary l,
                                        const char *name) {
  HAMLET_ENTER(cuLibraryGetUnifiedFunction, false);
  if (!name)
    return kInvalidValue;
  return known(l) ? kNotFound : kInvalidHandle;
}

HAMLET_CUDA cuKernelGetFunction(CUfunction *f, CUkernel k) {
  HAMLET_ENTER(cuKernelGetFunction, true);
  if (!f)
    return kInvalidValue;
  return known(k) ? functionOfKernel(k, *f) : int(kInvalidHandle);
}
HAMLET_CUDA cuKernelGetLibrary(CUlibrary *l, CUkernel k) {
  HAMLET_ENTER(cuKernelGetLibrary, false);
  if (!l)
    return kInvalidValue;
  if (!known(k))
    return kInvalidHandle;
  *l = k->library;
  return kSuccess;
}
HAMLET_CUDA cuKernelGetName(const char **name, CUkernel k) {
  HAMLET_ENTER(cuKernelGetName, false);
  if (!name)
    return kInvalidValue;
  if (!known(k))
    return kInvalidHandle;
  *name = k->name.c_str();
  return kSuccess;
}
HAMLET_CUDA cuKernelGetAttribute(int *value, int id, CUkernel k, CUdevice d) {
  HAMLET_ENTER(cuKernelGetAttribute, false);
  if (!value)
    return kInvalidValue;
  if (!known(k))
    return kInvalidHandle;
  if (!validDevice(d))
    return kInvalidDevice;
  return attributeOf(*k->library->reference, *k->program,
                     *k->settings[static_cast<size_t>(d)], id, *value);
}
HAMLET_CUDA cuKernelSetAttribute(int id, int value, CUkernel k, CUdevice d) {
  HAMLET_ENTER(cuKernelSetAttribute, false);
  if (!known(k))
    return kInvalidHandle;
  if (!validDevice(d))
    return kInvalidDevice;
  return setAttribute(*k->program, *k->settings[static_cast<size_t>(d)], id,
                      value);
}
HAMLET_CUDA cuKernelSetCacheConfig(CUkernel k, int, CUdevice d) {
  HAMLET_ENTER(cuKernelSetCacheConfig, false);
  if (!known(k))
    return kInvalidHandle;
  return validDevice(d) ? kSuccess : kInvalidDevice;
}
HAMLET_CUDA cuKernelGetParamInfo(CUkernel k, size_t index, size_t *offset,
                                 size_t *bytes) {
  HAMLET_ENTER(cuKernelGetParamInfo, false);
  return known(k) ? paramInfo(*k->program, index, offset, bytes)
                  : int(kInvalidHandle);
}
