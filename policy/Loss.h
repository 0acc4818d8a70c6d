//===- Loss.h - what policy.loss is told ----------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attributes of policy.loss by their names there (dialects/Policy); here
// without MLIR, for a trainer. All bounds are absolute: 1.2, not 0.2.

#ifndef HAMLET_POLICY_LOSS_H
#define HAMLET_POLICY_LOSS_H

#include "container/Status.h"

#include <optional>
#include <string>
#include <vector>

namespace hamlet::algorithm {

enum class Ratio { none, token, sequence };
enum class Surrogate { through, detached, soft };
enum class Kl { none, k1, absolute, k2, k3, k3_k2 };
enum class Behave { none, tis, icepop, seq_tis, mis, seqmask };

// The names of each enumeration's values, in their order.
const std::vector<std::string> &ratioNames();
const std::vector<std::string> &surrogateNames();
const std::vector<std::string> &klNames();
const std::vector<std::string> &behaveNames();

struct Loss {
  using Bound = std::optional<float>;

  Ratio ratio = Ratio::token;
  Surrogate surrogate = Surrogate::through;
  Bound isLow, isHigh;
  Bound clipLow, clipHigh;
  Bound dual;
  Bound softPositive, softNegative;
  Bound logLow, logHigh;
  Kl kl = Kl::none;
  float beta = 0;
  Bound klClamp, klLimit;
  bool klByRatio = false;
  float kappa = 0; ///< of the entropy
  Behave behave = Behave::none;
  Bound behaveLow, behaveHigh;
  Bound offPolicy;

  // Which operands the op takes beside logprob and weight.
  bool takesOld() const {
    return ratio != Ratio::none || behave != Behave::none || offPolicy;
  }
  bool takesRef() const { return kl != Kl::none; }
  bool takesRollout() const { return behave != Behave::none; }
  bool takesEntropy() const { return kappa != 0; }
  bool takesStarts() const;
};

/// What the op's verifier refuses, in the words of settings.
Status check(const Loss &loss);

/// "token detached" and "{is_high = 5.0 : f32, ...}", or nothing, as the op's
/// assembly has them.
std::string modeOf(const Loss &loss);
std::string attributesOf(const Loss &loss);

} // namespace hamlet::algorithm

#endif
