//===- Conversation.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_CONVERSATION_H
#define HAMLET_RUNTIME_CONVERSATION_H

#include "runtime/Generate.h"

#include <functional>
#include <memory>
#include <vector>

namespace hamlet::runtime {

/// One sequence that grows by prompts and answers: of a prompt, only what the
/// caches do not hold yet is fed. Answers have the bits of a run that is given
/// the whole prompt. The model must outlive it. Not thread-safe.
class Conversation {
public:
  /// `maxContext`: tokens of prompt and answer together.
  static Result<std::unique_ptr<Conversation>>
  make(LoadedModel &model, int64_t maxContext, int64_t prefillChunk);

  struct Callbacks {
    std::function<Status(int32_t)> onToken;
    std::function<bool()> stop; ///< Asked before each step.
  };
  /// The answer to `request`, whose `promptIds` are the whole conversation.
  /// Stopped, it has the tokens so far and no reason.
  Result<Answer> answer(const Request &request, const Callbacks &callbacks);

  /// Tokens of the last prompt that had to be fed.
  size_t lastFed() const { return lastCount; }

private:
  Conversation(LoadedModel &model, int64_t prefillChunk)
      : model(model), prefillChunk(prefillChunk) {}
  /// Leaves in the sequence what it has in common with `prompt`, but less than
  /// all of it: the last token has to be fed for its logits.
  Status rewind(const std::vector<int32_t> &prompt);
  Status feed(std::span<const int32_t> tokens, bool wanted);

  LoadedModel &model;
  int64_t prefillChunk;
  std::unique_ptr<Executor> executor;
  int sequence = -1;
  std::vector<int32_t> fed; ///< What the sequence holds.
  size_t lastCount = 0;
  std::vector<float> row;
  SampleMemory sampleMemory;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_CONVERSATION_H
