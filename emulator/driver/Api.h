// The part of the CUDA 13 driver interface that the stand-in offers, declared
// here so that no CUDA installation is needed.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUlibrary = struct CUlib_st *;
using CUkernel = struct CUkern_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;
using CUgraph = struct CUgraph_st *;
using CUgraphExec = struct CUgraphExec_st *;
using CUmemoryPool = struct CUmemPool_st *;
using CUhostFn = void (*)(void *);

struct CUuuid {
  char bytes[16];
};
struct CUlaunchAttribute {
  int id;
  int pad;
  union {
    char bytes[64];
    int value;
    struct {
      unsigned x, y, z;
    } cluster;
  };
};
struct CUlaunchConfig {
  unsigned gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  CUstream hStream;
  CUlaunchAttribute *attrs;
  unsigned numAttrs;
};
}

extern "C" {
struct CUgraphExecUpdateResultInfo {
  int result;
  void *errorNode, *errorFromNode;
};
}

#define HAMLET_CUDA extern "C" __attribute__((visibility("default"))) CUresult

namespace hamlet::emu::driver {
enum Result : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kInvalidPtx = 218,
  kFileNotFound = 301,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kOutOfResources = 701,
  kLaunchTimeout = 702,
  kPeerAlreadyEnabled = 704,
  kPeerNotEnabled = 705,
  kAssert = 710,
  kIllegalInstruction = 715,
  kMisaligned = 716,
  kLaunchFailed = 719,
  kCooperativeTooLarge = 720,
  kNotPermitted = 800,
  kNotSupported = 801,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kGraphExecUpdateFailure = 910,
  kInvalidClusterSize = 912,
};
} // namespace hamlet::emu::driver
