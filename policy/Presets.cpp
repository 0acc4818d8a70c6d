//===- Presets.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "policy/Presets.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

namespace hamlet::algorithm {

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {

Loss clipped(float low, float high, std::optional<float> dual = {}) {
  Loss loss;
  loss.clipLow = low;
  loss.clipHigh = high;
  loss.dual = dual;
  return loss;
}

Loss weighted(std::optional<float> low, std::optional<float> high) {
  Loss loss;
  loss.surrogate = Surrogate::detached;
  loss.isLow = low;
  loss.isHigh = high;
  return loss;
}

Loss plain() {
  Loss loss;
  loss.ratio = Ratio::none;
  return loss;
}

Loss soft() {
  Loss loss;
  loss.surrogate = Surrogate::soft;
  loss.softPositive = 1.0F;
  loss.softNegative = 1.05F;
  return loss;
}

Loss bySequence(Loss loss) {
  loss.ratio = Ratio::sequence;
  return loss;
}

Loss logWithin(Loss loss, std::optional<float> low, std::optional<float> high) {
  loss.logLow = low;
  loss.logHigh = high;
  return loss;
}

Loss withKl(Loss loss, Kl kl, float beta, std::optional<float> clamp = {},
            std::optional<float> limit = {}) {
  loss.kl = kl;
  loss.beta = beta;
  loss.klClamp = clamp;
  loss.klLimit = limit;
  return loss;
}

AdvantageSettings advantage(Spread spread, double epsilon = 1e-6) {
  AdvantageSettings settings;
  settings.spread = spread;
  settings.epsilon = epsilon;
  return settings;
}

AdvantageSettings leaveOneOut(Spread spread) {
  AdvantageSettings settings = advantage(spread);
  settings.leaveOneOut = true;
  settings.skipZeroSpread = true;
  return settings;
}

/// verl takes the only score of a group as it is.
AdvantageSettings verlAdvantage(Spread spread = Spread::group) {
  AdvantageSettings settings = advantage(spread);
  settings.loneScores = true;
  return settings;
}

AdvantageSettings arealAdvantage() {
  AdvantageSettings settings = advantage(Spread::batch, 1e-5);
  settings.unbiased = false;
  return settings;
}

std::vector<Preset> makePresets() {
  using enum Aggregation;
  const Aggregation each = sequence_mean_token_mean;
  const AdvantageSettings group = advantage(Spread::group),
                          none = advantage(Spread::none),
                          trl = advantage(Spread::group, 1e-4);
  auto within20 = [](const Loss &loss) {
    return logWithin(loss, -20.0F, 20.0F);
  };
  const Loss gspo = bySequence(clipped(0.9997F, 1.0004F));
  return {
      // Of papers.
      {"cross_entropy", "the likelihood", plain(), token_mean, none},
      {"reinforce", "Williams 1992, doi:10.1007/BF00992696", plain(),
       token_mean, none},
      {"rloo", "arXiv:2402.14740", plain(), sequence_mean_token_sum,
       leaveOneOut(Spread::none)},
      // The cap is not published; 5 is ScaleRL's, arXiv:2510.13786.
      {"cispo", "arXiv:2506.13585, eq. 4", weighted({}, 5.0F), prompt_mean,
       group},
      {"ppo", "arXiv:1707.06347", clipped(0.8F, 1.2F), token_mean, group},
      {"dual_clip", "arXiv:1912.09729", clipped(0.8F, 1.2F, 3.0F), token_mean,
       group},
      {"grpo", "arXiv:2402.03300", withKl(clipped(0.8F, 1.2F), Kl::k3, 0.04F),
       each, group},
      {"dapo", "arXiv:2503.14476", clipped(0.8F, 1.28F), prompt_mean, group},
      {"dr_grpo", "arXiv:2503.20783", clipped(0.8F, 1.2F), constant, none},
      {"gspo", "arXiv:2507.18071", gspo, each, group},
      {"sapo", "arXiv:2511.20347", soft(), each, group},
      // verl/trainer/ppo/core_algos.py.
      {"verl-ppo", "verl, loss_mode vanilla",
       within20(clipped(0.8F, 1.2F, 3.0F)), token_mean, verlAdvantage()},
      {"verl-grpo", "verl, loss_mode vanilla, use_kl_loss",
       withKl(within20(clipped(0.8F, 1.2F, 3.0F)), Kl::k3, 0.001F, 20.0F,
              10.0F),
       token_mean, verlAdvantage()},
      {"verl-dapo", "verl, recipe/dapo", within20(clipped(0.8F, 1.28F, 10.0F)),
       token_mean, verlAdvantage()},
      {"verl-dr_grpo", "verl, seq-mean-token-sum-norm",
       within20(clipped(0.8F, 1.2F, 3.0F)), constant,
       verlAdvantage(Spread::none)},
      {"verl-cispo", "verl, loss_mode cispo", within20(weighted(0.8F, 1.2F)),
       token_mean, verlAdvantage()},
      {"verl-gspo", "verl, loss_mode gspo", logWithin(gspo, {}, 10.0F), each,
       verlAdvantage()},
      {"verl-sapo", "verl, loss_mode sapo", within20(soft()), each,
       verlAdvantage()},
      {"verl-gpg", "verl, loss_mode gpg", plain(), token_mean, verlAdvantage()},
      // trl/trainer/grpo_trainer.py.
      {"trl-grpo", "TRL, loss_type grpo", clipped(0.8F, 1.2F), each, trl},
      {"trl-dapo", "TRL, loss_type dapo", clipped(0.8F, 1.2F), token_mean, trl},
      {"trl-dr_grpo", "TRL, loss_type dr_grpo", clipped(0.8F, 1.2F), constant,
       trl},
      // Its bound is absolute; 5 is what its documentation advises.
      {"trl-cispo", "TRL, loss_type cispo", weighted({}, 5.0F), token_mean,
       trl},
      {"trl-gspo", "TRL, importance_sampling_level sequence", gspo, each, trl},
      {"trl-sapo", "TRL, loss_type sapo", soft(), each, trl},
      // nemo_rl/algorithms/loss/loss_functions.py: the divergence's gradient
      // goes through its sample's probability too.
      {"nemo-grpo", "NeMo-RL, ClippedPGLossFn",
       withKl(clipped(0.8F, 1.2F), Kl::k3_k2, 0.01F, 20.0F, 10.0F), token_mean,
       leaveOneOut(Spread::group)},
      // ratio_clip_min 1 and ratio_clip_max 5 of its recipe.
      {"nemo-cispo", "NeMo-RL, use_cispo",
       withKl(weighted(0.0F, 6.0F), Kl::k3_k2, 0.01F, 20.0F, 10.0F), token_mean,
       leaveOneOut(Spread::group)},
      {"nemo-gspo", "NeMo-RL, sequence_level_importance_ratios",
       withKl(gspo, Kl::k3_k2, 0.01F, 20.0F, 10.0F), each,
       leaveOneOut(Spread::group)},
      {"nemo-reinforce", "NeMo-RL, disable_ppo_ratio",
       withKl(plain(), Kl::k3_k2, 0.01F, 20.0F, 10.0F), token_mean,
       leaveOneOut(Spread::group)},
      // slime/utils/ppo_utils.py, a mean for each sample.
      {"slime-grpo", "slime, advantage_estimator grpo", clipped(0.8F, 1.2F),
       each, group},
      {"slime-cispo", "slime, advantage_estimator cispo", weighted(0.8F, 1.2F),
       each, group},
      {"slime-gspo", "slime, advantage_estimator gspo",
       bySequence(clipped(0.8F, 1.2F)), each, group},
      // areal/utils/functional/functional.py.
      {"areal-ppo", "AReaL, ppo_actor_loss_fn", clipped(0.8F, 1.2F), token_mean,
       arealAdvantage()},
      {"areal-cispo", "AReaL, use_cispo_loss", weighted(0.8F, 1.2F), token_mean,
       arealAdvantage()},
      {"areal-gspo", "AReaL, importance_sampling_level sequence",
       bySequence(clipped(0.8F, 1.2F)), token_mean, arealAdvantage()},
      {"areal-sapo", "AReaL, sapo_loss_fn", soft(), token_mean,
       arealAdvantage()},
  };
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

size_t distance(const std::string &x, const std::string &y) {
  std::vector<size_t> row(y.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 0; i < x.size(); ++i) {
    size_t before = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < y.size(); ++j) {
      size_t changed = before + (x[i] != y[j]);
      before = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, before + 1});
    }
  }
  return row.back();
}

/// "unknown WHAT 'WORD' (did you mean 'NAME'?); known are ...".
Status unknown(const std::string &what, const std::string &word,
               const std::vector<std::string> &names) {
  std::string text, meant;
  size_t least = 1 + word.size() / 3;
  for (const std::string &name : names) {
    text += (text.empty() ? "" : ", ") + name;
    if (size_t far = distance(word, name); far <= least) {
      if (far < least || meant.empty())
        meant = name;
      least = far;
    }
  }
  return failure("unknown ", what, " '", word, "'",
                 meant.empty() ? "" : " (did you mean '" + meant + "'?)",
                 "; known are ", text);
}

//===----------------------------------------------------------------------===//
// Settings
//===----------------------------------------------------------------------===//

Result<double> numberOf(const std::string &key, const std::string &value) {
  double number = 0;
  const char *end = value.data() + value.size();
  auto [stopped, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stopped != end || !std::isfinite(number))
    return failure(key, ": expected a number, got '", value, "'");
  return number;
}

using Setter =
    std::function<Status(Preset &, const std::string &, const std::string &)>;

template <typename Get> Setter bound(Get get) {
  return [get](Preset &preset, const std::string &key,
               const std::string &value) -> Status {
    if (value == "none") {
      get(preset).reset();
      return {};
    }
    Result<double> number = numberOf(key, value);
    if (number.failed())
      return failure(number.message(), " (or 'none')");
    get(preset) = static_cast<float>(*number);
    return {};
  };
}

template <typename Get> Setter number(Get get) {
  return [get](Preset &preset, const std::string &key,
               const std::string &value) -> Status {
    Result<double> found = numberOf(key, value);
    if (found.failed())
      return found.status();
    using To = std::remove_reference_t<decltype(get(preset))>;
    get(preset) = static_cast<To>(*found);
    return {};
  };
}

template <typename Get> Setter truth(Get get) {
  return [get](Preset &preset, const std::string &key,
               const std::string &value) -> Status {
    if (value != "true" && value != "false")
      return failure(key, ": expected true or false, got '", value, "'");
    get(preset) = value == "true";
    return {};
  };
}

template <typename Get>
Setter choice(const std::vector<std::string> &names, Get get) {
  return [get, &names](Preset &preset, const std::string &key,
                       const std::string &value) -> Status {
    // Some frameworks write token_mean, some token-mean.
    auto found =
        std::find_if(names.begin(), names.end(), [&](const std::string &name) {
          return std::ranges::equal(name, value, [](char x, char y) {
            return x == y || (x == '-' && y == '_');
          });
        });
    if (found == names.end())
      return unknown(key, value, names);
    using Enum = std::remove_reference_t<decltype(get(preset))>;
    get(preset) = static_cast<Enum>(found - names.begin());
    return {};
  };
}

/// A field of a part of a preset.
template <typename Part, typename Field>
auto in(Part Preset::*part, Field Part::*field) {
  return [=](Preset &preset) -> Field & { return preset.*part.*field; };
}

const std::map<std::string, Setter> &setters() {
  static const std::map<std::string, Setter> all{
      {"ratio", choice(ratioNames(), in(&Preset::loss, &Loss::ratio))},
      {"surrogate",
       choice(surrogateNames(), in(&Preset::loss, &Loss::surrogate))},
      {"is_low", bound(in(&Preset::loss, &Loss::isLow))},
      {"is_high", bound(in(&Preset::loss, &Loss::isHigh))},
      {"clip_low", bound(in(&Preset::loss, &Loss::clipLow))},
      {"clip_high", bound(in(&Preset::loss, &Loss::clipHigh))},
      {"dual", bound(in(&Preset::loss, &Loss::dual))},
      {"soft_positive", bound(in(&Preset::loss, &Loss::softPositive))},
      {"soft_negative", bound(in(&Preset::loss, &Loss::softNegative))},
      {"log_low", bound(in(&Preset::loss, &Loss::logLow))},
      {"log_high", bound(in(&Preset::loss, &Loss::logHigh))},
      {"kl", choice(klNames(), in(&Preset::loss, &Loss::kl))},
      {"beta", number(in(&Preset::loss, &Loss::beta))},
      {"kl_clamp", bound(in(&Preset::loss, &Loss::klClamp))},
      {"kl_limit", bound(in(&Preset::loss, &Loss::klLimit))},
      {"kl_by_ratio", truth(in(&Preset::loss, &Loss::klByRatio))},
      {"entropy", number(in(&Preset::loss, &Loss::kappa))},
      {"behave", choice(behaveNames(), in(&Preset::loss, &Loss::behave))},
      {"behave_low", bound(in(&Preset::loss, &Loss::behaveLow))},
      {"behave_high", bound(in(&Preset::loss, &Loss::behaveHigh))},
      {"off_policy", bound(in(&Preset::loss, &Loss::offPolicy))},
      {"aggregation", choice(aggregationNames(),
                             [](Preset &preset) -> Aggregation & {
                               return preset.aggregation;
                             })},
      {"advantage.std", choice(spreadNames(), in(&Preset::advantage,
                                                 &AdvantageSettings::spread))},
      {"advantage.unbiased",
       truth(in(&Preset::advantage, &AdvantageSettings::unbiased))},
      {"advantage.epsilon",
       number(in(&Preset::advantage, &AdvantageSettings::epsilon))},
      {"advantage.leave_one_out",
       truth(in(&Preset::advantage, &AdvantageSettings::leaveOneOut))},
      {"advantage.skip_zero_std",
       truth(in(&Preset::advantage, &AdvantageSettings::skipZeroSpread))},
      {"advantage.lone_scores",
       truth(in(&Preset::advantage, &AdvantageSettings::loneScores))},
      {"advantage.drop_equal",
       truth(in(&Preset::advantage, &AdvantageSettings::dropEqual))},
  };
  return all;
}

} // namespace

const std::vector<Preset> &presets() {
  static const std::vector<Preset> all = makePresets();
  return all;
}

Result<Preset> findPreset(const std::string &name) {
  std::vector<std::string> names;
  for (const Preset &preset : presets()) {
    if (preset.name == name)
      return preset;
    names.push_back(preset.name);
  }
  return unknown("preset", name, names);
}

const std::vector<std::string> &settingNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const auto &[name, setter] : setters())
      found.push_back(name);
    return found;
  }();
  return names;
}

Status set(Preset &preset, const std::string &key, const std::string &value) {
  auto setter = setters().find(key);
  if (setter == setters().end())
    return unknown("setting", key, settingNames());
  return setter->second(preset, key, value);
}

Status check(const Preset &preset) {
  HAMLET_TRY(check(preset.loss));
  if (preset.advantage.epsilon < 0)
    return failure("expected advantage.epsilon of at least 0, got ",
                   preset.advantage.epsilon);
  return {};
}

} // namespace hamlet::algorithm
