#ifndef HAMLET_RUNTIME_WEIGHTS_H
#define HAMLET_RUNTIME_WEIGHTS_H

#include "runtime/Device.h"

#include <functional>
#include <string>
#include <vector>

namespace hamlet::runtime {

/// Called on the loading thread while weights are packed.
using Progress = std::function<void(uint64_t doneBytes, uint64_t totalBytes)>;

/// A container's weights, constants and states in device memory.
struct WeightStore {
  DeviceMemory memory;
  std::vector<WeightAddresses> weights; ///< By index in the container.
  std::vector<DeviceAddress> constants; ///< By index in the container.
  std::vector<DeviceAddress> states;    ///< By index; as they begin.
  std::vector<std::string> unused;      ///< Tensors that no weight names.
};

/// Reads the checkpoint in `directory` as the manifest of `file` says: finds
/// every source, checks dtype and shape, converts (widening exact, narrowing
/// to nearest even), permutes, packs for the device's image, once for each
/// layout that its kernels take, and uploads. One message names all missing and
/// mis-shaped tensors (the first ten of each). If `file` has no weights,
/// `directory` is not read.
Result<WeightStore> loadWeights(const hmlt::ContainerT &file,
                                const std::string &directory, Device &device,
                                ThreadPool &pool, const Progress &progress);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_WEIGHTS_H
