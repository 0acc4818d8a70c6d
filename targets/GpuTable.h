//===- GpuTable.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TARGETS_GPUTABLE_H
#define HAMLET_TARGETS_GPUTABLE_H

/// The GPUs of targets/ for programs that read no YAML: the runtime and the
/// stand-in driver. The rows are written by targets/gpu_table.py.
namespace hamlet::targets {

struct GpuRow {
  const char *name;         ///< of `--target`
  const char *architecture; ///< `sm_90a`
  int capability;           ///< 90 is 9.0
  int multiprocessors;
  int registersPerMultiprocessor;
  int sharedBytesPerMultiprocessor;
  int sharedBytesPerBlock; ///< with opt-in
  int threadsPerMultiprocessor;
  int threadsPerBlock;
  int blocksPerMultiprocessor;
  int largestCluster; ///< blocks
  int clockKhz;
  int memoryClockKhz;
  int memoryBusBits;
  int l2Bytes;
  long long memoryBytes;
};

inline constexpr GpuRow kGpus[] = {
#include "targets/GpuTable.inc"
};

} // namespace hamlet::targets

#endif // HAMLET_TARGETS_GPUTABLE_H
