//===- Views.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the lanes of a warp know. While they synchronise together they share one
// view; lanes that learn something alone get one of their own until they meet
// the others at a barrier again.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>

namespace hamlet::emu {

const Knowledge &HappensBefore::knows(const Warp &w, u32 lane) const {
  const auto &views = warps[w.checkSlot]->views;
  for (const View &v : views)
    if (v.lanes >> lane & 1)
      return v.knows;
  return views[0].knows; // it exited
}

template <class F> void HappensBefore::learn(Warp &w, u32 mask, F f) {
  auto &views = of(w).views;
  auto give = [&](size_t from, u32 lanes, Knowledge k) {
    views[from].lanes &= ~lanes;
    for (View &v : views)
      if (v.lanes && v.knows == k) {
        v.lanes |= lanes;
        return;
      }
    views.push_back({lanes, std::move(k)});
  };
  for (size_t i = 0, n = views.size(); i < n; ++i) {
    u32 taken = views[i].lanes & mask;
    if (!taken)
      continue;
    if (n == 1 && taken == views[i].lanes) {
      f(views[i].knows);
      return;
    }
    Knowledge k = views[i].knows;
    f(k);
    if (k != views[i].knows)
      give(i, taken, std::move(k));
  }
  std::erase_if(views, [](const View &v) { return !v.lanes; });
}

void HappensBefore::addOwn(Warp &w, u32 mask, Clock &to) {
  WarpState &s = of(w);
  u32 agent = agentOf(w, kThreads);
  if ((mask | s.idle) == ~0u) {
    to.raise(agent, s.clock);
  } else {
    LaneClocks now;
    now.fill(s.clock);
    to.raise(agent, mask | s.idle, now);
  }
  if (s.copies)
    to.raise(agentOf(w, kCopies), mask, s.copyDone);
  if (s.bulks) {
    to.raise(agentOf(w, kBulkReads), mask, s.bulkRead);
    to.raise(agentOf(w, kBulkWrites), mask, s.bulkWritten);
  }
}

Clock HappensBefore::allOf(Warp &w, u32 mask) {
  Clock all;
  for (const View &v : of(w).views)
    if (v.lanes & mask)
      all.join(v.knows.all);
  addOwn(w, mask, all);
  return all;
}

Clock HappensBefore::releasedOf(Warp &w, u32 lane) {
  WarpState &s = of(w);
  Clock c = knows(w, lane).released;
  c.raise(agentOf(w, kThreads), 1u << lane, s.fencedAt);
  if (s.copies)
    c.raise(agentOf(w, kCopies), 1u << lane, s.copyDone);
  return c;
}

Knowledge HappensBefore::knowledgeOf(Warp &w, u32 mask) {
  WarpState &s = of(w);
  Knowledge k;
  for (const View &v : s.views)
    if (v.lanes & mask)
      k.join(v.knows);
  addOwn(w, mask, k.all);
  if (k.releasedScope != Scope::None) {
    LaneClocks fenced = s.fencedAt;
    for (u32 l = 0; l < 32; ++l)
      if (s.idle >> l & 1)
        fenced[l] = s.clock;
    k.released.raise(agentOf(w, kThreads), mask | s.idle, fenced);
  }
  return k;
}

void HappensBefore::unite(Warp &w, u32 mask, Knowledge k) {
  auto &views = of(w).views;
  if ((mask & w.live) == w.live) {
    views.resize(1);
    views[0] = {~0u, std::move(k)};
    return;
  }
  for (View &v : views)
    v.lanes &= ~mask;
  std::erase_if(views, [](const View &v) { return !v.lanes; });
  views.push_back({mask, std::move(k)});
}

// ---- barriers ----
void HappensBefore::warpSync(Warp &w, u32 mask) {
  unite(w, mask, knowledgeOf(w, mask));
  tick(w);
}

void HappensBefore::barrierArrive(Warp &w, u32 id, u32 mask, bool waits) {
  NamedBarrierState &b = of(*w.cta).named[id];
  b.arriving.join(knowledgeOf(w, mask));
  if (waits)
    b.waiting += static_cast<u32>(std::popcount(mask));
  tick(w);
}
void HappensBefore::barrierComplete(Cta &cta, u32 id) {
  CtaState &s = of(cta);
  NamedBarrierState &b = s.named[id];
  if (!cta.barriers[id].counted && cta.cluster->ctas.size() == 1)
    s.floor = b.arriving.all.ofAll();
  if (b.waiting)
    b.done[cta.barriers[id].phase] = {std::move(b.arriving), b.waiting};
  b.arriving.clear();
  b.waiting = 0;
}
void HappensBefore::barrierPass(Warp &w, u32 id, u32 mask, u64 phase) {
  auto &done = of(*w.cta).named[id].done;
  auto it = done.find(phase);
  if (it == done.end())
    return;
  Knowledge k = it->second.knows;
  for (const View &v : of(w).views)
    if (v.lanes & mask)
      k.join(v.knows);
  unite(w, mask, std::move(k));
  u32 n = static_cast<u32>(std::popcount(mask));
  if (it->second.waiting <= n)
    done.erase(it);
  else
    it->second.waiting -= n;
}
void HappensBefore::clusterArrive(Warp &w, u32 mask, bool release) {
  Gathering &g = clusters[w.cluster]->barrier;
  Knowledge k = knowledgeOf(w, mask);
  g.reached.join(k.all);
  if (release)
    g.arriving.join(k);
  else
    g.arriving.inits.join(k.inits);
  tick(w);
}
void HappensBefore::clusterComplete(Cluster &c) {
  Gathering &g = clusters[&c]->barrier;
  g.done = std::move(g.arriving);
  g.arriving.clear();
}
void HappensBefore::clusterPass(Warp &w, u32 mask, bool acquire) {
  const Gathering &g = clusters[w.cluster]->barrier;
  of(w).reached.join(g.reached);
  if (acquire)
    learn(w, mask, [&](Knowledge &k) { k.join(g.done); });
}

// ---- fences ----
void HappensBefore::fence(Warp &w, u32 mask, u8 order, Scope scope) {
  WarpState &s = of(w);
  if (order & 64) // membar.proxy
    return proxyFence(w, mask, 3);
  if (order & kAcquire) {
    u32 far = scope == Scope::Cta ? 0 : scope == Scope::Cluster ? 1 : 2;
    learn(w, mask, [&](Knowledge &k) {
      for (u32 i = 0; i <= far; ++i)
        k.all.join(k.seen[i]);
    });
  }
  if (order & kRelease) {
    learn(w, mask, [&](Knowledge &k) {
      k.released = k.all;
      k.releasedScope = scope;
    });
    for (u32 l = 0; l < 32; ++l)
      if (mask >> l & 1)
        s.fencedAt[l] = s.clock;
    tick(w);
  }
}

void HappensBefore::proxyFence(Warp &w, u32 mask, u32 spaces) {
  // Lanes that fence together share what the others fenced: without more it
  // orders nothing.
  Clock own;
  addOwn(w, mask, own);
  learn(w, mask, [&](Knowledge &k) {
    auto see = [&](Clock &proxy) {
      proxy.join(k.all);
      proxy.join(own);
    };
    if (spaces & 1)
      see(k.shared);
    if (spaces & 2)
      see(k.global);
    see(k.inits);
  });
  // What is written from now on is not covered.
  tick(w);
}

// ---- mbarriers ----
void HappensBefore::mbarrierPass(Warp &w, u32 mask, Cta &cta, u64 address,
                                 bool acquire) {
  Barrier *b = barrier(cta, address);
  if (!b)
    return;
  of(w).reached.join(b->reached);
  if (acquire)
    learn(w, mask, [&](Knowledge &k) { k.join(b->done); });
}

void HappensBefore::wgmmaWait(Warp &w, u32 pending) {
  WarpState &s = of(w);
  u32 done = s.groups > pending ? s.groups - pending : 0;
  for (View &v : s.views)
    v.knows.all.raise(agentOf(w, kProducts), done);
  std::erase_if(s.inFlight, [&](const auto &x) { return x.second <= done; });
}

// ---- releases and acquisitions of single lanes ----
void HappensBefore::synchronise(Warp &w, u32 lane, const Resolved &where,
                                AccessInfo info) {
  u64 at =
      where.space == Space::Shared
          ? (reinterpret_cast<u64>(where.cta) << 20) ^ (where.address & ~u64(3))
          : where.address & ~u64(3);
  bool write = info.access != Access::Read,
       reads = info.access != Access::Write;
  bool strong = info.order & kStrong;
  u32 cluster = static_cast<u32>(w.cluster->id);
  auto it = published.find(at);
  if (reads && strong && it != published.end()) {
    Published &p = it->second;
    bool sameCta = p.cta == w.cta->linear, sameCluster = p.cluster == cluster;
    if (scopeIncludes(static_cast<u8>(p.scope), sameCta, sameCluster) &&
        scopeIncludes(static_cast<u8>(info.scope), sameCta, sameCluster)) {
      bool acquires = info.order & kAcquire;
      u32 far = sameCta ? 0 : sameCluster ? 1 : 2;
      Clock seen;
      seen.joinFrom(p.clock, p.cluster, cluster);
      const Knowledge &known = knows(w, lane);
      if (!(acquires ? known.all : known.seen[far]).contains(seen))
        learn(w, 1u << lane, [&](Knowledge &k) {
          (acquires ? k.all : k.seen[far]).join(seen);
        });
    }
  }
  if (!write)
    return;
  Clock mine;
  Scope scope = info.scope, fenced = knows(w, lane).releasedScope;
  bool releases = info.order & kRelease;
  if (releases) {
    mine = allOf(w, 1u << lane);
  } else if (strong && fenced != Scope::None) {
    mine = releasedOf(w, lane);
    scope = std::min(scope, fenced);
  }
  bool publishes = releases || (strong && fenced != Scope::None);
  if (info.access == Access::Atomic) {
    if (!publishes)
      return; // the chain goes on
    Published &p = published[at];
    if (p.scope != Scope::None && p.cluster != cluster) {
      Clock both;
      both.joinFrom(p.clock, p.cluster, cluster);
      both.join(mine);
      p.clock = std::move(both);
    } else {
      p.clock.join(mine);
    }
    p.scope = p.scope == Scope::None ? scope : std::min(p.scope, scope);
    p.cluster = cluster;
    p.cta = w.cta->linear;
  } else if (publishes) {
    published[at] = {std::move(mine), cluster, w.cta->linear, scope};
  } else if (it != published.end()) {
    published.erase(it);
  }
  if (releases)
    tick(w);
}

} // namespace hamlet::emu
