//===- CallCommand.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"

#include "runtime/Call.h"
#include "tools/command/Options.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

namespace hamlet::tools {
namespace {

using namespace runtime;

struct CallOptions {
  std::string file, function, weights, profile, stats;
  std::string device = "cpu";
  std::vector<std::string> inputs, outputs;
  unsigned threads = 0, repeats = 1;
};

/// Best and median of a call's runs, in seconds, and each of them.
Status writeStats(AtomicFile &output, const std::string &function,
                  const CallTimes &times) {
  std::vector<double> sorted = times.seconds;
  std::ranges::sort(sorted);
  nlohmann::ordered_json stats;
  stats["function"] = function;
  stats["repeats"] = sorted.size();
  stats["best_seconds"] = sorted.front();
  stats["median_seconds"] = sorted[sorted.size() / 2];
  stats["seconds"] = times.seconds;
  HAMLET_TRY(output.write(stats.dump(1) + "\n"));
  return output.commit();
}

Status call(const CallOptions &options) {
  std::vector<std::unique_ptr<AtomicFile>> outputs;
  for (const std::string &path : options.outputs) {
    outputs.push_back(std::make_unique<AtomicFile>());
    HAMLET_TRY(outputs.back()->open(path).in("--output"));
  }
  AtomicFile statsFile, profileFile;
  HAMLET_TRY(openOutput(statsFile, "--stats", options.stats));
  HAMLET_TRY(openOutput(profileFile, "--profile", options.profile));
  auto loaded = loadModel(options.file, options.device, options.threads);
  if (loaded.failed())
    return loaded.status();
  LoadedModel &model = **loaded;
  auto function = findFunction(*model.file, options.function);
  if (function.failed())
    return function.status();
  if (size_t count = (*function)->results.size(); count != outputs.size())
    return failure("function '", options.function, "' has ", count,
                   " results, ", outputs.size(), " outputs were named");
  // Constants are loaded with the weights; a file without weights needs no
  // folder.
  if (!model.file->weights.empty() && options.weights.empty())
    return failure("'", options.file,
                   "' has weights: name the checkpoint's "
                   "folder with --weights");
  // A function needs what it needs of a checkpoint.
  auto weights = loadWeights(*model.file, options.weights, *model.device,
                             *model.pool, nullptr, UnusedTensors::Ignore);
  if (weights.failed())
    return weights.status();
  model.weights = std::move(*weights);

  std::vector<NpyArray> operands;
  for (const std::string &path : options.inputs) {
    auto array = readNpy(path);
    if (array.failed())
      return array.status();
    operands.push_back(std::move(*array));
  }
  Profile profile;
  CallTimes times{options.repeats, {}};
  auto results =
      callFunction(model, options.function, operands,
                   options.profile.empty() ? nullptr : &profile, &times);
  if (results.failed())
    return results.status();
  for (size_t i = 0; i < results->size(); ++i)
    HAMLET_TRY(writeNpy(*outputs[i], (*results)[i]));
  if (!options.profile.empty())
    HAMLET_TRY(writeProfile(profileFile, profile, *model.file));
  if (!options.stats.empty())
    HAMLET_TRY(writeStats(statsFile, options.function, times));
  return {};
}

} // namespace

Status writeProfile(AtomicFile &output, const Profile &profile,
                    const hmlt::ContainerT &file) {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  auto named = [&](const char *what, const char *name) {
    nlohmann::ordered_json event = {
        {"name", what}, {"ph", "M"}, {"pid", 0}, {"tid", 0}};
    event["args"]["name"] = name;
    events.push_back(std::move(event));
  };
  named("process_name", "hamlet");
  named("thread_name", "launches");
  for (const ProfileEvent &event : profile.events) {
    const auto &kernel = *file.kernels[static_cast<size_t>(event.kernel)];
    events.push_back({{"name", kernel.name},
                      {"cat", kernel.kind},
                      {"ph", "X"},
                      {"pid", 0},
                      {"tid", 0},
                      {"ts", event.start},
                      {"dur", event.duration},
                      {"args",
                       {{"step", event.step},
                        {"layer", event.layer},
                        {"rows", event.rows},
                        {"weight_bytes", event.work.weightBytes},
                        {"buffer_bytes", event.work.bufferBytes},
                        {"cache_bytes", event.work.cacheBytes},
                        {"product_flops", event.work.productFlops}}}});
  }
  nlohmann::ordered_json trace;
  trace["traceEvents"] = std::move(events);
  trace["displayTimeUnit"] = "ms";
  HAMLET_TRY(output.write(trace.dump() + "\n"));
  return output.commit();
}

Action addCallCommand(CLI::App &app) {
  auto options = std::make_shared<CallOptions>();
  CallOptions &o = *options;
  app.add_option("file", o.file, "The container (.hmlt)")->required();
  app.add_option("--function", o.function, "Its name in the .mlir file")
      ->required();
  app.add_option("--input", o.inputs, "An operand (.npy); once for each")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--output", o.outputs, "A result (.npy); once for each")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--weights", o.weights,
                 "The checkpoint's folder, for functions that name weights");
  addCount(app, "--repeat", o.repeats,
           "Times to run it, on one set of operands", 1, 1000000);
  app.add_option("--stats", o.stats,
                 "Write the seconds of every run, best and median (.json)");
  addDeviceOptions(app, o.threads, o.device);
  app.add_option("--profile", o.profile,
                 "Write a Chrome trace of every kernel (.json)");
  app.callback([options] {
    std::vector<std::pair<std::string, std::string>> outputs = {
        {"--stats", options->stats}, {"--profile", options->profile}};
    for (const std::string &path : options->outputs)
      outputs.emplace_back("--output", path);
    checkOutputs(outputs);
  });
  return [options] { return finish(call(*options)); };
}

} // namespace hamlet::tools
