//===- RunCommand.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"

#include "container/Interrupt.h"
#include "runtime/NextToken.h"
#include "runtime/Requests.h"
#include "tools/command/Options.h"
#include "tools/hamlet/AnswerOptions.h"
#include "tools/hamlet/AnswersFile.h"
#include "tools/hamlet/LoadModel.h"
#include "tools/hamlet/RunStats.h"
#include "tools/hamlet/TextModel.h"

#include <cstdio>
#include <memory>
#include <numeric>

namespace hamlet::tools {
namespace {

using namespace runtime;
using Clock = std::chrono::steady_clock;

struct RunOptions {
  ModelOptions model;
  std::string batch, output, logits, stats, profile;
  AnswerOptions answer; // to --prompt or --prompt-ids
  std::vector<int32_t> promptIds;
  std::string prompt;
  int64_t prefillChunk = GenerateOptions().prefillChunk;
  int maxBatch = GenerateOptions().maxBatch;
  int64_t maxContext = 0;
  bool resume = false, printIds = false;
  CLI::Option *hasIds = nullptr, *hasText = nullptr, *hasMaxContext = nullptr;
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
    weights = *folder;
    // Before the weights: a bad request should not wait for them.
    HAMLET_TRY(collectRequests());
    HAMLET_TRY(loadTheWeights(*model, weights, options.model));
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

  /// The tokenizer, which takes a while to read, when a request needs it; what
  /// is taken of generation_config.json is said once.
  Status needText() {
    if (text)
      return {};
    auto read = TextModel::read(weights, *model->file->model);
    if (read.failed())
      return read.status();
    if (!*read)
      return failure("a prompt is text, and '", weights,
                     "' has no tokenizer.json; expected ids (--prompt-ids, "
                     "'prompt_ids')");
    text = *read;
    if (!text->taken().empty())
      std::fprintf(stderr, "hamlet: note: %s\n", text->taken().c_str());
    return {};
  }

  Status collectRequests() {
    ReadRequestsOptions reading;
    reading.textDefaults = [this](Request &request) -> Status {
      HAMLET_TRY(needText());
      request = text->defaults();
      return {};
    };
    reading.encode = [this](Request &request) { return text->encode(request); };
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
    if (*options.hasText)
      HAMLET_TRY(needText());
    Request request =
        options.answer.over(*options.hasText ? text->defaults() : Request());
    request.id = "prompt";
    request.promptIds = options.promptIds;
    if (*options.hasText) {
      request.prompt = options.prompt;
      HAMLET_TRY(text->encode(request));
    }
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
    std::optional<text::TextStream> decoder;
    if (*options.hasText && !options.printIds)
      decoder = text->stream();
    bool first = true;
    generation.prefillChunk = options.prefillChunk;
    generation.maxBatch = options.maxBatch;
    if (*options.hasMaxContext)
      generation.maxContext = options.maxContext;
    generation.onToken = [&](size_t, int32_t token) -> Status {
      if (!stream)
        return {};
      if (!decoder)
        std::printf(first ? "%d" : " %d", token);
      else if (!endsAnswer(requests[0], *model->file->model, token))
        std::fputs(decoder->push(token).c_str(), stdout);
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
      const Request &request = requests[index];
      std::optional<std::string> decoded;
      if (!request.prompt.empty() || !request.messages.empty())
        decoded = text->decode(answer);
      return answers.write(indices[index],
                           answerLine(request, answer, decoded));
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
    if (decoder)
      std::fputs(decoder->finish().c_str(), stdout);
    if (stream && !first)
      std::printf("\n");
    if (Status said = flushStandardOutput(); status.ok())
      status = said;
    bool whole = status.ok() && !stats.stopped;
    if (whole && !options.logits.empty())
      if (status = logits.finish(); status.failed())
        whole = false; // the answers are kept all the same
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
  std::string weights; ///< the checkpoint's folder
  AnswersFile answers;
  AtomicFile statsFile, profileFile;
  LogitsFile logits;
  std::unique_ptr<LoadedModel> model;
  std::vector<Request> requests;
  std::vector<size_t> indices; ///< in the batch, of the requests
  GenerateStats stats;
  std::shared_ptr<const TextModel> text; ///< read when first needed
  std::string kept; ///< where the answers are that a stopped run had
};

} // namespace

Action addRunCommand(CLI::App &app) {
  auto options = std::make_shared<RunOptions>();
  RunOptions &o = *options;
  addModelOptions(app, o.model);
  o.hasText = app.add_option("--prompt", o.prompt,
                             "A prompt, for checkpoints with a tokenizer.json")
                  ->default_str("");
  o.hasIds = addIds(app, "--prompt-ids", o.promptIds,
                    "Token ids of one prompt, separated by commas")
                 ->excludes(o.hasText);
  CLI::Option *printIds = app.add_flag("--print-ids", o.printIds,
                                       "Print the answer's ids, not its text")
                              ->default_str("");
  CLI::Option *batch =
      app.add_option("--batch", o.batch,
                     "Requests, one JSON object a line; -: standard input");
  CLI::Option *output =
      app.add_option("--output", o.output,
                     "Answers, one JSON object a line; -: standard output");
  batch->needs(output);
  batch->excludes(o.hasIds)->excludes(o.hasText)->excludes(printIds);
  CLI::Option *resume =
      app.add_flag("--resume", o.resume,
                   "Go on with the answers in OUTPUT.partial, which a run that "
                   "was interrupted left")
          ->default_str("")
          ->needs(batch);

  for (CLI::Option *option : addAnswerOptions(app, o.answer))
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
    if (!*options->hasIds && !*options->hasText && options->batch.empty())
      throw CLI::RequiredError("--prompt, --prompt-ids or --batch");
    checkOutputs({{"--output", options->output == "-" ? "" : options->output},
                  {"--dump-logits", options->logits},
                  {"--stats", options->stats},
                  {"--profile", options->profile}});
  });
  return [options] { return Run(*options).run(); };
}

} // namespace hamlet::tools
