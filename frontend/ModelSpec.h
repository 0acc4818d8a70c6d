//===- ModelSpec.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_MODELSPEC_H
#define HAMLET_FRONTEND_MODELSPEC_H

#include "container/Configuration.h"
#include "frontend/WeightRecipe.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The resolved model: a configuration read through its family description.
/// Plain data without LLVM; every number is checked (positive, consistent,
/// products below 2^62) before a ModelSpec exists.
namespace hamlet::frontend {

enum class FloatType : uint8_t { F32, BF16, F16 };
std::string_view floatTypeName(FloatType type); ///< "f32", "bf16", "f16"
int64_t floatTypeBytes(FloatType type);

/// x = alpha * residual + beta * branch. `residual` is the branch's normed
/// input with `ModelSpec::postnorm`, else the unnormed stream.
struct ResidualSpec {
  double alpha = 1, beta = 1;
};

/// Half-split rotary embedding of the first `dims` (even) features of each
/// head; 0 for none. Angles are position * theta^(-2i / dims), i < dims / 2.
struct RopeSpec {
  int64_t dims = 0;
  double theta = 10000;
};

enum class Activation : uint8_t { None, Silu, Sigmoid };
enum class QkNorm : uint8_t { None, PerHead };
enum class QkvLayout : uint8_t { HeadMajor, Planar, Separate };

/// Causal grouped-query softmax attention: query head h reads key/value head h
/// / (heads / kvHeads). Weights: q [heads * headDim, hidden], k, v [kvHeads *
/// headDim, hidden], out [hidden, heads * headDim]; with `qkNorm`, q_norm and
/// k_norm [headDim], applied per head before the rotation.
struct SoftmaxSpec {
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  double scale = 1;
  RopeSpec rope;
  std::optional<int64_t>
      slidingWindow; ///< Key j is visible to query i iff i - window < j <= i.
  QkNorm qkNorm = QkNorm::None;
};

/// Linear attention with one constant decay per head: S_t = exp(-s) S_(t-1) +
/// k_t v_t^T, o_t = scale * q_t S_t, the activation on q, k and v, then RMS
/// norm over all heads, then the gate of the layer's input. Weights: qkv [2 *
/// keyHeads * keyDim + heads * valueDim, hidden] as [q | k | v] (or q, k, v
/// apart if `layout` is Separate), gate and out_norm over heads * valueDim, out
/// [hidden, heads * valueDim].
struct LightningSpec {
  int64_t heads = 0; ///< Query, key and value heads.
  int64_t keyDim = 0, valueDim = 0;
  double scale = 1;
  QkvLayout layout =
      QkvLayout::HeadMajor; ///< Of the checkpoint; recipes undo HeadMajor.
  Activation activation = Activation::Silu;
  RopeSpec rope;
  QkNorm qkNorm = QkNorm::None;
  /// s > 0 per head, nats per token: log decay = -s. Computed in double.
  std::vector<double> decayRates;
  double outputNormEps = 1e-6;
  /// The norm's extent: heads * valueDim / outputNormGroups features each. 1 is
  /// all heads together.
  int64_t outputNormGroups = 1;
  Activation gate = Activation::Sigmoid; ///< None: no gate weight.
};

using MixerSpec = std::variant<SoftmaxSpec, LightningSpec>;

enum class RouterScore : uint8_t { Softmax, Sigmoid };

/// logits = x W^T in f32; score over all experts; top-k of score (+ bias,
/// selection only; within the `topGroups` best of `groups` groups by the sum of
/// their two best), ties to the lowest id; weights are the unbiased scores,
/// divided by their sum + renormalizeEps if `renormalize`, times `scale`.
struct RouterSpec {
  RouterScore score = RouterScore::Softmax;
  bool renormalize = true;
  double renormalizeEps = 0;
  bool selectionBias = false;
  int64_t groups = 1, topGroups = 1;
  double scale = 1;
};

/// How the shared expert joins: y = moe + shared; y = moe + c shared; y = (1 -
/// c) moe + c shared, with c = sigmoid(x coefficient^T) in f32.
enum class SharedMix : uint8_t { Add, GatedAdd, Complement };
struct SharedExpertSpec {
  int64_t intermediate = 0;
  SharedMix mix = SharedMix::Add;
};

/// down_e(act(gate_e x) * up_e x) over the routed experts. Weights: router
/// [experts, hidden], experts.gate and experts.up [experts, intermediate,
/// hidden], experts.down [experts, hidden, intermediate].
struct MoeSpec {
  int64_t experts = 0, topK = 0, intermediate = 0;
  Activation activation = Activation::Silu;
  RouterSpec router;
  std::optional<SharedExpertSpec> shared;
};

struct LayerSpec {
  std::string mixerName; ///< The description's name of the mixer, for messages.
  MixerSpec mixer;
  ResidualSpec mixerResidual, moeResidual;
  MoeSpec moe;

  const SoftmaxSpec *softmax() const {
    return std::get_if<SoftmaxSpec>(&mixer);
  }
  const LightningSpec *lightning() const {
    return std::get_if<LightningSpec>(&mixer);
  }
};

/// Weight names, with the shapes above; N is the 0-based layer.
///   embed [vocab, hidden]   final_norm [hidden]   lm_head [vocab, hidden]
///   layers.N.mixer_norm, layers.N.moe_norm [hidden]
///   softmax: layers.N.q, .k, .v, .out, and .q_norm, .k_norm
///   lightning: layers.N.qkv (or .q, .k, .v), .gate, .out_norm, .out, and
///   .q_norm, .k_norm moe: layers.N.router, .router_bias [experts],
///   .experts.gate, .experts.up, .experts.down,
///        .shared.gate, .shared.up, .shared.down, .shared.coefficient [1,
///        hidden]
struct ModelSpec {
  std::string family;
  std::string architecture; ///< First of `architectures`, else the model type.
  int64_t hidden = 0, vocab = 0;
  std::vector<LayerSpec> layers;
  double normEps =
      1e-5; ///< Of mixer_norm, moe_norm, final_norm and the per-head norms.
  bool normAddsOne = false; ///< Norms multiply by 1 + w.
  bool postnorm = false;    ///< The residual is the normed tensor.
  bool tiedEmbeddings = false;
  int64_t maxPositions = 0;
  std::vector<int64_t> eosIds;
  bool eosGiven = false; ///< By the configuration, not only a default.
  /// `dtype` or `torch_dtype` of the configuration.
  std::optional<FloatType> configDType;
  std::vector<WeightRecipe> weights; ///< In order of use.
  /// What was taken from the configuration, which of its keys change nothing,
  /// and which tensors are known to be of no use, such as decay buffers.
  ConfigurationEntries configuration;
  /// Keys of the configuration that nothing reads and nobody knows, as one
  /// message; empty if there are none.
  std::string unknownKeys;
  /// The same of an architecture that no family claims.
  std::string unknownArchitecture;

  /// The recipe named `name`; null if the model has none.
  const WeightRecipe *weight(std::string_view name) const;
  /// The recipe `layers.<layer>.<role>`; null if the layer has none.
  const WeightRecipe *weight(size_t layer, std::string_view role) const;
  void addWeight(WeightRecipe recipe);
  /// Elements of all weights, a tensor that two weights share counted once.
  int64_t parameters() const;

private:
  std::map<std::string, size_t, std::less<>> weightIndex;
};

/// Base decay ladders over N heads. Alibi: 2^(-8 (h+1) / N) for a power of two,
/// else that of the power below followed by every second one of the power
/// above. Geometric: 2^(-8 (h+1) / N) for every N.
enum class DecayLadder : uint8_t { Alibi, Geometric };

/// s_h = ladder_h * (1 - (layer - shift) / (layers - 1 + denominatorEps) +
/// offset), `layer` over all layers; the factor is 1 + offset where the
/// denominator is 0, and 1 if `byLayer` is false.
struct DecaySpec {
  DecayLadder ladder = DecayLadder::Alibi;
  bool byLayer = true;
  double offset = 1e-5;
  double denominatorEps = 0;
  int64_t shift = 0;
};
std::vector<double> decayRates(const DecaySpec &spec, int64_t heads,
                               int64_t layer, int64_t layers);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_MODELSPEC_H
