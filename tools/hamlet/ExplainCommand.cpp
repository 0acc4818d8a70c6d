//===- ExplainCommand.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/command/Options.h"
#include "tools/hamlet/Commands.h"
#include "tools/hamlet/Explain.h"
#include "tools/hamlet/Table.h"
#include "tools/hamlet/Units.h"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace hamlet::tools {
namespace {

using namespace hmlt;

struct ExplainOptions {
  std::string path, kernel, target;
  bool json = false, full = false;
  int64_t tokens = 512;
};

Result<size_t> findKernel(const ContainerT &file, const std::string &name) {
  std::vector<std::string> names;
  for (size_t k = 0; k < file.kernels.size(); ++k) {
    if (file.kernels[k]->name == name)
      return k;
    names.push_back(file.kernels[k]->name);
  }
  return failure("--kernel: there is no kernel '", name, "'",
                 suggestion(name, names), "; the file has ", joined(names));
}

/// Leaves what `target` makes of each kernel.
Status keepTarget(ContainerT &file, const std::string &target) {
  std::vector<std::string> known;
  known.reserve(file.images.size());
  for (const auto &image : file.images)
    known.push_back(image->target);
  if (std::find(known.begin(), known.end(), target) == known.end())
    return failure("--target: the file has no code for '", target, "'",
                   suggestion(target, known), "; it has ", joined(known));
  for (auto &kernel : file.kernels)
    std::erase_if(kernel->realizations, [&](const auto &realization) {
      return realization->target != target;
    });
  return {};
}

Status explain(const ExplainOptions &options) {
  auto read = readContainer(options.path);
  if (read.failed())
    return read.status();
  ContainerT &file = **read;
  if (!options.target.empty())
    HAMLET_TRY(keepTarget(file, options.target).in(options.path));
  std::optional<size_t> only;
  if (!options.kernel.empty()) {
    auto found = findKernel(file, options.kernel);
    if (found.failed())
      return found.status().in(options.path);
    only = *found;
  }
  WorkOfKernels work = workOfKernels(
      file, {decodeStep(options.tokens), prefillStep(options.tokens)});
  std::string text =
      options.json           ? jsonText(explainJson(file, work, only), 2) + "\n"
      : options.full || only ? explainFull(file, only)
                             : explainPage(file, work, stylesWanted());
  std::fputs(text.c_str(), stdout);
  return {};
}

} // namespace

Action addExplainCommand(CLI::App &app) {
  auto options = std::make_shared<ExplainOptions>();
  ExplainOptions &o = *options;
  app.add_option("file", o.path, "The container")->required();
  CLI::Option *json = app.add_flag(
      "--json", o.json, "As JSON, with exact numbers and every product");
  app.add_flag("--full", o.full, "Every product of every variant, as text")
      ->excludes(json);
  app.add_option("--kernel", o.kernel, "This kernel alone, in full");
  app.add_option("--target", o.target, "What this target makes of the kernels");
  addCount(app, "--tokens", o.tokens,
           "Of the prefill whose work is counted, and before the decode; of a "
           "call: each extent that is not fixed",
           1, int64_t(1) << 40);
  return [options] { return finish(explain(*options)); };
}

} // namespace hamlet::tools
