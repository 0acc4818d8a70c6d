//===- Resolve.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// From a family description and a configuration to a ModelSpec. Nothing here
// knows a family: it reads the sections of the schema in models/README.md one
// after another, and every number passes a range check on its way.
#include "frontend/ConfigScope.h"
#include "frontend/Family.h"
#include "frontend/KnownKeys.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace llvm;

namespace hamlet::frontend {
namespace {

// Far above any model, and small enough that products of shapes stay below 2^62
// and tables fit in memory.
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxHidden = 1 << 20;
constexpr int64_t kMaxVocab = 1 << 28;
constexpr int64_t kMaxHeads = 1 << 14;
constexpr int64_t kMaxHeadDim = 1 << 12;
constexpr int64_t kMaxIntermediate = 1 << 20;
constexpr int64_t kMaxExperts = 1 << 14;
constexpr int64_t kMaxExpertTensors = 1 << 20;
constexpr int64_t kMaxPositions = int64_t{1} << 40;
constexpr double kMaxParameters = 1e18;
constexpr double kMaxScalar = 1e6;

class Resolver {
public:
  Resolver(const Family &family, const json::Value &config, StringRef path)
      : root(&family.description, family.path + ": ", problem),
        scope(root.member("config"), config, path.str(), problem),
        path(path.str()) {
    spec.family = family.name;
  }

  Expected<ModelSpec> run() {
    resolveModel();
    if (!problem.failed())
      resolveAccept();
    if (!problem.failed())
      resolveLayers();
    if (!problem.failed())
      resolveWeights();
    if (!problem.failed())
      checkUnknownKeys();
    if (problem.failed())
      return problem.take();
    keepConfiguration();
    return std::move(spec);
  }

private:
  /// What a container compares with the configuration beside its weights.
  void keepConfiguration() {
    ConfigurationEntries &kept = spec.configuration;
    append_range(kept.settings, scope.settings());
    std::set<std::string> compared;
    for (const Setting &setting : kept.settings)
      compared.insert(setting.keys.begin(), setting.keys.end());
    // What has a name here and no effect on this model, such as the width of a
    // window that is off.
    for (const std::string &key : scope.knownKeys())
      if (!compared.count(key))
        kept.harmless.patterns.push_back(StringRef(key).lower());
  }

  // ---- sections

  void resolveModel() {
    Node model = root.required("model");
    model.onlyKeys({"hidden", "vocab", "layers", "max_positions", "norm_eps",
                    "norm_weight", "postnorm", "tied_embeddings", "eos",
                    "tensors", "ignored_tensors"});
    layerCount = scope.integer(model.required("layers"), -1, 1, kMaxLayers);
    scope.setLayers(layerCount);
    spec.hidden = scope.integer(model.required("hidden"), -1, 1, kMaxHidden);
    spec.vocab = scope.integer(model.required("vocab"), -1, 1, kMaxVocab);
    spec.maxPositions =
        scope.integer(model.required("max_positions"), -1, 1, kMaxPositions);
    spec.normEps = scope.real(model.required("norm_eps"), -1, 0, 1);
    spec.normAddsOne = scope.choice(model.member("norm_weight"), -1,
                                    {"plain", "one_plus"}, 0) == 1;
    spec.postnorm = scope.boolean(model.member("postnorm"), -1, false);
    spec.tiedEmbeddings =
        scope.boolean(model.member("tied_embeddings"), -1, false);
    spec.eosIds = scope.integers(model.member("eos"), 0, kMaxVocab);
    spec.eosGiven = scope.isGiven(model.member("eos"));
    if (Node ignored = model.member("ignored_tensors"))
      if (const json::Object *patterns = ignored.object())
        for (const auto &entry : *patterns)
          spec.configuration.ignored.push_back(
              {entry.first.str(), ignored.member(entry.first).text()});
    // The object's own order differs between runs.
    llvm::sort(spec.configuration.ignored, [](const auto &a, const auto &b) {
      return a.pattern < b.pattern;
    });
    resolveIdentity();
  }

  /// What every configuration spells alike: dtype and architecture.
  void resolveIdentity() {
    std::string key;
    const json::Value *dtype = scope.lookupFirst({"dtype", "torch_dtype"}, key);
    if (dtype && !dtype->getAsNull()) {
      StringRef name = dtype->getAsString().value_or("");
      name.consume_front("torch.");
      if (name == "float32" || name == "float")
        spec.configDType = FloatType::F32;
      else if (name == "bfloat16")
        spec.configDType = FloatType::BF16;
      else if (name == "float16" || name == "half")
        spec.configDType = FloatType::F16;
      else if (name != "auto")
        scope.mismatch(key, "float32, bfloat16 or float16", dtype);
    }
    scope.markKnown("model_type");
    scope.markKnown("architectures");
    if (const json::Value *names = scope.lookup("architectures"))
      if (const json::Array *list = names->getAsArray(); list && !list->empty())
        spec.architecture = list->front().getAsString().value_or("").str();
    if (spec.architecture.empty())
      if (const json::Value *type = scope.lookup("model_type"))
        spec.architecture = type->getAsString().value_or("").str();
  }

  void resolveAccept() {
    Node accept = root.member("accept");
    if (!accept)
      return;
    const json::Array *rules = accept.get().getAsArray();
    if (!rules)
      return accept.expected("a list of rules");
    for (size_t i = 0; i < rules->size() && !problem.failed(); ++i) {
      Node rule(&(*rules)[i], accept.where() + "[" + std::to_string(i) + "]",
                problem);
      rule.onlyKeys({"key", "values", "each", "when"});
      bool each = static_cast<bool>(rule.member("each"));
      Node values = rule.required(each ? "each" : "values");
      const json::Array *allowed = values ? values.get().getAsArray() : nullptr;
      if (!allowed)
        return values.expected("a list");
      bool applies = scope.nonzero(rule.member("when"));
      std::vector<std::string> keys = rule.required("key").texts();
      for (const std::string &key : keys) {
        scope.markKnown(key);
        if (applies && !problem.failed())
          checkAccepted(key, *allowed, each);
      }
      if (applies && !each && !allowed->empty() && !problem.failed())
        spec.configuration.settings.push_back(acceptedSetting(keys, *allowed));
    }
  }

  /// Reports a value that is neither none nor `allowed`; with `each`, a list
  /// that has another entry.
  void checkAccepted(const std::string &key, const json::Array &allowed,
                     bool each) {
    const json::Value *found = scope.lookup(key);
    if (!found || found->getAsNull() || is_contained(allowed, *found))
      return;
    const json::Array *list = each ? found->getAsArray() : nullptr;
    if (list && all_of(*list, [&](const json::Value &entry) {
          return is_contained(allowed, entry);
        }))
      return;
    std::string text = each ? "a list of nothing but " : "";
    for (const json::Value &value : allowed)
      text += (&value == &allowed.front() ? "" : " or ") + shown(value);
    scope.mismatch(key, text + " (hamlet supports nothing else here)", found);
  }

  static Setting acceptedSetting(const std::vector<std::string> &keys,
                                 const json::Array &allowed) {
    Setting setting;
    setting.keys = keys;
    setting.value = formatv("{0}", allowed.front());
    for (const json::Value &value : allowed)
      setting.alike.push_back(formatv("{0}", value));
    setting.alike.push_back("null");
    return setting;
  }

  /// Every key is read, harmless, or told of; one that would change results is
  /// refused.
  void checkUnknownKeys() {
    const KnownKeys &keys = KnownKeys::builtin();
    std::vector<std::string> &harmless = spec.configuration.harmless.patterns;
    harmless = keys.harmlessKeys();
    append_range(harmless, root.member("harmless").texts());
    std::string refused;
    std::vector<std::string> unknown;
    for (const auto &[key, value] : scope.unknown()) {
      if (matchesAny(harmless, key))
        continue;
      Setting &setting = spec.configuration.settings.emplace_back();
      setting.keys = {key};
      setting.value = formatv("{0}", *value);
      std::optional<StringRef> kind = keys.kindOf(key, *value);
      if (kind && !kind->empty())
        refused += (refused.empty() ? path + ": " : "; ") + key +
                   ": expected none, found " + shown(*value) + " (" +
                   kind->str() + ")";
      else if (!kind && !value->getAsNull())
        unknown.push_back(key);
    }
    if (!refused.empty())
      problem.report(refused + ": the description of family '" + spec.family +
                     "' does not have it, and without it results would differ");
    if (!unknown.empty())
      spec.unknownKeys =
          path + ": keys that nothing reads, ignored: " + join(unknown, ", ");
  }

  void resolveLayers() {
    for (const std::string &mixer : mixerNames()) {
      if (problem.failed())
        return;
      auto layer = static_cast<int>(spec.layers.size());
      LayerSpec layerSpec;
      layerSpec.mixerName = mixer;
      Node section = root.required("mixers").required(mixer);
      if (!section)
        return;
      size_t kind = scope.choice(section.required("kind"), layer,
                                 {"softmax", "lightning"});
      if (kind == 0)
        layerSpec.mixer = resolveSoftmax(section, layer);
      else
        layerSpec.mixer = resolveLightning(section, layer);
      layerSpec.mixerResidual =
          resolveResidual(section.member("residual"), layer);
      Node moe = root.required("moe");
      layerSpec.moe = resolveMoe(moe, layer);
      layerSpec.moeResidual = resolveResidual(moe.member("residual"), layer);
      spec.layers.push_back(std::move(layerSpec));
    }
    if (!problem.failed())
      addLayersSetting();
  }

  /// The mixer of every layer: {every: m}, {alternate: [m, ..]}, {period: n,
  /// last: m, others: m}, or {key: .., values: {..}, default: one of those}.
  std::vector<std::string> mixerNames() {
    Node layers = root.required("layers");
    if (!layers.member("key")) {
      return pattern(layers);
    }
    layers.onlyKeys({"key", "values", "default"});
    Node values = layers.required("values");
    const json::Object *table = values.object();
    std::vector<std::string> keys = layers.required("key").texts();
    if (problem.failed() || !table || keys.empty())
      return {};
    std::vector<std::string> names;
    std::string from;
    for (const std::string &key : keys) {
      scope.markKnown(key);
      const json::Value *found = scope.lookup(key);
      if (!found || found->getAsNull() || problem.failed())
        continue;
      std::vector<std::string> more = listedMixers(key, *found, values);
      if (from.empty()) {
        from = key;
        names = std::move(more);
      } else if (more != names && !problem.failed()) {
        problem.report((Twine(path) + ": " + from + ", " + key +
                        ": two names of one thing disagree: expected the same "
                        "layer kinds")
                           .str());
      }
    }
    if (!from.empty() || problem.failed())
      return names;
    if (!layers.member("default"))
      scope.mismatch(keys.front(),
                     "a list of " + Twine(layerCount) + " layer kinds",
                     scope.lookup(keys.front()));
    return pattern(layers.member("default"));
  }

  /// The mixers that the list `found` at `key` of the configuration names, each
  /// by its entry in `values`.
  std::vector<std::string> listedMixers(const std::string &key,
                                        const json::Value &found,
                                        const Node &values) {
    const json::Object *table = values.object();
    const json::Array *list = found.getAsArray();
    if (!list || static_cast<int64_t>(list->size()) != layerCount) {
      std::string text =
          list ? " with " + std::to_string(list->size()) + " entries" : "";
      problem.report(path + ": " + key + ": expected a list of " +
                     std::to_string(layerCount) +
                     " layer kinds, one for each layer, found " + shown(found) +
                     text);
      return {};
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < list->size() && !problem.failed(); ++i) {
      std::string kind = scalarText((*list)[i]);
      if (!table->get(kind)) {
        std::set<std::string> known;
        for (const auto &entry : *table)
          known.insert(entry.first.str());
        scope.mismatch(key + "[" + std::to_string(i) + "]",
                       "one of " + join(known, ", "), &(*list)[i]);
        break;
      }
      names.push_back(values.member(kind).text());
    }
    return names;
  }

  /// The mixers as a setting, if the configuration has a say.
  void addLayersSetting() {
    Node layers = root.member("layers");
    if (!layers.member("key"))
      return;
    Setting setting;
    setting.keys = layers.member("key").texts();
    json::Array names;
    for (const LayerSpec &layer : spec.layers)
      names.push_back(layer.mixerName);
    setting.value = formatv("{0}", json::Value(std::move(names)));
    if (Node fallback = layers.member("default")) {
      setting.absent =
          formatv("{0}", json::Value(json::Array(pattern(fallback))));
      setting.null = setting.absent;
    }
    Node values = layers.member("values");
    for (const auto &entry : *values.object())
      setting.spelling[entry.first.str()] = values.member(entry.first).text();
    spec.configuration.settings.push_back(std::move(setting));
  }

  std::vector<std::string> pattern(const Node &node) {
    std::vector<std::string> names;
    if (!node || problem.failed())
      return names;
    if (Node every = node.member("every")) {
      node.onlyKeys({"every"});
      names.assign(layerCount, every.text());
    } else if (Node alternate = node.member("alternate")) {
      node.onlyKeys({"alternate"});
      std::vector<std::string> cycle = alternate.texts();
      if (cycle.empty())
        alternate.expected("at least one mixer");
      for (int64_t layer = 0; layer < layerCount && !cycle.empty(); ++layer)
        names.push_back(cycle[layer % cycle.size()]);
    } else if (Node period = node.member("period")) {
      node.onlyKeys({"period", "last", "others", "rest"});
      int64_t length = scope.integer(period, -1, 1, kMaxLayers);
      std::string last = node.required("last").text(),
                  others = node.required("others").text();
      // Layers after the last whole period.
      Node rest = node.member("rest");
      for (int64_t layer = 0; layer < layerCount; ++layer) {
        if (rest && layer >= layerCount / length * length)
          names.push_back(rest.text());
        else
          names.push_back((layer + 1) % length == 0 ? last : others);
      }
    } else {
      node.expected("every, alternate or period");
    }
    return names;
  }

  // ---- mixers

  RopeSpec resolveRope(const Node &node, int layer, int64_t headDim) {
    RopeSpec rope;
    if (!node)
      return rope;
    node.onlyKeys({"dims", "theta"});
    rope.dims = scope.integer(node.required("dims"), layer, 0, headDim);
    rope.theta = scope.real(node.required("theta"), layer, 1e-3, 1e30);
    if (rope.dims % 2)
      problem.report(path + ": the rotated part of a head (" + node.where() +
                     "): expected an even number, found " +
                     std::to_string(rope.dims));
    return rope;
  }

  ResidualSpec resolveResidual(const Node &node, int layer) {
    ResidualSpec residual;
    node.onlyKeys({"alpha", "beta"});
    residual.alpha =
        scope.real(node.member("alpha"), layer, -kMaxScalar, kMaxScalar, 1);
    residual.beta =
        scope.real(node.member("beta"), layer, -kMaxScalar, kMaxScalar, 1);
    return residual;
  }

  double resolveScale(const Node &node, int layer, int64_t dim,
                      size_t fallback) {
    return scope.choice(node, layer, {"one", "rsqrt_dim"}, fallback) == 0
               ? 1
               : 1 / std::sqrt(static_cast<double>(dim));
  }

  SoftmaxSpec resolveSoftmax(const Node &node, int layer) {
    node.onlyKeys({"kind", "heads", "kv_heads", "head_dim", "scale", "rope",
                   "sliding_window", "qk_norm", "residual", "tensors"});
    SoftmaxSpec softmax;
    softmax.heads = scope.integer(node.required("heads"), layer, 1, kMaxHeads);
    softmax.kvHeads = scope.integer(node.member("kv_heads"), layer, 1,
                                    kMaxHeads, softmax.heads);
    softmax.headDim =
        scope.integer(node.required("head_dim"), layer, 1, kMaxHeadDim);
    softmax.scale =
        resolveScale(node.member("scale"), layer, softmax.headDim, 1);
    softmax.rope = resolveRope(node.member("rope"), layer, softmax.headDim);
    softmax.slidingWindow = scope.optionalInteger(node.member("sliding_window"),
                                                  layer, 1, kMaxPositions);
    softmax.qkNorm = resolveQkNorm(node, layer);
    if (!problem.failed() && softmax.heads % softmax.kvHeads)
      problem.report(path + ": the number of key/value heads (" + node.where() +
                     ".kv_heads): expected a divisor of the " +
                     std::to_string(softmax.heads) + " heads, found " +
                     std::to_string(softmax.kvHeads));
    return softmax;
  }

  QkNorm resolveQkNorm(const Node &node, int layer) {
    return scope.choice(node.member("qk_norm"), layer, {"none", "per_head"}, 0)
               ? QkNorm::PerHead
               : QkNorm::None;
  }

  LightningSpec resolveLightning(const Node &node, int layer) {
    node.onlyKeys({"kind", "heads", "key_dim", "value_dim", "scale", "layout",
                   "activation", "rope", "qk_norm", "decay", "output_norm",
                   "gate", "residual", "tensors"});
    LightningSpec lightning;
    lightning.heads =
        scope.integer(node.required("heads"), layer, 1, kMaxHeads);
    lightning.keyDim =
        scope.integer(node.required("key_dim"), layer, 1, kMaxHeadDim);
    lightning.valueDim = scope.integer(node.member("value_dim"), layer, 1,
                                       kMaxHeadDim, lightning.keyDim);
    lightning.scale =
        resolveScale(node.member("scale"), layer, lightning.keyDim, 0);
    lightning.layout = static_cast<QkvLayout>(scope.choice(
        node.required("layout"), layer, {"head_major", "planar", "separate"}));
    lightning.activation = static_cast<Activation>(
        scope.choice(node.member("activation"), layer, {"none", "silu"}, 0));
    lightning.rope = resolveRope(node.member("rope"), layer, lightning.keyDim);
    lightning.qkNorm = resolveQkNorm(node, layer);
    if (lightning.layout == QkvLayout::HeadMajor &&
        lightning.keyDim != lightning.valueDim)
      problem.report(
          node.where() +
          ": layout: head_major needs equal key_dim and value_dim, found " +
          std::to_string(lightning.keyDim) + " and " +
          std::to_string(lightning.valueDim));

    Node norm = node.required("output_norm");
    norm.onlyKeys({"eps", "groups"});
    lightning.outputNormEps = scope.real(norm.required("eps"), layer, 0, 1);
    lightning.outputNormGroups =
        scope.integer(norm.member("groups"), layer, 1, kMaxHeads, 1);
    if (!problem.failed() &&
        lightning.heads * lightning.valueDim % lightning.outputNormGroups)
      problem.report(path + ": groups of the output norm (" + norm.where() +
                     "): expected a divisor of " +
                     std::to_string(lightning.heads * lightning.valueDim) +
                     ", found " + std::to_string(lightning.outputNormGroups));
    constexpr Activation kGates[] = {Activation::None, Activation::Silu,
                                     Activation::Sigmoid};
    lightning.gate = kGates[scope.choice(node.member("gate"), layer,
                                         {"none", "silu", "sigmoid"}, 0)];

    Node decay = node.required("decay");
    decay.onlyKeys(
        {"ladder", "by_layer", "offset", "denominator_eps", "shift"});
    DecaySpec decaySpec;
    decaySpec.ladder = static_cast<DecayLadder>(
        scope.choice(decay.required("ladder"), layer, {"alibi", "geometric"}));
    decaySpec.byLayer = scope.boolean(decay.member("by_layer"), layer, true);
    decaySpec.offset = scope.real(decay.member("offset"), layer, 0, 1, 1e-5);
    decaySpec.denominatorEps =
        scope.real(decay.member("denominator_eps"), layer, 0, 1, 0);
    decaySpec.shift = scope.integer(decay.member("shift"), layer, 0, 1, 0);
    if (problem.failed())
      return lightning;
    lightning.decayRates =
        decayRates(decaySpec, lightning.heads, layer, layerCount);
    if (any_of(lightning.decayRates, [](double rate) { return !(rate > 0); }))
      problem.report(decay.where() + ": layer " + std::to_string(layer) +
                     " of " + std::to_string(layerCount) +
                     " has a decay rate that is not positive");
    return lightning;
  }

  MoeSpec resolveMoe(const Node &node, int layer) {
    node.onlyKeys({"experts", "top_k", "intermediate", "activation", "router",
                   "shared", "residual", "tensors"});
    MoeSpec moe;
    moe.experts =
        scope.integer(node.required("experts"), layer, 1, kMaxExperts);
    moe.intermediate = scope.integer(node.required("intermediate"), layer, 1,
                                     kMaxIntermediate);
    moe.activation =
        scope.choice(node.required("activation"), layer, {"silu"}) == 0
            ? Activation::Silu
            : moe.activation;
    expertTensors += moe.experts;
    if (expertTensors > kMaxExpertTensors)
      problem.report(path + ": layers times experts: expected at most " +
                     std::to_string(kMaxExpertTensors) + ", found more");
    // After the number of experts is known to be good, top_k is at most that.
    if (!problem.failed())
      moe.topK = scope.integer(node.required("top_k"), layer, 1, moe.experts);

    Node router = node.required("router");
    router.onlyKeys({"score", "renormalize", "renormalize_eps",
                     "selection_bias", "groups", "top_groups", "scale"});
    moe.router.score = static_cast<RouterScore>(
        scope.choice(router.required("score"), layer, {"softmax", "sigmoid"}));
    moe.router.renormalize =
        scope.boolean(router.member("renormalize"), layer, false);
    moe.router.renormalizeEps =
        scope.real(router.member("renormalize_eps"), layer, 0, 1, 0);
    moe.router.selectionBias =
        scope.boolean(router.member("selection_bias"), layer, false);
    moe.router.scale =
        scope.real(router.member("scale"), layer, 0, kMaxScalar, 1);
    moe.router.groups =
        scope.integer(router.member("groups"), layer, 1, moe.experts, 1);
    moe.router.topGroups = scope.integer(router.member("top_groups"), layer, 1,
                                         moe.router.groups, moe.router.groups);
    if (!problem.failed() && moe.experts % moe.router.groups)
      problem.report(path + ": expert groups (" + router.where() +
                     ".groups): expected a divisor of the " +
                     std::to_string(moe.experts) + " experts, found " +
                     std::to_string(moe.router.groups));
    if (!problem.failed() &&
        moe.topK > moe.experts / moe.router.groups * moe.router.topGroups)
      problem.report(path + ": experts per token (" + node.where() +
                     ".top_k): expected at most the " +
                     std::to_string(moe.experts / moe.router.groups *
                                    moe.router.topGroups) +
                     " experts of the chosen groups, found " +
                     std::to_string(moe.topK));

    if (Node shared = node.member("shared")) {
      shared.onlyKeys({"intermediate", "mix"});
      SharedExpertSpec sharedSpec;
      sharedSpec.intermediate =
          scope
              .optionalInteger(shared.required("intermediate"), layer, 0,
                               kMaxIntermediate)
              .value_or(0);
      sharedSpec.mix = static_cast<SharedMix>(scope.choice(
          shared.required("mix"), layer, {"add", "gated_add", "complement"}));
      if (sharedSpec.intermediate > 0)
        moe.shared = sharedSpec;
    }
    return moe;
  }

  // ---- weights

  /// The template's name for `layer` and `expert`; "{layer}" and "{expert}"
  /// must be there exactly if they are given.
  std::string tensorName(const Node &node, int64_t layer, int64_t expert) {
    std::string name = node.text();
    for (auto [placeholder, number] :
         {std::pair<StringRef, int64_t>{"{layer}", layer},
          {"{expert}", expert}}) {
      size_t place = name.find(placeholder);
      if ((place != std::string::npos) != (number >= 0)) {
        node.expected((number >= 0 ? "'" : "no '") + placeholder +
                      "' in the tensor's name");
        return name;
      }
      if (number >= 0)
        name.replace(place, placeholder.size(), std::to_string(number));
    }
    if (name.find('{') != std::string::npos)
      node.expected("no placeholder other than {layer} and {expert}");
    return name;
  }

  WeightRecipe &addPlain(std::string name, const Node &node, int64_t layer,
                         std::vector<int64_t> shape,
                         WeightUse use = WeightUse::Matrix,
                         ShardAxis shard = ShardAxis::Replicated) {
    WeightRecipe recipe;
    recipe.name = std::move(name);
    recipe.sources = {{tensorName(node, layer, -1), shape}};
    recipe.shape = std::move(shape);
    recipe.use = use;
    recipe.shard = shard;
    recipe.addOne = use == WeightUse::Norm && spec.normAddsOne;
    spec.addWeight(std::move(recipe));
    return spec.weights.back();
  }

  void addExperts(std::string name, const Node &node, int64_t layer,
                  int64_t experts, std::vector<int64_t> shape,
                  ShardAxis shard) {
    WeightRecipe recipe;
    recipe.name = std::move(name);
    recipe.stacked = true;
    recipe.shard = shard;
    for (int64_t expert = 0; expert < experts; ++expert)
      recipe.sources.push_back({tensorName(node, layer, expert), shape});
    recipe.shape = std::move(shape);
    recipe.shape.insert(recipe.shape.begin(), experts);
    spec.addWeight(std::move(recipe));
  }

  void resolveWeights() {
    Node tensors = root.required("model").required("tensors");
    tensors.onlyKeys(
        {"embedding", "final_norm", "lm_head", "mixer_norm", "moe_norm"});
    addPlain("embed", tensors.required("embedding"), -1,
             {spec.vocab, spec.hidden}, WeightUse::Embedding, ShardAxis::Rows);
    for (size_t i = 0; i < spec.layers.size() && !problem.failed(); ++i) {
      const LayerSpec &layer = spec.layers[i];
      std::string prefix = "layers." + std::to_string(i) + ".";
      auto number = static_cast<int64_t>(i);
      Node mixer =
          root.member("mixers").member(layer.mixerName).required("tensors");
      addPlain(prefix + "mixer_norm", tensors.required("mixer_norm"), number,
               {spec.hidden}, WeightUse::Norm);
      if (const SoftmaxSpec *softmax = layer.softmax())
        addSoftmax(prefix, mixer, number, *softmax);
      else
        addLightning(prefix, mixer, number, *layer.lightning());
      addPlain(prefix + "moe_norm", tensors.required("moe_norm"), number,
               {spec.hidden}, WeightUse::Norm);
      addMoe(prefix, root.member("moe").required("tensors"), number, layer.moe);
    }
    addPlain("final_norm", tensors.required("final_norm"), -1, {spec.hidden},
             WeightUse::Norm);
    addPlain("lm_head",
             tensors.required(spec.tiedEmbeddings ? "embedding" : "lm_head"),
             -1, {spec.vocab, spec.hidden}, WeightUse::LmHead, ShardAxis::Rows);
    checkTensors();
  }

  void addSoftmax(const std::string &prefix, const Node &tensors, int64_t layer,
                  const SoftmaxSpec &softmax) {
    tensors.onlyKeys({"q", "k", "v", "out", "q_norm", "k_norm"});
    int64_t query = softmax.heads * softmax.headDim,
            key = softmax.kvHeads * softmax.headDim;
    addPlain(prefix + "q", tensors.required("q"), layer, {query, spec.hidden},
             WeightUse::Matrix, ShardAxis::Rows);
    addPlain(prefix + "k", tensors.required("k"), layer, {key, spec.hidden},
             WeightUse::Matrix, ShardAxis::Rows);
    addPlain(prefix + "v", tensors.required("v"), layer, {key, spec.hidden},
             WeightUse::Matrix, ShardAxis::Rows);
    addQkNorm(prefix, tensors, layer, softmax.qkNorm, softmax.headDim);
    addPlain(prefix + "out", tensors.required("out"), layer,
             {spec.hidden, query}, WeightUse::Matrix, ShardAxis::Columns);
  }

  void addQkNorm(const std::string &prefix, const Node &tensors, int64_t layer,
                 QkNorm norm, int64_t dim) {
    if (norm == QkNorm::None)
      return;
    addPlain(prefix + "q_norm", tensors.required("q_norm"), layer, {dim},
             WeightUse::Norm);
    addPlain(prefix + "k_norm", tensors.required("k_norm"), layer, {dim},
             WeightUse::Norm);
  }

  void addLightning(const std::string &prefix, const Node &tensors,
                    int64_t layer, const LightningSpec &lightning) {
    tensors.onlyKeys(
        {"qkv", "q", "k", "v", "gate", "out_norm", "out", "q_norm", "k_norm"});
    int64_t keys = lightning.heads * lightning.keyDim,
            values = lightning.heads * lightning.valueDim;
    if (lightning.layout == QkvLayout::Separate) {
      for (auto [role, rows] : {std::pair<const char *, int64_t>{"q", keys},
                                {"k", keys},
                                {"v", values}})
        addPlain(prefix + role, tensors.required(role), layer,
                 {rows, spec.hidden}, WeightUse::Matrix, ShardAxis::Rows);
    } else {
      WeightRecipe &qkv = addPlain(prefix + "qkv", tensors.required("qkv"),
                                   layer, {2 * keys + values, spec.hidden},
                                   WeightUse::Matrix, ShardAxis::Rows);
      if (lightning.layout == QkvLayout::HeadMajor)
        qkv.rows = {lightning.heads, 3, lightning.keyDim};
    }
    addQkNorm(prefix, tensors, layer, lightning.qkNorm, lightning.keyDim);
    if (lightning.gate != Activation::None)
      addPlain(prefix + "gate", tensors.required("gate"), layer,
               {values, spec.hidden}, WeightUse::Matrix, ShardAxis::Rows);
    addPlain(prefix + "out_norm", tensors.required("out_norm"), layer, {values},
             WeightUse::Norm, ShardAxis::Rows);
    addPlain(prefix + "out", tensors.required("out"), layer,
             {spec.hidden, values}, WeightUse::Matrix, ShardAxis::Columns);
  }

  void addMoe(const std::string &prefix, const Node &tensors, int64_t layer,
              const MoeSpec &moe) {
    tensors.onlyKeys({"router", "router_bias", "gate", "up", "down",
                      "shared_gate", "shared_up", "shared_down",
                      "shared_coefficient"});
    addPlain(prefix + "router", tensors.required("router"), layer,
             {moe.experts, spec.hidden}, WeightUse::Router);
    if (moe.router.selectionBias)
      addPlain(prefix + "router_bias", tensors.required("router_bias"), layer,
               {moe.experts}, WeightUse::RouterBias);
    addExperts(prefix + "experts.gate", tensors.required("gate"), layer,
               moe.experts, {moe.intermediate, spec.hidden}, ShardAxis::Rows);
    addExperts(prefix + "experts.up", tensors.required("up"), layer,
               moe.experts, {moe.intermediate, spec.hidden}, ShardAxis::Rows);
    addExperts(prefix + "experts.down", tensors.required("down"), layer,
               moe.experts, {spec.hidden, moe.intermediate},
               ShardAxis::Columns);
    if (!moe.shared)
      return;
    int64_t width = moe.shared->intermediate;
    addPlain(prefix + "shared.gate", tensors.required("shared_gate"), layer,
             {width, spec.hidden}, WeightUse::Matrix, ShardAxis::Rows);
    addPlain(prefix + "shared.up", tensors.required("shared_up"), layer,
             {width, spec.hidden}, WeightUse::Matrix, ShardAxis::Rows);
    addPlain(prefix + "shared.down", tensors.required("shared_down"), layer,
             {spec.hidden, width}, WeightUse::Matrix, ShardAxis::Columns);
    if (moe.shared->mix != SharedMix::Add)
      addPlain(prefix + "shared.coefficient",
               tensors.required("shared_coefficient"), layer, {1, spec.hidden},
               WeightUse::SharedGate);
  }

  /// Two weights must not read one tensor, but for tied embeddings: a template
  /// that forgot something would.
  void checkTensors() {
    if (problem.failed())
      return;
    double parameters = 0;
    std::set<StringRef> names;
    for (const WeightRecipe &recipe : spec.weights) {
      double elements = 1;
      for (int64_t dim : recipe.shape)
        elements *= static_cast<double>(dim);
      parameters += elements;
      for (const WeightSource &source : recipe.sources)
        if (!names.insert(source.tensor).second &&
            !(spec.tiedEmbeddings && recipe.use == WeightUse::LmHead))
          problem.report(root.where() + "tensor '" + source.tensor +
                         "' is named by two weights");
    }
    if (parameters > kMaxParameters)
      problem.report(
          path + ": the model has more parameters than hamlet counts (1e18)");
  }

  Problem problem;
  Node root;
  ConfigScope scope;
  std::string path;
  ModelSpec spec;
  int64_t layerCount = 0;
  int64_t expertTensors = 0;
};

} // namespace

Expected<ModelSpec> resolveModel(const Family &family,
                                 const json::Value &config, StringRef path) {
  return Resolver(family, config, path).run();
}

} // namespace hamlet::frontend
