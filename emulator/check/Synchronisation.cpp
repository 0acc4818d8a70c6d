//===- Synchronisation.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What orders memory: barriers, fences, waits; and the async proxy.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>

namespace hamlet::emu {
// ---- cp.async ----
void HappensBefore::copyIssued(Warp &w, const Op &op, u32 lane,
                               const Resolved &to, const Resolved *from,
                               u32 bytes, u32 sourceBytes) {
  Touch now;
  now.agent = key(w, agentOf(w, kCopies));
  now.clock =
      static_cast<u32>(w.async.copies.open[lane]) + 1 + of(w).copyParts[lane];
  now.op = w.pcOf(op);
  now.by(lane);
  accesses += from ? 2 : 1;
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
  for (u32 l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    u32 open = static_cast<u32>(w.async.copies.open[l]);
    u32 done = pending == ~0u ? open + 1 : open > pending ? open - pending : 0;
    s.copyDone[l] = std::max(s.copyDone[l], done + s.copyParts[l]);
  }
  s.copies = true;
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
  b.initLane = 1u << lane;
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
  now.by(lane);
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
  const Knowledge &k = knows(w, lane);
  bool own = b->initAgent == agentOf(w, kThreads);
  if (own || k.all.knows(b->initAgent, b->initLane, b->initClock) ||
      k.inits.knows(b->initAgent, b->initLane, b->initClock))
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
    b->useLane = mask & -mask;
  }
  Knowledge k = knowledgeOf(w, mask);
  b->reached.join(k.all);
  if (release)
    b->arriving.join(k);
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
void HappensBefore::copiesArrive(Warp &w, u32 lane, Cta &cta, u64 address) {
  Barrier *b = barrier(cta, address);
  if (!b)
    return;
  LaneClocks done{};
  done[lane] =
      static_cast<u32>(w.async.copies.open[lane]) + ++of(w).copyParts[lane];
  b->arriving.all.raise(agentOf(w, kCopies), 1u << lane, done);
}

// ---- the async proxy ----
void HappensBefore::bulkAccess(Warp &w, const Op &op, u32 lane,
                               const Resolved &where, u32 bytes, bool write,
                               Cta *barrierCta, u64 address) {
  ++accesses;
  WarpState &s = of(w);
  Touch now;
  now.op = w.pcOf(op);
  now.by(lane);
  now.flags = kAsync;
  if (barrierCta) {
    Barrier *b = barrier(*barrierCta, address);
    if (!b)
      return;
    now.agent = key(w, b->agent);
    now.clock = b->phase + 1;
    // Triton arrives with the bytes, lets the CTA pass a barrier and copies
    // without a fence.
    const Knowledge &k = knows(w, lane);
    bool arrived = barrierCta == w.cta && b->useClock &&
                   k.all.knows(b->useAgent, b->useLane, b->useClock);
    if (!arrived && !k.inits.knows(b->initAgent, b->initLane, b->initClock)) {
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
    if (!readOnly)
      s.bulkWritten[l] = std::max(s.bulkWritten[l], done);
  }
  s.bulks = true;
}
void HappensBefore::mapPublished(Warp &w, u32 lane, u64 address) {
  Map m;
  m.agent = agentOf(w, kThreads);
  m.clock = of(w).clock;
  m.lane = 1u << lane;
  of(*w.cta).maps[address] = m;
  tick(w);
}
void HappensBefore::mapsAcquired(Warp &w, u32 mask) {
  u32 own = agentOf(w, kThreads), lane = mask & -mask;
  const Clock &all = knows(w, static_cast<u32>(std::countr_zero(mask))).all;
  for (auto &[address, m] : of(*w.cta).maps)
    if (!m.acquired &&
        (m.agent == own || all.knows(m.agent, m.lane, m.clock))) {
      m.acquirer = own;
      m.acquired = of(w).clock;
      m.acquirerLane = lane;
    }
  tick(w);
}
void HappensBefore::mapUsed(Warp &w, const Op &op, u32 lane, u64 address) {
  auto &maps = of(*w.cta).maps;
  auto it = maps.find(address);
  if (it == maps.end())
    return;
  const Map &m = it->second;
  if (m.acquired &&
      (m.acquirer == agentOf(w, kThreads) ||
       knows(w, lane).all.knows(m.acquirer, m.acquirerLane, m.acquired)))
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
  ++accesses;
  Touch now;
  now.agent = key(w, agentOf(w, kProducts));
  now.clock = of(w).groups + 1;
  now.op = w.pcOf(op);
  now.flags = kAsync;
  now.by(0);
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
