//===- GradCommand.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/command/Options.h"
#include "tools/hamlet/Commands.h"
#include "train/Gradients.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace hamlet::tools {
namespace {

using namespace runtime;

struct GradOptions {
  std::string checkpoint, data, output, dtype = "as-stored";
  std::string loss = "cross_entropy", device = "cpu";
  std::vector<std::string> settings, modelFolders;
  unsigned threads = 0;
  int64_t microBatchTokens = 0;
  bool ignoreUnused = false;
};

/// A folder that is removed with all in it.
class TemporaryFolder {
public:
  Status make() {
    std::string name =
        (std::filesystem::temp_directory_path() / "hamlet-XXXXXX").string();
    if (!mkdtemp(name.data()))
      return failure("cannot make a folder '", name,
                     "': ", std::strerror(errno));
    path = name;
    return {};
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

/// What is compiled, and how its loss is put together.
struct Algorithm {
  algorithm::Preset preset;
  double balance = 0;
  std::vector<std::string> compiled; ///< KEY=VALUE for the compiler
};

Result<Algorithm> readAlgorithm(const GradOptions &options) {
  Algorithm found;
  auto preset = algorithm::findPreset(options.loss);
  if (preset.failed())
    return preset.status().in("--loss");
  found.preset = std::move(*preset);
  found.preset.aggregation = algorithm::Aggregation::token_mean;
  std::vector<std::string> settings;
  // Bounds of a detached weight are none unless they are given.
  if (found.preset.loss.surrogate == algorithm::Surrogate::detached)
    settings = {"algorithm.is_low=none", "algorithm.is_high=none"};
  settings.insert(settings.end(), options.settings.begin(),
                  options.settings.end());
  for (const std::string &setting : settings) {
    size_t equals = setting.find('=');
    if (equals == std::string::npos || !setting.starts_with("algorithm."))
      return failure("--set: expected algorithm.KEY=VALUE, got '", setting,
                     "'");
    std::string key = setting.substr(0, equals),
                value = setting.substr(equals + 1);
    key.erase(0, std::strlen("algorithm."));
    if (key == "balance") {
      char *end = nullptr;
      found.balance = std::strtod(value.c_str(), &end);
      if (value.empty() || *end || !std::isfinite(found.balance))
        return failure("--set algorithm.balance: expected a number, got '",
                       value, "'");
      continue;
    }
    HAMLET_TRY(algorithm::set(found.preset, key, value).in("--set"));
    if (key != "aggregation")
      found.compiled.push_back(setting);
  }
  HAMLET_TRY(algorithm::check(found.preset).in("--loss"));
  return found;
}

/// Runs `hamlet-compiler compile` and waits for it.
Status compile(const GradOptions &options,
               const std::vector<std::string> &settings,
               const std::string &output) {
  // The least GPU's PTX runs on all.
  std::vector<std::string> words{compilerPath(),
                                 "compile",
                                 options.checkpoint,
                                 "-o",
                                 output,
                                 "--quiet",
                                 "--dtype",
                                 options.dtype,
                                 "--functions",
                                 "train_step,logprob",
                                 "--loss",
                                 options.loss,
                                 "--target",
                                 options.device == "cpu" ? "native" : "sm_80"};
  for (const std::string &setting : settings)
    words.insert(words.end(), {"--set", setting});
  for (const std::string &folder : options.modelFolders)
    words.insert(words.end(), {"--models", folder});
  if (options.ignoreUnused)
    words.emplace_back("--ignore-unused");
  std::vector<char *> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string &word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (int error = posix_spawn(&child, words[0].c_str(), nullptr, nullptr,
                              arguments.data(), environ))
    return failure("cannot start the compiler '", words[0],
                   "': ", std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return failure("lost the compiler: ", std::strerror(errno));
  if (!WIFEXITED(status) || WEXITSTATUS(status))
    return failure("'", options.checkpoint,
                   "' was not compiled, see the message above");
  return {};
}

Status grad(const GradOptions &options) {
  AtomicFile output;
  HAMLET_TRY(openOutput(output, "--output", options.output));
  auto algorithm = readAlgorithm(options);
  if (algorithm.failed())
    return algorithm.status();
  train::GradientSettings settings;
  settings.aggregation = algorithm->preset.aggregation;
  settings.balance = algorithm->balance;
  settings.microBatchTokens = options.microBatchTokens;
  HAMLET_TRY(train::check(settings).in("--set"));
  auto batch = train::readBatch(options.data);
  if (batch.failed())
    return batch.status().in("--data");
  TemporaryFolder folder;
  HAMLET_TRY(folder.make());
  const std::string file = folder.path + "/train.hmlt";
  HAMLET_TRY(compile(options, algorithm->compiled, file));
  auto loaded = loadModel(file, options.device, options.threads);
  if (loaded.failed())
    return loaded.status();
  LoadedModel &model = **loaded;
  HAMLET_TRY(train::checkIds(*batch, model.file->model->vocab)
                 .in("--data: '" + options.data + "'"));
  // The compiler has looked at what this checkpoint has unused.
  auto weights = loadWeights(*model.file, options.checkpoint, *model.device,
                             *model.pool, nullptr, UnusedTensors::Ignore);
  if (weights.failed())
    return weights.status();
  model.weights = std::move(*weights);
  auto result = train::addGradients(model, *batch, settings);
  if (result.failed())
    return result.status();
  auto tensors = train::readGradients(model);
  if (tensors.failed())
    return tensors.status();
  (*tensors)["loss"] =
      train::arrayOf<float>({static_cast<float>(result->loss)});
  (*tensors)["logprobs"] = train::arrayOf(result->logprobs);
  (*tensors)["entropies"] = train::arrayOf(result->entropies);
  return train::writeTensors(output, *tensors);
}

} // namespace

Action addGradCommand(CLI::App &app) {
  auto options = std::make_shared<GradOptions>();
  GradOptions &o = *options;
  app.add_option("checkpoint", o.checkpoint, "The checkpoint's folder")
      ->required();
  app.add_option("--data", o.data,
                 "Packed sequences (.safetensors): ids, starts, mask, and for "
                 "policy losses advantages and old_logprobs")
      ->required();
  app.add_option("--output", o.output,
                 "Loss, log-probabilities, entropies and the gradient of each "
                 "tensor of the checkpoint (.safetensors)")
      ->required();
  app.add_option("--loss", o.loss, "cross_entropy, cispo, ppo, ...");
  addList(app, "--set", o.settings,
          "algorithm.KEY=VALUE: is_low, is_high, clip_low, clip_high, "
          "aggregation, entropy, balance, ...");
  app.add_option("--dtype", o.dtype, "as-stored|f32|bf16 (as-stored)")
      ->default_str("");
  addCount(app, "--micro-batch-tokens", o.microBatchTokens,
           "Tokens that are worked on at once; sequences are never cut", 1)
      ->default_str("");
  addDeviceOptions(app, o.threads, o.device);
  addList(app, "--models", o.modelFolders,
          "Folders with more family descriptions")
      ->type_name("DIR");
  app.add_flag("--ignore-unused", o.ignoreUnused,
               "Take a checkpoint with tensors that the family does not read")
      ->default_str("");
  app.callback([options] {
    checkOutputs({{"--output", options->output}, {"--data", options->data}});
  });
  return [options] { return finish(grad(*options)); };
}

} // namespace hamlet::tools
