//===- LoadModel.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/LoadModel.h"

#include "container/Configuration.h"
#include "runtime/Call.h"
#include "tools/hamlet/Commands.h"
#include "tools/hamlet/RunStats.h"

#include <cstdio>
#include <filesystem>

namespace hamlet::tools {

using namespace runtime;

void addModelOptions(CLI::App &app, ModelOptions &options) {
  app.add_option("file", options.file, "The container (.hmlt)")->required();
  app.add_option("--weights", options.weights,
                 "The checkpoint's folder; default: the one that was compiled");
  app.add_flag("--ignore-unused", options.ignoreUnused,
               "Run without tensors that the model does not use")
      ->default_str("");
  addDeviceOptions(app, options.threads, options.device);
}

Result<std::unique_ptr<LoadedModel>> openModel(const ModelOptions &options) {
  auto loaded = loadModel(options.file, options.device, options.threads);
  if (loaded.ok() && !hasModel(*(*loaded)->file))
    return failure("'", options.file,
                   "' has functions, not a model: run one with 'hamlet call "
                   "--function NAME'; it has ",
                   functionNames(*(*loaded)->file));
  return loaded;
}

Result<std::string> weightsFolder(const hmlt::ContainerT &file,
                                  const std::string &given) {
  if (!given.empty() || file.weights.empty())
    return given;
  const std::string source = file.provenance ? file.provenance->source : "";
  std::error_code error;
  if (source.empty() || !std::filesystem::is_directory(source, error))
    return failure("--weights is missing, and ",
                   source.empty()
                       ? "the file does not say what it was compiled from"
                       : "what it was compiled from, '" + source +
                             "', is no folder of a checkpoint",
                   "; name the checkpoint's folder");
  std::vector<std::string> changed =
      differences(readEntries(file.provenance->entries), source);
  if (!changed.empty())
    return failure("--weights is missing, and the configuration in '", source,
                   "' is another one by now (", changed.front(),
                   "); compile it anew, or name a checkpoint's folder");
  return source;
}

Status loadTheWeights(LoadedModel &model, const std::string &folder,
                      const ModelOptions &options) {
  ProgressBar bar;
  auto weights = loadWeights(
      *model.file, folder, *model.device, *model.pool,
      [&](uint64_t done, uint64_t total) { bar.update(done, total); },
      options.ignoreUnused ? UnusedTensors::Ignore : UnusedTensors::Refuse);
  bar.clear();
  if (weights.failed())
    return weights.status();
  model.weights = std::move(*weights);
  for (const std::string &message : model.weights.messages)
    std::fprintf(stderr, "hamlet: %s\n", message.c_str());
  return {};
}

} // namespace hamlet::tools
