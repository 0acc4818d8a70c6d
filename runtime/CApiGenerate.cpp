//===- CApiGenerate.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The C interface: sampling and generation.
#include "runtime/CApi.h"
#include "runtime/Generate.h"

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::runtime::capi;

struct hamlet_generation {
  std::vector<Request> requests;
  std::unique_ptr<Generation> generation;
  std::vector<hamlet_token> tokens; // of the last step
  Status failed;                    // of an earlier step
};

namespace {

Sampling fromC(const hamlet_sampling &sampling) {
  Sampling converted;
  converted.temperature = sampling.temperature;
  converted.topK = sampling.top_k;
  converted.topP = sampling.top_p;
  converted.seed = sampling.seed;
  return converted;
}

Status fromC(const hamlet_request &request, Request &converted) {
  if ((!request.prompt && request.prompt_count) ||
      (!request.stop_ids && request.stop_count))
    return failure("a list of ids is NULL");
  converted.promptIds.assign(request.prompt,
                             request.prompt + request.prompt_count);
  converted.maxTokens = request.max_tokens;
  converted.sampling = fromC(request.sampling);
  converted.stopIds.assign(request.stop_ids,
                           request.stop_ids + request.stop_count);
  if (request.early_stop_count)
    converted.earlyStop = {request.early_stop_count,
                           request.early_stop_probability};
  return {};
}

Status fromC(const hamlet_generate_options *options, const hmlt::ModelT &model,
             GenerateOptions &converted) {
  if (!options)
    return {};
  if (options->prefill_chunk < 0 || options->max_batch < 0 ||
      options->max_context < 0)
    return failure("prefill_chunk ", options->prefill_chunk, ", max_batch ",
                   options->max_batch, ", max_context ", options->max_context,
                   ": expected 0, for the default, or more");
  if (options->max_context > model.max_positions)
    return failure("max_context is ", options->max_context, ", the model has ",
                   model.max_positions, " positions");
  if (options->prefill_chunk)
    converted.prefillChunk = options->prefill_chunk;
  if (options->max_batch)
    converted.maxBatch = options->max_batch;
  if (options->max_context)
    converted.maxContext = options->max_context;
  return {};
}

hamlet_finish finishOf(const Answer &answer) {
  if (!answer.error.empty())
    return HAMLET_FINISH_ERROR;
  if (answer.finishReason == "length")
    return HAMLET_FINISH_LENGTH;
  if (answer.finishReason == "stop")
    return HAMLET_FINISH_STOP;
  return answer.finishReason == "early" ? HAMLET_FINISH_EARLY
                                        : HAMLET_FINISH_NONE;
}

Status open(hamlet_model *model, const hamlet_request *requests, size_t count,
            const hamlet_generate_options *options,
            hamlet_generation **generation) {
  HAMLET_TRY(given("hamlet_generation_open", model, generation));
  if (!requests && count)
    return failure("hamlet_generation_open: an argument is NULL");
  LoadedModel &loaded = *model->loaded;
  if (!hasModel(*loaded.file))
    return failure("the container has functions, not a model: run one with "
                   "hamlet_call");
  GenerateOptions converted;
  HAMLET_TRY(fromC(options, *loaded.file->model, converted));
  auto made = std::make_unique<hamlet_generation>();
  made->requests.resize(count);
  for (size_t i = 0; i < count; ++i) {
    std::string where = "request " + std::to_string(i);
    HAMLET_TRY(fromC(requests[i], made->requests[i]).in(where));
    HAMLET_TRY(checkRequest(made->requests[i], *loaded.file->model,
                            converted.maxContext)
                   .in(where));
  }
  auto opened = Generation::make(loaded, made->requests, converted);
  if (opened.failed())
    return opened.status();
  made->generation = std::move(*opened);
  *generation = made.release();
  return {};
}

Status step(hamlet_generation &generation) {
  HAMLET_TRY(generation.failed);
  generation.tokens.clear();
  generation.failed = generation.generation->step();
  HAMLET_TRY(generation.failed);
  for (const Picked &picked : generation.generation->picked())
    generation.tokens.push_back(
        {picked.request, picked.sampled.token, picked.sampled.logprob});
  return {};
}

struct FreeGeneration {
  void operator()(hamlet_generation *generation) const {
    hamlet_generation_free(generation);
  }
};

} // namespace

hamlet_status *hamlet_sample(const float *logits, int64_t vocabulary,
                             const hamlet_sampling *sampling, uint64_t position,
                             int32_t *token, float *logprob) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_sample", logits, token));
    if (vocabulary < 1 || vocabulary > INT32_MAX)
      return failure("hamlet_sample: a vocabulary of ", vocabulary);
    Sampling options = sampling ? fromC(*sampling) : Sampling();
    HAMLET_TRY(checkSampling(options));
    thread_local SampleMemory memory;
    Sampled sampled = sample({logits, static_cast<size_t>(vocabulary)}, options,
                             position, memory);
    if (sampled.token < 0)
      return failure("position ", position, ": the logits are not finite");
    *token = sampled.token;
    if (logprob)
      *logprob = sampled.logprob;
    return {};
  });
}

hamlet_status *hamlet_generation_open(hamlet_model *model,
                                      const hamlet_request *requests,
                                      size_t count,
                                      const hamlet_generate_options *options,
                                      hamlet_generation **generation) {
  return guarded(
      [&] { return open(model, requests, count, options, generation); });
}
void hamlet_generation_free(hamlet_generation *generation) {
  delete generation;
}

hamlet_status *hamlet_generation_step(hamlet_generation *generation,
                                      const hamlet_token **tokens,
                                      size_t *count) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_generation_step", generation, tokens, count));
    HAMLET_TRY(step(*generation));
    *tokens = generation->tokens.data();
    *count = generation->tokens.size();
    return {};
  });
}

int hamlet_generation_done(const hamlet_generation *generation) {
  return generation->generation->done();
}

hamlet_status *hamlet_generation_answer(const hamlet_generation *generation,
                                        size_t request, hamlet_answer *answer) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_generation_answer", generation, answer));
    if (request >= generation->requests.size())
      return failure("no request ", request, ", there are ",
                     generation->requests.size());
    const Answer &found = generation->generation->answer(request);
    *answer = {found.tokens.data(), found.logprobs.data(), found.tokens.size(),
               finishOf(found),
               found.error.empty() ? nullptr : found.error.c_str()};
    return {};
  });
}

hamlet_status *hamlet_generate(hamlet_model *model,
                               const hamlet_request *requests, size_t count,
                               const hamlet_generate_options *options,
                               hamlet_token_callback callback, void *user,
                               hamlet_generation **generation) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_generate", generation));
    hamlet_generation *opened = nullptr;
    HAMLET_TRY(open(model, requests, count, options, &opened));
    std::unique_ptr<hamlet_generation, FreeGeneration> owned(opened);
    bool stopped = false;
    while (!stopped && !opened->generation->done()) {
      HAMLET_TRY(step(*opened));
      for (const hamlet_token &token : opened->tokens)
        if (callback && callback(user, &token)) {
          stopped = true;
          break;
        }
    }
    *generation = owned.release();
    return {};
  });
}
