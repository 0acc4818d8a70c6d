//===- GenerationConfig.h -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_GENERATIONCONFIG_H
#define HAMLET_TEXT_CHAT_GENERATIONCONFIG_H

#include "container/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hamlet::text {

/// What `generation_config.json` says of how to generate.
struct GenerationConfig {
  std::vector<int64_t> eosIds;
  /// Of sampling; without `do_sample` none of these count, as in transformers.
  std::optional<double> temperature, topP;
  std::optional<int64_t> topK;
  std::optional<int64_t> maxTokens; ///< max_new_tokens
  /// Keys that would change what is generated and are not supported, with
  /// their values.
  std::vector<std::string> unsupported;
};

/// Empty without the file.
Result<GenerationConfig> readGenerationConfig(const std::string &folder);

} // namespace hamlet::text

#endif // HAMLET_TEXT_CHAT_GENERATIONCONFIG_H
