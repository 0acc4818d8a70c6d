//===- ModuleApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Modules: an image loaded into a context.
#include "emulator/driver/Functions.h"

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace hamlet::emu::driver {
CUmodule addModule(CUcontext context, std::shared_ptr<LoadedModule> module,
                   std::shared_ptr<Managed> managed) {
  auto *m = new CUmod_st;
  m->context = context;
  m->module = std::move(module);
  m->managed = std::move(managed);
  state().modules.insert(m);
  return m;
}

CUfunction functionNamed(CUmodule m, const std::string &name) {
  CUfunction &known = m->functions[name];
  if (!known) {
    known = new CUfunc_st;
    known->module = m;
    known->name = name;
    known->program = &m->module->program(name);
    known->settings = std::make_shared<FunctionSettings>();
    state().functions.insert(known);
  }
  return known;
}

CUresult globalOf(CUmodule m, const char *name, CUdeviceptr *address,
                  size_t *bytes) {
  u64 a, n;
  if (!m->module->global(name, a, n))
    return kNotFound;
  if (address)
    *address = a;
  if (bytes)
    *bytes = n;
  return kSuccess;
}
} // namespace hamlet::emu::driver

static CUresult load(CUmodule *out, const LoadRequest &request) {
  if (!out)
    return kInvalidValue;
  std::string text, log;
  std::shared_ptr<LoadedModule> module;
  auto managed = std::make_shared<Managed>();
  CUcontext context = currentContext();
  CUresult r = readRequest(request, text, log);
  if (!r)
    r = loadPtx(text, *context->device->memory, managed, module, log);
  tell(request, log);
  if (r)
    managed->unregister();
  else
    *out = addModule(context, std::move(module), std::move(managed));
  return r;
}

HAMLET_CUDA cuModuleLoadData(CUmodule *m, const void *image) {
  HAMLET_ENTER(cuModuleLoadData, true);
  return load(m, {.call = "cuModuleLoadData", .image = image});
}
HAMLET_CUDA cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n,
                               int *options, void **values) {
  HAMLET_ENTER(cuModuleLoadDataEx, true);
  return load(m, {.call = "cuModuleLoadDataEx",
                  .image = image,
                  .optionCount = n,
                  .options = options,
                  .values = values});
}
HAMLET_CUDA cuModuleLoadFatBinary(CUmodule *m, const void *image) {
  HAMLET_ENTER(cuModuleLoadFatBinary, true);
  return load(m, {.call = "cuModuleLoadFatBinary", .image = image});
}
HAMLET_CUDA cuModuleLoad(CUmodule *m, const char *path) {
  HAMLET_ENTER(cuModuleLoad, true);
  return load(m, {.call = "cuModuleLoad", .path = path});
}
HAMLET_CUDA cuModuleUnload(CUmodule m) {
  HAMLET_ENTER(cuModuleUnload, true);
  // A library's goes with the library.
  if (!state().modules.count(m) || m->library)
    return kInvalidHandle;
  CUresult r = call.finish(m->context);
  if (state().modules.count(m))
    destroy(m);
  return r;
}
HAMLET_CUDA cuModuleGetLoadingMode(int *mode) {
  HAMLET_ENTER(cuModuleGetLoadingMode, false);
  if (!mode)
    return kInvalidValue;
  *mode = 1; // eager
  return kSuccess;
}
HAMLET_CUDA cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
  HAMLET_ENTER(cuModuleGetFunction, true);
  if (!f || !name)
    return kInvalidValue;
  if (!state().modules.count(m))
    return kInvalidHandle;
  if (!m->module->hasEntry(name))
    return kNotFound;
  *f = functionNamed(m, name);
  return kSuccess;
}
HAMLET_CUDA cuModuleGetFunctionCount(unsigned *count, CUmodule m) {
  HAMLET_ENTER(cuModuleGetFunctionCount, true);
  if (!count)
    return kInvalidValue;
  if (!state().modules.count(m))
    return kInvalidHandle;
  *count = static_cast<unsigned>(m->module->entries().size());
  return kSuccess;
}
HAMLET_CUDA cuModuleEnumerateFunctions(CUfunction *functions, unsigned n,
                                       CUmodule m) {
  HAMLET_ENTER(cuModuleEnumerateFunctions, true);
  if (!functions)
    return kInvalidValue;
  if (!state().modules.count(m))
    return kInvalidHandle;
  for (const std::string &name : m->module->entries())
    if (n) {
      *functions++ = functionNamed(m, name);
      --n;
    }
  return kSuccess;
}
HAMLET_CUDA cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                                 CUmodule m, const char *name) {
  HAMLET_ENTER(cuModuleGetGlobal_v2, true);
  if (!name)
    return kInvalidValue;
  return state().modules.count(m) ? globalOf(m, name, address, bytes)
                                  : int(kInvalidHandle);
}
