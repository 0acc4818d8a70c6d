//===- CpuLevels.h - the levels of CPU that code is for -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_CPULEVELS_H
#define HAMLET_CONTAINER_CPULEVELS_H

#include <string>
#include <vector>

namespace hamlet {

struct CpuLevel {
  const char *name;   ///< In HAMLET_CPU.
  const char *target; ///< Of its image.
  bool present;       ///< On this machine.
};

/// All levels, the least first.
std::vector<CpuLevel> cpuLevels();

/// Those of this machine, the fastest first.
std::vector<CpuLevel> cpuLevelsBySpeed();

/// The targets of this machine's levels, the least first, separated by commas;
/// else "none".
std::string presentCpuTargets();

} // namespace hamlet

#endif // HAMLET_CONTAINER_CPULEVELS_H
