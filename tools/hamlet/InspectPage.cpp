//===- InspectPage.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/InspectPage.h"

#include "container/Lifetimes.h"
#include "tools/hamlet/Describe.h"
#include "tools/hamlet/Table.h"
#include "tools/hamlet/Units.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace hamlet::tools {
namespace {

using namespace hmlt;
using enum Table::Align;

constexpr size_t kShownTensors = 8;
constexpr size_t kShownConstants = 4;
constexpr size_t kNameWidth = 44;

std::string shapeText(const std::vector<int64_t> &shape) {
  std::vector<std::string> parts;
  parts.reserve(shape.size());
  for (int64_t extent : shape)
    parts.push_back(std::to_string(extent));
  return "[" + joined(parts) + "]";
}

double elements(const std::vector<int64_t> &shape) {
  double count = 1;
  for (int64_t extent : shape)
    count *= double(extent);
  return count;
}

/// A total stands under rows only if there are several.
void addTotal(Table &table, size_t rows, std::vector<std::string> cells) {
  if (rows < 2)
    return;
  table.rule();
  table.add(std::move(cells));
}

class Page {
public:
  Page(const ContainerT &file, bool bold) : file(file), bold(bold) {
    for (const auto &image : file.images)
      layouts.push_back(layoutsFor(file, image->target));
  }

  std::string text(const std::string &path, uint64_t fileBytes) {
    head(path, fileBytes);
    targets();
    if (!file.images.empty() && !file.weights.empty()) {
      weightGroups();
      largestWeights();
    }
    constants();
    caches();
    states();
    functions();
    kernels();
    out += "\nEverything, to the byte: hamlet inspect --full. Kernels and why "
           "they are as\nthey are: hamlet explain.\n";
    return std::move(out);
  }

private:
  void section(const std::string &title, const Table &table) {
    out += "\n" + title + "\n" + table.text(bold);
  }
  void fact(const std::string &name, const std::string &value) {
    constexpr size_t kValueAt = 14;
    std::string label = "  " + name;
    label.resize(std::max(kValueAt, label.size() + 1), ' ');
    // The label is part of the first line; the others hang under the value.
    std::string lines = paragraph(value, label.size());
    out += label + lines.substr(label.size());
  }
  int64_t bytesOf(size_t image, size_t weight) const {
    return bytesFor(file, weight, layouts[image][weight]);
  }

  void head(const std::string &path, uint64_t fileBytes) {
    const ModelT &model = *file.model;
    std::vector<std::string> facts = {model.architecture.empty()
                                          ? "no model, functions only"
                                          : model.architecture};
    if (model.layers)
      facts.push_back(
          numbered(static_cast<size_t>(model.layers), "layer", "layers"));
    if (model.parameters)
      facts.push_back(countText(double(model.parameters)) + " parameters");
    facts.emplace_back(EnumNameDType(model.dtype));
    out += paragraph(joined(facts), 0, 2);
    fact("file", path + ", " + bytesText(double(fileBytes)) +
                     ", container version " + std::to_string(file.version));
    if (model.vocab) {
      fact("sizes", "hidden " + std::to_string(model.hidden) + ", vocabulary " +
                        std::to_string(model.vocab) + ", lightning chunk " +
                        std::to_string(model.chunk));
      fact("context", std::to_string(model.max_positions) + " tokens");
      std::vector<std::string> ids;
      ids.reserve(model.eos_ids.size());
      for (int64_t id : model.eos_ids)
        ids.push_back(std::to_string(id));
      fact("EOS ids", ids.empty() ? "none" : joined(ids));
    }
    if (const ProvenanceT *provenance = file.provenance.get()) {
      fact("compiler", provenance->compiler);
      if (!provenance->flags.empty())
        fact("flags", provenance->flags);
      if (!provenance->source.empty())
        fact("source", provenance->source);
      fact("input", "hash " + provenance->input_hash +
                        (provenance->entries.empty()
                             ? ""
                             : ", " +
                                   numbered(provenance->entries.size(),
                                            "record", "records") +
                                   " of what was read"));
    }
    char hash[17];
    std::snprintf(hash, sizeof(hash), "%016llx",
                  static_cast<unsigned long long>(file.content_hash));
    fact("hash", hash);
  }

  void targets() {
    if (file.images.empty())
      return;
    Table table({{"target", Left, 24},
                 {"code", Right},
                 {"cubin", Right},
                 {"kernels", Right},
                 {"variants", Right},
                 {"weights", Right}});
    std::vector<size_t> order(file.images.size());
    double code = 0, cubin = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
      code += double(file.images[i]->bytes.size());
      cubin += double(file.images[i]->cubin.size());
    }
    auto size = [&](size_t i) {
      return file.images[i]->bytes.size() + file.images[i]->cubin.size();
    };
    sortLargestFirst(order, [&](size_t a) { return size(a); });
    for (size_t i : order) {
      const ImageT &image = *file.images[i];
      size_t kernels = 0, variants = 0;
      for (const auto &kernel : file.kernels)
        if (const RealizationT *made = findRealization(*kernel, image.target)) {
          ++kernels;
          variants += made->variants.size();
        }
      double weights = 0;
      for (size_t w = 0; w < file.weights.size(); ++w)
        weights += double(bytesOf(i, w));
      table.add(
          {image.target, bytesText(double(image.bytes.size())),
           image.cubin.empty() ? "-" : bytesText(double(image.cubin.size())),
           std::to_string(kernels), std::to_string(variants),
           bytesText(weights)});
    }
    addTotal(table, order.size(),
             {"total", bytesText(code), cubin > 0 ? bytesText(cubin) : "-"});
    section("Targets: code in the file, weights once loaded", table);
  }

  /// "panel_pairs", "plain + panel", or that no kernel takes it.
  std::string layoutText(size_t weight) const {
    std::vector<std::string> names;
    for (Layout layout : layouts.front()[weight])
      names.emplace_back(EnumNameLayout(layout));
    return names.empty() ? "unused" : joined(names, " + ");
  }

  void weightGroups() {
    struct Group {
      size_t count = 0;
      double elements = 0, bytes = 0;
    };
    std::map<std::pair<std::string, std::string>, Group> groups;
    Group all;
    for (size_t w = 0; w < file.weights.size(); ++w) {
      Group &group =
          groups[{EnumNameDType(file.weights[w]->dtype), layoutText(w)}];
      for (Group *sum : {&group, &all}) {
        ++sum->count;
        sum->elements += elements(file.weights[w]->shape);
        sum->bytes += double(bytesOf(0, w));
      }
    }
    std::vector<std::pair<std::pair<std::string, std::string>, Group>> sorted(
        groups.begin(), groups.end());
    sortLargestFirst(sorted, [&](const auto &a) { return a.second.bytes; });
    Table table({{"dtype"},
                 {"layout"},
                 {"tensors", Right},
                 {"elements", Right},
                 {"bytes", Right},
                 {"share", Right}});
    auto cells = [&](const std::string &dtype, const std::string &layout,
                     const Group &group) -> std::vector<std::string> {
      return {dtype,
              layout,
              std::to_string(group.count),
              countText(group.elements),
              bytesText(group.bytes),
              percentText(group.bytes, all.bytes)};
    };
    for (const auto &[key, group] : sorted)
      table.add(cells(key.first, key.second, group));
    addTotal(table, sorted.size(), cells("total", "", all));
    section("Weights, as " + printable(file.images.front()->target) +
                " takes them",
            table);
  }

  void largestWeights() {
    std::vector<size_t> order(file.weights.size());
    double all = 0;
    for (size_t w = 0; w < order.size(); ++w) {
      order[w] = w;
      all += double(bytesOf(0, w));
    }
    sortLargestFirst(order, [&](size_t a) { return bytesOf(0, a); });
    Table table(
        {{"largest tensors", Left, kNameWidth}, {"shape"}, {"bytes", Right}});
    double shown = 0;
    for (size_t i = 0; i < std::min(order.size(), kShownTensors); ++i) {
      const WeightT &weight = *file.weights[order[i]];
      shown += double(bytesOf(0, order[i]));
      table.add({weight.name, shapeText(weight.shape),
                 bytesText(double(bytesOf(0, order[i])))});
    }
    if (order.size() > kShownTensors)
      table.add({std::to_string(order.size() - kShownTensors) + " more", "",
                 bytesText(all - shown)});
    addTotal(table, order.size(), {"total", "", bytesText(all)});
    out += "\n" + table.text(bold);
  }

  void constants() {
    if (file.constants.empty())
      return;
    std::vector<const ConstantT *> sorted;
    double all = 0;
    for (const auto &constant : file.constants) {
      sorted.push_back(constant.get());
      all += double(constant->bytes.size());
    }
    sortLargestFirst(sorted,
                     [&](const ConstantT *a) { return a->bytes.size(); });
    Table table(
        {{"name", Left, kNameWidth}, {"dtype"}, {"shape"}, {"bytes", Right}});
    double shown = 0;
    for (size_t i = 0; i < std::min(sorted.size(), kShownConstants); ++i) {
      shown += double(sorted[i]->bytes.size());
      table.add({sorted[i]->name, EnumNameDType(sorted[i]->dtype),
                 shapeText(sorted[i]->shape),
                 bytesText(double(sorted[i]->bytes.size()))});
    }
    if (sorted.size() > kShownConstants)
      table.add({std::to_string(sorted.size() - kShownConstants) + " more", "",
                 "", bytesText(all - shown)});
    addTotal(table, sorted.size(), {"total", "", "", bytesText(all)});
    section("Constants", table);
  }

  void caches() {
    if (file.caches.empty())
      return;
    struct Group {
      size_t count = 0;
      double slot = 0, page = 0;
    };
    std::map<std::string, Group> groups;
    Group all;
    for (const auto &cache : file.caches)
      for (Group *sum : {&groups[cache->kind], &all}) {
        ++sum->count;
        (cache->per == CachePer::slot ? sum->slot : sum->page) +=
            double(cache->bytes);
      }
    std::vector<std::pair<std::string, Group>> sorted(groups.begin(),
                                                      groups.end());
    sortLargestFirst(
        sorted, [&](const auto &a) { return a.second.slot + a.second.page; });
    Table table({{"kind", Left, 24},
                 {"caches", Right},
                 {"a sequence", Right},
                 {"a token", Right},
                 {"a page of " + std::to_string(kPageTokens), Right}});
    auto cells = [](const std::string &name,
                    const Group &group) -> std::vector<std::string> {
      auto some = [](double bytes) {
        return bytes > 0 ? bytesText(bytes) : std::string("-");
      };
      return {name, std::to_string(group.count), some(group.slot),
              some(group.page / double(kPageTokens)), some(group.page)};
    };
    for (const auto &[kind, group] : sorted)
      table.add(cells(kind, group));
    addTotal(table, sorted.size(), cells("total", all));
    section("Caches", table);
  }

  void states() {
    if (file.states.empty())
      return;
    double bytes = 0;
    for (const auto &state : file.states)
      bytes += elements(state->shape) * double(sizeOf(state->dtype));
    out +=
        "\nStates that functions write: " + std::to_string(file.states.size()) +
        ", " + bytesText(bytes) + "\n";
  }

  /// "1.2 KiB tokens + 2.0 KiB output_rows": buffers of each symbol packed
  /// apart, so that it is no less than what a run takes but for alignment.
  std::string arena(const FunctionT &function) const {
    std::map<std::string, std::vector<Lifetime>> bySymbol;
    auto add = [&](const std::string &symbol, const BufferT &buffer,
                   int64_t bytes) {
      Lifetime life;
      life.bytes = bytes;
      life.first = buffer.first;
      life.last = buffer.last;
      bySymbol[symbol].push_back(life);
    };
    for (const auto &buffer : function.buffers) {
      const Expr &bytes = *buffer->bytes;
      int64_t each =
          bytes.mul() / bytes.div() + (bytes.mul() % bytes.div() > 0);
      bool fixed = bytes.symbol() == Symbol::one;
      if (!fixed)
        add(symbolText(function, bytes), *buffer, each);
      if (int64_t constant = bytes.add() + (fixed ? each : 0); constant > 0)
        add("", *buffer, constant);
    }
    std::vector<std::string> terms;
    for (auto &[symbol, lives] : bySymbol) {
      std::vector<Lifetime *> all;
      for (Lifetime &life : lives)
        all.push_back(&life);
      terms.push_back(bytesText(double(placeLifetimes(all))) +
                      (symbol.empty() ? "" : " x " + symbol));
    }
    return terms.empty() ? "none" : joined(terms, " + ");
  }

  static std::string symbolText(const FunctionT &function, const Expr &expr) {
    auto i = static_cast<size_t>(expr.index());
    size_t own = function.extents.size();
    if (expr.symbol() != Symbol::extent || i >= own + function.derived.size())
      return EnumNameSymbol(expr.symbol());
    return i < own ? function.extents[i] : function.derived[i - own]->name;
  }

  void functions() {
    Table table({{"function", Left, 28},
                 {"launches", Right},
                 {"kernels", Right},
                 {"buffers", Right},
                 {"operands", Right},
                 {"results", Right}});
    size_t launches = 0, buffers = 0;
    std::vector<const FunctionT *> sorted;
    sorted.reserve(file.functions.size());
    for (const auto &function : file.functions)
      sorted.push_back(function.get());
    sortLargestFirst(sorted,
                     [&](const FunctionT *a) { return a->launches.size(); });
    for (const FunctionT *function : sorted) {
      std::set<int> kernels;
      std::set<std::string> inputs;
      for (const auto &launch : function->launches) {
        kernels.insert(launch->kernel);
        for (const auto &arg : launch->args)
          if (arg->kind == ArgKind::step_input)
            inputs.insert(
                EnumNameStepInput(static_cast<StepInput>(arg->index)));
      }
      launches += function->launches.size();
      buffers += function->buffers.size();
      table.add({function->name, std::to_string(function->launches.size()),
                 std::to_string(kernels.size()),
                 std::to_string(function->buffers.size()),
                 std::to_string(function->operands.size()),
                 std::to_string(function->results.size())});
      table.note("arena " + arena(*function), 4, 2);
      if (function->step)
        table.note("step inputs " + joined({inputs.begin(), inputs.end()}), 4,
                   2);
    }
    addTotal(table, sorted.size(),
             {"total", std::to_string(launches), "", std::to_string(buffers)});
    section("Functions", table);
  }

  void kernels() {
    struct Group {
      size_t kernels = 0, variants = 0, launches = 0;
    };
    std::map<std::string, Group> groups;
    Group all;
    for (const auto &kernel : file.kernels) {
      std::set<std::string> variants;
      for (const auto &realization : kernel->realizations)
        for (const auto &variant : realization->variants)
          variants.insert(variant->symbol);
      for (Group *sum : {&groups[kernel->kind], &all}) {
        ++sum->kernels;
        sum->variants += variants.size();
      }
    }
    for (const auto &function : file.functions)
      for (const auto &launch : function->launches)
        for (Group *sum :
             {&groups[file.kernels[static_cast<size_t>(launch->kernel)]->kind],
              &all})
          ++sum->launches;
    std::vector<std::pair<std::string, Group>> sorted(groups.begin(),
                                                      groups.end());
    sortLargestFirst(sorted, [&](const auto &a) { return a.second.launches; });
    Table table({{"kind", Left, 28},
                 {"kernels", Right},
                 {"variants", Right},
                 {"launches", Right}});
    auto cells = [](const std::string &name,
                    const Group &group) -> std::vector<std::string> {
      return {name, std::to_string(group.kernels),
              std::to_string(group.variants), std::to_string(group.launches)};
    };
    for (const auto &[kind, group] : sorted)
      table.add(cells(kind, group));
    addTotal(table, sorted.size(), cells("total", all));
    section("Kernels", table);
  }

  const ContainerT &file;
  bool bold;
  std::vector<std::vector<std::set<Layout>>> layouts; ///< by image, by weight
  std::string out;
};

} // namespace

std::string inspectPage(const ContainerT &file, const std::string &path,
                        uint64_t fileBytes, bool bold) {
  return Page(file, bold).text(path, fileBytes);
}

} // namespace hamlet::tools
