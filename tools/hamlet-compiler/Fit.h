//===- Fit.h - whether a model fits a device ------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLETCOMPILER_FIT_H
#define HAMLET_TOOLS_HAMLETCOMPILER_FIT_H

#include "container/Status.h"
#include "frontend/Import.h"
#include "frontend/Plan.h"

#include "llvm/Support/JSON.h"

#include <optional>
#include <string>
#include <vector>

namespace hamlet::tools {

struct FitOptions {
  std::string target;             ///< whose layouts weights and caches have
  std::string device;             ///< for people; empty: none is named
  std::optional<int64_t> memory;  ///< bytes of one device
  std::optional<int64_t> context; ///< tokens; default: the model's positions
  int64_t sequences = 1;          ///< at once
  int64_t devices = 1;
  int64_t chunk = 64;
};

/// What one of `devices` holds, in bytes.
struct Fit {
  FitOptions options;
  int64_t context = 0, stepTokens = 0;
  int64_t weights = 0; ///< packed, in each layout that kernels take
  int64_t caches = 0;  ///< states, tails, keys and values
  int64_t working = 0; ///< of a step: activations, logits, lists
  int64_t needed() const { return weights + caches + working; }
  /// With a device's memory: contexts, this one the last, and the most
  /// sequences of each.
  std::vector<std::pair<int64_t, int64_t>> mostAt;
  std::optional<int64_t> fewestDevices; ///< that fit; none: no number does
  std::vector<std::string> notYet;      ///< what this version cannot run
};

/// Lowers the model, so that sizes are those that a run takes. For more than
/// one device the parts of weights and caches are as `frontend::makePlan` cuts
/// them, and working memory is that of one device, which is an upper bound.
Result<Fit> makeFit(const frontend::ImportedModel &model,
                    const frontend::PlanOptions &plan,
                    const FitOptions &options);

llvm::json::Value fitJson(const Fit &fit);
std::string fitText(const Fit &fit);

} // namespace hamlet::tools

#endif
