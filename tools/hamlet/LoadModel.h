//===- LoadModel.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_LOADMODEL_H
#define HAMLET_TOOLS_HAMLET_LOADMODEL_H

#include "runtime/Executor.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace hamlet::tools {

/// What commands that run a model are told of it.
struct ModelOptions {
  std::string file, weights, device = "cpu";
  unsigned threads = 0;
  bool ignoreUnused = false;
};

void addModelOptions(CLI::App &app, ModelOptions &options);

/// The container and its device; fails if it has functions and no model.
Result<std::unique_ptr<runtime::LoadedModel>>
openModel(const ModelOptions &options);

/// The checkpoint's folder: what `--weights` says, else the folder that was
/// compiled, if it still has that configuration.
Result<std::string> weightsFolder(const hmlt::ContainerT &file,
                                  const std::string &given);

/// Loads the weights in `folder`, with a bar on a terminal, and says what there
/// is to say of them.
Status loadTheWeights(runtime::LoadedModel &model, const std::string &folder,
                      const ModelOptions &options);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_LOADMODEL_H
