//===- ModuleApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Modules: an image loaded into a context.
#include "emulator/driver/Functions.h"
#include "emulator/driver/Image.h"

#include <cstdlib>
#include <fstream>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace hamlet::emu::driver {
CUresult loadPtx(const std::string &text, DeviceMemory &memory,
                 std::shared_ptr<LoadedModule> &module, std::string &log) {
  try {
    auto m = std::make_shared<LoadedModule>(
        text, memory, std::getenv("EMU_CHECK") != nullptr);
    if (!runsOn(m->ast().target, state().architecture)) {
      log = "the code is for " + m->ast().target + ", the device is sm_" +
            std::to_string(state().architecture);
      return kNoBinaryForGpu;
    }
    // Unknown forms are errors of the load, as with a real compiler.
    for (const std::string &e : m->entries())
      m->program(e);
    module = std::move(m);
    // Kernels use tables that the first module made.
    static const bool first = (endWithProcess(), true);
    (void)first;
    return kSuccess;
  } catch (const PtxError &e) {
    log = e.what();
    return kInvalidPtx;
  }
}

CUmodule addModule(CUcontext context, std::shared_ptr<LoadedModule> module) {
  auto *m = new CUmod_st;
  m->context = context;
  m->module = std::move(module);
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

bool readFile(const char *path, std::string &bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return false;
  bytes.assign(std::istreambuf_iterator<char>(in),
               std::istreambuf_iterator<char>());
  return true;
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

static CUresult load(CUmodule *out, const void *image, size_t limit,
                     std::string &log) {
  if (!out || !image)
    return kInvalidValue;
  std::string text;
  if (CUresult r = readImage(image, limit, state().architecture, text, log))
    return r;
  std::shared_ptr<LoadedModule> module;
  CUcontext context = currentContext();
  if (CUresult r = loadPtx(text, *context->device->memory, module, log))
    return r;
  *out = addModule(context, std::move(module));
  return kSuccess;
}

HAMLET_CUDA cuModuleLoadData(CUmodule *m, const void *image) {
  HAMLET_ENTER(cuModuleLoadData, true);
  std::string log;
  CUresult r = load(m, image, SIZE_MAX, log);
  tell("cuModuleLoadData", log, 0, nullptr, nullptr);
  return r;
}
HAMLET_CUDA cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n,
                               int *options, void **values) {
  HAMLET_ENTER(cuModuleLoadDataEx, true);
  std::string log;
  CUresult r = load(m, image, SIZE_MAX, log);
  tell("cuModuleLoadDataEx", log, n, options, values);
  return r;
}
HAMLET_CUDA cuModuleLoadFatBinary(CUmodule *m, const void *image) {
  HAMLET_ENTER(cuModuleLoadFatBinary, true);
  std::string log;
  CUresult r = load(m, image, SIZE_MAX, log);
  tell("cuModuleLoadFatBinary", log, 0, nullptr, nullptr);
  return r;
}
HAMLET_CUDA cuModuleLoad(CUmodule *m, const char *path) {
  HAMLET_ENTER(cuModuleLoad, true);
  if (!m || !path)
    return kInvalidValue;
  std::string bytes, log;
  if (!readFile(path, bytes))
    return kFileNotFound;
  if (bytes.size() < 4)
    return kInvalidImage;
  CUresult r = load(m, bytes.c_str(), bytes.size(), log);
  tell(path, log, 0, nullptr, nullptr);
  return r;
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
