//===- Functions.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What modules, libraries and launches know of kernels.
#pragma once

#include "emulator/driver/Loading.h"

namespace hamlet::emu::driver {
/// CUfunction_attribute.
enum FunctionAttribute {
  kMaxThreads = 0,
  kSharedBytes = 1,
  kConstBytes = 2,
  kLocalBytes = 3,
  kRegisters = 4,
  kPtxVersion = 5,
  kBinaryVersion = 6,
  kCacheMode = 7,
  kMaxDynamicShared = 8,
  kCarveout = 9,
  kClusterMustBeSet = 10,
  kClusterWidth = 11,
  kClusterHeight = 12,
  kClusterDepth = 13,
  kNonPortableCluster = 14,
  kClusterPolicy = 15,
};

CUmodule addModule(CUcontext context, std::shared_ptr<LoadedModule> module,
                   std::shared_ptr<Managed> managed);
CUfunction functionNamed(CUmodule m, const std::string &name);
CUresult globalOf(CUmodule m, const char *name, CUdeviceptr *address,
                  size_t *bytes);
/// The function that `handle` names in the current context; a CUkernel is one
/// as well.
CUresult functionOf(CUfunction handle, CUfunction &f);

/// Attributes of an entry of `module`.
CUresult attributeOf(const LoadedModule &module, const Program &entry,
                     const FunctionSettings &settings, int id, int &value);
CUresult setAttribute(const Program &entry, FunctionSettings &settings, int id,
                      int value);
CUresult paramInfo(const Program &entry, size_t index, size_t *offset,
                   size_t *bytes);
/// Threads that a block of the entry may have.
u64 maxThreadsOf(const Program &entry);
/// Bytes of dynamic shared memory that a launch may ask for.
u64 maxDynamicShared(const Program &entry, const FunctionSettings &settings);
/// Blocks of so many threads and bytes that one multiprocessor holds.
u64 blocksPerMultiprocessor(const Program &entry, u64 threads, u64 shared);
} // namespace hamlet::emu::driver
