//===- AnswerOptions.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/AnswerOptions.h"

#include "tools/command/Options.h"

#include <cmath>
#include <sstream>

namespace hamlet::tools {
namespace {

template <typename T>
CLI::Option *addIdList(CLI::App &app, const std::string &name,
                       std::vector<T> &ids, const std::string &description) {
  CLI::callback_t read = [name, &ids](const CLI::results_t &given) {
    std::istringstream words(given.back() + ",");
    for (std::string word; std::getline(words, word, ',');)
      if (!parseDecimal(word, ids.emplace_back()) || ids.back() < 0)
        throw CLI::ValidationError(name, "'" + word + "' is not a token id");
    return true;
  };
  return app.add_option(name, std::move(read), description)->type_name("IDS");
}

} // namespace

CLI::Option *addIds(CLI::App &app, const std::string &name,
                    std::vector<int32_t> &ids, const std::string &description) {
  return addIdList(app, name, ids, description);
}

std::vector<CLI::Option *> addAnswerOptions(CLI::App &app, AnswerOptions &o) {
  runtime::Request &request = o.request;
  runtime::Sampling &sampling = request.sampling;
  o.maxTokens = addCount(app, "--max-tokens", request.maxTokens,
                         "Tokens to generate; 0 evaluates the prompt only", 0);
  o.temperature =
      addNumber(app, "--temperature", sampling.temperature,
                "0: the largest logit", "a number of at least 0",
                [](double t) { return std::isfinite(t) && t >= 0; });
  o.topK = addCount(app, "--top-k", sampling.topK, "0: off", 0);
  o.topP = addNumber(app, "--top-p", sampling.topP, "1: off",
                     "a number above 0 and at most 1",
                     [](double p) { return p > 0 && p <= 1; });
  CLI::Option *seed =
      addCount(app, "--seed", sampling.seed, "Of the random numbers", 0);
  CLI::Option *stop = addIdList(app, "--stop-ids", request.stopIds,
                                "Ids that end the answer, separated by commas");
  o.earlyCount = addCount(app, "--early-stop-count", o.earlyStop.count,
                          "Stop after so many confident tokens in a row", 1);
  o.earlyProbability = addNumber(
      app, "--early-stop-probability", o.earlyStop.probability,
      "A token above this probability is confident", "a number from 0 to 1",
      [](double p) { return p >= 0 && p <= 1; });
  return {o.maxTokens, o.temperature, o.topK,       o.topP,
          seed,        stop,          o.earlyCount, o.earlyProbability};
}

runtime::Request AnswerOptions::over(const runtime::Request &defaults) const {
  runtime::Request made = request;
  if (!*maxTokens)
    made.maxTokens = defaults.maxTokens;
  if (!*temperature)
    made.sampling.temperature = defaults.sampling.temperature;
  if (!*topK)
    made.sampling.topK = defaults.sampling.topK;
  if (!*topP)
    made.sampling.topP = defaults.sampling.topP;
  made.stopIds.insert(made.stopIds.end(), defaults.stopIds.begin(),
                      defaults.stopIds.end());
  if (*earlyCount || *earlyProbability)
    made.earlyStop = earlyStop;
  return made;
}

} // namespace hamlet::tools
