//===- Conversation.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Conversation.h"

#include "runtime/NextToken.h"

#include <algorithm>

namespace hamlet::runtime {

Result<std::unique_ptr<Conversation>> Conversation::make(LoadedModel &model,
                                                         int64_t maxContext,
                                                         int64_t prefillChunk) {
  std::unique_ptr<Conversation> made(new Conversation(model, prefillChunk));
  ExecutorLimits limits;
  limits.sequences = 1;
  limits.context = maxContext;
  limits.stepTokens = std::min(prefillChunk, maxContext);
  auto executor = Executor::make(model, limits);
  if (executor.failed())
    return executor.status();
  made->executor = std::move(*executor);
  made->row.resize(static_cast<size_t>(made->executor->vocabulary()));
  return made;
}

Status Conversation::rewind(const std::vector<int32_t> &prompt) {
  size_t common = static_cast<size_t>(
      std::mismatch(fed.begin(), fed.end(), prompt.begin(), prompt.end())
          .first -
      fed.begin());
  common = std::min(common, prompt.size() - 1);
  // Where the caches cannot be cut so far back, they are made anew.
  if (sequence >= 0 &&
      static_cast<int64_t>(common) < executor->leastLength(sequence)) {
    executor->close(sequence);
    sequence = -1;
    common = 0;
  }
  fed.resize(common);
  if (sequence >= 0)
    return executor->truncate(sequence, static_cast<int64_t>(common));
  Result<int> opened = executor->open();
  if (opened.failed())
    return opened.status();
  sequence = *opened;
  return {};
}

Status Conversation::feed(std::span<const int32_t> tokens, bool wanted) {
  Piece piece{sequence, tokens, wanted ? OutputRows::last : OutputRows::none};
  HAMLET_TRY(executor->step({&piece, 1}));
  fed.insert(fed.end(), tokens.begin(), tokens.end());
  return wanted ? executor->copyLogits(0, 1, row.data()) : Status();
}

Result<Answer> Conversation::answer(const Request &request,
                                    const Callbacks &callbacks) {
  const hmlt::ModelT &description = *model.file->model;
  HAMLET_TRY(checkRequest(request, description, executor->bounds().context));
  HAMLET_TRY(rewind(request.promptIds));
  Answer answer;
  auto stopped = [&] { return callbacks.stop && callbacks.stop(); };
  const std::vector<int32_t> &prompt = request.promptIds;
  lastCount = prompt.size() - fed.size();
  while (fed.size() < prompt.size()) {
    if (stopped())
      return answer;
    size_t count =
        std::min(prompt.size() - fed.size(), static_cast<size_t>(prefillChunk));
    bool last = fed.size() + count == prompt.size();
    HAMLET_TRY(feed({prompt.data() + fed.size(), count},
                    last && request.maxTokens > 0));
  }
  if (!request.maxTokens)
    answer.finishReason = "length";
  int64_t confident = 0;
  while (answer.finishReason.empty()) {
    int32_t token =
        addNextToken(request, row, description, answer, confident, sampleMemory)
            .token;
    if (token < 0)
      return answer;
    if (callbacks.onToken)
      HAMLET_TRY(callbacks.onToken(token));
    if (!answer.finishReason.empty() || stopped())
      break;
    HAMLET_TRY(feed({&token, 1}, true));
  }
  return answer;
}

} // namespace hamlet::runtime
