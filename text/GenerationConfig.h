//===- GenerationConfig.h -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_GENERATIONCONFIG_H
#define HAMLET_TEXT_GENERATIONCONFIG_H

#include "container/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hamlet::text {

/// How a checkpoint wants its tokens to be chosen: `generation_config.json`, as
/// transformers' generate() reads it.
struct GenerationConfig {
  std::vector<int64_t> eosTokenIds; ///< Any of them ends a text.
  /// Greedy without; the three below then mean nothing, as in transformers.
  bool doSample = false;
  double temperature = 1;
  int64_t topK = 50; ///< 0: all tokens.
  double topP = 1;
  /// `topP` for a sampler that takes more than 0: of nothing the first token is
  /// kept.
  double topPAboveZero() const { return topP > 1e-12 ? topP : 1e-12; }
  std::optional<int64_t> maxNewTokens;

  /// Keys that would change what is generated and are not supported, each with
  /// its value as JSON: "repetition_penalty: 1.1".
  std::vector<std::string> unsupported;
  /// Keys that are not known, with their values.
  std::vector<std::string> unknown;
  /// Keys that change nothing here.
  std::vector<std::string> ignored;
};

/// Nothing if `folder` has no such file; an error if it cannot be read, or a
/// value is not of its type or range.
Result<std::optional<GenerationConfig>>
readGenerationConfig(const std::string &folder);

} // namespace hamlet::text

#endif // HAMLET_TEXT_GENERATIONCONFIG_H
