//===- Runtime.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/cudart/Runtime.h"

#include <map>
#include <mutex>

namespace hamlet::emu::cudart {
namespace {
/// Primary contexts that this library holds, by device.
struct Contexts {
  std::mutex mutex;
  std::map<int, CUcontext> held;
};
Contexts &contexts() {
  static auto *c = new Contexts; // programs call from static destructors
  return *c;
}
} // namespace

Thread &thisThread() {
  thread_local Thread t;
  return t;
}

cudaError_t begin(Needs needs) {
  if (needs == Needs::Nothing)
    return kSuccess;
  static const int initialised = cuInit(0);
  if (initialised || needs == Needs::Driver)
    return initialised;
  CUcontext current = nullptr;
  if (CUresult r = cuCtxGetCurrent(&current))
    return r;
  return current ? kSuccess : setDevice(thisThread().device);
}

cudaError_t ended(cudaError_t error) {
  if (error && error != kNotReady) // an answer, no error
    thisThread().last = error;
  return error;
}

cudaError_t contextOf(int d, CUcontext &context) {
  std::lock_guard lock(contexts().mutex);
  auto it = contexts().held.find(d);
  if (it == contexts().held.end()) {
    CUcontext c = nullptr;
    if (CUresult r = cuDevicePrimaryCtxRetain(&c, d))
      return r;
    it = contexts().held.emplace(d, c).first;
  }
  context = it->second;
  return kSuccess;
}

cudaError_t setDevice(int d) {
  CUcontext c = nullptr;
  if (cudaError_t r = contextOf(d, c))
    return r;
  thisThread().device = d;
  return cuCtxSetCurrent(c);
}

void forgetContexts() {
  std::lock_guard lock(contexts().mutex);
  contexts().held.clear();
}

CUstream streamOf(CUstream s) {
  constexpr uintptr_t perThread = 2; // CU_STREAM_PER_THREAD
  return !s && thisThread().ownStream ? reinterpret_cast<CUstream>(perThread)
                                      : s;
}
} // namespace hamlet::emu::cudart
