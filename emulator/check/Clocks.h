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
/// A release by some lanes of a warp publishes what they did themselves, beyond
/// what the whole warp had done at their last synchronisation: `lanes`.
struct Clock {
  std::vector<u32> own;
  std::map<u32, u32> foreign;      ///< by cluster * kAgents + agent
  std::map<u32, u32> lanes;        ///< by agent * 32 + lane
  std::map<u64, u32> foreignLanes; ///< by (cluster * kAgents + agent) * 32 + ..

  u32 of(u32 agent) const { return agent < own.size() ? own[agent] : 0; }
  /// Whether what `lane` (255: any) of a warp did at `value` is known.
  bool knowsLane(u32 agent, u8 lane, u32 value) const {
    return has(lanes, agent, lane, value);
  }
  bool knowsForeignLane(u32 agent, u8 lane, u32 value) const {
    return has(foreignLanes, agent, lane, value);
  }
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
    for (auto &[k, v] : o.lanes)
      if (v > of(k / 32))
        lanes[k] = std::max(lanes[k], v);
    if (!lanes.empty())
      std::erase_if(
          lanes, [&](const auto &x) { return x.second <= of(x.first / 32); });
    for (auto &[k, v] : o.foreignLanes)
      foreignLanes[k] = std::max(foreignLanes[k], v);
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
    for (auto &[k, v] : o.lanes) {
      u32 &f = foreignLanes[u64(from) * kAgents * 32 + k];
      f = std::max(f, v);
    }
    for (auto &[k, v] : o.foreignLanes) {
      u32 &f = k / (kAgents * 32) == to ? lanes[u32(k % (kAgents * 32))]
                                        : foreignLanes[k];
      f = std::max(f, v);
    }
  }
  void clear() {
    own.clear();
    foreign.clear();
    lanes.clear();
    foreignLanes.clear();
  }

private:
  template <class K>
  static bool has(const std::map<K, u32> &m, u32 agent, u8 lane, u32 value) {
    if (m.empty())
      return false;
    if (lane < 32) {
      auto it = m.find(K(agent) * 32 + lane);
      return it != m.end() && it->second >= value;
    }
    for (auto it = m.lower_bound(K(agent) * 32);
         it != m.end() && it->first / 32 == agent; ++it)
      if (it->second >= value)
        return true;
    return false;
  }
};

enum class Scope : u8 { None, Cta, Cluster, Gpu, Sys };

/// What a thread knows: of everything; of what a proxy fence made visible to
/// the async proxy in shared and in global memory; of mbarriers' inits. And
/// what fences released, waiting for a strong write, and what strong reads saw,
/// waiting for an acquire fence: one thread may fence, another one, behind a
/// barrier, write or read the flag.
struct Knowledge {
  Clock all, shared, global, inits, released;
  Clock seen[3]; ///< of the own CTA, of the cluster, of others
  Scope releasedScope = Scope::None;
  void join(const Knowledge &o) {
    all.join(o.all);
    shared.join(o.shared);
    global.join(o.global);
    inits.join(o.inits);
    joinFlags(o);
  }
  void joinFlags(const Knowledge &o) {
    released.join(o.released);
    for (u32 k = 0; k < 3; ++k)
      seen[k].join(o.seen[k]);
    if (o.releasedScope != Scope::None)
      releasedScope = releasedScope == Scope::None
                          ? o.releasedScope
                          : std::min(releasedScope, o.releasedScope);
  }
  void clear() { *this = Knowledge(); }
};

} // namespace hamlet::emu
