//===- Presets.h - losses by their names ----------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A preset is a published algorithm, or a framework's version of one with that
// framework's defaults; `verl-cispo` is what verl computes for "cispo". What
// others write as an epsilon around 1 stands here as the bound it means.

#ifndef HAMLET_POLICY_PRESETS_H
#define HAMLET_POLICY_PRESETS_H

#include "policy/Advantage.h"
#include "policy/Loss.h"

namespace hamlet::algorithm {

struct Preset {
  std::string name;
  std::string source; ///< where it is defined
  Loss loss;
  Aggregation aggregation = Aggregation::token_mean;
  AdvantageSettings advantage;
};

/// All of them, those of papers first.
const std::vector<Preset> &presets();

/// The preset of this name; a failure says what was probably meant.
Result<Preset> findPreset(const std::string &name);

/// Changes one setting: `is_high` to "5", `clip_low` to "none", `aggregation`
/// to "token_mean", ... settingNames() has all. The whole is looked at by
/// check(), when all are set.
Status set(Preset &preset, const std::string &key, const std::string &value);
const std::vector<std::string> &settingNames();

Status check(const Preset &preset);

} // namespace hamlet::algorithm

#endif
