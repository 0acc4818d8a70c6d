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

#include <cstring>

using namespace hamlet::emu::driver;

namespace {
const EntryPoint kTable[] = {
#define ROW(name, version, symbol)                                             \
  {#name, version, reinterpret_cast<void *>(&(symbol))},
#define NONE(name, version) {#name, version, nullptr},
#include "emulator/driver/EntryPoints.inc"
};
} // namespace

HAMLET_CUDA cuGetProcAddress_v2(const char *name, void **function, int version,
                                uint64_t, int *status) {
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
    *function = best->function;
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
  return kNotFound;
}
