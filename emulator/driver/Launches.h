//===- Launches.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A kernel with its arguments, checked against the device's limits.
#pragma once

#include "emulator/driver/Functions.h"
#include "emulator/exec/Launch.h"

namespace hamlet::emu::driver {
/// What a caller asks for.
struct LaunchRequest {
  CUfunction function = nullptr; ///< or a CUkernel
  LaunchConfig config;           ///< grid, block, cluster, shared memory
  bool clusterGiven = false, cooperative = false;
  void **params = nullptr, **extra = nullptr;
};
/// What runs; holds all that it needs.
struct Kernel {
  std::shared_ptr<LoadedModule> owner;
  const Program *program = nullptr;
  Device *device = nullptr;
  DeviceMemory *memory = nullptr;
  LaunchConfig config;
};

CUresult prepare(const LaunchRequest &request, Kernel &k);
CUresult execute(const Kernel &k, Running &running);
} // namespace hamlet::emu::driver
