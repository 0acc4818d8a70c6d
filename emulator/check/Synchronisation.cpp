// What orders memory: barriers, fences, waits; and the async proxy.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>

namespace hamlet::emu {
void HappensBefore::warpSync(Warp &w, u32 mask) {
  tick(w);
  WarpState &s = of(w);
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1)
      s.syncAt[l] = s.clock;
}

void HappensBefore::barrierArrive(Warp &w, u32 id, u32) {
  of(*w.cta).named[id].arriving.join(of(w).knows);
  tick(w);
}
void HappensBefore::barrierComplete(Cta &cta, u32 id) {
  Gathering &g = of(cta).named[id];
  g.done = std::move(g.arriving);
  g.arriving.clear();
}
void HappensBefore::barrierPass(Warp &w, u32 id, u32 mask) {
  of(w).knows.join(of(*w.cta).named[id].done);
  warpSync(w, mask);
}
void HappensBefore::clusterArrive(Warp &w, u32, bool release) {
  Gathering &g = clusters[w.cluster]->barrier;
  g.reached.join(of(w).knows.all);
  if (release)
    g.arriving.join(of(w).knows);
  else
    g.arriving.inits.join(of(w).knows.inits);
  tick(w);
}
void HappensBefore::clusterComplete(Cluster &c) {
  Gathering &g = clusters[&c]->barrier;
  g.done = std::move(g.arriving);
  g.arriving.clear();
}
void HappensBefore::clusterPass(Warp &w, u32 mask, bool acquire) {
  if (acquire)
    of(w).knows.join(clusters[w.cluster]->barrier.done);
  of(w).reached.join(clusters[w.cluster]->barrier.reached);
  warpSync(w, mask);
}

void HappensBefore::fence(Warp &w, u32 mask, u8 order, Scope scope) {
  WarpState &s = of(w);
  if (order & 64) // membar.proxy
    return proxyFence(w, ~0u, 3);
  if (order & kAcquire) {
    u32 far = scope == Scope::Cta ? 0 : scope == Scope::Cluster ? 1 : 2;
    for (u32 k = 0; k <= far; ++k)
      s.knows.all.join(s.knows.seen[k]);
    for (u32 l = 0; s.seenPeers && l < 32; ++l)
      if (mask >> l & 1) {
        if (!s.peers)
          s.peers = std::make_unique<Peers>();
        for (u32 k = 0; k < 32; ++k)
          (*s.peers)[l][k] = std::max((*s.peers)[l][k], (*s.seenPeers)[l][k]);
      }
  }
  if (order & kRelease) {
    // Other lanes' earlier fences stay in force.
    if ((mask & w.live) == w.live)
      s.knows.released = s.knows.all;
    else
      s.knows.released.join(viewOf(w, mask, s.knows.all));
    s.knows.releasedScope = scope;
    tick(w);
  }
}

// ---- cp.async ----
void HappensBefore::copyIssued(Warp &w, const Op &op, u32 lane,
                               const Resolved &to, const Resolved *from,
                               u32 bytes, u32 sourceBytes) {
  Touch now;
  now.agent = key(w, agentOf(w, kCopies));
  now.clock =
      static_cast<u32>(w.async.copies.open[lane]) + 1 + of(w).copyParts[lane];
  now.op = w.pcOf(op);
  now.lane = static_cast<u8>(lane);
  if (from) {
    uninitialised(w, op, lane, *from, sourceBytes);
    touchRange(w, op, lane, *from, sourceBytes, now, false, nullptr);
  }
  touchRange(w, op, lane, to, bytes, now, true, nullptr);
  markWritten(to, bytes);
}
void HappensBefore::copyCommit(Warp &, u32) {}
void HappensBefore::copyWait(Warp &w, u32 mask, u32 pending) {
  WarpState &s = of(w);
  u32 least = ~0u;
  for (u32 l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    u32 open = static_cast<u32>(w.async.copies.open[l]);
    u32 done = pending == ~0u ? open + 1 : open > pending ? open - pending : 0;
    done += s.copyParts[l];
    s.copyDone[l] = std::max(s.copyDone[l], done);
    least = std::min(least, s.copyDone[l]);
  }
  if ((mask & w.live) == w.live)
    s.knows.all.raise(agentOf(w, kCopies), least);
  else if (least != ~0u && std::has_single_bit(mask))
    s.knows.all.raise(agentOf(w, kCopies), least);
}

// ---- mbarriers ----
HappensBefore::Barrier *HappensBefore::barrier(Cta &cta, u64 address) {
  auto &map = of(cta).barriers;
  auto it = map.find(address);
  return it == map.end() || !it->second.live ? nullptr : &it->second;
}
void HappensBefore::mbarrierInit(Warp &w, const Op &op, u32 lane, Cta &cta,
                                 u64 address) {
  Barrier &b = of(cta).barriers[address];
  if (b.live) {
    Finding f;
    f.kind = "mbarrier-misuse";
    f.space = "shared";
    f.address = address;
    f.bytes = 8;
    f.first = site(w, op, lane);
    f.second = siteOf(*w.program, b.initOp, cta.linear, 0, 0);
    f.message = "an mbarrier is initialised again without mbarrier.inval";
    report(f);
  }
  u32 agent = b.agent;
  if (!agent) {
    u32 &next = clusters[w.cluster]->nextAgent;
    agent = next + 1 < kAgents ? next++ : kAgents - 1;
  }
  u32 phase = b.phase;
  b = Barrier();
  b.live = true;
  b.agent = agent;
  b.phase = phase;
  b.initAgent = agentOf(w, kThreads);
  b.initClock = of(w).clock;
  b.initOp = w.pcOf(op);
  Resolved r{cta.shared + (address - 1024), Space::Shared, &cta, address,
             nullptr};
  markWritten(r, 8);
  auto &live = of(cta).live;
  live.resize(cta.sharedBytes / 8 + 1);
  live[(address - kSharedStart) / 8] = true;
}
void HappensBefore::mbarrierInvalidate(Cta &cta, u64 address) {
  auto &live = of(cta).live;
  if (u64 i = (address - kSharedStart) / 8; i < live.size())
    live[i] = false;
  of(cta).barriers[address].live = false;
}
void HappensBefore::mbarrierUse(Warp &w, const Op &op, u32 lane, Cta &cta,
                                u64 address) {
  Barrier *b = barrier(cta, address);
  Touch now;
  now.agent = key(w, agentOf(w, kThreads));
  now.clock = of(w).clock;
  now.op = w.pcOf(op);
  now.lane = static_cast<u8>(lane);
  noteRemote(w, cta, now);
  Finding f;
  f.kind = "mbarrier-misuse";
  f.space = "shared";
  f.address = address;
  f.bytes = 8;
  if (!b) {
    f.first = site(w, op, lane);
    f.message = "no mbarrier is initialised at this address";
    report(f);
    return;
  }
  const Knowledge &k = of(w).knows;
  bool own = b->initAgent == agentOf(w, kThreads);
  if (own || k.all.of(b->initAgent) >= b->initClock ||
      k.inits.of(b->initAgent) >= b->initClock)
    return;
  f.kind = "race";
  f.first = site(w, op, lane);
  f.second = siteOf(*w.program, b->initOp, cta.linear, 0, 0);
  f.message = "an mbarrier is used without being ordered after its "
              "initialisation; a barrier "
              "is missing between them";
  report(f);
}
void HappensBefore::mbarrierArrive(Warp &w, u32 mask, Cta &cta, u64 address,
                                   bool release) {
  Barrier *b = barrier(cta, address);
  if (!b)
    return;
  if (!b->useClock) {
    b->useAgent = agentOf(w, kThreads);
    b->useClock = of(w).clock;
  }
  Clock view = viewOf(w, mask, of(w).knows.all);
  b->reached.join(view);
  if (release) {
    const Knowledge &k = of(w).knows;
    b->arriving.all.join(view);
    b->arriving.shared.join(k.shared);
    b->arriving.global.join(k.global);
    b->arriving.inits.join(k.inits);
    b->arriving.joinFlags(k);
  }
  tick(w);
}
void HappensBefore::mbarrierComplete(Cta &cta, u64 address) {
  Barrier *b = barrier(cta, address);
  if (!b)
    return;
  ++b->phase;
  b->arriving.all.raise(b->agent, b->phase);
  b->done.join(b->arriving);
  b->arriving.clear();
}
void HappensBefore::mbarrierPass(Warp &w, u32 mask, Cta &cta, u64 address,
                                 bool acquire) {
  Barrier *b = barrier(cta, address);
  if (!b)
    return;
  WarpState &s = of(w);
  s.reached.join(b->reached);
  if (!acquire)
    return;
  s.knows.join(b->done);
  // Lanes that passed are ordered after all that arrived, their warp's too.
  ++s.clock;
  s.knows.all.raise(agentOf(w, kThreads), s.clock);
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1)
      s.syncAt[l] = std::max(s.syncAt[l], b->done.all.of(agentOf(w, kThreads)));
}
void HappensBefore::copiesArrive(Warp &w, u32 lane, Cta &cta, u64 address) {
  if (Barrier *b = barrier(cta, address))
    b->arriving.all.raise(agentOf(w, kCopies),
                          static_cast<u32>(w.async.copies.open[lane]) +
                              ++of(w).copyParts[lane]);
}

// ---- the async proxy ----
void HappensBefore::bulkAccess(Warp &w, const Op &op, u32 lane,
                               const Resolved &where, u32 bytes, bool write,
                               Cta *barrierCta, u64 address) {
  WarpState &s = of(w);
  Touch now;
  now.op = w.pcOf(op);
  now.lane = static_cast<u8>(lane);
  now.flags = kAsync;
  if (barrierCta) {
    Barrier *b = barrier(*barrierCta, address);
    if (!b)
      return;
    now.agent = key(w, b->agent);
    now.clock = b->phase + 1;
    // Triton arrives with the bytes, lets the CTA pass a barrier and copies
    // without a fence.
    bool arrived = barrierCta == w.cta && b->useClock &&
                   (b->useAgent == agentOf(w, kThreads)
                        ? s.syncAt[lane] > b->useClock
                        : s.knows.all.of(b->useAgent) >= b->useClock);
    if (!arrived && s.knows.inits.of(b->initAgent) < b->initClock) {
      Finding f;
      f.kind = "missing-fence";
      f.space = "shared";
      f.address = address;
      f.bytes = 8;
      f.first = site(w, op, lane);
      f.second = siteOf(*w.program, b->initOp, barrierCta->linear, 0, 0);
      f.message =
          "an asynchronous copy signals an mbarrier whose initialisation no "
          "fence made "
          "visible; fence.mbarrier_init or fence.proxy.async is missing";
      report(f);
    }
  } else {
    u32 open = static_cast<u32>(w.async.bulk.open[lane]) + 1;
    now.agent = key(w, agentOf(w, write ? kBulkWrites : kBulkReads));
    now.clock = open;
    if (!write && where.space == Space::Shared)
      s.bulkIssued[lane] = open;
  }
  if (!write)
    uninitialised(w, op, lane, where, bytes);
  touchRange(w, op, lane, where, bytes, now, write, nullptr);
  if (write)
    markWritten(where, bytes);
}
void HappensBefore::bulkCommit(Warp &, u32) {}
void HappensBefore::bulkWait(Warp &w, u32 mask, u32 pending, bool readOnly) {
  WarpState &s = of(w);
  for (u32 l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    u32 open = static_cast<u32>(w.async.bulk.open[l]);
    u32 done = open > pending ? open - pending : 0;
    s.bulkRead[l] = std::max(s.bulkRead[l], done);
    s.knows.all.raise(agentOf(w, kBulkReads), done);
    if (!readOnly)
      s.knows.all.raise(agentOf(w, kBulkWrites), done);
  }
}
void HappensBefore::proxyFence(Warp &w, u32, u32 spaces) {
  WarpState &s = of(w);
  if (spaces & 1)
    s.knows.shared.join(s.knows.all);
  if (spaces & 2)
    s.knows.global.join(s.knows.all);
  s.knows.inits.join(s.knows.all);
  // What is written from now on is not covered.
  tick(w);
}

void HappensBefore::mapPublished(Warp &w, u64 address) {
  of(*w.cta).maps[address] = {agentOf(w, kThreads), of(w).clock, 0, 0};
  tick(w);
}
void HappensBefore::mapsAcquired(Warp &w) {
  u32 own = agentOf(w, kThreads);
  for (auto &[address, m] : of(*w.cta).maps)
    if (!m.acquired &&
        (m.agent == own || of(w).knows.all.of(m.agent) >= m.clock)) {
      m.acquirer = own;
      m.acquired = of(w).clock;
    }
  tick(w);
}
void HappensBefore::mapUsed(Warp &w, const Op &op, u32 lane, u64 address) {
  auto &maps = of(*w.cta).maps;
  auto it = maps.find(address);
  if (it == maps.end())
    return;
  const Map &m = it->second;
  if (m.acquired && (m.acquirer == agentOf(w, kThreads) ||
                     of(w).knows.all.of(m.acquirer) >= m.acquired))
    return;
  Finding f;
  f.kind = "missing-proxy-fence";
  f.space = "global";
  f.address = address;
  f.bytes = 128;
  f.first = site(w, op, lane);
  f.message = "a copy uses a tensor map that this kernel wrote; "
              "fence.proxy.tensormap::generic.acquire is missing after "
              "tensormap.cp_fenceproxy, before the copy";
  report(f);
}

// ---- wgmma ----
void HappensBefore::wgmmaFence(Warp &w) {
  of(w).dirty.clear();
  of(w).fenced = of(w).freshFence = true;
}
void HappensBefore::wgmmaRead(Warp &w, const Op &op, Cta &cta, u64 address,
                              u32 bytes) {
  Touch now;
  now.agent = key(w, agentOf(w, kProducts));
  now.clock = of(w).groups + 1;
  now.op = w.pcOf(op);
  now.flags = kAsync;
  Resolved r{cta.shared + (address - 1024), Space::Shared, &cta, address,
             nullptr};
  uninitialised(w, op, 0, r, bytes);
  touchRange(w, op, 0, r, bytes, now, false, nullptr);
}
void HappensBefore::wgmmaIssue(Warp &w, const Op &op,
                               const std::vector<u32> &accumulators,
                               const std::vector<u32> &fragments) {
  WarpState &s = of(w);
  bool dirty = !s.fenced;
  for (u32 r : accumulators)
    dirty |= s.dirty.count(r) != 0;
  for (u32 r : fragments)
    dirty |= s.dirty.count(r) != 0;
  if (dirty) {
    Finding f;
    f.kind = "missing-wgmma-fence";
    f.space = "register";
    f.first = site(w, op, 0);
    f.message = "registers of a wgmma were written after the last wgmma.fence, "
                "or there was "
                "none; wgmma.fence is missing before this instruction";
    report(f);
  }
  for (u32 r : accumulators) {
    s.inFlight[r] = s.groups + 1;
    s.dirty.erase(r);
  }
  for (u32 r : fragments)
    s.inFlight[r] = s.groups + 1;
  s.openProducts = true;
}
void HappensBefore::wgmmaCommit(Warp &w) {
  ++of(w).groups;
  of(w).openProducts = of(w).freshFence = false;
}
void HappensBefore::wgmmaWait(Warp &w, u32 pending) {
  WarpState &s = of(w);
  u32 done = s.groups > pending ? s.groups - pending : 0;
  s.knows.all.raise(agentOf(w, kProducts), done);
  std::erase_if(s.inFlight, [&](const auto &x) { return x.second <= done; });
}

/// Undefined registers are followed as bytes of unwritten memory are, from the
/// first operation that does more than move them.
void HappensBefore::followUnwritten(Warp &w, const Op &op, u32 pc, u32 mask) {
  Poison::Registers &registers = of(w).poison;
  for (const Undefined::Use &u : undefinedUses) {
    auto [it, fresh] =
        loadOf.try_emplace({pc, static_cast<u32>(Space::Param)},
                           static_cast<u32>(unwrittenLoads.size()));
    if (fresh) {
      Finding f;
      f.kind = "uninitialised";
      f.space = "register";
      f.first = site(w, op, static_cast<u32>(std::countr_zero(u.lanes)));
      f.message = "a register is used that nothing has written in this thread";
      unwrittenLoads.push_back(std::move(f));
    }
    Poison::Bytes &b = registers[u.reg];
    for (u32 &lanes : b.lanes)
      lanes |= u.lanes;
    b.origin = it->second;
  }
  stored = {};
  Poison::Used used = poison.step(w, op, pc, mask, registers, stored);
  if (used.lanes)
    usesUnwritten(w, op, static_cast<u32>(std::countr_zero(used.lanes)),
                  used.origin);
  for (const Undefined::Use &u : undefinedUses)
    if (std::ranges::find(w.program->info[pc].writes, u.reg) ==
        w.program->info[pc].writes.end())
      registers.erase(u.reg);
}

void HappensBefore::beforeOp(Warp &w, const Op &op, u32 mask) {
  u32 pc = w.pcOf(op);
  ++operations;
  undefinedUses.clear();
  if (undefined.touches(pc))
    undefined.step(w, op, pc, mask, of(w).written, undefinedUses);
  if (!of(w).poison.empty() || stored.any || !undefinedUses.empty())
    followUnwritten(w, op, pc, mask);
  if (u32 e = uses.effect(pc); e != Uses::kNone)
    of(w).effects[e] |= mask;
  if (!touches[pc] || !mask)
    return;
  const OpInfo &i = w.program->info[pc];
  if (i.inst && i.inst->opcode == "wgmma")
    return;
  WarpState &s = of(w);
  auto inFlight = [&](u32 r) {
    auto it = s.inFlight.find(r);
    if (it == s.inFlight.end())
      return false;
    Finding f;
    f.kind = "wgmma-in-flight";
    f.space = "register";
    f.first = site(w, op, static_cast<u32>(std::countr_zero(mask)));
    f.message = "a register that a wgmma in flight uses is touched; "
                "wgmma.wait_group is "
                "missing before this instruction";
    report(f);
    return true;
  };
  for (u32 r : i.reads)
    if (inFlight(r))
      return;
  for (u32 r : i.writes) {
    if (inFlight(r))
      return;
    if (!copiedToProducts.count(r))
      continue;
    bool moved = isConstant(i) || (isCopy(i) && !s.dirty.count(i.reads[0]));
    if (moved && s.freshFence)
      s.dirty.erase(r);
    else
      s.dirty.insert(r);
  }
}

} // namespace hamlet::emu
