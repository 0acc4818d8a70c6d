//===- Family.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/Family.h"

#include "frontend/Document.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace hamlet::frontend {

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

/// "MiniMaxM1", "minimax_m1" and "MINIMAX-M1" are one.
static std::string normalized(StringRef name) {
  std::string result;
  for (char c : name)
    if (c != '_' && c != '-')
      result += toLower(c);
  return result;
}

static Expected<std::string> readFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeError(path + ": cannot be read: " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

Expected<Family> parseFamily(StringRef yaml, StringRef path) {
  Expected<json::Value> value = parseYaml(yaml, path);
  if (!value)
    return value.takeError();
  Family family;
  family.path = path.str();
  family.description = std::move(*value);
  Problem problem;
  Node root(&family.description, (path + ": ").str(), problem);
  root.onlyKeys({"family", "model_types", "architectures", "config", "accept",
                 "harmless", "model", "layers", "mixers", "moe"});
  family.name = root.required("family").text();
  family.modelTypes = root.required("model_types").texts();
  family.architectures = root.member("architectures").texts();
  for (StringRef section : {"config", "model", "layers", "mixers", "moe"})
    root.required(section).object();
  if (problem.failed())
    return problem.take();
  return family;
}

Expected<FamilyRegistry>
FamilyRegistry::load(ArrayRef<std::string> directories) {
  FamilyRegistry registry;
  for (const EmbeddedFile &file : builtinFamilies()) {
    Expected<Family> family = parseFamily(file.text, file.name);
    if (!family)
      return family.takeError();
    registry.add(std::move(*family));
  }
  for (const std::string &directory : directories) {
    std::error_code code;
    std::vector<std::string> paths;
    for (sys::fs::directory_iterator file(directory, code), end;
         !code && file != end; file.increment(code))
      if (sys::path::extension(file->path()) == ".yaml")
        paths.push_back(file->path());
    if (code)
      return makeError(directory + ": cannot be read: " + code.message());
    sort(paths);
    for (const std::string &path : paths) {
      Expected<std::string> text = readFile(path);
      if (!text)
        return text.takeError();
      Expected<Family> family = parseFamily(*text, path);
      if (!family)
        return family.takeError();
      registry.add(std::move(*family));
    }
  }
  return registry;
}

const Family *FamilyRegistry::find(StringRef modelType,
                                   ArrayRef<std::string> architectures) const {
  auto claims = [](const std::vector<std::string> &names, StringRef wanted) {
    return any_of(names, [&](const std::string &name) {
      return normalized(name) == normalized(wanted);
    });
  };
  if (!modelType.empty())
    for (const Family &family : reverse(families))
      if (claims(family.modelTypes, modelType))
        return &family;
  for (const std::string &architecture : architectures)
    for (const Family &family : reverse(families))
      if (claims(family.architectures, architecture))
        return &family;
  return nullptr;
}

/// The model type and the architectures are two names of one thing. One that
/// another family claims is an error, one that nobody does becomes a warning.
static Error checkArchitectures(const Family &family,
                                const FamilyRegistry &registry,
                                ArrayRef<std::string> architectures,
                                StringRef path, std::string &warning) {
  for (const std::string &architecture : architectures) {
    const Family *owner = registry.find("", {architecture});
    if (family.architectures.empty() || owner == &family)
      continue;
    std::string shown = StringRef(architecture).take_front(80).str();
    if (owner)
      return makeError(path + ": architectures: expected one of family '" +
                       family.name + "' (" + join(family.architectures, ", ") +
                       "), as the model type is, found '" + shown + "'");
    warning = (path + ": architectures: '" + shown + "' is unknown; read as " +
               join(family.architectures, " or ") + ", as the model type is")
                  .str();
  }
  return Error::success();
}

Expected<ModelSpec> parseModel(StringRef text, StringRef path,
                               const FamilyRegistry &registry) {
  Expected<json::Value> config = parseJson(text, path);
  if (!config)
    return config.takeError();
  Problem problem;
  Node root(&*config, (path + ": ").str(), problem);
  std::string modelType;
  std::vector<std::string> architectures;
  if (Node node = root.member("model_type"); node && !node.get().getAsNull())
    modelType = node.text();
  if (Node node = root.member("architectures"); node && !node.get().getAsNull())
    architectures = node.texts();
  if (problem.failed())
    return problem.take();
  // A model type that is there decides; architectures stand in for a missing
  // one.
  bool named =
      root.member("model_type") && !root.member("model_type").get().getAsNull();
  if (named)
    architectures.clear();
  if (const Family *family = registry.find(modelType, architectures)) {
    std::string unknown;
    if (Error error = checkArchitectures(*family, registry,
                                         root.member("architectures").texts(),
                                         path, unknown))
      return std::move(error);
    Expected<ModelSpec> spec = resolveModel(*family, *config, path);
    if (spec)
      spec->unknownArchitecture = std::move(unknown);
    return spec;
  }
  std::vector<std::string> known;
  for (const Family &family : registry.all())
    llvm::append_range(known, family.modelTypes);
  std::string found = modelType.empty() ? join(architectures, ", ") : modelType;
  return makeError(path + ": model_type: expected a known family (" +
                   join(known, ", ") + "), found " +
                   (found.empty()
                        ? "none"
                        : "'" + StringRef(found).take_front(80).str() + "'") +
                   "; --models DIR adds descriptions");
}

Expected<ModelSpec> loadModel(StringRef path, const FamilyRegistry &registry) {
  SmallString<128> file(path);
  if (sys::fs::is_directory(path))
    sys::path::append(file, "config.json");
  Expected<std::string> text = readFile(file);
  if (!text)
    return text.takeError();
  return parseModel(*text, file, registry);
}

} // namespace hamlet::frontend
