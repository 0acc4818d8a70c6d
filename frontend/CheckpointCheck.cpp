#include "frontend/CheckpointCheck.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace hamlet::frontend {

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// Shell pattern with * only.
static bool matches(std::string_view pattern, std::string_view name) {
  size_t star = std::string_view::npos, resume = 0, p = 0, n = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

CheckpointReport checkCheckpoint(const ModelSpec &spec,
                                 const safetensors::Checkpoint &checkpoint,
                                 std::string place) {
  CheckpointReport report;
  report.place = std::move(place);
  report.duplicates = checkpoint.duplicates;
  std::set<std::string_view> used;
  std::set<safetensors::DType> matrixTypes;
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
             std::string(safetensors::dtypeName(tensor.dtype))});
      else if (matrix)
        matrixTypes.insert(tensor.dtype);
    }
  }
  if (matrixTypes.size() == 1 &&
      *matrixTypes.begin() == safetensors::DType::BF16)
    report.stored = FloatType::BF16;
  else if (matrixTypes.size() == 1 &&
           *matrixTypes.begin() == safetensors::DType::F16)
    report.stored = FloatType::F16;
  for (const auto &[name, tensor] : checkpoint.tensors)
    if (!used.count(name))
      report.unused.push_back(
          {name,
           std::any_of(spec.ignoredTensors.begin(), spec.ignoredTensors.end(),
                       [&, &tensorName = name](const std::string &pattern) {
                         return matches(pattern, tensorName);
                       })});
  return report;
}

std::string CheckpointReport::text(size_t listed) const {
  std::string result;
  auto group = [&](const auto &entries, const std::string &title, auto &&line) {
    if (entries.empty())
      return;
    result += place + ": tensors: " + std::to_string(entries.size()) + " " +
              title + "\n";
    for (size_t i = 0; i < std::min(entries.size(), listed); ++i)
      result += "  " + line(entries[i]) + "\n";
    if (entries.size() > listed)
      result += "  and " + std::to_string(entries.size() - listed) + " more\n";
  };
  auto mismatchLine = [](const Mismatch &entry) {
    return entry.tensor + " in " + entry.file + ": expected " + entry.expected +
           ", found " + entry.found;
  };
  group(missing, "missing", [](const Missing &entry) {
    return entry.tensor + ": expected " + shapeText(entry.expected) + " for " +
           entry.weight + ", found nothing";
  });
  group(misshaped, "of another shape", mismatchLine);
  group(badDType, "of a dtype that weights cannot have", mismatchLine);
  group(duplicates, "in more than one file",
        [](const safetensors::Duplicate &entry) {
          return entry.name + ": expected once, found in " + entry.kept +
                 " and " + entry.other;
        });
  group(unused, "unused, ignored", [](const Unused &entry) {
    return entry.tensor +
           (entry.known ? " (a buffer that hamlet computes itself)" : "");
  });
  return result;
}

} // namespace hamlet::frontend
