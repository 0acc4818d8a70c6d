// Vector clocks. Every source of memory events is an agent with a clock of its
// own: a warp's threads, its cp.async groups, its bulk groups (reads and writes
// apart), a warpgroup's wgmma groups, and each mbarrier, whose clock is its
// phase: what a bulk copy touched is known to whoever passed the phase.
#pragma once

#include "emulator/core/Types.h"

#include <algorithm>
#include <map>
#include <vector>

namespace hamlet::emu {

inline constexpr u32 kAgents = 2048; ///< of one cluster
inline constexpr u32 kAgentsPerWarp = 5;
enum AgentKind : u32 { kThreads, kCopies, kBulkReads, kBulkWrites, kProducts };

/// What is known of a cluster's own agents, by index, and of other clusters'.
struct Clock {
  std::vector<u32> own;
  std::map<u32, u32> foreign; ///< by cluster * kAgents + agent

  u32 of(u32 agent) const { return agent < own.size() ? own[agent] : 0; }
  void raise(u32 agent, u32 value) {
    if (agent >= own.size())
      own.resize(agent + 1);
    own[agent] = std::max(own[agent], value);
  }
  void join(const Clock &o) {
    if (o.own.size() > own.size())
      own.resize(o.own.size());
    for (size_t i = 0; i < o.own.size(); ++i)
      own[i] = std::max(own[i], o.own[i]);
    for (auto &[k, v] : o.foreign)
      foreign[k] = std::max(foreign[k], v);
  }
  /// Joins what a thread of cluster `from` published, seen in cluster `to`.
  void joinFrom(const Clock &o, u32 from, u32 to) {
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
  }
  void clear() {
    own.clear();
    foreign.clear();
  }
};

/// What a thread knows: of everything; of what a proxy fence made visible to
/// the async proxy in shared and in global memory; of mbarriers' inits.
struct Knowledge {
  Clock all, shared, global, inits;
  void join(const Knowledge &o) {
    all.join(o.all);
    shared.join(o.shared);
    global.join(o.global);
    inits.join(o.inits);
  }
  void clear() {
    all.clear();
    shared.clear();
    global.clear();
    inits.clear();
  }
};

} // namespace hamlet::emu
