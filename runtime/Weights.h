//===- Weights.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_WEIGHTS_H
#define HAMLET_RUNTIME_WEIGHTS_H

#include "runtime/Device.h"

#include <functional>
#include <string>
#include <vector>

namespace hamlet::runtime {

/// Called on the loading thread while weights are packed.
using Progress = std::function<void(uint64_t doneBytes, uint64_t totalBytes)>;

/// What becomes of a checkpoint's tensors that no weight names and that the
/// container gives no reason to do without.
enum class UnusedTensors : uint8_t { Refuse, Ignore };

/// A container's weights, constants and states in device memory.
struct WeightStore {
  DeviceMemory memory;
  std::vector<WeightAddresses> weights; ///< By index in the container.
  std::vector<DeviceAddress> constants; ///< By index in the container.
  std::vector<DeviceAddress> states;    ///< By index; as they begin.
  std::vector<std::string> unused;      ///< Tensors that no weight names.
  /// For the user to see, each with "warning: " or "note: " before it.
  std::vector<std::string> messages;
};

/// Reads the checkpoint in `directory` as the manifest of `file` says: finds
/// every source, checks dtype and shape, converts (widening exact, narrowing
/// to nearest even), permutes, packs for the device's image, once for each
/// layout that its kernels take, and uploads. One message names all missing and
/// mis-shaped tensors (the first ten of each), and refused ones that are
/// unused. What the checkpoint's configuration says otherwise than the one that
/// was compiled is a warning. If `file` has no weights, `directory` is not
/// read.
Result<WeightStore> loadWeights(const hmlt::ContainerT &file,
                                const std::string &directory, Device &device,
                                ThreadPool &pool, const Progress &progress,
                                UnusedTensors unused = UnusedTensors::Refuse);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_WEIGHTS_H
