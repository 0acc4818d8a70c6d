//===- Registry.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Fat binaries, kernels and variables, which the code that nvcc generates
// registers before main(). A binary is loaded when something of it is used.
#include "emulator/cudart/Runtime.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

using namespace hamlet::emu::cudart;

namespace {
struct Binary {
  const void *image = nullptr;
  CUlibrary library = nullptr;
  cudaError_t failed = kSuccess;          ///< the load did
  std::map<void **, std::string> managed; ///< where the host keeps addresses
};
struct Symbol {
  Binary *binary;
  std::string name;
  bool managed;
};
struct Registry {
  std::recursive_mutex mutex;
  std::map<Binary *, std::unique_ptr<Binary>> binaries;
  std::map<const void *, Symbol> functions, variables;
  std::map<CUkernel, const void *> hostFunctions;
  cudaError_t failed = kInvalidFunction; ///< why a kernel was not there, last
};
Registry &registry() {
  static auto *r = new Registry; // used from static destructors
  return *r;
}
Binary *binaryOf(void **handle) { return reinterpret_cast<Binary *>(handle); }

cudaError_t load(Binary &b) {
  if (b.library || b.failed)
    return b.failed;
  b.failed = begin(Needs::Context);
  if (b.failed)
    return b.failed;
  b.failed = cuLibraryLoadData(&b.library, b.image, nullptr, nullptr, 0,
                               nullptr, nullptr, 0);
  for (auto &[place, name] : b.managed) {
    CUdeviceptr address = 0;
    if (!b.failed)
      b.failed =
          cuLibraryGetManaged(&address, nullptr, b.library, name.c_str());
    *place = reinterpret_cast<void *>(address);
  }
  return b.failed;
}
} // namespace

namespace hamlet::emu::cudart {
cudaError_t kernelOf(const void *function, CUkernel &kernel) {
  std::lock_guard lock(registry().mutex);
  auto it = registry().functions.find(function);
  if (it == registry().functions.end()) {
    const char *name;
    kernel = static_cast<CUkernel>(const_cast<void *>(function));
    return function && !cuKernelGetName(&name, kernel) ? kSuccess
                                                       : kInvalidFunction;
  }
  Symbol &s = it->second;
  if (cudaError_t r = load(*s.binary))
    return r;
  if (cuLibraryGetKernel(&kernel, s.binary->library, s.name.c_str()))
    return kInvalidFunction;
  registry().hostFunctions[kernel] = function;
  return kSuccess;
}

cudaError_t missingKernel() {
  std::lock_guard lock(registry().mutex);
  return registry().failed;
}

void *hostFunctionOf(CUkernel kernel) {
  std::lock_guard lock(registry().mutex);
  auto it = registry().hostFunctions.find(kernel);
  return it == registry().hostFunctions.end() ? static_cast<void *>(kernel)
                                              : const_cast<void *>(it->second);
}

cudaError_t variableOf(const void *variable, CUdeviceptr &address,
                       size_t &bytes) {
  std::lock_guard lock(registry().mutex);
  auto &all = registry().variables;
  auto it = all.find(variable);
  if (it == all.end()) // a managed one is named by where it lies, too
    it = std::ranges::find_if(all, [&](auto &x) {
      return x.second.managed && variable &&
             *static_cast<void *const *>(x.first) == variable;
    });
  if (it == all.end())
    return kInvalidSymbol;
  Symbol &s = it->second;
  if (cudaError_t r = load(*s.binary))
    return r;
  auto get = s.managed ? cuLibraryGetManaged : cuLibraryGetGlobal;
  return get(&address, &bytes, s.binary->library, s.name.c_str())
             ? kInvalidSymbol
             : kSuccess;
}

cudaError_t partOfVariable(const void *variable, size_t count, size_t offset,
                           void *&address) {
  CUdeviceptr p;
  size_t bytes;
  if (cudaError_t r = variableOf(variable, p, bytes))
    return r;
  if (offset > bytes || count > bytes - offset)
    return kInvalidValue;
  address = reinterpret_cast<void *>(p + offset);
  return kSuccess;
}
} // namespace hamlet::emu::cudart

#define HAMLET_EXPORT extern "C" __attribute__((visibility("default")))

HAMLET_EXPORT void **__cudaRegisterFatBinary(void *image) {
  std::lock_guard lock(registry().mutex);
  auto b = std::make_unique<Binary>();
  b->image = image;
  Binary *key = b.get();
  registry().binaries[key] = std::move(b);
  return reinterpret_cast<void **>(key);
}
HAMLET_EXPORT void __cudaRegisterFatBinaryEnd(void **) {}
HAMLET_EXPORT void __cudaUnregisterFatBinary(void **handle) {
  std::lock_guard lock(registry().mutex);
  Registry &r = registry();
  Binary *b = binaryOf(handle);
  if (!r.binaries.count(b))
    return;
  std::erase_if(r.functions, [&](auto &x) { return x.second.binary == b; });
  std::erase_if(r.variables, [&](auto &x) { return x.second.binary == b; });
  std::erase_if(r.hostFunctions,
                [&](auto &x) { return !r.functions.count(x.second); });
  if (b->library)
    cuLibraryUnload(b->library);
  r.binaries.erase(b);
}
HAMLET_EXPORT void __cudaRegisterFunction(void **handle, const char *host,
                                          char *, const char *name, int, void *,
                                          void *, void *, void *, int *) {
  std::lock_guard lock(registry().mutex);
  registry().functions[host] = {binaryOf(handle), name, false};
}
HAMLET_EXPORT void __cudaRegisterVar(void **handle, char *host, char *,
                                     const char *name, int, size_t, int, int) {
  std::lock_guard lock(registry().mutex);
  registry().variables[host] = {binaryOf(handle), name, false};
}
HAMLET_EXPORT void __cudaRegisterManagedVar(void **handle, void **host, char *,
                                            const char *name, int, size_t, int,
                                            int) {
  std::lock_guard lock(registry().mutex);
  const void *key = static_cast<void *>(host);
  registry().variables[key] = {binaryOf(handle), name, true};
  binaryOf(handle)->managed[host] = name;
}
/// Before the first use of a managed variable.
HAMLET_EXPORT char __cudaInitModule(void **handle) {
  std::lock_guard lock(registry().mutex);
  return !ended(load(*binaryOf(handle)));
}
HAMLET_CUDART __cudaGetKernel(CUkernel *kernel, const void *function) {
  return enter([&] {
    cudaError_t r = kernelOf(function, *kernel);
    if (r) { // the launch that follows has a null kernel to say so with
      std::lock_guard lock(registry().mutex);
      *kernel = nullptr;
      registry().failed = r;
    }
    return r;
  });
}
HAMLET_CUDART cudaGetKernel(CUkernel *kernel, const void *function) {
  return enter([&]() -> cudaError_t {
    return kernel ? kernelOf(function, *kernel) : kInvalidValue;
  });
}
HAMLET_CUDART cudaGetFuncBySymbol(CUfunction *out, const void *function) {
  return enter([&]() -> cudaError_t {
    CUkernel k = nullptr;
    if (!out)
      return kInvalidValue;
    cudaError_t r = kernelOf(function, k);
    return r ? r : cuKernelGetFunction(out, k);
  });
}
HAMLET_CUDART cudaGetSymbolAddress(void **address, const void *variable) {
  return enter([&]() -> cudaError_t {
    CUdeviceptr p;
    size_t n;
    if (!address)
      return kInvalidValue;
    cudaError_t r = variableOf(variable, p, n);
    if (!r)
      *address = reinterpret_cast<void *>(p);
    return r;
  });
}
HAMLET_CUDART cudaGetSymbolSize(size_t *bytes, const void *variable) {
  return enter([&]() -> cudaError_t {
    CUdeviceptr p;
    return bytes ? variableOf(variable, p, *bytes) : int(kInvalidValue);
  });
}
