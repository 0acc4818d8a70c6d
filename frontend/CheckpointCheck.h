//===- CheckpointCheck.h --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_CHECKPOINTCHECK_H
#define HAMLET_FRONTEND_CHECKPOINTCHECK_H

#include "container/Safetensors.h"
#include "frontend/ModelSpec.h"

#include <map>
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
    std::string reason; ///< Why the family does without it; empty: no reason.
    /// The part of a layer that its name and place say it is, without a reason
    /// to do without it: the model would be another one.
    std::string part;
  };
  std::string place; ///< Folder or index, for messages.
  std::vector<Missing> missing;
  std::vector<Mismatch> misshaped, badDType;
  std::vector<safetensors::Duplicate> duplicates;
  std::vector<Unused> unused;
  std::vector<std::string> notes; ///< Of the files, for the user to see.
  size_t used = 0;
  /// What the matrices and embeddings that the model uses are stored in. If
  /// they differ, what the configuration says, else what most bytes are in.
  FloatType stored = FloatType::F32;
  /// Those of them that are stored in another type.
  std::map<std::string, FloatType, std::less<>> others;

  bool ok() const {
    return missing.empty() && misshaped.empty() && badDType.empty() &&
           duplicates.empty();
  }
  /// What makes the checkpoint unusable, with at most `listed` names a group;
  /// empty if it is `ok`.
  std::string errors(size_t listed = 8) const;
  /// The unused tensors that are part of a layer; empty if there are none.
  std::string unusedParts(size_t listed = 8) const;
  /// The other unused tensors without a reason; empty if there are none.
  std::string unusedOthers(size_t listed = 8) const;
  /// What else the user should know: tensors that the family does without, and
  /// why; what was decided about dtypes; `notes`.
  std::vector<std::string> remarks() const;

private:
  friend CheckpointReport checkCheckpoint(const ModelSpec &,
                                          const safetensors::Checkpoint &,
                                          std::string);
  std::string dtypes; ///< What was decided, if they differ.
};

/// Matches the sources of all recipes with the tensors of `checkpoint`. Shapes
/// and dtypes are checked if its headers were read.
CheckpointReport checkCheckpoint(const ModelSpec &spec,
                                 const safetensors::Checkpoint &checkpoint,
                                 std::string place);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_CHECKPOINTCHECK_H
