//===- AnswerOptions.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_ANSWEROPTIONS_H
#define HAMLET_TOOLS_HAMLET_ANSWEROPTIONS_H

#include "runtime/Generate.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace hamlet::tools {

/// Options that describe one answer: `--max-tokens`, `--temperature`, ...
struct AnswerOptions {
  runtime::Request request;
  runtime::EarlyStop earlyStop;
  CLI::Option *maxTokens = nullptr, *temperature = nullptr, *topK = nullptr,
              *topP = nullptr, *earlyCount = nullptr,
              *earlyProbability = nullptr;

  /// `defaults` with what was given.
  runtime::Request over(const runtime::Request &defaults) const;
};

/// Adds them; the result lists them.
std::vector<CLI::Option *> addAnswerOptions(CLI::App &app,
                                            AnswerOptions &options);

/// Token ids, separated by commas.
CLI::Option *addIds(CLI::App &app, const std::string &name,
                    std::vector<int32_t> &ids, const std::string &description);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_ANSWEROPTIONS_H
