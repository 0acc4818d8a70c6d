//===- Fit.cpp ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/Fit.h"

#include "codegen/driver/Compile.h"
#include "codegen/program/Serialize.h"
#include "container/Container.h"
#include "container/Sizes.h"
#include "frontend/BuildGraph.h"
#include "runtime/Footprint.h"
#include "runtime/Generate.h"
#include "tools/hamlet-compiler/Context.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::tools;

namespace {

constexpr int64_t kMostDevices = 1024;

/// Answers how much memory a model takes.
class Sizes {
public:
  Sizes(const hmlt::ContainerT &file, const frontend::ImportedModel &model,
        const frontend::PlanOptions &plan, const FitOptions &options)
      : file(file), model(model), planOptions(plan), options(options),
        weights(runtime::weightBytes(file, options.target)) {
    whole = planFor(1);
  }

  /// None if the model cannot be cut so.
  std::optional<frontend::Plan> planFor(int64_t devices) const {
    frontend::PlanOptions cut = planOptions;
    cut.tensorParallel = devices;
    llvm::Expected<frontend::Plan> plan = frontend::makePlan(model.spec, cut);
    if (plan)
      return *plan;
    llvm::consumeError(plan.takeError());
    return std::nullopt;
  }

  /// Bytes of one of `devices`; the model can be cut so.
  Fit measure(int64_t devices, int64_t sequences, int64_t context) const {
    const frontend::Plan part = *planFor(devices);
    runtime::ExecutorLimits limits;
    limits.sequences = static_cast<int>(sequences);
    limits.context = context;
    limits.stepTokens = runtime::GenerateOptions().prefillChunk;
    int64_t slots = 0, pages = 0;
    for (const auto &cache : file.caches)
      (cache->per == hmlt::CachePer::page ? pages : slots) += cache->bytes;
    int64_t pagesOfOne = (context + kPageTokens - 1) / kPageTokens;
    Fit fit;
    fit.options = options;
    fit.context = context;
    fit.stepTokens = limits.stepTokens;
    fit.weights = share(static_cast<int64_t>(weights), part.weightBytes,
                        whole->weightBytes);
    fit.caches =
        sequences *
        (share(slots, part.anchorBytesPerSequence + part.tailBytesPerSequence,
               whole->anchorBytesPerSequence + whole->tailBytesPerSequence) +
         pagesOfOne *
             share(pages, part.kvBytesPerToken, whole->kvBytesPerToken));
    fit.working = static_cast<int64_t>(runtime::arenaBytes(
        *runtime::findStep(file), runtime::largestQuantities(limits)));
    return fit;
  }

  /// The most sequences that fit, up to `kMostSequences`.
  int64_t most(int64_t devices, int64_t context) const {
    int64_t fits = 0, beyond = kMostSequences + 1;
    while (beyond - fits > 1) {
      int64_t middle = fits + (beyond - fits) / 2;
      bool small =
          measure(devices, middle, context).needed() <= *options.memory;
      (small ? fits : beyond) = middle;
    }
    return fits;
  }

  /// What a device's memory has room for.
  void fillTable(Fit &fit) const {
    for (int64_t at = 4096; at < fit.context; at *= 4)
      fit.mostAt.emplace_back(at, most(options.devices, at));
    fit.mostAt.emplace_back(fit.context, most(options.devices, fit.context));
    for (int64_t devices = 1; devices <= kMostDevices && !fit.fewestDevices;
         ++devices)
      if (planFor(devices) &&
          measure(devices, options.sequences, fit.context).needed() <=
              *options.memory)
        fit.fewestDevices = devices;
  }

private:
  static constexpr int64_t kMostSequences = 65536; // of --max-batch

  static int64_t share(int64_t bytes, int64_t part, int64_t all) {
    if (!all)
      return bytes;
    return static_cast<int64_t>((__int128(bytes) * part + all - 1) /
                                all); // rounded up
  }

  const hmlt::ContainerT &file;
  const frontend::ImportedModel &model;
  const frontend::PlanOptions &planOptions;
  const FitOptions &options;
  uint64_t weights;
  std::optional<frontend::Plan> whole;
};

} // namespace

Result<Fit> tools::makeFit(const frontend::ImportedModel &model,
                           const frontend::PlanOptions &plan,
                           const FitOptions &options) {
  int64_t context = options.context.value_or(model.spec.maxPositions);
  if (context > model.spec.maxPositions)
    return failure("--context is ", context, ", the model has ",
                   model.spec.maxPositions, " positions");
  CompilerContext compiler;
  llvm::Expected<OwningOpRef<ModuleOp>> graph =
      frontend::buildGraph(compiler.context, model.spec, model.graph);
  if (!graph)
    return failure(llvm::toString(graph.takeError()));
  CompileOptions compile;
  compile.targets = {options.target};
  compile.chunk = options.chunk;
  compile.withCode = false;
  CompileSummary summary;
  FailureOr<OwningOpRef<ModuleOp>> program =
      compileGraph(**graph, compile, llvm::nulls(), summary);
  if (failed(program))
    return failure("the model cannot be compiled; see above");
  FailureOr<std::unique_ptr<hmlt::ContainerT>> file =
      codegen::serializeProgram(**program);
  if (failed(file))
    return failure("the model's program is not valid; see above");

  const Sizes sizes(**file, model, plan, options);
  Fit fit = sizes.measure(options.devices, options.sequences, context);
  if (options.memory)
    sizes.fillTable(fit);
  if (options.devices > 1 || fit.fewestDevices > 1)
    fit.notYet.push_back("a model on more than one device: this version runs "
                         "it on one");
  return fit;
}

llvm::json::Value tools::fitJson(const Fit &fit) {
  llvm::json::Object json{{"target", fit.options.target},
                          {"devices", fit.options.devices},
                          {"sequences", fit.options.sequences},
                          {"context", fit.context},
                          {"step_tokens", fit.stepTokens},
                          {"weight_bytes", fit.weights},
                          {"cache_bytes", fit.caches},
                          {"working_bytes", fit.working},
                          {"needed_bytes", fit.needed()},
                          {"not_yet", llvm::json::Array(fit.notYet)}};
  if (!fit.options.memory)
    return json;
  llvm::json::Array most;
  for (auto [context, sequences] : fit.mostAt)
    most.push_back(
        llvm::json::Object{{"context", context}, {"sequences", sequences}});
  json["device_bytes"] = *fit.options.memory;
  json["fits"] = fit.needed() <= *fit.options.memory;
  json["left_bytes"] = *fit.options.memory - fit.needed();
  json["most_sequences"] = std::move(most);
  json["fewest_devices"] = fit.fewestDevices;
  return json;
}

std::string tools::fitText(const Fit &fit) {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto row = [&](llvm::StringRef what, int64_t bytes) {
    out << llvm::formatv("  {0,-22}{1}\n", what, frontend::bytesText(bytes));
  };
  out << llvm::formatv(
      "\n{0:n} sequence(s) of {1:n} tokens, {2}{3}\n", fit.options.sequences,
      fit.context,
      fit.options.devices > 1
          ? llvm::formatv("each of {0} devices", fit.options.devices).str()
          : std::string("one device"),
      fit.options.device.empty() ? "" : ", " + fit.options.device);
  row("weights, packed", fit.weights);
  row("states, keys, values", fit.caches);
  row("working memory",
      fit.working); // of a step of that many tokens
  row("together", fit.needed());
  if (fit.options.memory) {
    int64_t left = *fit.options.memory - fit.needed();
    row("a device has", *fit.options.memory);
    if (left >= 0)
      out << "fits: " << frontend::bytesText(left) << " are left\n";
    else
      out << "does not fit: " << frontend::bytesText(-left) << " are missing\n";
    out << "most sequences at a context of\n";
    for (auto [context, sequences] : fit.mostAt)
      out << llvm::formatv("  {0,14:n}  {1:n}\n", context, sequences);
    if (fit.fewestDevices)
      out << "fewest devices that hold it: " << *fit.fewestDevices << "\n";
    else
      out << "no number of devices up to " << kMostDevices << " holds it\n";
  }
  for (const std::string &what : fit.notYet)
    out << "not yet: " << what << "\n";
  out << llvm::formatv("A step has {0:n} tokens at most. What the driver takes "
                       "for itself is not counted.\n",
                       fit.stepTokens);
  return text;
}
