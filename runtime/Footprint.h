//===- Footprint.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_FOOTPRINT_H
#define HAMLET_RUNTIME_FOOTPRINT_H

#include "runtime/Executor.h"

#include <string>
#include <vector>

/// What a model takes of a device's memory: the loader and the executor
/// allocate by it, `hamlet plan` tells of it.
namespace hamlet::runtime {

/// Where memory begins that kernels are given: 64 for the CPU, 256 for GPUs.
constexpr uint64_t kMemoryAlignment = 256;

constexpr uint64_t alignedBytes(uint64_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

/// A weight in one layout.
struct WeightCopy {
  size_t weight;
  hmlt::Layout layout;
};

/// Which weights the kernels of `target` take, and in which layouts.
std::vector<WeightCopy> weightCopies(const hmlt::ContainerT &file,
                                     const std::string &target);

uint64_t stateBytes(const hmlt::StateT &state);

/// Weights in each of their layouts, constants and states.
uint64_t weightBytes(const hmlt::ContainerT &file, const std::string &target);

/// The pools of caches, one after another.
struct CachePlaces {
  std::vector<uint64_t> offsets; ///< by index in the container
  uint64_t bytes = 0;
};
/// Fails if they are absurdly large.
Result<CachePlaces> placeCaches(const hmlt::ContainerT &file, int64_t sequences,
                                int64_t pages);

/// Every symbol at the largest value that a step within `limits` has: that
/// bounds every buffer, as expressions grow with their symbol.
Quantities largestQuantities(const ExecutorLimits &limits);

/// Bytes of a function's buffers, those that live at different times sharing
/// theirs. Saturates.
uint64_t arenaBytes(const hmlt::FunctionT &function,
                    const Quantities &quantities);

/// The function that a model's steps run; null: the container has no model.
const hmlt::FunctionT *findStep(const hmlt::ContainerT &file);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_FOOTPRINT_H
