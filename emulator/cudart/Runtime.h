//===- Runtime.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the stand-in runtime keeps: of each thread its device and last error, of
// the process the fat binaries that programs registered before main().
#pragma once

#include "emulator/cudart/Types.h"
#include "emulator/driver/Declarations.h"

#include <cstdint>
#include <vector>

namespace hamlet::emu::cudart {
/// What `<<<...>>>` pushes for the launch that follows.
struct Shape {
  dim3 grid, block;
  size_t shared;
  CUstream stream;
};
struct Thread {
  int device = 0;
  cudaError_t last = kSuccess;
  bool ownStream = false; ///< is the null stream
  std::vector<Shape> shapes;
};
Thread &thisThread();

enum class Needs { Nothing, Driver, Context };
/// Initialises what the call needs; the thread's device gets its primary
/// context where no context is current.
cudaError_t begin(Needs needs);
/// Keeps `error` for cudaGetLastError, and gives it back.
cudaError_t ended(cudaError_t error);
/// One call of the interface: `body` answers a cudaError or CUresult.
template <class F> cudaError_t enter(Needs needs, F body) {
  cudaError_t r = begin(needs);
  return ended(r ? r : body());
}
/// As above, in a context.
template <class F> cudaError_t enter(F body) {
  return enter(Needs::Context, body);
}
/// While one lives, the null stream is the thread's own.
struct OwnStream {
  bool before = thisThread().ownStream;
  OwnStream() { thisThread().ownStream = true; }
  ~OwnStream() { thisThread().ownStream = before; }
  OwnStream(const OwnStream &) = delete;
  OwnStream &operator=(const OwnStream &) = delete;
};
/// The driver's stream for the program's.
CUstream streamOf(CUstream s);
/// Makes device `d` the thread's; keeps its primary context alive.
cudaError_t setDevice(int d);
/// The primary contexts are gone.
void forgetContexts();
/// The primary context of `d`, which stays alive.
cudaError_t contextOf(int d, CUcontext &context);

/// The kernel of the host function, or `function` itself where it is a kernel.
cudaError_t kernelOf(const void *function, CUkernel &kernel);
/// Why a kernel that was asked for is null.
cudaError_t missingKernel();
/// The host function of a kernel, the kernel where it has none.
void *hostFunctionOf(CUkernel kernel);
/// Address in the current context and bytes of the host's variable.
cudaError_t variableOf(const void *variable, CUdeviceptr &address,
                       size_t &bytes);
/// Where `count` bytes of a variable lie, from `offset`.
cudaError_t partOfVariable(const void *variable, size_t count, size_t offset,
                           void *&address);

inline CUdeviceptr number(const void *p) {
  return reinterpret_cast<CUdeviceptr>(p);
}
/// A kernel where the driver wants a function.
inline CUfunction functionOf(CUkernel k) {
  return reinterpret_cast<CUfunction>(k);
}

/// cudaMemcpy3DParms as the driver's description of a copy.
cudaError_t boxOf(const cudaMemcpy3DParms &p, CUDA_MEMCPY3D &box);
} // namespace hamlet::emu::cudart

/// Defines an entry point that takes a stream, in both of its forms: with
/// `suffix` its null stream is the thread's own.
#define HAMLET_CUDART_STREAM(name, suffix, parameters, arguments)              \
  static cudaError_t name##Body parameters;                                    \
  HAMLET_CUDART name parameters {                                              \
    return hamlet::emu::cudart::enter([&] { return name##Body arguments; });   \
  }                                                                            \
  HAMLET_CUDART name##suffix parameters {                                      \
    hamlet::emu::cudart::OwnStream own;                                        \
    return hamlet::emu::cudart::enter([&] { return name##Body arguments; });   \
  }                                                                            \
  static cudaError_t name##Body parameters
