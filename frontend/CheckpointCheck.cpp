//===- CheckpointCheck.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/CheckpointCheck.h"

#include "frontend/KnownKeys.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace hamlet::frontend {

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

static FloatType floatType(safetensors::DType dtype) {
  switch (dtype) {
  case safetensors::DType::BF16:
    return FloatType::BF16;
  case safetensors::DType::F16:
    return FloatType::F16;
  default: // Only weight types come here.
    return FloatType::F32;
  }
}

namespace {

/// What matrices and embeddings are stored in.
class StoredTypes {
public:
  void add(const std::string &name, const safetensors::Tensor &tensor) {
    FloatType type = floatType(tensor.dtype);
    Share &share = shares[type];
    ++share.tensors;
    share.bytes += tensor.size;
    tensors.emplace_back(name, type);
  }

  void decide(const std::optional<FloatType> &configured,
              CheckpointReport &report, std::string &text) const {
    if (shares.empty())
      return;
    // Of equal shares the wider type, which is the first.
    auto most = std::max_element(shares.begin(), shares.end(),
                                 [](const auto &a, const auto &b) {
                                   return a.second.bytes < b.second.bytes;
                                 });
    bool mixed = shares.size() > 1;
    report.stored = mixed && configured ? *configured : most->first;
    for (const auto &[name, type] : tensors)
      if (type != report.stored)
        report.others.emplace(name, type);
    if (!mixed)
      return;
    for (const auto &[type, share] : shares)
      text += (text.empty() ? "" : ", ") + std::to_string(share.tensors) +
              " in " + std::string(floatTypeName(type));
    text = "matrices and embeddings differ in dtype: " + text +
           "; the model counts as stored in " +
           std::string(floatTypeName(report.stored)) + ", " +
           (configured ? "as its configuration says"
                       : "which most of their bytes are in");
  }

private:
  struct Share {
    size_t tensors = 0;
    uint64_t bytes = 0;
  };
  std::map<FloatType, Share> shares;
  std::vector<std::pair<std::string, FloatType>> tensors;
};

} // namespace

/// True if a used tensor lies in the module of `name`, or in the one around it:
/// model.layers.0.self_attn of q_norm.weight, not mtp of mtp.norm.weight.
static bool isWithinModel(const std::set<std::string_view> &used,
                          std::string_view name) {
  for (int level = 0; level < 2; ++level) {
    size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0)
      return false;
    std::string_view module = name.substr(0, dot + 1);
    auto next = used.lower_bound(module);
    if (next != used.end() && next->starts_with(module))
      return true;
    name = name.substr(0, dot);
  }
  return false;
}

CheckpointReport checkCheckpoint(const ModelSpec &spec,
                                 const safetensors::Checkpoint &checkpoint,
                                 std::string place) {
  CheckpointReport report;
  report.place = std::move(place);
  report.duplicates = checkpoint.duplicates;
  report.notes = checkpoint.notes;
  std::set<std::string_view> used;
  StoredTypes types;
  for (const WeightRecipe &recipe : spec.weights) {
    bool matrix = recipe.use == WeightUse::Matrix ||
                  recipe.use == WeightUse::Embedding ||
                  recipe.use == WeightUse::LmHead;
    for (const WeightSource &source : recipe.sources) {
      if (!used.insert(source.tensor).second)
        continue;
      auto found = checkpoint.tensors.find(source.tensor);
      if (found == checkpoint.tensors.end()) {
        report.missing.push_back({source.tensor, recipe.name, source.shape});
        continue;
      }
      ++report.used;
      if (!checkpoint.hasHeaders)
        continue;
      const safetensors::Tensor &tensor = found->second;
      const std::string &file = checkpoint.files[tensor.file];
      if (tensor.shape != source.shape)
        report.misshaped.push_back({source.tensor, file,
                                    shapeText(source.shape),
                                    shapeText(tensor.shape)});
      if (!safetensors::isWeightType(tensor.dtype))
        report.badDType.push_back(
            {source.tensor, file, "F32, BF16 or F16",
             std::string(safetensors::dtypeName(tensor))});
      else if (matrix)
        types.add(source.tensor, tensor);
    }
  }
  types.decide(spec.configDType, report, report.dtypes);
  for (const auto &[name, tensor] : checkpoint.tensors) {
    if (used.count(name))
      continue;
    const IgnoredTensors *known = findIgnored(spec.configuration.ignored, name);
    bool isPart = !known && isWithinModel(used, name);
    report.unused.push_back(
        {name, known ? known->reason : "",
         isPart ? KnownKeys::builtin().kindOfTensor(name).str() : ""});
  }
  return report;
}

/// "<place>: tensors: N <title>", then a line for each of the first `listed`.
template <typename Entry, typename Line>
static std::string group(const std::string &place,
                         const std::vector<Entry> &entries,
                         const std::string &title, size_t listed, Line line) {
  if (entries.empty())
    return "";
  std::string result = place + ": tensors: " + std::to_string(entries.size()) +
                       " " + title + "\n";
  for (size_t i = 0; i < std::min(entries.size(), listed); ++i)
    result += "  " + line(entries[i]) + "\n";
  if (entries.size() > listed)
    result += "  and " + std::to_string(entries.size() - listed) + " more\n";
  return result;
}

std::string CheckpointReport::errors(size_t listed) const {
  auto mismatchLine = [](const Mismatch &entry) {
    return entry.tensor + " in " + entry.file + ": expected " + entry.expected +
           ", found " + entry.found;
  };
  return group(place, missing, "missing", listed,
               [](const Missing &entry) {
                 return entry.tensor + ": expected " +
                        shapeText(entry.expected) + " for " + entry.weight +
                        ", found nothing";
               }) +
         group(place, misshaped, "of another shape", listed, mismatchLine) +
         group(place, badDType, "of a dtype that weights cannot have", listed,
               mismatchLine) +
         group(place, duplicates, "in more than one file", listed,
               [](const safetensors::Duplicate &entry) {
                 return entry.name + ": expected once, found in " + entry.kept +
                        " and " + entry.other;
               });
}

std::string CheckpointReport::unusedParts(size_t listed) const {
  std::vector<Unused> parts;
  std::copy_if(unused.begin(), unused.end(), std::back_inserter(parts),
               [](const Unused &entry) { return !entry.part.empty(); });
  return group(place, parts,
               "unused, and by their names part of what a layer computes",
               listed, [](const Unused &entry) {
                 return entry.tensor + " (" + entry.part + ")";
               });
}

std::string CheckpointReport::unusedOthers(size_t listed) const {
  std::vector<Unused> others;
  std::copy_if(unused.begin(), unused.end(), std::back_inserter(others),
               [](const Unused &entry) {
                 return entry.part.empty() && entry.reason.empty();
               });
  return group(place, others, "unused", listed,
               [](const Unused &entry) { return entry.tensor; });
}

std::vector<std::string> CheckpointReport::remarks() const {
  std::vector<std::string> result = notes;
  if (!dtypes.empty())
    result.push_back(place + ": " + dtypes);
  std::map<std::string, std::vector<std::string>> byReason;
  for (const Unused &entry : unused)
    if (!entry.reason.empty())
      byReason[entry.reason].push_back(entry.tensor);
  for (const auto &[reason, tensors] : byReason)
    result.push_back(place + ": tensors: " + std::to_string(tensors.size()) +
                     " unused (" + reason + "): " + tensors.front() +
                     (tensors.size() > 1 ? ", ..." : ""));
  return result;
}

} // namespace hamlet::frontend
