//===- LibraryApi.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Libraries: an image of the whole process, loaded into a context when that
// asks for it, and kernels, which are functions of whichever context launches.
#include "emulator/driver/Functions.h"
#include "emulator/driver/Image.h"

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
    CUresult r = loadPtx(l->text, *context->device->memory, module, log);
    tell("cuLibrary", log, 0, nullptr, nullptr);
    if (r) {
      l->modules.erase(context);
      // What can differ from the load is the memory that is left.
      return kOutOfMemory;
    }
    known = addModule(context, std::move(module));
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

CUresult load(CUlibrary *out, const void *image, size_t bytes,
              std::string &log) {
  if (!out || !image)
    return kInvalidValue;
  if (!state().initialised)
    return kNotInitialized;
  auto l = std::make_unique<CUlib_st>();
  if (CUresult r = readImage(image, bytes, state().architecture, l->text, log))
    return r;
  l->memory = std::make_unique<DeviceMemory>(kNoDevice, u64(1) << 40);
  if (CUresult r = loadPtx(l->text, *l->memory, l->reference, log))
    return r;
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
  state().libraries.erase(l);
  delete l;
}
} // namespace hamlet::emu::driver

HAMLET_CUDA cuLibraryLoadData(CUlibrary *l, const void *image, int *options,
                              void **values, unsigned n, int *, void **,
                              unsigned) {
  HAMLET_ENTER(cuLibraryLoadData, false);
  std::string log;
  CUresult r = load(l, image, SIZE_MAX, log);
  tell("cuLibraryLoadData", log, n, options, values);
  return r;
}
HAMLET_CUDA cuLibraryLoadFromFile(CUlibrary *l, const char *path, int *options,
                                  void **values, unsigned n, int *, void **,
                                  unsigned) {
  HAMLET_ENTER(cuLibraryLoadFromFile, false);
  if (!l || !path)
    return kInvalidValue;
  std::string bytes, log;
  if (!readFile(path, bytes))
    return kFileNotFound;
  if (bytes.size() < 4)
    return kInvalidImage;
  CUresult r = load(l, bytes.c_str(), bytes.size(), log);
  tell(path, log, n, options, values);
  return r;
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
HAMLET_CUDA cuLibraryGetManaged(CUdeviceptr *, size_t *, CUlibrary l,
                                const char *name) {
  HAMLET_ENTER(cuLibraryGetManaged, false);
  if (!name)
    return kInvalidValue;
  // Managed variables are none of what the emulator's PTX has.
  return known(l) ? kNotFound : kInvalidHandle;
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
