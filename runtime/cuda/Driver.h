//===- Driver.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_CUDA_DRIVER_H
#define HAMLET_RUNTIME_CUDA_DRIVER_H

#include "container/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

/// The few types and calls of the CUDA driver interface that the runtime uses,
/// declared here so that it builds without the toolkit. Names and values are
/// those of cuda.h; `_v2` names are what its macros stand for.
namespace hamlet::runtime::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;

inline constexpr CUresult kSuccess = 0;
inline constexpr int kMaxThreadsPerBlock = 1; // CUdevice_attribute
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
inline constexpr int kMaxSharedBytesPerBlock = 97; // with opt-in
inline constexpr int kMaxDynamicSharedBytes = 8;   // CUfunction_attribute
inline constexpr unsigned kEventDisableTiming = 2; // CUevent_flags
inline constexpr unsigned kStreamNonBlocking = 1;  // CUstream_flags
inline constexpr int kJitErrorLogBuffer = 5;       // CUjit_option
inline constexpr int kJitErrorLogBufferBytes = 6;

/// Entry points of a driver library. It stays open as long as the table lives.
struct Driver {
  CUresult (*init)(unsigned);
  CUresult (*deviceGetCount)(int *);
  CUresult (*deviceGet)(CUdevice *, int);
  CUresult (*deviceGetName)(char *, int, CUdevice);
  CUresult (*deviceGetAttribute)(int *, int, CUdevice);
  CUresult (*contextRetain)(CUcontext *, CUdevice);
  CUresult (*contextRelease)(CUdevice);
  CUresult (*contextSetCurrent)(CUcontext);
  CUresult (*moduleLoadData)(CUmodule *, const void *, unsigned, int *,
                             void **);
  CUresult (*moduleUnload)(CUmodule);
  CUresult (*moduleGetFunction)(CUfunction *, CUmodule, const char *);
  CUresult (*functionSetAttribute)(CUfunction, int, int);
  CUresult (*memAlloc)(CUdeviceptr *, size_t);
  CUresult (*memFree)(CUdeviceptr);
  CUresult (*copyIn)(CUdeviceptr, const void *, size_t, CUstream);
  CUresult (*copyOut)(void *, CUdeviceptr, size_t, CUstream);
  CUresult (*copyWithin)(CUdeviceptr, CUdeviceptr, size_t, CUstream);
  CUresult (*setBytes)(CUdeviceptr, unsigned char, size_t, CUstream);
  CUresult (*launch)(CUfunction, unsigned, unsigned, unsigned, unsigned,
                     unsigned, unsigned, unsigned, CUstream, void **, void **);
  CUresult (*streamCreate)(CUstream *, unsigned);
  CUresult (*streamDestroy)(CUstream);
  CUresult (*streamSynchronize)(CUstream);
  CUresult (*streamWaitEvent)(CUstream, CUevent, unsigned);
  CUresult (*eventCreate)(CUevent *, unsigned);
  CUresult (*eventDestroy)(CUevent);
  CUresult (*eventRecord)(CUevent, CUstream);
  CUresult (*errorName)(CUresult, const char **);

  /// Success, or "call: CUDA_ERROR_NAME (number)".
  Status check(const char *call, CUresult result) const;

  Driver() = default;
  Driver(const Driver &) = delete;
  Driver &operator=(const Driver &) = delete;
  ~Driver();

  /// Opens the library at `path` (a name is looked up as the loader does) and
  /// fills the table; errors name the library or the entry that is missing.
  static Result<std::unique_ptr<Driver>> open(const std::string &path);

private:
  void *library = nullptr;
};

} // namespace hamlet::runtime::cuda

#endif // HAMLET_RUNTIME_CUDA_DRIVER_H
