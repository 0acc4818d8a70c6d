//===- Loss.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "policy/Loss.h"

#include <cmath>
#include <cstdio>

namespace hamlet::algorithm {

const std::vector<std::string> &ratioNames() {
  static const std::vector<std::string> names{"none", "token", "sequence"};
  return names;
}

const std::vector<std::string> &surrogateNames() {
  static const std::vector<std::string> names{"through", "detached", "soft"};
  return names;
}

const std::vector<std::string> &klNames() {
  static const std::vector<std::string> names{"none", "k1", "absolute",
                                              "k2",   "k3", "k3_k2"};
  return names;
}

const std::vector<std::string> &behaveNames() {
  static const std::vector<std::string> names{"none",    "tis", "icepop",
                                              "seq_tis", "mis", "seqmask"};
  return names;
}

template <typename Enum>
static const std::string &nameOf(const std::vector<std::string> &names,
                                 Enum value) {
  return names[static_cast<size_t>(value)];
}

bool Loss::takesStarts() const {
  return ratio == Ratio::sequence || behave == Behave::seq_tis ||
         behave == Behave::mis || behave == Behave::seqmask || offPolicy;
}

namespace {

struct NamedBound {
  const char *name;
  Loss::Bound value;
};

std::vector<NamedBound> boundsOf(const Loss &l) {
  return {{"is_low", l.isLow},
          {"is_high", l.isHigh},
          {"clip_low", l.clipLow},
          {"clip_high", l.clipHigh},
          {"dual", l.dual},
          {"soft_positive", l.softPositive},
          {"soft_negative", l.softNegative},
          {"log_low", l.logLow},
          {"log_high", l.logHigh},
          {"kl_clamp", l.klClamp},
          {"kl_limit", l.klLimit},
          {"behave_low", l.behaveLow},
          {"behave_high", l.behaveHigh},
          {"off_policy", l.offPolicy}};
}

Status ordered(const char *low, Loss::Bound least, const char *high,
               Loss::Bound most) {
  if (least && most && *most < *least)
    return failure("expected ", low, " of at most ", high, " = ", *most,
                   ", got ", *least);
  return {};
}

} // namespace

Status check(const Loss &l) {
  for (const NamedBound &bound : boundsOf(l)) {
    if (!bound.value)
      continue;
    std::string name = bound.name;
    bool isRatio = !name.starts_with("log_") && name != "off_policy";
    if (!std::isfinite(*bound.value) || (isRatio && *bound.value < 0))
      return failure("expected a finite ", name,
                     isRatio ? " of at least 0: bounds are absolute" : "",
                     ", got ", *bound.value);
    bool soft = l.surrogate == Surrogate::soft;
    bool allowed = true;
    if (name.starts_with("is_"))
      allowed = l.surrogate == Surrogate::detached;
    else if (name.starts_with("clip_"))
      allowed = !soft;
    else if (name == "dual")
      allowed = l.surrogate == Surrogate::through;
    else if (name.starts_with("soft_"))
      allowed = soft;
    bool ofRatio =
        isRatio && !name.starts_with("kl_") && !name.starts_with("behave_");
    if (!allowed ||
        (l.ratio == Ratio::none && (ofRatio || name.starts_with("log_"))))
      return failure("expected no ", name, " of a loss that is '", modeOf(l),
                     "'");
  }
  if (l.surrogate == Surrogate::soft &&
      (l.ratio == Ratio::none || l.softPositive.value_or(0) <= 0 ||
       l.softNegative.value_or(0) <= 0))
    return failure("expected a 'soft' loss to have a ratio, and soft_positive "
                   "and soft_negative above 0");
  HAMLET_TRY(ordered("is_low", l.isLow, "is_high", l.isHigh));
  HAMLET_TRY(ordered("clip_low", l.clipLow, "clip_high", l.clipHigh));
  HAMLET_TRY(ordered("log_low", l.logLow, "log_high", l.logHigh));
  HAMLET_TRY(ordered("behave_low", l.behaveLow, "behave_high", l.behaveHigh));
  HAMLET_TRY(ordered("clip_high", l.clipHigh, "dual", l.dual));
  if (l.dual && *l.dual <= 1)
    return failure("expected dual above 1, got ", *l.dual);
  if (l.kl == Kl::none && (l.klClamp || l.klLimit || l.klByRatio))
    return failure("expected no kl_clamp, kl_limit or kl_by_ratio without kl");
  if (l.klByRatio && l.ratio == Ratio::none)
    return failure("expected a ratio for kl_by_ratio, got 'none'");
  bool corrected = l.behave != Behave::none;
  bool between = l.behave == Behave::icepop || l.behave == Behave::seqmask;
  if (corrected != l.behaveHigh.has_value() || (between && !l.behaveLow) ||
      (!corrected && l.behaveLow))
    return failure("expected behave_high for a correction, for icepop and "
                   "seqmask behave_low too, got behave = ",
                   nameOf(behaveNames(), l.behave));
  if (!std::isfinite(l.beta) || !std::isfinite(l.kappa))
    return failure("expected finite beta and entropy, got ", l.beta, " and ",
                   l.kappa);
  return {};
}

std::string modeOf(const Loss &loss) {
  return nameOf(ratioNames(), loss.ratio) + " " +
         nameOf(surrogateNames(), loss.surrogate);
}

std::string attributesOf(const Loss &loss) {
  std::string text;
  auto add = [&](const std::string &name, const std::string &value) {
    text += (text.empty() ? "" : ", ") + name +
            (value.empty() ? "" : " = " + value);
  };
  auto number = [&](const char *name, float value) {
    char digits[32];
    std::snprintf(digits, sizeof(digits), "%.9e : f32",
                  static_cast<double>(value));
    add(name, digits);
  };
  for (const NamedBound &bound : boundsOf(loss))
    if (bound.value)
      number(bound.name, *bound.value);
  if (loss.kl != Kl::none) {
    add("kl", "#policy<kl " + nameOf(klNames(), loss.kl) + ">");
    number("beta", loss.beta);
  }
  if (loss.klByRatio)
    add("kl_by_ratio", "");
  if (loss.kappa != 0)
    number("kappa", loss.kappa);
  if (loss.behave != Behave::none)
    add("behave", "#policy<behave " + nameOf(behaveNames(), loss.behave) + ">");
  return text.empty() ? "" : "{" + text + "}";
}

} // namespace hamlet::algorithm
