//===- PlanCommand.cpp - `hamlet plan` ------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/Commands.h"

#include "codegen/schedule/Target.h"
#include "container/CpuLevels.h"
#include "frontend/Import.h"
#include "frontend/Plan.h"
#include "tools/command/Options.h"
#include "tools/hamlet-compiler/Fit.h"
#include "tools/hamlet-compiler/ReadSource.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

using namespace hamlet;
using namespace hamlet::tools;

namespace {

struct Options {
  std::string source, gpu, dtype = "as-stored";
  std::vector<std::string> modelFolders, targetFolders;
  int64_t tensorParallel = 1, memory = 0, context = 0, sequences = 1,
          chunk = frontend::ImportOptions().chunk;
  bool json = false;
  CLI::Option *hasMemory = nullptr, *hasContext = nullptr,
              *hasSequences = nullptr;
};

/// Of the GPUs, the one that `name` is the target's name of, or a part of the
/// product's (`h200`); null if none or several are.
const schedule::GpuTarget *findGpu(const schedule::Targets &targets,
                                   llvm::StringRef name, std::string &known) {
  const schedule::GpuTarget *found = targets.findGpu(name);
  size_t fits = 0;
  for (const std::string &each : targets.gpuNames()) {
    const schedule::GpuTarget *gpu = targets.findGpu(each);
    known += (known.empty() ? "" : ", ") + each + " (" + gpu->product + ")";
    if (found && found->name == name)
      continue;
    if (llvm::StringRef(gpu->product).contains_insensitive(name)) {
      found = gpu;
      ++fits;
    }
  }
  return fits > 1 ? nullptr : found;
}

/// A number of bytes, with KiB to TiB, kB to TB or nothing after it.
bool parseBytes(const std::string &text, int64_t &bytes) {
  static const std::pair<const char *, double> kUnits[] = {
      {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
      {"TiB", 0x1p40}, {"kB", 1e3},     {"MB", 1e6},
      {"GB", 1e9},     {"TB", 1e12},    {"", 1}};
  for (auto [unit, factor] : kUnits) {
    llvm::StringRef digits = text;
    double number = 0;
    if (!digits.consume_back(unit) || digits.trim().getAsDouble(number))
      continue;
    double product = number * factor;
    bytes = static_cast<int64_t>(product);
    return product >= 1 && product < 0x1p60;
  }
  return false;
}

Status plan(const Options &o) {
  std::optional<std::optional<frontend::FloatType>> dtype = parseDtype(o.dtype);
  llvm::Expected<schedule::Targets> targets =
      schedule::Targets::load(o.targetFolders);
  if (!targets)
    return failure(llvm::toString(targets.takeError()));
  FitOptions fitOptions;
  fitOptions.target = cpuLevels().front().target;
  if (!o.gpu.empty()) {
    std::string known;
    const schedule::GpuTarget *gpu = findGpu(*targets, o.gpu, known);
    if (!gpu)
      return failure("--gpu: no GPU, or several, have the name '", o.gpu,
                     "'; expected one of ", known);
    fitOptions.target = gpu->name;
    fitOptions.device = gpu->product;
    fitOptions.memory = gpu->memoryBytes;
  }
  if (*o.hasMemory)
    fitOptions.memory = o.memory;
  if (*o.hasContext)
    fitOptions.context = o.context;
  fitOptions.sequences = o.sequences;
  fitOptions.devices = o.tensorParallel;
  fitOptions.chunk = o.chunk;

  frontend::ImportOptions import;
  import.modelFolders = o.modelFolders;
  import.dtype = *dtype;
  import.chunk = o.chunk;
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
  options.chunk = o.chunk;
  llvm::Expected<frontend::Plan> plan =
      frontend::makePlan(model->spec, options);
  if (!plan)
    return failure(llvm::toString(plan.takeError()));
  llvm::json::Object json = frontend::planJson(*plan);
  std::string text = frontend::planText(*plan);
  if (fitOptions.memory || *o.hasContext || *o.hasSequences) {
    Result<Fit> fit = makeFit(*model, options, fitOptions);
    if (fit.failed())
      return fit.status();
    json["fit"] = fitJson(*fit);
    text += fitText(*fit);
  }
  if (o.json)
    text =
        llvm::formatv("{0:2}", llvm::json::Value(std::move(json))).str() + "\n";
  std::fputs(text.c_str(), stdout);
  return {};
}

} // namespace

Action tools::addPlanCommand(CLI::App &app) {
  auto options = std::make_shared<Options>();
  Options &o = *options;
  app.add_option("CONFIG", o.source, "A config.json, or a checkpoint's folder")
      ->required();
  app.add_option("--gpu", o.gpu,
                 "Does it fit this GPU: a target's name (sm_90a), or a part of "
                 "the product's (H200)");
  o.hasMemory =
      app.add_option(
             "--device-memory",
             [&o](const CLI::results_t &given) {
               if (!parseBytes(given.back(), o.memory))
                 throw CLI::ValidationError(
                     "--device-memory",
                     "expected bytes, or a number with KiB to TiB or kB to "
                     "TB, got '" +
                         given.back() + "'");
               return true;
             },
             "Does it fit a device with so much memory: bytes, 80GB, 24GiB")
          ->type_name("SIZE");
  o.hasContext = addCount(app, "--context", o.context,
                          "Tokens of a sequence; default: as many as the model "
                          "has positions",
                          1)
                     ->default_str("");
  o.hasSequences =
      addCount(app, "--sequences", o.sequences, "Sequences at once", 1, 65536);
  app.add_option("--dtype", o.dtype, "as-stored|f32|bf16 (as-stored)")
      ->default_str("")
      ->check([](const std::string &name) {
        return parseDtype(name)
                   ? ""
                   : "expected as-stored, f32 or bf16, got '" + name + "'";
      });
  addCount(app, "--tp", o.tensorParallel, "Ranks of a tensor-parallel group",
           1);
  addCount(app, "--lightning-chunk", o.chunk,
           "Tokens between anchors of lightning states", 1, 1024);
  addList(app, "--models", o.modelFolders,
          "Folders with more family descriptions")
      ->type_name("DIR");
  addList(app, "--targets", o.targetFolders,
          "Folders with more target descriptions")
      ->type_name("DIR");
  app.add_flag("--json", o.json, "As JSON")->default_str("");
  return [options] { return finish(plan(*options)); };
}
