//===- PlanCommand.cpp - `hamlet plan` ------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/Commands.h"

#include "frontend/Import.h"
#include "frontend/Plan.h"
#include "tools/command/Options.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

using namespace hamlet;
using namespace hamlet::tools;

namespace {

struct Options {
  std::string source;
  std::vector<std::string> modelFolders;
  int64_t tensorParallel = 1;
  bool json = false;
};

Status plan(const Options &o) {
  frontend::ImportOptions import;
  import.modelFolders = o.modelFolders;
  import.ignoreUnused = true; // Told of, but not what a plan is about.
  llvm::Expected<frontend::ImportedModel> model =
      frontend::importModel(o.source, import);
  if (!model)
    return failure(llvm::toString(model.takeError()));
  for (const std::string &warning : model->warnings)
    sayWarning(warning);
  frontend::PlanOptions options;
  options.tensorParallel = o.tensorParallel;
  options.dtype = model->graph.dtype;
  llvm::Expected<frontend::Plan> plan =
      frontend::makePlan(model->spec, options);
  if (!plan)
    return failure(llvm::toString(plan.takeError()));
  std::string text =
      o.json ? llvm::formatv("{0:2}", frontend::planJson(*plan)).str() + "\n"
             : frontend::planText(*plan);
  std::fputs(text.c_str(), stdout);
  return {};
}

} // namespace

Action tools::addPlanCommand(CLI::App &app) {
  auto options = std::make_shared<Options>();
  Options &o = *options;
  app.add_option("CONFIG", o.source, "A config.json, or a checkpoint's folder")
      ->required();
  addCount(app, "--tp", o.tensorParallel, "Ranks of a tensor-parallel group",
           1);
  addList(app, "--models", o.modelFolders,
          "Folders with more family descriptions")
      ->type_name("DIR");
  app.add_flag("--json", o.json, "As JSON")->default_str("");
  return [options] { return finish(plan(*options)); };
}
