//===- Generate.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_GENERATE_H
#define HAMLET_RUNTIME_GENERATE_H

#include "runtime/Executor.h"
#include "runtime/LogitsFile.h"
#include "runtime/Sampler.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hamlet::runtime {

/// Ends an answer after `count` tokens in a row whose probability exceeds
/// `probability`. Source: MiniMax-M1's report, arXiv:2506.13585, on repetition.
struct EarlyStop {
  int64_t count = 3000;
  double probability = 0.99;
};

struct Request {
  std::string id;
  std::vector<int32_t> promptIds;
  int64_t maxTokens = 16;
  Sampling sampling;
  std::vector<int64_t> stopIds;
  std::optional<EarlyStop> earlyStop;
  /// Also wanted: log-probabilities before temperature, the most probable
  /// tokens at each place, those of the prompt.
  bool rawLogprobs = false;
  int64_t topLogprobs = 0;
  bool promptLogprobs = false;
  /// Set in place of `promptIds`, which the reader makes of it: text, or JSON
  /// of a chat's messages. Empty: none.
  std::string prompt, messages;
};

struct Answer {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<float> rawLogprobs; ///< If asked for, as the next two.
  std::vector<std::vector<std::pair<int32_t, float>>> topLogprobs;
  /// Of the prompt's second token and those after it, before temperature.
  std::vector<float> promptLogprobs;
  std::string finishReason; ///< "length", "stop" or "early".
  std::string error;        ///< Why there is no answer; else empty.
};

struct GenerateOptions {
  int64_t prefillChunk = 1024;       ///< Longest piece of a prompt in a step.
  int maxBatch = 16;                 ///< Sequences at once.
  std::optional<int64_t> maxContext; ///< Default: what the requests need.
  LogitsFile *logits = nullptr;      ///< Opened; gets every row.
  /// Each token as it is picked: index of the request, token. A failure ends
  /// the run.
  std::function<Status(size_t, int32_t)> onToken;
  /// Each answer once it is complete, in the order of the requests.
  std::function<Status(size_t, const Answer &)> onAnswer;
  /// Asked before each step whether to stop there.
  std::function<bool()> stop;
  Profile *profile = nullptr;
};

/// Seconds of a step that holds both kinds of tokens are split between them by
/// their numbers.
struct GenerateStats {
  int64_t prefillTokens = 0, decodeTokens = 0;
  double prefillSeconds = 0, decodeSeconds = 0;
  StepCounts prefillCounts, decodeCounts;
  uint64_t deviceBytes = 0;
  bool stopped = false; ///< `stop` said so.
};

/// Checks the ranges of a request's sampling; the message names the key.
Status checkSampling(const Sampling &sampling);

/// Checks one request against the model; the message does not name it.
Status checkRequest(const Request &request, const hmlt::ModelT &model,
                    std::optional<int64_t> maxContext);

/// A token of a request's answer.
struct Picked {
  size_t request;
  Sampled sampled;
};

/// Continuous batching, a step at a time: sequences join as others end, prompts
/// are fed in pieces beside the decoding ones. Requests must have passed
/// `checkRequest`. A request's tokens depend on nothing but the model and the
/// request. One whose logits are not finite gets an answer with an error; the
/// others go on. The model and the requests must outlive it. Not thread-safe.
class Generation {
public:
  static Result<std::unique_ptr<Generation>>
  make(LoadedModel &model, const std::vector<Request> &requests,
       const GenerateOptions &options);
  ~Generation();

  /// Whether every request has its answer.
  bool done() const;
  /// One step of the model, if not done. After a failure no other is possible.
  Status step();
  /// The tokens that the last step picked, in the order of its sequences.
  std::span<const Picked> picked() const;
  /// What there is of an answer: without a reason and an error it is not
  /// finished. `onAnswer`, if it is set, was the only one to get it.
  const Answer &answer(size_t request) const;
  const GenerateStats &stats();
  /// To `onAnswer`, those that are finished and wait for an earlier one, which
  /// will not come. No step is possible then.
  Status giveFinished();

private:
  class Batch;
  explicit Generation(std::unique_ptr<Batch> batch);
  std::unique_ptr<Batch> batch;
};

/// Steps to the end, or until `stop` says so. Where it stops or fails, the
/// answers that are finished are given first, and `stats` has what was done.
Status generate(LoadedModel &model, const std::vector<Request> &requests,
                const GenerateOptions &options, GenerateStats &stats);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_GENERATE_H
