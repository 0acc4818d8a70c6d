//===- Describe.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Describe.h"

#include "runtime/Footprint.h"

#include <cstdio>

namespace hamlet::tools {

using namespace hmlt;

std::string shown(const Expr &expr, const std::vector<std::string> *sizes) {
  std::string text = EnumNameSymbol(expr.symbol());
  if (expr.symbol() == Symbol::extent)
    text += "[" + std::to_string(expr.index()) + "]";
  if (expr.symbol() == Symbol::size)
    text = sizes && static_cast<size_t>(expr.index()) < sizes->size()
               ? (*sizes)[static_cast<size_t>(expr.index())]
               : text + "[" + std::to_string(expr.index()) + "]";
  if (expr.mul() != 1)
    text += " * " + std::to_string(expr.mul());
  if (expr.by_rows())
    text = "ceil(" + text + " / rows)";
  else if (expr.div() != 1)
    text = "ceil(" + text + " / " + std::to_string(expr.div()) + ")";
  if (expr.symbol() == Symbol::one && !expr.by_rows())
    text =
        std::to_string((expr.mul() + expr.div() - 1) / expr.div() + expr.add());
  else if (expr.add())
    text += " + " + std::to_string(expr.add());
  return text;
}

namespace {

std::string argumentText(const ContainerT &file, const FunctionT &function,
                         const ArgT &arg) {
  auto i = static_cast<size_t>(arg.index);
  std::string kind = EnumNameArgKind(arg.kind);
  switch (arg.kind) {
  case ArgKind::buffer:
    return kind + " " + function.buffers[i]->name;
  case ArgKind::step_input:
    return kind + " " + EnumNameStepInput(static_cast<StepInput>(arg.index));
  case ArgKind::weight:
    return kind + " " + file.weights[i]->name;
  case ArgKind::constant:
    return kind + " " + file.constants[i]->name;
  case ArgKind::cache:
    return kind + " " + file.caches[i]->name;
  case ArgKind::operand:
    return kind + " " + function.operands[i]->name;
  case ArgKind::result:
    return kind + " " + function.results[i]->name;
  case ArgKind::state:
    return kind + " " + file.states[i]->name;
  case ArgKind::real:
    return kind + " " + std::to_string(arg.value);
  }
  return kind;
}

/// Derived extents follow those that operands bring.
const std::string &extentName(const FunctionT &function, size_t index) {
  size_t own = function.extents.size();
  return index < own ? function.extents[index]
                     : function.derived[index - own]->name;
}

Json describeOperands(const std::vector<std::unique_ptr<OperandT>> &operands,
                      const FunctionT &function) {
  Json list = Json::array();
  for (const auto &operand : operands) {
    Json shape = Json::array();
    for (size_t d = 0; d < operand->shape.size(); ++d) {
      if (operand->shape[d] >= 0)
        shape.push_back(operand->shape[d]);
      else
        shape.push_back(
            extentName(function, static_cast<size_t>(operand->extents[d])));
    }
    list.push_back({{"name", operand->name},
                    {"dtype", EnumNameDType(operand->dtype)},
                    {"shape", shape}});
  }
  return list;
}

Json describeLaunch(const ContainerT &file, const FunctionT &function,
                    const LaunchT &launch) {
  const KernelT &kernel = *file.kernels[static_cast<size_t>(launch.kernel)];
  Json sizes = Json::object(), args = Json::object();
  for (size_t i = 0; i < launch.sizes.size(); ++i)
    sizes[kernel.sizes[i]] = shown(launch.sizes[i]);
  size_t next = 0;
  for (const auto &parameter : kernel.parameters)
    if (parameter->kind != ParameterKind::size)
      args[parameter->name] =
          argumentText(file, function, *launch.args[next++]);
  Json json = {{"kernel", kernel.name},
               {"layer", launch.layer},
               {"sizes", sizes},
               {"args", args}};
  if (launch.stream)
    json["stream"] = launch.stream;
  if (!launch.waits.empty())
    json["waits"] = launch.waits;
  if (launch.signal >= 0)
    json["signal"] = launch.signal;
  return json;
}

Json describeFunction(const ContainerT &file, const FunctionT &function) {
  Json json = {{"name", function.name},
               {"operands", describeOperands(function.operands, function)},
               {"results", describeOperands(function.results, function)},
               {"extents", function.extents},
               {"step", function.step},
               {"logits_buffer", function.logits_buffer}};
  Json buffers = Json::array(), launches = Json::array(),
       derived = Json::array(), checks = Json::array();
  for (const auto &extent : function.derived) {
    std::string terms;
    for (const Expr &term : extent->terms)
      terms += (terms.empty()     ? ""
                : extent->product ? " times "
                                  : " plus ") +
               shown(term);
    derived.push_back({{"name", extent->name}, {"value", terms}});
  }
  for (const auto &check : function.checks) {
    Json json = {{"what", check->what},
                 {"kind", EnumNameCheckKind(check->kind)},
                 {"limit", shown(*check->limit)}};
    if (check->kind == CheckKind::equal)
      json["value"] = shown(*check->value);
    checks.push_back(std::move(json));
  }
  for (const auto &buffer : function.buffers)
    buffers.push_back({{"name", buffer->name},
                       {"dtype", EnumNameDType(buffer->dtype)},
                       {"bytes", shown(*buffer->bytes)},
                       {"first", buffer->first},
                       {"last", buffer->last},
                       {"zero_first", buffer->zero_first}});
  for (const auto &launch : function.launches)
    launches.push_back(describeLaunch(file, function, *launch));
  json["derived"] = std::move(derived);
  json["checks"] = std::move(checks);
  json["buffers"] = std::move(buffers);
  json["launches"] = std::move(launches);
  return json;
}

} // namespace

Json describe(const KernelT &kernel, const RealizationT &realization) {
  Json grid = Json::array(), layouts = Json::object();
  for (const Expr &expr : realization.grid)
    grid.push_back(shown(expr, &kernel.sizes));
  for (size_t i = 0; i < realization.layouts.size(); ++i)
    if (realization.layouts[i] != Layout::plain)
      layouts[kernel.parameters[i]->name] =
          EnumNameLayout(realization.layouts[i]);
  return {{"target", realization.target},
          {"schedule", realization.schedule},
          {"grid", grid},
          {"layouts", layouts}};
}

Json describe(const ScheduleT &s, const std::string &target) {
  return {{"target", target},
          {"product", {s.m, s.k, s.n}},
          {"rows", s.rows},
          {"panels", s.panels},
          {"depth", s.depth},
          {"part", s.part},
          {"predicted_cycles", s.cycles},
          {"given", s.given}};
}

namespace {

/// The variants of all targets, by name: what each target makes of them.
Json describeVariants(const KernelT &kernel) {
  Json list = Json::array();
  for (const auto &realization : kernel.realizations)
    for (const auto &variant : realization->variants) {
      Json *found = nullptr;
      for (Json &known : list)
        if (known["symbol"] == variant->symbol)
          found = &known;
      if (!found)
        found = &list.emplace_back(Json{{"rows", variant->rows},
                                        {"symbol", variant->symbol},
                                        {"targets", Json::object()},
                                        {"schedules", Json::array()}});
      (*found)["targets"][realization->target] = {
          {"scratch_bytes", variant->scratch_bytes},
          {"shared_bytes", variant->shared_bytes},
          {"block_threads", variant->block_threads},
          {"registers", variant->registers}};
      for (const auto &s : variant->schedules)
        (*found)["schedules"].push_back(describe(*s, realization->target));
    }
  return list;
}

} // namespace

Json describeKernels(const ContainerT &file) {
  Json list = Json::array();
  for (const auto &kernel : file.kernels) {
    Json parameters = Json::object(), realizations = Json::array();
    for (const auto &parameter : kernel->parameters)
      parameters[parameter->name] =
          parameter->kind == ParameterKind::memory
              ? EnumNameDType(parameter->dtype)
              : EnumNameParameterKind(parameter->kind);
    for (const auto &realization : kernel->realizations)
      realizations.push_back(describe(*kernel, *realization));
    list.push_back({{"name", kernel->name},
                    {"kind", kernel->kind},
                    {"product", kernel->product},
                    {"fused", kernel->fused},
                    {"remarks", kernel->remarks},
                    {"parameters", parameters},
                    {"metric", shown(*kernel->metric, &kernel->sizes)},
                    {"realizations", realizations},
                    {"variants", describeVariants(*kernel)}});
  }
  return list;
}

std::vector<std::set<Layout>> layoutsFor(const ContainerT &file,
                                         const std::string &target) {
  std::vector<std::set<Layout>> layouts(file.weights.size());
  for (const runtime::WeightCopy &copy : runtime::weightCopies(file, target))
    layouts[copy.weight].insert(copy.layout);
  return layouts;
}

int64_t bytesFor(const ContainerT &file, size_t weight,
                 const std::set<Layout> &layouts) {
  int64_t bytes = 0;
  for (Layout layout : layouts)
    bytes += packedBytes(*file.weights[weight], layout);
  return bytes;
}

namespace {

Json describeWeights(const ContainerT &file) {
  Json list = Json::array();
  std::vector<std::vector<std::set<Layout>>> layouts; // by image
  layouts.reserve(file.images.size());
  for (const auto &image : file.images)
    layouts.push_back(layoutsFor(file, image->target));
  for (size_t w = 0; w < file.weights.size(); ++w) {
    const auto &weight = file.weights[w];
    Json sources = Json::array(), targets = Json::object();
    for (const auto &source : weight->sources)
      sources.push_back({{"tensor", source->tensor}, {"shape", source->shape}});
    for (size_t i = 0; i < layouts.size(); ++i) {
      Json names = Json::array();
      for (Layout layout : layouts[i][w])
        names.push_back(EnumNameLayout(layout));
      targets[file.images[i]->target] = {
          {"layouts", names}, {"bytes", bytesFor(file, w, layouts[i][w])}};
    }
    Json json = {
        {"name", weight->name},   {"dtype", EnumNameDType(weight->dtype)},
        {"shape", weight->shape}, {"targets", targets},
        {"stack", weight->stack}, {"sources", sources}};
    if (weight->add_one)
      json["add_one"] = true;
    if (weight->permute_a)
      json["permute"] = {weight->permute_a, weight->permute_b,
                         weight->permute_c};
    list.push_back(std::move(json));
  }
  return list;
}

} // namespace

Json describe(const ContainerT &file) {
  char hash[17];
  std::snprintf(hash, sizeof(hash), "%016llx",
                static_cast<unsigned long long>(file.content_hash));
  Json json;
  json["version"] = file.version;
  json["content_hash"] = hash;
  const ModelT &model = *file.model;
  json["model"] = {{"architecture", model.architecture},
                   {"vocab", model.vocab},
                   {"hidden", model.hidden},
                   {"layers", model.layers},
                   {"max_positions", model.max_positions},
                   {"eos_ids", model.eos_ids},
                   {"chunk", model.chunk},
                   {"dtype", EnumNameDType(model.dtype)},
                   {"parameters", model.parameters}};
  if (const ProvenanceT *provenance = file.provenance.get())
    json["provenance"] = {
        {"compiler", provenance->compiler},     {"flags", provenance->flags},
        {"input_hash", provenance->input_hash}, {"source", provenance->source},
        {"entries", provenance->entries},       {"files", provenance->files}};
  Json images = Json::array(), constants = Json::array(),
       caches = Json::array(), states = Json::array(),
       functions = Json::array();
  for (const auto &image : file.images)
    images.push_back({{"target", image->target},
                      {"bytes", image->bytes.size()},
                      {"cubin_bytes", image->cubin.size()}});
  for (const auto &constant : file.constants)
    constants.push_back({{"name", constant->name},
                         {"dtype", EnumNameDType(constant->dtype)},
                         {"shape", constant->shape},
                         {"bytes", constant->bytes.size()}});
  for (const auto &cache : file.caches)
    caches.push_back({{"name", cache->name},
                      {"kind", cache->kind},
                      {"layer", cache->layer},
                      {"per", EnumNameCachePer(cache->per)},
                      {"bytes", cache->bytes}});
  for (const auto &state : file.states)
    states.push_back({{"name", state->name},
                      {"dtype", EnumNameDType(state->dtype)},
                      {"shape", state->shape},
                      {"initial", EnumNameInitialValue(state->initial)}});
  for (const auto &function : file.functions)
    functions.push_back(describeFunction(file, *function));
  json["images"] = std::move(images);
  json["kernels"] = describeKernels(file);
  json["functions"] = std::move(functions);
  json["weights"] = describeWeights(file);
  json["constants"] = std::move(constants);
  json["caches"] = std::move(caches);
  json["states"] = std::move(states);
  json["remarks"] = file.remarks;
  return json;
}

std::string jsonText(const Json &json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

} // namespace hamlet::tools
