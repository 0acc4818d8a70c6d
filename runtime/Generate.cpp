//===- Generate.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Generate.h"

#include "runtime/NextToken.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace hamlet::runtime {
namespace {

/// Memory for logits of one step when every row is wanted.
constexpr int64_t kLogitsBytes = int64_t(256) << 20;
constexpr int64_t kStepTokens = 1024; // of a step, if the pieces allow
constexpr int64_t kMostTopLogprobs = 1000;

/// Rows of logits that a piece of `tokens` tokens gives.
int64_t rowsOf(OutputRows rows, int64_t tokens) {
  switch (rows) {
  case OutputRows::none:
    return 0;
  case OutputRows::last:
    return 1;
  case OutputRows::all:
    return tokens;
  }
  return 0;
}

} // namespace

class Generation::Batch {
public:
  Batch(LoadedModel &model, const std::vector<Request> &requests,
        GenerateOptions options)
      : model(model), requests(requests), options(std::move(options)),
        answers(requests.size()), done(requests.size()) {}

  bool finished() const {
    return active.empty() && nextRequest == requests.size();
  }

  Status next() {
    picks.clear();
    if (finished())
      return {};
    HAMLET_TRY(admit());
    return step();
  }

  /// Answers that wait for an earlier one, which will not come.
  Status giveFinished() {
    for (size_t i = nextAnswer; i < requests.size(); ++i)
      if (done[i] && options.onAnswer)
        HAMLET_TRY(options.onAnswer(i, answers[i]));
    return {};
  }

  const GenerateStats &counted() {
    if (executor) {
      stats.prefillCounts = executor->prefillCounts;
      stats.decodeCounts = executor->decodeCounts;
      stats.deviceBytes = executor->deviceBytes();
    }
    return stats;
  }

  std::span<const Picked> picked() const { return picks; }
  const Answer &answer(size_t request) const { return answers[request]; }

  Status prepare() {
    if (requests.empty())
      return {};
    ExecutorLimits limits;
    limits.sequences = static_cast<int>(std::min<size_t>(
        static_cast<size_t>(options.maxBatch), requests.size()));
    // Pages for the most demanding sequences at once: a sequence that was
    // admitted never waits for memory.
    std::vector<int64_t> pages;
    int64_t longest = 1, prompts = 0;
    for (const Request &request : requests) {
      auto prompt = static_cast<int64_t>(request.promptIds.size());
      int64_t tokens = prompt + request.maxTokens;
      longest = std::max(longest, tokens);
      prompts += prompt;
      pages.push_back((tokens + kPageTokens - 1) / kPageTokens);
    }
    std::sort(pages.rbegin(), pages.rend());
    for (int i = 0; i < limits.sequences; ++i)
      limits.pages += pages[static_cast<size_t>(i)];
    limits.context = options.maxContext.value_or(longest);
    limits.allRows = options.logits != nullptr;
    for (const Request &request : requests)
      limits.allRows |= request.promptLogprobs;
    budget = std::max(options.prefillChunk, kStepTokens);
    if (limits.allRows)
      budget = std::min(
          budget,
          std::max<int64_t>(64, kLogitsBytes / (4 * model.file->model->vocab)));
    limits.stepTokens =
        std::min(budget, std::max<int64_t>(prompts, limits.sequences));
    auto made = Executor::make(model, limits);
    if (made.failed())
      return made.status();
    executor = std::move(*made);
    executor->profile = options.profile;
    row.resize(static_cast<size_t>(executor->vocabulary()));
    auto sequences = static_cast<size_t>(limits.sequences);
    active.reserve(sequences);
    picks.reserve(sequences);
    pieces.reserve(sequences);
    owners.reserve(sequences);
    return {};
  }

private:
  struct Active {
    size_t request;
    int sequence;
    size_t fed = 0;        ///< Tokens of the prompt that are in the cache.
    int64_t confident = 0; ///< Tokens in a row above the early stop's bound.
    int32_t last = 0;      ///< The token to feed once the prompt is.
    bool finished = false;
  };

  Status admit() {
    while (nextRequest < requests.size() &&
           active.size() < static_cast<size_t>(executor->bounds().sequences)) {
      Result<int> sequence = executor->open();
      if (sequence.failed())
        return sequence.status();
      Answer &answer = answers[nextRequest];
      auto most = static_cast<size_t>(requests[nextRequest].maxTokens);
      answer.tokens.reserve(most);
      answer.logprobs.reserve(most);
      if (requests[nextRequest].rawLogprobs)
        answer.rawLogprobs.reserve(most);
      active.push_back({nextRequest++, *sequence});
    }
    return {};
  }

  /// The next piece of `sequence` with at most `room` tokens of a prompt, or
  /// one without tokens.
  Piece nextPiece(const Active &sequence, int64_t room) const {
    const Request &request = requests[sequence.request];
    Piece piece{sequence.sequence, {&sequence.last, 1}, OutputRows::last};
    if (sequence.fed < request.promptIds.size()) {
      auto left = static_cast<int64_t>(request.promptIds.size() - sequence.fed);
      int64_t count = std::min({left, options.prefillChunk, room});
      piece.tokens = {request.promptIds.data() + sequence.fed,
                      static_cast<size_t>(count)};
      if (count < left || !request.maxTokens)
        piece.rows = OutputRows::none;
    }
    bool inPrompt = sequence.fed < request.promptIds.size();
    if (options.logits || (request.promptLogprobs && inPrompt))
      piece.rows = OutputRows::all;
    return piece;
  }

  Status step() {
    pieces.clear();
    owners.clear();
    int64_t decoding = 0, prompt = 0;
    for (const Active &sequence : active)
      decoding += sequence.fed == requests[sequence.request].promptIds.size();
    int64_t room = std::max<int64_t>(1, budget - decoding);
    for (Active &sequence : active) {
      bool inPrompt =
          sequence.fed < requests[sequence.request].promptIds.size();
      if (inPrompt && room == 0)
        continue;
      pieces.push_back(nextPiece(sequence, room));
      owners.push_back(&sequence);
      if (inPrompt) {
        auto count = static_cast<int64_t>(pieces.back().tokens.size());
        room -= count;
        prompt += count;
      }
    }
    auto begin = std::chrono::steady_clock::now();
    HAMLET_TRY(executor->step(pieces));
    HAMLET_TRY(takeLogits());
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    account(prompt, decoding, seconds.count());
    return retire();
  }

  void account(int64_t prompt, int64_t decoding, double seconds) {
    stats.prefillTokens += prompt;
    stats.decodeTokens += decoding;
    double share = double(prompt) / double(prompt + decoding);
    stats.prefillSeconds += seconds * share;
    stats.decodeSeconds += seconds * (1 - share);
  }

  Status takeLogits() {
    int64_t at = 0; // row
    for (size_t i = 0; i < pieces.size(); ++i) {
      Active &owner = *owners[i];
      const Request &request = requests[owner.request];
      auto tokens = static_cast<int64_t>(pieces[i].tokens.size());
      int64_t rows = rowsOf(pieces[i].rows, tokens);
      for (int64_t r = 0; r < rows; ++r) {
        HAMLET_TRY(executor->copyLogits(at + r, 1, row.data()));
        if (options.logits)
          HAMLET_TRY(options.logits->append(owner.request, row.data(), 1));
        size_t next = owner.fed + static_cast<size_t>(r) + 1;
        if (request.promptLogprobs && next < request.promptIds.size())
          addPromptLogprob(owner, next);
      }
      at += rows;
      if (owner.fed < request.promptIds.size())
        owner.fed += static_cast<size_t>(tokens);
      if (owner.fed < request.promptIds.size())
        continue;
      if (!answers[owner.request].error.empty())
        finish(owner, "");
      else if (request.maxTokens == 0)
        finish(owner, "length");
      else
        HAMLET_TRY(pick(owner)); // the last row is in `row`
    }
    return {};
  }

  /// Of the token at `position` of the prompt, whose logits are in `row`.
  void addPromptLogprob(const Active &owner, size_t position) {
    const Request &request = requests[owner.request];
    Answer &answer = answers[owner.request];
    float logprob = LogProbabilities(row, 0)[request.promptIds[position]];
    if (std::isnan(logprob) && answer.error.empty())
      answer.error = notFinite(position);
    answer.promptLogprobs.push_back(logprob);
  }

  Status pick(Active &owner) {
    Answer &answer = answers[owner.request];
    Sampled sampled =
        addNextToken(requests[owner.request], row, *model.file->model, answer,
                     owner.confident, sampleMemory);
    if (sampled.token >= 0) {
      owner.last = sampled.token;
      picks.push_back({owner.request, sampled});
      if (options.onToken)
        HAMLET_TRY(options.onToken(owner.request, sampled.token));
    }
    if (!answer.error.empty() || !answer.finishReason.empty())
      finish(owner, answer.finishReason);
    return {};
  }

  void finish(Active &owner, const std::string &reason) {
    answers[owner.request].finishReason = reason;
    done[owner.request] = true;
    owner.finished = true;
  }

  Status retire() {
    for (const Active &sequence : active)
      if (sequence.finished)
        executor->close(sequence.sequence);
    std::erase_if(active, [](const Active &a) { return a.finished; });
    for (; nextAnswer < requests.size() && done[nextAnswer]; ++nextAnswer) {
      if (!options.onAnswer)
        continue;
      HAMLET_TRY(options.onAnswer(nextAnswer, answers[nextAnswer]));
      answers[nextAnswer] = Answer();
    }
    return {};
  }

  LoadedModel &model;
  const std::vector<Request> &requests;
  const GenerateOptions options;
  std::unique_ptr<Executor> executor;
  int64_t budget = 0; ///< Tokens of a step.
  std::vector<Active> active;
  std::vector<Piece> pieces;    // of the step
  std::vector<Active *> owners; // of the pieces
  size_t nextRequest = 0, nextAnswer = 0;
  std::vector<Picked> picks; // of the step
  std::vector<Answer> answers;
  std::vector<bool> done;
  std::vector<float> row;
  SampleMemory sampleMemory;
  GenerateStats stats;
};

Generation::Generation(std::unique_ptr<Batch> batch)
    : batch(std::move(batch)) {}
Generation::~Generation() = default;

Result<std::unique_ptr<Generation>>
Generation::make(LoadedModel &model, const std::vector<Request> &requests,
                 const GenerateOptions &options) {
  auto batch = std::make_unique<Batch>(model, requests, options);
  HAMLET_TRY(batch->prepare());
  return std::unique_ptr<Generation>(new Generation(std::move(batch)));
}

bool Generation::done() const { return batch->finished(); }
Status Generation::step() { return batch->next(); }
std::span<const Picked> Generation::picked() const { return batch->picked(); }
const Answer &Generation::answer(size_t request) const {
  return batch->answer(request);
}
const GenerateStats &Generation::stats() { return batch->counted(); }
Status Generation::giveFinished() { return batch->giveFinished(); }

Status checkSampling(const Sampling &sampling) {
  if (!std::isfinite(sampling.temperature) || sampling.temperature < 0)
    return failure("'temperature' is ", sampling.temperature,
                   ", expected at least 0");
  if (sampling.topK < 0)
    return failure("'top_k' is ", sampling.topK, ", expected at least 0");
  if (!(sampling.topP > 0) || sampling.topP > 1)
    return failure("'top_p' is ", sampling.topP,
                   ", expected above 0 and at most 1");
  return {};
}

Status checkRequest(const Request &request, const hmlt::ModelT &model,
                    std::optional<int64_t> maxContext) {
  if (request.promptIds.empty())
    return failure("'prompt_ids' is empty, expected at least one id");
  for (int32_t id : request.promptIds)
    if (id < 0 || id >= model.vocab)
      return failure("prompt id ", id, " is outside the vocabulary of ",
                     model.vocab);
  if (request.maxTokens < 0)
    return failure("'max_tokens' is ", request.maxTokens,
                   ", expected at least 0");
  HAMLET_TRY(checkSampling(request.sampling));
  if (request.topLogprobs < 0 || request.topLogprobs > kMostTopLogprobs)
    return failure("'top_logprobs' is ", request.topLogprobs,
                   ", expected 0 to ", kMostTopLogprobs);
  if (request.earlyStop) {
    if (request.earlyStop->count < 1)
      return failure("'early_stop.count' is ", request.earlyStop->count,
                     ", expected at least 1");
    if (!(request.earlyStop->probability >= 0) ||
        request.earlyStop->probability > 1)
      return failure("'early_stop.probability' is ",
                     request.earlyStop->probability, ", expected 0 to 1");
  }
  auto prompt = static_cast<int64_t>(request.promptIds.size());
  int64_t context = maxContext.value_or(model.max_positions);
  if (prompt > context || request.maxTokens > context - prompt)
    return failure("a prompt of ", prompt, " and ", request.maxTokens,
                   " tokens more exceed the context of ", context,
                   maxContext ? " (--max-context)"
                              : " (the model's max_position_embeddings)");
  return {};
}

Status generate(LoadedModel &model, const std::vector<Request> &requests,
                const GenerateOptions &options, GenerateStats &stats) {
  auto generation = Generation::make(model, requests, options);
  if (generation.failed())
    return generation.status();
  Status status;
  bool stopped = false;
  while (status.ok() && !(*generation)->done()) {
    stopped = options.stop && options.stop();
    if (stopped)
      break;
    status = (*generation)->step();
  }
  stats = (*generation)->stats();
  stats.stopped = stopped;
  if (stopped || status.failed())
    if (Status given = (*generation)->giveFinished(); status.ok())
      status = given;
  return status;
}

} // namespace hamlet::runtime
