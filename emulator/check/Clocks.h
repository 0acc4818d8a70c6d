//===- Clocks.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Vector clocks. Every source of memory events is an agent with a clock of its
// own: a warp's threads, its cp.async groups, its bulk groups (reads and writes
// apart), a warpgroup's wgmma groups, and each mbarrier, whose clock is its
// phase: what a bulk copy touched is known to whoever passed the phase.
#pragma once

#include "emulator/core/Types.h"

#include <array>
#include <bit>
#include <map>
#include <vector>

namespace hamlet::emu {

inline constexpr u32 kAgents = 2048; ///< of one cluster
inline constexpr u32 kAgentsPerWarp = 5;
enum AgentKind : u32 { kThreads, kCopies, kBulkReads, kBulkWrites, kProducts };

/// A clock for each lane of a warp.
using LaneClocks = std::array<u32, 32>;

/// What is known of a cluster's own agents, by index, and of other clusters'.
/// `own` holds for every lane of an agent; lanes of which more is known stand
/// in `lanes` too.
class Clock {
public:
  u32 of(u32 agent) const { return agent < own.size() ? own[agent] : 0; }
  const std::vector<u32> &ofAll() const { return own; }
  /// Whether what each of `mask` did at `value` is known.
  bool knows(u32 agent, u32 mask, u32 value) const {
    return of(agent) >= value || has(lanes, agent, mask, value);
  }
  /// The same of an agent of another cluster (cluster * kAgents + agent).
  bool knowsForeign(u32 agent, u32 mask, u32 value) const {
    auto it = foreign.find(agent);
    return (it != foreign.end() && it->second >= value) ||
           has(foreignLanes, agent, mask, value);
  }
  bool contains(const Clock &o) const;
  void raise(u32 agent, u32 value);
  /// Raises each lane of `mask` to its own of `values`.
  void raise(u32 agent, u32 mask, const LaneClocks &values);
  void join(const Clock &o);
  /// Joins what a thread of cluster `from` published, seen in cluster `to`.
  void joinFrom(const Clock &o, u32 from, u32 to);
  void clear() { *this = Clock(); }
  bool operator==(const Clock &) const = default;

private:
  using ByAgent = std::map<u32, LaneClocks>;
  static bool has(const ByAgent &m, u32 agent, u32 mask, u32 value) {
    if (m.empty())
      return false;
    auto it = m.find(agent);
    if (it == m.end())
      return false;
    for (; mask; mask &= mask - 1)
      if (it->second[static_cast<u32>(std::countr_zero(mask))] < value)
        return false;
    return true;
  }
  static void raiseLanes(ByAgent &m, u32 agent, const LaneClocks &values);
  /// Moves to `own` what holds for every lane.
  void settle();
  void settleForeign();

  std::vector<u32> own;
  std::map<u32, u32> foreign; ///< by cluster * kAgents + agent
  ByAgent lanes;              ///< by agent
  ByAgent foreignLanes;       ///< by cluster * kAgents + agent
};

enum class Scope : u8 { None, Cta, Cluster, Gpu, Sys };

/// What threads know: of everything; of what a proxy fence made visible to
/// the async proxy in shared and in global memory; of mbarriers' inits. And
/// what fences released, waiting for a strong write, and what strong reads saw,
/// waiting for an acquire fence: one thread may fence, another one, behind a
/// barrier, write or read the flag.
struct Knowledge {
  Clock all, shared, global, inits, released;
  Clock seen[3]; ///< of the own CTA, of the cluster, of others
  Scope releasedScope = Scope::None;
  void join(const Knowledge &o);
  void joinFlags(const Knowledge &o);
  void clear() { *this = Knowledge(); }
  bool operator==(const Knowledge &) const = default;
};

} // namespace hamlet::emu
