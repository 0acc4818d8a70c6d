//===- RunCommand.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"

#include "runtime/Call.h"
#include "runtime/Requests.h"
#include "tools/hamlet/Options.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace hamlet::tools {
namespace {

using namespace runtime;
using Clock = std::chrono::steady_clock;

struct RunOptions {
  std::string file, weights, batch, output, logits, stats, profile;
  std::string device = "cpu";
  Request prompt; // what --prompt-ids and its options describe
  EarlyStop earlyStop;
  int64_t prefillChunk = GenerateOptions().prefillChunk;
  int maxBatch = GenerateOptions().maxBatch;
  int64_t maxContext = 0;
  unsigned threads = 0;
  bool ignoreUnused = false;
  CLI::Option *hasPrompt = nullptr, *hasEarlyCount = nullptr,
              *hasEarlyProbability = nullptr, *hasMaxContext = nullptr;
};

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A bar on standard error while weights load, if that is a terminal.
class ProgressBar {
public:
  ProgressBar() : shown(isatty(STDERR_FILENO)) {}
  ~ProgressBar() { clear(); }
  void update(uint64_t done, uint64_t total) {
    constexpr auto kPeriod = std::chrono::milliseconds(50);
    auto now = Clock::now();
    if (!shown || !total || (now - last < kPeriod && done < total))
      return;
    last = now;
    constexpr int kWidth = 40;
    int filled = static_cast<int>(double(done) / double(total) * kWidth);
    std::fprintf(stderr, "\rweights [%-*.*s] %3d%%", kWidth, filled,
                 "########################################",
                 static_cast<int>(100.0 * double(done) / double(total)));
    std::fflush(stderr);
    drawn = true;
  }
  void clear() {
    if (drawn)
      std::fprintf(stderr, "\r\033[K");
    drawn = false;
  }

private:
  bool shown, drawn = false;
  Clock::time_point last;
};

Result<std::vector<Request>> collectRequests(const RunOptions &options,
                                             const hmlt::ModelT &model) {
  std::optional<int64_t> context;
  if (*options.hasMaxContext) {
    context = options.maxContext;
    if (*context > model.max_positions)
      return failure("--max-context is ", *context, ", the model has ",
                     model.max_positions, " positions");
  }
  if (!options.batch.empty())
    return readRequests(options.batch, model, context);
  Request request = options.prompt;
  request.id = "prompt";
  if (*options.hasEarlyCount || *options.hasEarlyProbability)
    request.earlyStop = options.earlyStop;
  HAMLET_TRY(checkRequest(request, model, context));
  return std::vector<Request>{std::move(request)};
}

double rate(int64_t tokens, double seconds) {
  return seconds > 0 ? double(tokens) / seconds : 0;
}

/// Most memory that was resident at once. getrusage would also know of what the
/// process was before it became this program.
uint64_t peakBytes() {
  std::ifstream status("/proc/self/status");
  uint64_t kilobytes = 0;
  for (std::string word; status >> word;)
    if (word == "VmHWM:")
      status >> kilobytes;
  return kilobytes * 1024;
}

Status writeStats(AtomicFile &file, double loadSeconds,
                  const GenerateStats &stats, const Device &device) {
  nlohmann::ordered_json json;
  json["load_seconds"] = loadSeconds;
  json["prefill_tokens"] = stats.prefillTokens;
  json["prefill_seconds"] = stats.prefillSeconds;
  json["prefill_tokens_per_second"] =
      rate(stats.prefillTokens, stats.prefillSeconds);
  json["decode_tokens"] = stats.decodeTokens;
  json["decode_seconds"] = stats.decodeSeconds;
  json["decode_tokens_per_second"] =
      rate(stats.decodeTokens, stats.decodeSeconds);
  json["peak_bytes"] = peakBytes();
  json["device_bytes"] = stats.deviceBytes;
  auto ofPhases = [&](double (StepCounts::*value)() const) {
    return nlohmann::ordered_json{{"prefill", (stats.prefillCounts.*value)()},
                                  {"decode", (stats.decodeCounts.*value)()}};
  };
  json["rows_per_launch"] = ofPhases(&StepCounts::rowsPerProduct);
  json["launches_per_step"] = ofPhases(&StepCounts::launchesPerStep);
  json["barriers_per_step"] = ofPhases(&StepCounts::barriersPerStep);
  json["device"] = device.describe();
  HAMLET_TRY(file.write(json.dump(2) + "\n"));
  return file.commit();
}

void printRates(const GenerateStats &stats) {
  std::fprintf(stderr,
               "prefill %lld tokens, %.1f tokens/s; decode %lld tokens, %.1f "
               "tokens/s\n",
               static_cast<long long>(stats.prefillTokens),
               rate(stats.prefillTokens, stats.prefillSeconds),
               static_cast<long long>(stats.decodeTokens),
               rate(stats.decodeTokens, stats.decodeSeconds));
}

/// All that a run writes, opened before any work is done.
struct Outputs {
  AtomicFile answers, stats, profile;
  LogitsFile logits;

  Status open(const RunOptions &options) {
    HAMLET_TRY(openOutput(answers, "--output", options.output));
    HAMLET_TRY(openOutput(stats, "--stats", options.stats));
    HAMLET_TRY(openOutput(profile, "--profile", options.profile));
    if (options.logits.empty())
      return {};
    return logits.open(options.logits).in("--dump-logits");
  }
};

/// Requests that have no answer, each told when its turn came.
class Failures {
public:
  explicit Failures(const std::vector<Request> &requests)
      : requests(requests) {}
  void add(size_t index, const std::string &error) {
    last = "request '" + requests[index].id + "', " + error;
    if (requests.size() > 1)
      std::fprintf(stderr, "hamlet: %s\n", last.c_str());
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

Status run(const RunOptions &options) {
  auto begin = Clock::now();
  Outputs outputs;
  HAMLET_TRY(outputs.open(options));
  auto loaded = loadModel(options.file, options.device, options.threads);
  if (loaded.failed())
    return loaded.status();
  LoadedModel &model = **loaded;
  if (!hasModel(*model.file))
    return failure("'", options.file,
                   "' has functions, not a model: run one with 'hamlet call "
                   "--function NAME'; it has ",
                   functionNames(*model.file));
  // Before the weights: a bad request should not wait for them.
  auto requests = collectRequests(options, *model.file->model);
  if (requests.failed())
    return requests.status();

  GenerateOptions generation;
  if (!options.logits.empty()) {
    std::vector<LogitsFile::Entry> entries;
    for (const Request &request : *requests)
      entries.push_back(
          {request.id, static_cast<int64_t>(request.promptIds.size()) +
                           std::max<int64_t>(0, request.maxTokens - 1)});
    outputs.logits.announce(entries, model.file->model->vocab);
    generation.logits = &outputs.logits;
  }

  {
    ProgressBar bar;
    auto weights = loadWeights(
        *model.file, options.weights, *model.device, *model.pool,
        [&](uint64_t done, uint64_t total) { bar.update(done, total); },
        options.ignoreUnused ? UnusedTensors::Ignore : UnusedTensors::Refuse);
    if (weights.failed())
      return weights.status();
    model.weights = std::move(*weights);
  }
  double loadSeconds = secondsSince(begin);
  for (const std::string &message : model.weights.messages)
    std::fprintf(stderr, "hamlet: %s\n", message.c_str());

  bool stream = options.batch.empty();
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
  Failures failures(*requests);
  std::string reason;
  generation.onAnswer = [&](size_t index, const Answer &answer) -> Status {
    reason = answer.finishReason;
    if (!answer.error.empty())
      failures.add(index, answer.error);
    if (options.output.empty())
      return {};
    return outputs.answers.write(answerLine((*requests)[index], answer));
  };
  Profile profile;
  if (!options.profile.empty())
    generation.profile = &profile;

  auto stats = generate(model, *requests, generation);
  if (stream && !first)
    std::printf("\n");
  if (stats.failed())
    return stats.status();
  HAMLET_TRY(flushStandardOutput());
  if (!options.logits.empty())
    HAMLET_TRY(outputs.logits.finish());
  if (!options.output.empty())
    HAMLET_TRY(outputs.answers.commit());
  if (!options.stats.empty())
    HAMLET_TRY(writeStats(outputs.stats, loadSeconds, *stats, *model.device));
  if (!options.profile.empty())
    HAMLET_TRY(writeProfile(outputs.profile, profile, *model.file));
  HAMLET_TRY(failures.status());
  if (stream)
    std::fprintf(stderr, "finished: %s\n", reason.c_str());
  printRates(*stats);
  return {};
}

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
  app.option_defaults()->always_capture_default();
  app.add_option("file", o.file, "The container (.hmlt)")->required();
  app.add_option("--weights", o.weights, "The checkpoint's folder")->required();
  o.hasPrompt = addIds(app, "--prompt-ids", o.prompt.promptIds,
                       "Token ids of one prompt, separated by commas");
  CLI::Option *batch =
      app.add_option("--batch", o.batch, "Requests, one JSON object a line");
  CLI::Option *output =
      app.add_option("--output", o.output, "Answers, one JSON object a line");
  batch->needs(output);
  batch->excludes(o.hasPrompt);

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
                 "Write the logits of every position (.safetensors)");
  addCount(app, "--prefill-chunk", o.prefillChunk,
           "Longest piece of a prompt in one step", 1);
  addCount(app, "--max-batch", o.maxBatch, "Sequences at once", 1, 65536);
  o.hasMaxContext = addCount(app, "--max-context", o.maxContext,
                             "Longest prompt with its answer; default: what "
                             "the requests need",
                             1)
                        ->default_str("");
  app.add_flag("--ignore-unused", o.ignoreUnused,
               "Run without tensors that the model does not use")
      ->default_str("");
  addDeviceOptions(app, o.threads, o.device);
  app.add_option("--stats", o.stats, "Write timings and counts (.json)");
  app.add_option("--profile", o.profile,
                 "Write a Chrome trace of every kernel (.json)");
  app.callback([options] {
    if (!*options->hasPrompt && options->batch.empty())
      throw CLI::RequiredError("--prompt-ids or --batch");
    checkOutputs({{"--output", options->output},
                  {"--dump-logits", options->logits},
                  {"--stats", options->stats},
                  {"--profile", options->profile}});
  });
  return [options] { return run(*options); };
}

} // namespace hamlet::tools
