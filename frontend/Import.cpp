//===- Import.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/Import.h"

#include "frontend/ConfigScope.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <limits>
#include <unordered_set>

using namespace llvm;

namespace hamlet::frontend {

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

/// Opens the tensors in `folder`; by names only if there is an index and no
/// shard.
static Error openTensors(StringRef folder, const ModelSpec &spec,
                         safetensors::Checkpoint &checkpoint) {
  std::string error;
  SmallString<128> index(folder), single(folder);
  sys::path::append(index, "model.safetensors.index.json");
  sys::path::append(single, "model.safetensors");
  if (sys::fs::exists(index) && !sys::fs::exists(single)) {
    if (!safetensors::openIndex(index.str().str(), checkpoint, error))
      return makeError(error);
    if (none_of(checkpoint.files,
                [](const std::string &file) { return sys::fs::exists(file); }))
      return Error::success();
  }
  std::unordered_set<std::string_view> sources;
  for (const WeightRecipe &recipe : spec.weights)
    for (const WeightSource &source : recipe.sources)
      sources.insert(source.tensor);
  auto needed = [&](std::string_view tensor) {
    return sources.count(tensor) != 0;
  };
  if (!safetensors::openCheckpoint(folder.str(), checkpoint, error, needed))
    return makeError(error);
  return Error::success();
}

static constexpr const char *kGenerationFile = "generation_config.json";
static constexpr const char *kEosKey = "eos_token_id";

static std::string listed(ArrayRef<int64_t> ids) {
  std::string text;
  for (int64_t id : ids)
    text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

/// The ids that end an answer, where only the generation's configuration has
/// them.
static Error readEosIds(StringRef folder, ImportedModel &model) {
  SmallString<128> path(folder);
  sys::path::append(path, kGenerationFile);
  if (!sys::fs::exists(path))
    return Error::success();
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeError(path + ": cannot be read: " + buffer.getError().message());
  Expected<json::Value> config = parseJson((*buffer)->getBuffer(), path);
  if (!config)
    return config.takeError();
  Problem problem;
  // What one key of a description would say.
  json::Value section = json::Object{
      {"eos", json::Object{{"key", kEosKey}, {"default", nullptr}}}};
  json::Value expression = "eos";
  ConfigScope scope(Node(&section, "eos", problem), *config, path.str().str(),
                    problem);
  Node field(&expression, "eos", problem);
  std::vector<int64_t> ids =
      scope.integers(field, 0, std::numeric_limits<int32_t>::max());
  if (problem.failed())
    return problem.take();
  if (ids.empty())
    return Error::success();
  if (!model.spec.eosGiven) {
    model.notes.push_back((Twine(path) + ": " + kEosKey + " " + listed(ids) +
                           " ends an answer; config.json has none")
                              .str());
    model.spec.eosIds = std::move(ids);
    for (Setting &setting : scope.settings()) {
      setting.file = kGenerationFile;
      model.spec.configuration.settings.push_back(std::move(setting));
    }
  } else if (ids != model.spec.eosIds) {
    model.notes.push_back((Twine(path) + ": " + kEosKey + " " + listed(ids) +
                           " does not count; config.json has " +
                           listed(model.spec.eosIds))
                              .str());
  }
  return Error::success();
}

static constexpr std::pair<StringLiteral, Function> kFunctions[] = {
    {"step", Function::Step},
    {"logprob", Function::Logprob},
    {"train_step", Function::TrainStep}};

StringRef functionName(Function function) {
  for (const auto &[name, known] : kFunctions)
    if (known == function)
      return name;
  llvm_unreachable("every function has a name");
}

std::optional<Function> parseFunction(StringRef name) {
  for (const auto &[known, function] : kFunctions)
    if (known == name)
      return function;
  return std::nullopt;
}

std::string functionNames() {
  std::string names;
  for (const auto &[name, function] : kFunctions)
    names += (names.empty() ? "" : ", ") + name.str();
  return names;
}

std::vector<std::string> ImportedModel::entries() const {
  std::vector<std::string> result;
  for (const Setting &setting : spec.configuration.settings)
    result.push_back(entryText(setting));
  for (const IgnoredTensors &ignored : spec.configuration.ignored)
    result.push_back(entryText(ignored));
  result.push_back(entryText(spec.configuration.harmless));
  return result;
}

Expected<ImportedModel> importModel(StringRef path,
                                    const ImportOptions &options) {
  Expected<FamilyRegistry> registry =
      FamilyRegistry::load(options.modelFolders);
  if (!registry)
    return registry.takeError();
  Expected<ModelSpec> spec = loadModel(path, *registry);
  if (!spec)
    return spec.takeError();
  ImportedModel model{std::move(*spec), {}, std::nullopt, {}, {}};
  for (const std::string &warning :
       {model.spec.unknownArchitecture, model.spec.unknownKeys})
    if (!warning.empty())
      model.warnings.push_back(warning);
  model.graph.chunk = options.chunk;
  model.graph.split = options.split;
  model.graph.functions = options.functions;
  model.graph.loss = options.loss;
  model.graph.hasAdvantage = options.hasAdvantage;
  model.graph.stored = model.spec.configDType.value_or(FloatType::BF16);
  bool isFolder = sys::fs::is_directory(path);
  if (Error error =
          readEosIds(isFolder ? path : sys::path::parent_path(path), model))
    return std::move(error);
  if (isFolder) {
    safetensors::Checkpoint checkpoint;
    if (Error error = openTensors(path, model.spec, checkpoint))
      return std::move(error);
    model.report = checkCheckpoint(model.spec, checkpoint, path.str());
    const CheckpointReport &report = *model.report;
    if (!report.ok())
      return makeError(StringRef(report.errors()).rtrim());
    if (std::string parts = report.unusedParts(); !parts.empty()) {
      if (!options.ignoreUnused)
        return makeError(parts +
                         "the family's description does not read them, so the "
                         "model would be another one; --ignore-unused compiles "
                         "it without them");
      model.warnings.push_back(StringRef(parts).rtrim().str());
    }
    if (std::string others = report.unusedOthers(); !others.empty())
      model.warnings.push_back(others +
                               "  they are left out; 'hamlet run' takes them "
                               "with --ignore-unused only");
    append_range(model.notes, report.remarks());
    if (checkpoint.hasHeaders) {
      model.graph.stored = report.stored;
      model.graph.others = report.others;
    }
  }
  model.graph.dtype = options.dtype.value_or(model.graph.stored);
  model.graph.asStored = !options.dtype;
  return model;
}

} // namespace hamlet::frontend
