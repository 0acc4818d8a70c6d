#ifndef HAMLET_FRONTEND_CHECKPOINTCHECK_H
#define HAMLET_FRONTEND_CHECKPOINTCHECK_H

#include "container/Safetensors.h"
#include "frontend/ModelSpec.h"

#include <string>
#include <vector>

namespace hamlet::frontend {

/// What a checkpoint has and lacks for a model.
struct CheckpointReport {
  struct Missing {
    std::string tensor, weight;
    std::vector<int64_t> expected;
  };
  struct Mismatch {
    std::string tensor, file, expected, found;
  };
  struct Unused {
    std::string tensor;
    bool known; ///< The family says that it is of no use (decay buffers).
  };
  std::string place; ///< Folder or index, for messages.
  std::vector<Missing> missing;
  std::vector<Mismatch> misshaped, badDType;
  std::vector<safetensors::Duplicate> duplicates;
  std::vector<Unused> unused; ///< Reported and ignored.
  size_t used = 0;
  /// What the matrices and embeddings that the model uses are stored in; f32 if
  /// they differ from each other.
  FloatType stored = FloatType::F32;

  bool ok() const {
    return missing.empty() && misshaped.empty() && badDType.empty() &&
           duplicates.empty();
  }
  /// Everything, one line a group with at most `listed` names each. Empty if
  /// there is nothing to tell.
  std::string text(size_t listed = 8) const;
};

/// Matches the sources of all recipes with the tensors of `checkpoint`. Shapes
/// and dtypes are checked if its headers were read.
CheckpointReport checkCheckpoint(const ModelSpec &spec,
                                 const safetensors::Checkpoint &checkpoint,
                                 std::string place);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_CHECKPOINTCHECK_H
