//===- ProcAddress.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// cuGetProcAddress: base names, the signature picked by version. The private
// tables of cuGetExportTable are not offered.
#include "emulator/driver/Declarations.h"
#include "emulator/driver/State.h"

#include <cstdio>
#include <cstring>

using namespace hamlet::emu::driver;

namespace {
constexpr uint64_t kPerThreadDefault = 2; ///< CU_GET_PROC_ADDRESS_...

/// A function in the form that programs with a default stream per thread call.
template <class F> struct PerThread;
template <class... A> struct PerThread<CUresult (*)(A...)> {
  template <CUresult (*function)(A...)> static CUresult call(A... arguments) {
    PerThreadDefault scope;
    return function(arguments...);
  }
};

const EntryPoint kTable[] = {
#define ROW(name, version, symbol)                                             \
  {#name, version, reinterpret_cast<void *>(&(symbol)),                        \
   reinterpret_cast<void *>(                                                   \
       &PerThread<decltype(&(symbol))>::call<&(symbol)>)},
#define NONE(name, version) {#name, version, nullptr, nullptr},
#include "emulator/driver/EntryPoints.inc"
};

/// The first private table that CUDA's own runtime cannot do without.
constexpr unsigned char kRuntimeTable[16] = {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4,
                                             0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39,
                                             0x12, 0xfd, 0x9d, 0xf9};
} // namespace

HAMLET_CUDA cuGetProcAddress_v2(const char *name, void **function, int version,
                                uint64_t flags, int *status) {
  HAMLET_ENTER(cuGetProcAddress_v2, false);
  if (!name || !function)
    return kInvalidValue;
  *function = nullptr;
  const EntryPoint *best = nullptr;
  bool known = false;
  for (const EntryPoint &e : kTable)
    if (!std::strcmp(e.name, name)) {
      known = true;
      if (e.version <= version && (!best || e.version > best->version))
        best = &e;
    }
  if (best && best->function) {
    *function = flags & kPerThreadDefault ? best->perThread : best->function;
    if (status)
      *status = 0; // found
    return kSuccess;
  }
  if (status)
    *status = known ? 2 : 1; // version not sufficient, symbol not found
  return kNotFound;
}

HAMLET_CUDA cuGetExportTable(const void **table, const CUuuid *id) {
  HAMLET_ENTER(cuGetExportTable, false);
  if (!table || !id)
    return kInvalidValue;
  *table = nullptr;
  static bool said = false;
  if (!said && !std::memcmp(id->bytes, kRuntimeTable, sizeof kRuntimeTable)) {
    said = true;
    std::fprintf(
        stderr,
        "[emulator] cuGetExportTable: the program has CUDA's own runtime in "
        "it, which runs on CUDA's own driver alone: the private table "
        "6cfbd56b-f45b-4ae7-8987-d93912fd9df9 is not offered. Link it with "
        "nvcc -cudart shared, or with -L and the folder of this libcuda.so.1, "
        "and it runs on the stand-in runtime that lies there "
        "(docs/emulator.md, Programs of the runtime API)\n");
  }
  return kNotFound;
}
