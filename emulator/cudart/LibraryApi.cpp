//===- LibraryApi.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Libraries that a program loads itself, and the driver's functions.
#include "emulator/cudart/Runtime.h"

using namespace hamlet::emu::cudart;

HAMLET_CUDART cudaLibraryLoadData(CUlibrary *l, const void *image, int *options,
                                  void **values, unsigned n,
                                  int *libraryOptions, void **libraryValues,
                                  unsigned libraryCount) {
  return enter([&] {
    return cuLibraryLoadData(l, image, options, values, n, libraryOptions,
                             libraryValues, libraryCount);
  });
}
HAMLET_CUDART cudaLibraryLoadFromFile(CUlibrary *l, const char *path,
                                      int *options, void **values, unsigned n,
                                      int *libraryOptions, void **libraryValues,
                                      unsigned libraryCount) {
  return enter([&] {
    return cuLibraryLoadFromFile(l, path, options, values, n, libraryOptions,
                                 libraryValues, libraryCount);
  });
}
HAMLET_CUDART cudaLibraryUnload(CUlibrary l) {
  return enter([&] { return cuLibraryUnload(l); });
}
HAMLET_CUDART cudaLibraryGetKernel(CUkernel *k, CUlibrary l, const char *name) {
  return enter([&] { return cuLibraryGetKernel(k, l, name); });
}
HAMLET_CUDART cudaLibraryGetKernelCount(unsigned *n, CUlibrary l) {
  return enter([&] { return cuLibraryGetKernelCount(n, l); });
}
HAMLET_CUDART cudaLibraryEnumerateKernels(CUkernel *kernels, unsigned n,
                                          CUlibrary l) {
  return enter([&] { return cuLibraryEnumerateKernels(kernels, n, l); });
}
HAMLET_CUDART cudaLibraryGetGlobal(void **p, size_t *bytes, CUlibrary l,
                                   const char *name) {
  return enter([&] {
    return cuLibraryGetGlobal(reinterpret_cast<CUdeviceptr *>(p), bytes, l,
                              name);
  });
}
HAMLET_CUDART cudaLibraryGetManaged(void **p, size_t *bytes, CUlibrary l,
                                    const char *name) {
  return enter([&] {
    return cuLibraryGetManaged(reinterpret_cast<CUdeviceptr *>(p), bytes, l,
                               name);
  });
}
HAMLET_CUDART cudaLibraryGetUnifiedFunction(void **f, CUlibrary l,
                                            const char *name) {
  return enter([&] { return cuLibraryGetUnifiedFunction(f, l, name); });
}

/// What is not there is null, and `status` says why; that is no error.
static cudaError_t entryPoint(const char *name, void **f, int version,
                              unsigned long long flags, int *status) {
  constexpr unsigned long long perThread = 2, mostFlags = 3;
  return enter(Needs::Driver, [&]() -> cudaError_t {
    int found = 0;
    if (!name || !f || flags & ~mostFlags)
      return kInvalidValue;
    if (thisThread().ownStream && !flags)
      flags = perThread;
    cuGetProcAddress_v2(name, f, version, flags, &found);
    if (status)
      *status = found;
    return kSuccess;
  });
}
#define HAMLET_ENTRY_POINT(suffix, scope)                                      \
  HAMLET_CUDART cudaGetDriverEntryPoint##suffix(                               \
      const char *name, void **f, unsigned long long flags, int *status) {     \
    scope;                                                                     \
    return entryPoint(name, f, 13000, flags, status);                          \
  }                                                                            \
  HAMLET_CUDART cudaGetDriverEntryPointByVersion##suffix(                      \
      const char *name, void **f, unsigned version, unsigned long long flags,  \
      int *status) {                                                           \
    scope;                                                                     \
    return entryPoint(name, f, static_cast<int>(version), flags, status);      \
  }
HAMLET_ENTRY_POINT(, )
HAMLET_ENTRY_POINT(_ptsz, OwnStream own)
