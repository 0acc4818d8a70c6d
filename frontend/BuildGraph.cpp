//===- BuildGraph.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// From a ModelSpec to the graph dialects. Rounding: activations are f32, or
// bf16 under bf16; norms of the residual stream round to it; the final norm and
// the LM head stay f32. Equal layers give equal ops: what differs between them
// (weights, decays) are operands. Every op's location names its part of the
// model: a weight, or what the op is for, "layers.3.lightning".
#include "frontend/BuildGraph.h"

#include "dialects/Attention/AttentionOps.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/MoE/MoEOps.h"
#include "dialects/NN/NNOps.h"
#include "dialects/Policy/LossBuilder.h"
#include "dialects/Tile/TileDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <map>

using namespace mlir;

namespace hamlet::frontend {
namespace {

constexpr int64_t kPage = 64; // Tokens of a page of keys and values.

/// The op's name of a function; `kind` is not None.
nn::Activation functionOf(Activation kind) {
  switch (kind) {
  case Activation::Silu:
    return nn::Activation::silu;
  case Activation::Sigmoid:
    return nn::Activation::sigmoid;
  case Activation::None:
    break;
  }
  llvm_unreachable("expected an activation");
}

moe::Score scoreOf(RouterScore score) {
  switch (score) {
  case RouterScore::Softmax:
    return moe::Score::softmax;
  case RouterScore::Sigmoid:
    return moe::Score::sigmoid;
  }
  llvm_unreachable("all scores are above");
}

llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// What no op computes, for the layer; empty if everything is there.
std::string unsupported(const LayerSpec &layer) {
  if (layer.moe.shared && layer.moe.shared->mix == SharedMix::GatedAdd)
    return "a shared expert with mix: gated_add";
  return "";
}

class GraphBuilder {
public:
  GraphBuilder(MLIRContext &context, const ModelSpec &spec,
               const GraphOptions &options, Function function)
      : spec(spec), options(options), function(function), b(&context) {
    f32 = b.getF32Type();
    i32 = b.getI32Type();
    activation = options.dtype == FloatType::BF16 ? Type(b.getBF16Type()) : f32;
    matrix = floatType(options.dtype);
    // The head's products are f32 of the weights as they are; an f32 model is
    // f32 throughout.
    head = options.dtype == FloatType::F32 ? f32 : floatType(options.stored);
  }

  /// Appends the function to the module.
  void build(ModuleOp module) {
    b.setInsertionPointToEnd(module.getBody());
    makeFunction();
    Value x = embed();
    SmallVector<Value> results{Value()};
    for (size_t i = 0; i < spec.layers.size(); ++i) {
      layer = i;
      x = block(x);
      if (isStep())
        results.push_back(updated);
    }
    if (isStep())
      results[0] = logits(x);
    else
      results = policy(x);
    func::ReturnOp::create(b, at(func.getName()), results);
    // The results' types are those of the arguments; only now are they all
    // known.
    func.setFunctionType(b.getFunctionType(func.getArgumentTypes(),
                                           ValueRange(results).getTypes()));
  }

private:
  // ---- the function

  bool isStep() const { return function == Function::Step; }
  bool needsGradient() const { return function == Function::TrainStep; }

  void makeFunction() {
    StringRef name = functionName(function);
    func = func::FuncOp::create(b, at(name), name, b.getFunctionType({}, {}));
    b.setInsertionPointToStart(func.addEntryBlock());
    auto list = RankedTensorType::get({ShapedType::kDynamic}, i32);
    if (!isStep())
      return makePolicyArguments(list);
    bool lightning = llvm::any_of(spec.layers, [](const LayerSpec &l) {
      return l.lightning() != nullptr;
    });
    bool softmax = llvm::any_of(
        spec.layers, [](const LayerSpec &l) { return l.softmax() != nullptr; });
    ids = argument("token_ids", list);
    positions = argument("positions", list);
    starts = argument("starts", list);
    first = argument("first", list);
    if (lightning)
      slots = argument("slots", list);
    if (softmax)
      pages = argument("pages",
                       RankedTensorType::get(
                           {ShapedType::kDynamic, ShapedType::kDynamic}, i32));
    rows = argument("rows", list);
    for (const LayerSpec &layerSpec : spec.layers)
      caches.push_back(argument("cache", cacheType(layerSpec)));
  }

  /// Packed sequences from their beginnings, a target for each token.
  void makePolicyArguments(RankedTensorType list) {
    auto reals = RankedTensorType::get({ShapedType::kDynamic}, f32);
    ids = argument("ids", list);
    positions = argument("positions", list);
    starts = argument("starts", list);
    targets = argument("targets", list);
    temperature = argument("temperature", reals);
    if (function != Function::TrainStep)
      return;
    func->setAttr(kDifferentiateAttr, b.getUnitAttr());
    operands.weight = argument("weight", reals);
    if (options.hasAdvantage)
      operands.advantage = argument("advantage", reals);
    if (options.loss.takesOld())
      operands.old = argument("old", reals);
    if (options.loss.takesRef())
      operands.ref = argument("ref", reals);
    if (options.loss.takesRollout())
      operands.rollout = argument("rollout", reals);
    if (options.loss.takesStarts())
      operands.mask = argument("mask", list);
    if (std::optional<int64_t> experts = expertsOfAll())
      argument(kBalanceName, RankedTensorType::get({*experts}, f32));
  }

  /// Experts of each layer, if there are as many in all.
  std::optional<int64_t> expertsOfAll() const {
    int64_t experts = spec.layers.front().moe.experts;
    bool equal = llvm::all_of(spec.layers, [&](const LayerSpec &l) {
      return l.moe.experts == experts;
    });
    return equal ? std::optional(experts) : std::nullopt;
  }

  Value argument(StringRef name, Type type) {
    NamedAttribute input = b.getNamedAttr(isStep() ? kInputAttr : kNameAttr,
                                          b.getStringAttr(name));
    unsigned index = func.getNumArguments();
    // At the end, so the insertion never moves another argument.
    (void)func.insertArgument(index, type, b.getDictionaryAttr(input),
                              at(name));
    return func.getArgument(index);
  }

  Type cacheType(const LayerSpec &layerSpec) {
    if (const LightningSpec *l = layerSpec.lightning())
      return lightning::StateType::get(b.getContext(), l->heads, l->keyDim,
                                       l->valueDim, activation, options.chunk,
                                       options.chunk);
    const SoftmaxSpec *s = layerSpec.softmax();
    return attention::CacheType::get(b.getContext(), s->kvHeads, s->headDim,
                                     s->headDim, activation, kPage);
  }

  // ---- weights

  Type floatType(FloatType type) {
    return type == FloatType::F32    ? Type(f32)
           : type == FloatType::BF16 ? Type(b.getBF16Type())
                                     : Type(b.getF16Type());
  }

  /// `type`, or f32 where a source is stored in what `type` does not hold. A
  /// model compiled for another dtype than it is stored in is rounded to it.
  Type holding(const WeightRecipe &recipe, Type type, FloatType held) {
    if (type == f32 || options.others.empty())
      return type;
    return llvm::all_of(recipe.sources,
                        [&](const WeightSource &source) {
                          auto other = options.others.find(source.tensor);
                          return (other == options.others.end()
                                      ? options.stored
                                      : other->second) == held;
                        })
               ? type
               : f32;
  }
  Type matrixType(const WeightRecipe &recipe) {
    return options.asStored ? holding(recipe, matrix, options.dtype) : matrix;
  }
  /// The head is exact in every mode.
  Type headType(const WeightRecipe &recipe) {
    return holding(recipe, head, options.stored);
  }

  Type elementType(const WeightRecipe &recipe) {
    switch (recipe.use) {
    case WeightUse::Matrix:
      return matrixType(recipe);
    case WeightUse::Embedding:
      return spec.tiedEmbeddings ? headType(recipe) : matrixType(recipe);
    case WeightUse::LmHead:
      return headType(recipe);
    case WeightUse::Norm:
    case WeightUse::Router:
    case WeightUse::RouterBias:
    case WeightUse::SharedGate:
      return f32; // Small; exact whatever is stored.
    }
    llvm_unreachable("a use of weights without a type");
  }

  Value weight(const WeightRecipe &recipe) {
    return weight(recipe, elementType(recipe));
  }
  Value weight(const WeightRecipe &recipe, Type element) {
    assert((!recipe.stacked || recipe.parts == 1) &&
           "the manifest stacks or concatenates, not both");
    SmallVector<StringRef> tensors;
    SmallVector<Attribute> shapes;
    for (const WeightSource &source : recipe.sources) {
      tensors.push_back(source.tensor);
      shapes.push_back(b.getDenseI64ArrayAttr(source.shape));
    }
    SmallVector<NamedAttribute> entries{
        b.getNamedAttr("sources", b.getStrArrayAttr(tensors)),
        b.getNamedAttr("shapes", b.getArrayAttr(shapes))};
    if (recipe.stacked)
      entries.push_back(b.getNamedAttr("stack", b.getUnitAttr()));
    if (!recipe.rows.isIdentity())
      entries.push_back(b.getNamedAttr(
          "permute", b.getDenseI64ArrayAttr(
                         {recipe.rows.a, recipe.rows.b, recipe.rows.c})));
    auto type = RankedTensorType::get(recipe.shape, element);
    return nn::WeightOp::create(b, at(recipe.name), type,
                                b.getStringAttr(recipe.name),
                                b.getDictionaryAttr(entries));
  }

  const WeightRecipe &recipe(StringRef role) {
    const WeightRecipe *found =
        spec.weight(layer, std::string_view(role.data(), role.size()));
    assert(found && "the spec has every weight of its layers");
    return *found;
  }
  Value weight(StringRef role) { return weight(recipe(role)); }

  // ---- small ops

  Location at(const llvm::Twine &name) {
    return NameLoc::get(b.getStringAttr(name));
  }
  /// A part of the layer.
  Location part(const llvm::Twine &name) {
    return at("layers." + llvm::Twine(layer) + "." + name);
  }
  RankedTensorType typed(std::initializer_list<int64_t> features,
                         Type element) {
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    llvm::append_range(shape, features);
    return RankedTensorType::get(shape, element);
  }
  IntegerAttr i64(int64_t value) { return b.getI64IntegerAttr(value); }
  FloatAttr real(double value) {
    return b.getF32FloatAttr(static_cast<float>(value));
  }

  tile::NumericsAttr sumsOf(Type operands, int64_t split) {
    return tile::NumericsAttr::get(b.getContext(), operands, f32,
                                   operands == f32 ? 1 : 2, split);
  }
  /// Sums over the heads' dimensions, which are short.
  tile::NumericsAttr sumsInHeads() { return sumsOf(activation, 0); }
  /// f32 sums of products with the weight.
  tile::NumericsAttr f32SumsWith(Value w) {
    int64_t k = cast<RankedTensorType>(w.getType()).getShape().back();
    return sumsOf(f32, tile::canonicalSplit(
                           k, std::max(options.split, tile::kCanonicalSplit)));
  }
  /// Sums of products of activations with the weight: one that is wider than
  /// activations is not rounded to them.
  tile::NumericsAttr sumsWith(Value w) {
    if (activation == f32 || getElementTypeOrSelf(w.getType()) == f32)
      return f32SumsWith(w);
    return sumsOf(activation, options.split);
  }

  /// Of the sum of the squares of `n` numbers.
  int64_t splitOfNorm(int64_t n) {
    int64_t split = activation == f32 ? tile::canonicalReduceSplit(n) : 0;
    return std::max(split, options.split);
  }

  Value linear(Value x, const WeightRecipe &recipe) {
    Value w = weight(recipe);
    return nn::LinearOp::create(b, at(recipe.name),
                                typed({recipe.shape[0]}, activation), x, w,
                                Value(), sumsWith(w));
  }
  Value linear(Value x, StringRef role) { return linear(x, recipe(role)); }

  Value norm(Value x, const WeightRecipe &w, double eps, Type element,
             int64_t groups = 1, int64_t blocks = 1) {
    Value scale = weight(w);
    auto type = cast<RankedTensorType>(x.getType()).clone(element);
    return nn::RmsNormOp::create(
               b, at(w.name), type, /*inverse=*/Type(), x, scale, real(eps),
               i64(groups), i64(blocks),
               i64(splitOfNorm(type.getShape().back() / groups / blocks)),
               b.getBoolAttr(w.addOne))
        .getResult();
  }

  Value activate(Activation kind, Value x, const llvm::Twine &name) {
    if (kind == Activation::None)
      return x;
    auto attr = nn::ActivationAttr::get(b.getContext(), functionOf(kind));
    return nn::ActivationOp::create(b, part(name), x.getType(), x, attr);
  }

  Value residual(Value r, Value y, const ResidualSpec &scalars,
                 const llvm::Twine &name) {
    return nn::ResidualOp::create(b, part(name), r.getType(), r, y,
                                  real(scalars.alpha), real(scalars.beta));
  }

  Value heads(Value x, int64_t offset, int64_t count, int64_t dim,
              const llvm::Twine &name) {
    return nn::HeadsOp::create(b, part(name), typed({count, dim}, activation),
                               x, i64(offset), i64(count), i64(dim));
  }

  Value mergeHeads(Value x, int64_t width) {
    return nn::MergeHeadsOp::create(b, part("merge_heads"),
                                    typed({width}, activation), x);
  }

  /// Cosines and sines are made once for all layers that rotate alike.
  Value rotate(Value x, const RopeSpec &rope, const llvm::Twine &name) {
    if (rope.dims == 0)
      return x;
    auto [place, isNew] = tables.try_emplace({rope.dims, rope.theta});
    if (isNew) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&func.getBody().front());
      auto type = typed({rope.dims / 2}, f32);
      auto table = nn::RotaryTableOp::create(
          b, at("rotary"), TypeRange{type, type}, positions,
          b.getF64FloatAttr(rope.theta), i64(rope.dims));
      place->second = {table.getCos(), table.getSin()};
    }
    return nn::RotaryOp::create(b, part(name), x.getType(), x,
                                place->second.first, place->second.second);
  }

  /// The layer's; null in functions that see whole sequences.
  Value cache() const { return isStep() ? caches[layer] : Value(); }
  Type typeOfCache() const {
    return isStep() ? caches[layer].getType() : Type();
  }

  // ---- a layer

  Value embed() {
    Value table = weight(*spec.weight("embed"));
    if (spec.tiedEmbeddings)
      headWeight = table;
    return nn::EmbeddingOp::create(
        b, at("embed"), typed({spec.hidden}, activation), ids, table);
  }

  Value block(Value x) {
    const LayerSpec &layerSpec = spec.layers[layer];
    Value y = norm(x, recipe("mixer_norm"), spec.normEps, activation);
    Value mixed = layerSpec.lightning()
                      ? lightningMixer(y, *layerSpec.lightning())
                      : softmaxMixer(y, *layerSpec.softmax());
    Value z = residual(spec.postnorm ? y : x, mixed, layerSpec.mixerResidual,
                       "mixer_residual");
    Value w = norm(z, recipe("moe_norm"), spec.normEps, activation);
    return residual(spec.postnorm ? w : z, experts(w, layerSpec.moe),
                    layerSpec.moeResidual, "moe_residual");
  }

  /// q or k: columns of the projection, normed and rotated.
  Value headsOf(Value x, int64_t offset, int64_t count, int64_t dim,
                QkNorm qkNorm, StringRef name, const RopeSpec &rope) {
    Value split = heads(x, offset, count, dim, name);
    if (qkNorm == QkNorm::PerHead)
      split =
          norm(split, recipe((name + "_norm").str()), spec.normEps, activation);
    return rotate(split, rope, name + "_rotary");
  }

  /// The product with the weight of q, k and v together, whether the checkpoint
  /// has them so or not.
  Value qkvOf(Value y) {
    std::string name = "layers." + std::to_string(layer) + ".qkv";
    if (const WeightRecipe *together = spec.weight(name))
      return linear(y, *together);
    return linear(y,
                  concatRows(name, {&recipe("q"), &recipe("k"), &recipe("v")}));
  }

  Value lightningMixer(Value y, const LightningSpec &l) {
    int64_t keys = l.heads * l.keyDim, values = l.heads * l.valueDim;
    Value qkv = activate(l.activation, qkvOf(y), "qkv_activation");
    Value q = headsOf(qkv, 0, l.heads, l.keyDim, l.qkNorm, "q", l.rope);
    Value k = headsOf(qkv, keys, l.heads, l.keyDim, l.qkNorm, "k", l.rope);
    Value v = heads(qkv, 2 * keys, l.heads, l.valueDim, "v");
    SmallVector<float> logs;
    for (double rate : l.decayRates)
      logs.push_back(static_cast<float>(-rate));
    auto decay = arith::ConstantOp::create(
        b, part("decay"),
        DenseElementsAttr::get(RankedTensorType::get({l.heads}, f32),
                               ArrayRef<float>(logs)));
    auto update =
        lightning::UpdateAttr::get(b.getContext(), lightning::Update::gated);
    auto mixed = lightning::AttentionOp::create(
        b, part("lightning"), typed({l.heads, l.valueDim}, activation),
        /*final_state=*/Type(), typeOfCache(), q, k, v, decay,
        /*beta=*/Value(), /*initial=*/Value(), cache(), slots, first, starts,
        update, real(l.scale),
        /*chunk=*/IntegerAttr(), sumsInHeads());
    updated = mixed.getUpdated();
    // Each head's squares are summed apart, unless all sums have their parts:
    // then a rank hands over one number for its heads.
    int64_t blocks = options.split == 0 && l.heads % l.outputNormGroups == 0
                         ? l.heads / l.outputNormGroups
                         : 1;
    Value normed =
        norm(mergeHeads(mixed.getResult(), values), recipe("out_norm"),
             l.outputNormEps, activation, l.outputNormGroups, blocks);
    if (l.gate != Activation::None)
      normed = nn::MulOp::create(
          b, part("gate_product"), normed.getType(),
          activate(l.gate, linear(y, "gate"), "gate_activation"), normed);
    return linear(normed, "out");
  }

  Value softmaxMixer(Value y, const SoftmaxSpec &s) {
    int64_t queries = s.heads * s.headDim, keys = s.kvHeads * s.headDim;
    Value qkv = qkvOf(y);
    Value q = headsOf(qkv, 0, s.heads, s.headDim, s.qkNorm, "q", s.rope);
    Value k =
        headsOf(qkv, queries, s.kvHeads, s.headDim, s.qkNorm, "k", s.rope);
    Value v = heads(qkv, queries + keys, s.kvHeads, s.headDim, "v");
    auto mixed = attention::SoftmaxOp::create(
        b, part("softmax"), typed({s.heads, s.headDim}, activation),
        /*log_sum_exp=*/needsGradient() ? Type(typed({s.heads}, f32)) : Type(),
        typeOfCache(), q, k, v, cache(), pages, first, starts, real(s.scale),
        i64(s.slidingWindow.value_or(0)), sumsInHeads());
    updated = mixed.getUpdated();
    return linear(mergeHeads(mixed.getResult(), queries), "out");
  }

  Value experts(Value x, const MoeSpec &m) {
    auto pairs = RankedTensorType::get({ShapedType::kDynamic}, i32);
    auto slotsOf = [&](Type element) { return typed({m.topK}, element); };
    Value router = weight("router");
    Value bias = m.router.selectionBias ? weight("router_bias") : Value();
    auto score = moe::ScoreAttr::get(b.getContext(), scoreOf(m.router.score));
    auto route = moe::RouteOp::create(
        b, part("router"), TypeRange{slotsOf(i32), slotsOf(f32)}, x, router,
        bias,
        /*given=*/Value(), score, i64(m.topK),
        b.getBoolAttr(m.router.renormalize), real(m.router.renormalizeEps),
        real(m.router.scale), i64(m.router.groups), i64(m.router.topGroups),
        sumsWith(router));
    if (function == Function::Logprob) {
      Value logits = nn::LinearOp::create(b, part("router_logits"),
                                          typed({m.experts}, f32), x, router,
                                          Value(), sumsWith(router));
      routes.append({route.getIds(), logits});
    }
    auto dispatch = moe::DispatchOp::create(
        b, part("dispatch"),
        TypeRange{RankedTensorType::get({m.experts + 1}, i32), pairs,
                  slotsOf(i32)},
        route.getIds(), i64(m.experts));
    // Gate and up go into one product.
    const WeightRecipe &gateRecipe = recipe("experts.gate"),
                       &upRecipe = recipe("experts.up");
    Type wider = elementType(gateRecipe) == f32 ? f32 : elementType(upRecipe);
    Value gate = weight(gateRecipe, wider), up = weight(upRecipe, wider),
          down = weight("experts.down");
    auto function =
        nn::ActivationAttr::get(b.getContext(), functionOf(m.activation));
    auto hiddenType = typed({m.intermediate}, activation);
    // The gradient needs the sums before the activation.
    Type sums = needsGradient() ? Type(hiddenType) : Type();
    Value hidden =
        moe::ExpertUpOp::create(b, part("experts.up"), hiddenType, sums, sums,
                                x, dispatch.getOffsets(), dispatch.getOrder(),
                                gate, up, function, i64(m.topK), sumsWith(up))
            .getResult();
    Value each = moe::ExpertDownOp::create(
        b, part("experts.down"), typed({spec.hidden}, activation), hidden,
        dispatch.getOffsets(), down, sumsWith(down));
    Value routed = moe::CombineOp::create(
        b, part("combine"), typed({spec.hidden}, activation), each,
        dispatch.getPlace(), route.getGates());
    return m.shared ? withShared(x, routed, m) : routed;
  }

  Value withShared(Value x, Value routed, const MoeSpec &m) {
    Value gate =
        activate(m.activation, linear(x, "shared.gate"), "shared.activation");
    Value hidden = nn::MulOp::create(b, part("shared.product"), gate.getType(),
                                     gate, linear(x, "shared.up"));
    Value shared = linear(hidden, "shared.down");
    if (m.shared->mix == SharedMix::Add)
      return residual(routed, shared, {}, "shared.sum");
    // The coefficient's product and sigmoid are f32.
    Value coefficient = weight("shared.coefficient");
    Value logit =
        nn::LinearOp::create(b, part("shared.coefficient"), typed({1}, f32), x,
                             coefficient, Value(), f32SumsWith(coefficient));
    return nn::MixOp::create(
        b, part("shared.mix"), routed.getType(), routed, shared,
        activate(Activation::Sigmoid, logit, "shared.coefficient_activation"));
  }

  Value logits(Value x) {
    Value wanted =
        nn::SelectRowsOp::create(b, at("select_rows"), x.getType(), x, rows);
    Value normed = norm(wanted, *spec.weight("final_norm"), spec.normEps, f32);
    Value w = headWeight ? headWeight : weight(*spec.weight("lm_head"));
    return nn::LmHeadOp::create(b, at("lm_head"), typed({spec.vocab}, f32),
                                normed, w, f32SumsWith(w));
  }

  /// Log-probabilities and entropies of the targets; of a training step the
  /// loss of each token as well.
  SmallVector<Value> policy(Value x) {
    Value normed = norm(x, *spec.weight("final_norm"), spec.normEps, f32);
    Value w = headWeight ? headWeight : weight(*spec.weight("lm_head"));
    auto reals = RankedTensorType::get({ShapedType::kDynamic}, f32);
    auto head = policy::HeadOp::create(b, at("policy_head"),
                                       TypeRange{reals, reals, reals}, normed,
                                       w, targets, temperature, f32SumsWith(w));
    SmallVector<Value> results{head.getLogprob(), head.getEntropy()};
    if (needsGradient()) {
      operands.logprob = head.getLogprob();
      operands.entropy = head.getEntropy();
      operands.starts = starts;
      results.push_back(policy::createLoss(b, at("loss"), options.loss,
                                           operands, /*counters=*/false)
                            .getLoss());
    }
    results.append(routes);
    return results;
  }

  const ModelSpec &spec;
  GraphOptions options;
  Function function;
  OpBuilder b;
  Type f32, i32, activation, matrix, head;
  func::FuncOp func;
  Value ids, positions, starts, first, slots, pages, rows, headWeight;
  Value targets, temperature;
  policy::LossOperands operands;
  /// Of a function that gives log-probabilities: ids and logits of each router.
  SmallVector<Value> routes;
  SmallVector<Value> caches;
  std::map<std::pair<int64_t, double>, std::pair<Value, Value>> tables;
  size_t layer = 0;
  Value updated; ///< The cache after the layer built last.
};

/// What the container says of the model.
void describe(ModuleOp module, const ModelSpec &spec,
              const GraphOptions &options) {
  Builder b(module.getContext());
  auto number = [&](int64_t value) { return b.getI64IntegerAttr(value); };
  NamedAttribute entries[] = {
      b.getNamedAttr("architecture", b.getStringAttr(spec.architecture)),
      b.getNamedAttr("vocab", number(spec.vocab)),
      b.getNamedAttr("hidden", number(spec.hidden)),
      b.getNamedAttr("layers",
                     number(static_cast<int64_t>(spec.layers.size()))),
      b.getNamedAttr("max_positions", number(spec.maxPositions)),
      b.getNamedAttr("eos_ids", b.getDenseI64ArrayAttr(spec.eosIds)),
      b.getNamedAttr("chunk", number(options.chunk)),
      b.getNamedAttr(
          "dtype", b.getStringAttr(std::string(floatTypeName(options.dtype)))),
      b.getNamedAttr("parameters", number(spec.parameters())),
  };
  module->setAttr("hamlet.model", b.getDictionaryAttr(entries));
}

} // namespace

llvm::Expected<OwningOpRef<ModuleOp>> buildGraph(MLIRContext &context,
                                                 const ModelSpec &spec,
                                                 const GraphOptions &options) {
  for (size_t i = 0; i < spec.layers.size(); ++i)
    if (std::string what = unsupported(spec.layers[i]); !what.empty())
      return makeError("family " + spec.family + ": layer " + llvm::Twine(i) +
                       ": " + what + " is not lowered yet");
  if (options.chunk < 1)
    return makeError("--lightning-chunk: expected at least 1, found " +
                     llvm::Twine(options.chunk));
  context.loadDialect<arith::ArithDialect, func::FuncDialect,
                      attention::AttentionDialect, lightning::LightningDialect,
                      moe::MoEDialect, nn::NNDialect, policy::PolicyDialect,
                      tile::TileDialect>();
  OpBuilder b(&context);
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(b, NameLoc::get(b.getStringAttr("model")));
  describe(*module, spec, options);
  for (Function function : options.functions)
    GraphBuilder(context, spec, options, function).build(*module);
  // A failure here is our mistake, but a message beats a later crash.
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  if (failed(verify(*module)))
    return makeError("family " + spec.family +
                     ": the graph does not verify: " + message);
  return module;
}

} // namespace hamlet::frontend
