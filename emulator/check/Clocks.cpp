//===- Clocks.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/check/Clocks.h"

#include <algorithm>

namespace hamlet::emu {

bool Clock::contains(const Clock &o) const {
  for (u32 i = 0; i < o.own.size(); ++i)
    if (o.own[i] && !knows(i, ~0u, o.own[i]))
      return false;
  for (auto &[k, v] : o.foreign)
    if (!knowsForeign(k, ~0u, v))
      return false;
  auto lanesIn = [](const ByAgent &m, auto known) {
    return std::ranges::all_of(m, [&](const auto &x) {
      for (u32 l = 0; l < 32; ++l)
        if (x.second[l] && !known(x.first, 1u << l, x.second[l]))
          return false;
      return true;
    });
  };
  return lanesIn(o.lanes,
                 [&](u32 a, u32 m, u32 v) { return knows(a, m, v); }) &&
         lanesIn(o.foreignLanes,
                 [&](u32 a, u32 m, u32 v) { return knowsForeign(a, m, v); });
}

void Clock::raise(u32 agent, u32 value) {
  if (agent >= own.size())
    own.resize(agent + 1);
  own[agent] = std::max(own[agent], value);
}

void Clock::raiseLanes(ByAgent &m, u32 agent, const LaneClocks &values) {
  LaneClocks &at = m.try_emplace(agent).first->second;
  for (u32 l = 0; l < 32; ++l)
    at[l] = std::max(at[l], values[l]);
}

void Clock::raise(u32 agent, u32 mask, const LaneClocks &values) {
  LaneClocks chosen{};
  u32 known = of(agent);
  bool more = false;
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1 && values[l] > known) {
      chosen[l] = values[l];
      more = true;
    }
  if (!more)
    return;
  raiseLanes(lanes, agent, chosen);
  settle();
}

void Clock::settle() {
  std::erase_if(lanes, [&](const auto &x) {
    auto [least, most] = std::ranges::minmax(x.second);
    if (least > of(x.first))
      raise(x.first, least);
    return most <= of(x.first);
  });
  for (auto &[agent, at] : lanes)
    for (u32 &v : at)
      v = std::max(v, of(agent));
}

void Clock::settleForeign() {
  std::erase_if(foreignLanes, [&](const auto &x) {
    auto [least, most] = std::ranges::minmax(x.second);
    u32 &all = foreign[x.first];
    all = std::max(all, least);
    return most <= all;
  });
}

void Clock::join(const Clock &o) {
  if (o.own.size() > own.size())
    own.resize(o.own.size());
  for (size_t i = 0; i < o.own.size(); ++i)
    own[i] = std::max(own[i], o.own[i]);
  for (auto &[k, v] : o.foreign) {
    u32 &f = foreign[k];
    f = std::max(f, v);
  }
  for (auto &[k, v] : o.lanes)
    raiseLanes(lanes, k, v);
  if (!lanes.empty())
    settle();
  for (auto &[k, v] : o.foreignLanes)
    raiseLanes(foreignLanes, k, v);
  if (!foreignLanes.empty())
    settleForeign();
}

void Clock::joinFrom(const Clock &o, u32 from, u32 to) {
  if (from == to)
    return join(o);
  for (u32 i = 0; i < o.own.size(); ++i)
    if (o.own[i]) {
      u32 &f = foreign[from * kAgents + i];
      f = std::max(f, o.own[i]);
    }
  for (auto &[k, v] : o.foreign) {
    if (k / kAgents == to) {
      raise(k % kAgents, v);
    } else {
      u32 &f = foreign[k];
      f = std::max(f, v);
    }
  }
  for (auto &[k, v] : o.lanes)
    raiseLanes(foreignLanes, from * kAgents + k, v);
  for (auto &[k, v] : o.foreignLanes) {
    if (k / kAgents == to)
      raiseLanes(lanes, k % kAgents, v);
    else
      raiseLanes(foreignLanes, k, v);
  }
  if (!lanes.empty())
    settle();
  if (!foreignLanes.empty())
    settleForeign();
}

void Knowledge::join(const Knowledge &o) {
  all.join(o.all);
  shared.join(o.shared);
  global.join(o.global);
  inits.join(o.inits);
  joinFlags(o);
}

void Knowledge::joinFlags(const Knowledge &o) {
  released.join(o.released);
  for (u32 k = 0; k < 3; ++k)
    seen[k].join(o.seen[k]);
  if (o.releasedScope != Scope::None)
    releasedScope = releasedScope == Scope::None
                        ? o.releasedScope
                        : std::min(releasedScope, o.releasedScope);
}

} // namespace hamlet::emu
