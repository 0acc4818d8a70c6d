//===- RunCommand.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"

#include "container/Interrupt.h"
#include "runtime/Requests.h"
#include "tools/command/Options.h"
#include "tools/hamlet/AnswersFile.h"
#include "tools/hamlet/LoadModel.h"
#include "tools/hamlet/RunStats.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>
#include <sstream>

namespace hamlet::tools {
namespace {

using namespace runtime;
using Clock = std::chrono::steady_clock;

struct RunOptions {
  ModelOptions model;
  std::string batch, output, logits, stats, profile;
  Request prompt; // what --prompt-ids and its options describe
  EarlyStop earlyStop;
  int64_t prefillChunk = GenerateOptions().prefillChunk;
  int maxBatch = GenerateOptions().maxBatch;
  int64_t maxContext = 0;
  bool resume = false;
  CLI::Option *hasPrompt = nullptr, *hasEarlyCount = nullptr,
              *hasEarlyProbability = nullptr, *hasMaxContext = nullptr;
};

/// Requests that have no answer, each told when its turn came.
class Failures {
public:
  explicit Failures(const std::vector<Request> &requests)
      : requests(requests) {}
  void add(size_t index, const std::string &error) {
    last = "request '" + requests[index].id + "', " + error;
    if (requests.size() > 1)
      sayError(last);
    ++count;
  }
  Status status() const {
    if (!count)
      return {};
    if (requests.size() == 1)
      return failure(last);
    return failure(count, " of ", requests.size(),
                   " requests failed; the answers of the others are written");
  }

private:
  const std::vector<Request> &requests;
  size_t count = 0;
  std::string last;
};

class Run {
public:
  explicit Run(const RunOptions &options) : options(options) {}

  /// The exit status.
  int run() {
    Status status = work();
    if (!status.failed() && stats.stopped) {
      sayError("interrupted" + (kept.empty() ? "" : "; " + kept));
      endInterrupted();
    }
    if (!kept.empty())
      sayError(kept);
    return finish(status);
  }

private:
  Status work() {
    auto begin = Clock::now();
    HAMLET_TRY(openOutputs());
    auto opened = openModel(options.model);
    if (opened.failed())
      return opened.status();
    model = std::move(*opened);
    auto folder = weightsFolder(*model->file, options.model.weights);
    if (folder.failed())
      return folder.status();
    // Before the weights: a bad request should not wait for them.
    HAMLET_TRY(collectRequests());
    HAMLET_TRY(loadTheWeights(*model, *folder, options.model));
    std::chrono::duration<double> loading = Clock::now() - begin;
    return answer(loading.count());
  }

  /// All that a run writes is opened before any work is done.
  Status openOutputs() {
    if (!options.output.empty())
      HAMLET_TRY(answers.open(options.output).in("--output"));
    HAMLET_TRY(openOutput(statsFile, "--stats", options.stats));
    HAMLET_TRY(openOutput(profileFile, "--profile", options.profile));
    if (options.logits.empty())
      return {};
    return logits.open(options.logits).in("--dump-logits");
  }

  Status collectRequests() {
    ReadRequestsOptions reading;
    if (*options.hasMaxContext) {
      reading.maxContext = options.maxContext;
      if (options.maxContext > model->file->model->max_positions)
        return failure("--max-context is ", options.maxContext,
                       ", the model has ", model->file->model->max_positions,
                       " positions");
    }
    if (options.batch.empty())
      return addPrompt(reading);
    auto read = readRequests(options.batch, *model->file->model, reading);
    if (read.failed())
      return read.status();
    std::vector<size_t> left(read->size());
    std::iota(left.begin(), left.end(), size_t(0));
    if (options.resume) {
      auto resumed = answers.resume(*read);
      if (resumed.failed())
        return resumed.status();
      left = std::move(*resumed);
    }
    for (size_t index : left)
      requests.push_back(std::move((*read)[index]));
    indices = std::move(left);
    return {};
  }

  Status addPrompt(const ReadRequestsOptions &reading) {
    Request request = options.prompt;
    request.id = "prompt";
    if (*options.hasEarlyCount || *options.hasEarlyProbability)
      request.earlyStop = options.earlyStop;
    HAMLET_TRY(checkRequest(request, *model->file->model, reading.maxContext));
    requests.push_back(std::move(request));
    indices = {0};
    return {};
  }

  void announceLogits() {
    std::vector<LogitsFile::Entry> entries;
    for (const Request &request : requests)
      entries.push_back(
          {request.id, static_cast<int64_t>(request.promptIds.size()) +
                           std::max<int64_t>(0, request.maxTokens - 1)});
    logits.announce(entries, model->file->model->vocab);
  }

  Status answer(double loadSeconds) {
    GenerateOptions generation;
    if (!options.logits.empty()) {
      announceLogits();
      generation.logits = &logits;
    }
    const bool stream = options.batch.empty();
    bool first = true;
    generation.prefillChunk = options.prefillChunk;
    generation.maxBatch = options.maxBatch;
    if (*options.hasMaxContext)
      generation.maxContext = options.maxContext;
    generation.onToken = [&](size_t, int32_t token) -> Status {
      if (!stream)
        return {};
      std::printf(first ? "%d" : " %d", token);
      first = false;
      return flushStandardOutput();
    };
    Failures failures(requests);
    std::string reason;
    generation.onAnswer = [&](size_t index, const Answer &answer) -> Status {
      reason = answer.finishReason;
      if (!answer.error.empty())
        failures.add(index, answer.error);
      if (!answers.isOpen())
        return {};
      return answers.write(indices[index], answerLine(requests[index], answer));
    };
    Profile profile;
    if (!options.profile.empty())
      generation.profile = &profile;
    Status status;
    {
      Interruptible interruptible;
      generation.stop = Interruptible::asked;
      status = generate(*model, requests, generation, stats);
    }
    if (stream && !first)
      std::printf("\n");
    if (Status said = flushStandardOutput(); status.ok())
      status = said;
    bool whole = status.ok() && !stats.stopped;
    if (whole && !options.logits.empty())
      HAMLET_TRY(logits.finish());
    if (answers.isOpen())
      HAMLET_TRY(whole ? answers.commit() : answers.keep(kept));
    if (stats.stopped && stats.prefillTokens == 0)
      return {}; // nothing was done that there is something to say of
    if (!options.stats.empty())
      HAMLET_TRY(writeStats(statsFile, loadSeconds, stats, *model->device));
    if (!options.profile.empty())
      HAMLET_TRY(writeProfile(profileFile, profile, *model->file));
    HAMLET_TRY(status);
    HAMLET_TRY(failures.status());
    if (stream && whole)
      std::fprintf(stderr, "finished: %s\n", reason.c_str());
    printRates(stats);
    return {};
  }

  const RunOptions &options;
  AnswersFile answers;
  AtomicFile statsFile, profileFile;
  LogitsFile logits;
  std::unique_ptr<LoadedModel> model;
  std::vector<Request> requests;
  std::vector<size_t> indices; ///< in the batch, of the requests
  GenerateStats stats;
  std::string kept; ///< where the answers are that a stopped run had
};

/// Token ids, separated by commas.
template <typename T>
CLI::Option *addIds(CLI::App &app, const std::string &name, std::vector<T> &ids,
                    const std::string &description) {
  CLI::callback_t read = [name, &ids](const CLI::results_t &given) {
    std::istringstream words(given.back() + ",");
    for (std::string word; std::getline(words, word, ',');)
      if (!parseDecimal(word, ids.emplace_back()) || ids.back() < 0)
        throw CLI::ValidationError(name, "'" + word + "' is not a token id");
    return true;
  };
  return app.add_option(name, std::move(read), description)->type_name("TEXT");
}

} // namespace

Action addRunCommand(CLI::App &app) {
  auto options = std::make_shared<RunOptions>();
  RunOptions &o = *options;
  addModelOptions(app, o.model);
  o.hasPrompt = addIds(app, "--prompt-ids", o.prompt.promptIds,
                       "Token ids of one prompt, separated by commas");
  CLI::Option *batch =
      app.add_option("--batch", o.batch,
                     "Requests, one JSON object a line; -: standard input");
  CLI::Option *output =
      app.add_option("--output", o.output,
                     "Answers, one JSON object a line; -: standard output");
  batch->needs(output);
  batch->excludes(o.hasPrompt);
  CLI::Option *resume =
      app.add_flag("--resume", o.resume,
                   "Go on with the answers in OUTPUT.partial, which a run that "
                   "was interrupted left")
          ->default_str("")
          ->needs(batch);

  Sampling &sampling = o.prompt.sampling;
  std::vector<CLI::Option *> single = {
      addCount(app, "--max-tokens", o.prompt.maxTokens,
               "Tokens to generate; 0 evaluates the prompt only", 0),
      addNumber(app, "--temperature", sampling.temperature,
                "0: the largest logit", "a number of at least 0",
                [](double t) { return std::isfinite(t) && t >= 0; }),
      addCount(app, "--top-k", sampling.topK, "0: off", 0),
      addNumber(app, "--top-p", sampling.topP, "1: off",
                "a number above 0 and at most 1",
                [](double p) { return p > 0 && p <= 1; }),
      addCount(app, "--seed", sampling.seed, "Of the random numbers", 0),
      addIds(app, "--stop-ids", o.prompt.stopIds,
             "Ids that end the answer, separated by commas"),
      o.hasEarlyCount =
          addCount(app, "--early-stop-count", o.earlyStop.count,
                   "Stop after so many confident tokens in a row", 1),
      o.hasEarlyProbability = addNumber(
          app, "--early-stop-probability", o.earlyStop.probability,
          "A token above this probability is confident", "a number from 0 to 1",
          [](double p) { return p >= 0 && p <= 1; }),
  };
  for (CLI::Option *option : single)
    option->excludes(batch);

  app.add_option("--dump-logits", o.logits,
                 "Write the logits of every position (.safetensors)")
      ->excludes(resume);
  addCount(app, "--prefill-chunk", o.prefillChunk,
           "Longest piece of a prompt in one step", 1);
  addCount(app, "--max-batch", o.maxBatch, "Sequences at once", 1, 65536);
  o.hasMaxContext = addCount(app, "--max-context", o.maxContext,
                             "Longest prompt with its answer; default: what "
                             "the requests need",
                             1)
                        ->default_str("");
  app.add_option("--stats", o.stats, "Write timings and counts (.json)");
  app.add_option("--profile", o.profile,
                 "Write a Chrome trace of every kernel (.json)");
  app.callback([options] {
    if (!*options->hasPrompt && options->batch.empty())
      throw CLI::RequiredError("--prompt-ids or --batch");
    checkOutputs({{"--output", options->output == "-" ? "" : options->output},
                  {"--dump-logits", options->logits},
                  {"--stats", options->stats},
                  {"--profile", options->profile}});
  });
  return [options] { return Run(*options).run(); };
}

} // namespace hamlet::tools
