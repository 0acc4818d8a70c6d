//===- Plan.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/Plan.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <set>

using namespace llvm;

namespace hamlet::frontend {

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Checks that `ranks` cuts the layer's heads and widths into equal parts.
static Error checkDegree(const ModelSpec &spec, int64_t ranks) {
  auto divides = [&](int64_t count, const Twine &what) -> Error {
    if (count % ranks == 0)
      return Error::success();
    return makeError("--tp: expected a divisor of the " + Twine(count) + " " +
                     what + ", found " + Twine(ranks));
  };
  if (ranks < 1)
    return makeError("--tp: expected at least 1, found " + Twine(ranks));
  for (const LayerSpec &layer : spec.layers) {
    if (const LightningSpec *lightning = layer.lightning()) {
      if (Error error = divides(lightning->heads, "lightning heads"))
        return error;
    } else if (const SoftmaxSpec *softmax = layer.softmax()) {
      if (Error error = divides(softmax->heads, "attention heads"))
        return error;
      if (softmax->kvHeads % ranks && ranks % softmax->kvHeads)
        return makeError("--tp: expected a divisor or a multiple of the " +
                         Twine(softmax->kvHeads) + " key/value heads, found " +
                         Twine(ranks));
    }
    if (Error error = divides(layer.moe.intermediate, "columns of an expert"))
      return error;
    if (layer.moe.shared)
      if (Error error = divides(layer.moe.shared->intermediate,
                                "columns of the shared expert"))
        return error;
  }
  return Error::success();
}

/// Elements of `recipe` on one rank.
static int64_t perRank(const ModelSpec &spec, const WeightRecipe &recipe,
                       int64_t ranks) {
  if (recipe.shard == ShardAxis::Replicated)
    return recipe.elements();
  std::vector<int64_t> shape = recipe.shape;
  int64_t &dim =
      shape[shape.size() -
            (recipe.shard == ShardAxis::Columns || shape.size() == 1 ? 1 : 2)];
  StringRef name = recipe.name;
  if (name.ends_with(".k") || name.ends_with(".v")) {
    size_t layer = 0;
    name.drop_front(StringRef("layers.").size()).consumeInteger(10, layer);
    if (const SoftmaxSpec *softmax = spec.layers[layer].softmax()) {
      dim = std::max<int64_t>(softmax->kvHeads / ranks, 1) * softmax->headDim;
      ranks = 1;
    }
  }
  dim = ceilDiv(dim, ranks); // The vocabulary may end with an incomplete part.
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  return elements;
}

/// Products with caches and states for one token at `context`, on one rank.
static double mixerFlops(const LayerSpec &layer, int64_t context, int64_t chunk,
                         int64_t ranks) {
  if (const SoftmaxSpec *softmax = layer.softmax()) {
    int64_t seen = softmax->slidingWindow
                       ? std::min(context, *softmax->slidingWindow)
                       : context;
    int64_t width = softmax->heads / ranks * softmax->headDim;
    return 4.0 * static_cast<double>(width) * static_cast<double>(seen);
  }
  const LightningSpec &lightning = *layer.lightning();
  auto key = static_cast<double>(lightning.keyDim),
       value = static_cast<double>(lightning.valueDim);
  // Query times anchor, the token's share of the next anchor, and the rows of
  // the tail so far.
  int64_t tail = (context - 1) % chunk + 1;
  double anchor = context > chunk ? 2 * key * value : 0;
  int64_t heads = lightning.heads / ranks;
  return static_cast<double>(heads) *
         (anchor + 2 * key * value +
          2 * static_cast<double>(tail) * (key + value));
}

Expected<Plan> makePlan(const ModelSpec &spec, const PlanOptions &options) {
  int64_t ranks = options.tensorParallel;
  if (Error error = checkDegree(spec, ranks))
    return std::move(error);
  if (options.chunk < 1)
    return makeError("--lightning-chunk: expected at least 1, found " +
                     Twine(options.chunk));
  Plan plan;
  plan.architecture = spec.architecture;
  plan.options = options;
  double productFlops = 0; // Of one token with the weights, LM head included.
  std::set<std::string> counted;
  for (const WeightRecipe &recipe : spec.weights) {
    int64_t elements = perRank(spec, recipe, ranks);
    int64_t active = elements;
    if (recipe.stacked) {
      size_t layer = 0;
      StringRef(recipe.name)
          .drop_front(StringRef("layers.").size())
          .consumeInteger(10, layer);
      const MoeSpec &moe = spec.layers[layer].moe;
      active = elements / moe.experts * moe.topK;
    }
    bool ends =
        recipe.use == WeightUse::Embedding || recipe.use == WeightUse::LmHead;
    if (!ends)
      plan.activeParameters += active;
    if (recipe.shape.size() > 1 && recipe.use != WeightUse::Embedding)
      productFlops += 2.0 * static_cast<double>(active);
    if (!counted.insert(recipe.sources.front().tensor).second)
      continue; // Tied embeddings are stored once.
    bool wide =
        recipe.use == WeightUse::Router || recipe.use == WeightUse::RouterBias;
    plan.parameters += elements;
    plan.weightBytes += elements * (wide ? 4 : floatTypeBytes(options.dtype));
  }
  // f16 weights are widened: what is computed is f32.
  int64_t activationBytes = options.dtype == FloatType::BF16 ? 2 : 4;
  for (const LayerSpec &layer : spec.layers) {
    if (const LightningSpec *lightning = layer.lightning()) {
      int64_t heads = lightning->heads / ranks;
      plan.anchorBytesPerSequence +=
          heads * lightning->keyDim * lightning->valueDim * 4;
      plan.tailBytesPerSequence += options.chunk * heads *
                                   (lightning->keyDim + lightning->valueDim) *
                                   activationBytes;
    } else if (const SoftmaxSpec *softmax = layer.softmax()) {
      plan.kvBytesPerToken += 2 *
                              std::max<int64_t>(softmax->kvHeads / ranks, 1) *
                              softmax->headDim * activationBytes;
    }
  }
  std::vector<int64_t> contexts;
  for (int64_t context = 1; context < spec.maxPositions;
       context *= context == 1 ? 1024 : 4)
    contexts.push_back(context);
  contexts.push_back(spec.maxPositions);
  for (int64_t context : contexts) {
    double flops = productFlops;
    for (const LayerSpec &layer : spec.layers)
      flops += mixerFlops(layer, context, options.chunk, ranks);
    plan.flopsPerToken.push_back({context, flops});
  }
  return plan;
}

json::Object planJson(const Plan &plan) {
  json::Array flops;
  for (const Plan::Flops &point : plan.flopsPerToken)
    flops.push_back(
        json::Object{{"context", point.context}, {"flops", point.flops}});
  return json::Object{
      {"architecture", plan.architecture},
      {"tp", plan.options.tensorParallel},
      {"dtype", std::string(floatTypeName(plan.options.dtype))},
      {"lightning_chunk", plan.options.chunk},
      {"parameters", plan.parameters},
      {"active_parameters", plan.activeParameters},
      {"weight_bytes", plan.weightBytes},
      {"anchor_bytes_per_sequence", plan.anchorBytesPerSequence},
      {"tail_bytes_per_sequence", plan.tailBytesPerSequence},
      {"kv_bytes_per_token", plan.kvBytesPerToken},
      {"flops_per_token", std::move(flops)}};
}

std::string bytesText(int64_t bytes) {
  constexpr const char *kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0
             ? formatv("{0} bytes", bytes).str()
             : formatv("{0:f2} {1} ({2:n} bytes)", value, kUnits[unit], bytes)
                   .str();
}

std::string planText(const Plan &plan) {
  std::string text;
  raw_string_ostream out(text);
  out << formatv("{0}, {1}, lightning chunk {2}, each of {3} rank(s)\n",
                 plan.architecture, floatTypeName(plan.options.dtype),
                 plan.options.chunk, plan.options.tensorParallel);
  out << formatv("  parameters            {0:n}\n", plan.parameters);
  out << formatv(
      "  active parameters     {0:n} (without embedding and LM head)\n",
      plan.activeParameters);
  out << "  weights               " << bytesText(plan.weightBytes) << "\n";
  out << "  anchors per sequence  " << bytesText(plan.anchorBytesPerSequence)
      << "\n";
  out << "  tails per sequence    " << bytesText(plan.tailBytesPerSequence)
      << "\n";
  out << "  keys, values a token  " << bytesText(plan.kvBytesPerToken) << "\n";
  out << "  FLOPs of one token at a context of\n";
  for (const Plan::Flops &point : plan.flopsPerToken)
    out << formatv("  {0,14:n}  {1:f3} GFLOP\n", point.context,
                   point.flops / 1e9);
  return text;
}

} // namespace hamlet::frontend
