//===- HappensBefore.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Accesses: what was there before, and was it ordered.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hamlet::emu {
std::unique_ptr<Checker> makeChecker(Engine &engine) {
  return std::make_unique<HappensBefore>(engine);
}

HappensBefore::HappensBefore(Engine &e)
    : engine(e), undefined(*e.program), uses(*e.program),
      poison(*e.program, uses), exact(*e.program) {
  warpsPerCta = static_cast<u32>((e.config->block.total() + 31) / 32);
  const Program &p = *e.program;
  for (size_t i = 0; i < p.ops.size(); ++i)
    if (p.info[i].inst && p.info[i].inst->opcode == "wgmma") {
      productRegisters.insert(p.info[i].writes.begin(), p.info[i].writes.end());
      const auto &ops = p.info[i].inst->operands;
      if (ops.size() > 1 && ops[1].kind == ast::Operand::Kind::Vector)
        productRegisters.insert(p.info[i].reads.begin(), p.info[i].reads.end());
    }
  // A compiler may move a copy across the fence; the value was fenced.
  copiedToProducts = productRegisters;
  for (bool grew = !productRegisters.empty(); grew;) {
    grew = false;
    for (const OpInfo &i : p.info)
      if (isCopy(i) && copiedToProducts.count(i.writes[0]))
        grew |= copiedToProducts.insert(i.reads[0]).second;
  }
  // `old = *p; do old = atomicCAS(p, seen = old, ...)`: what the load saw is
  // only a guess that the compare-and-swap verifies.
  std::unordered_set<u32> compared;
  for (const OpInfo &i : p.info) {
    if (!i.inst || i.inst->opcode != "atom" || i.inst->operands.size() < 4 ||
        std::ranges::find(i.inst->modifiers, "cas") ==
            i.inst->modifiers.end() ||
        i.inst->operands[2].kind != ast::Operand::Kind::Register)
      continue;
    bool swapped = i.inst->operands[3].kind == ast::Operand::Kind::Register;
    if (size_t at = swapped ? 2 : 1; at <= i.reads.size())
      compared.insert(i.reads[i.reads.size() - at]);
  }
  for (bool grew = !compared.empty(); grew;) {
    grew = false;
    for (const OpInfo &i : p.info)
      if (isCopy(i) && compared.count(i.writes[0]))
        grew |= compared.insert(i.reads[0]).second;
  }
  guesses.resize(p.ops.size());
  for (size_t i = 0; i < p.ops.size(); ++i)
    guesses[i] = p.info[i].inst && p.info[i].inst->opcode == "ld" &&
                 p.info[i].writes.size() == 1 &&
                 compared.count(p.info[i].writes[0]);
  touches.resize(p.ops.size());
  for (size_t i = 0; i < p.ops.size(); ++i) {
    for (u32 r : p.info[i].reads)
      touches[i] = touches[i] || productRegisters.count(r);
    for (u32 r : p.info[i].writes)
      touches[i] = touches[i] || copiedToProducts.count(r);
  }
}

u32 HappensBefore::agentOf(const Warp &w, AgentKind k) const {
  u32 slot = w.cta->rank * warpsPerCta + w.index;
  if (k == kProducts)
    slot &= ~3u;
  return slot * kAgentsPerWarp + k;
}

u64 HappensBefore::ctaOf(const Touch &t) const {
  const LaunchConfig &c = *engine.config;
  u64 index = t.agent / kAgents, nx = c.grid.x / c.cluster.x,
      ny = c.grid.y / c.cluster.y;
  u32 rank = t.agent % kAgents / (warpsPerCta * kAgentsPerWarp);
  if (rank >= c.cluster.total())
    rank = 0; // an mbarrier
  u64 x = index % nx * c.cluster.x + rank % c.cluster.x;
  u64 y = index / nx % ny * c.cluster.y + rank / c.cluster.x % c.cluster.y;
  u64 z = index / nx / ny * c.cluster.z + rank / c.cluster.x / c.cluster.y;
  return x + u64(c.grid.x) * (y + u64(c.grid.y) * z);
}

/// The warp of `w`'s cluster whose threads made an access, null for others.
Warp *HappensBefore::threadsOf(Warp &w, const Touch &t) const {
  u32 perCta = warpsPerCta * kAgentsPerWarp, agent = t.agent % kAgents;
  if (t.agent / kAgents != static_cast<u32>(w.cluster->id) ||
      agent >= perCta * w.cluster->ctas.size() ||
      agent % kAgentsPerWarp != kThreads)
    return nullptr;
  const Cta &cta = *w.cluster->ctas[agent / perCta];
  return cta.warps[agent % perCta / kAgentsPerWarp].get();
}

void HappensBefore::clusterStarts(Cluster &c) {
  auto state = std::make_unique<ClusterState>();
  state->nextAgent =
      static_cast<u32>(c.ctas.size()) * warpsPerCta * kAgentsPerWarp;
  clusters[&c] = std::move(state);
  for (auto &cta : c.ctas) {
    auto s = std::make_unique<CtaState>();
    s->written.resize(cta->sharedBytes);
    if (cta->reservedBytes)
      std::memset(s->written.data() + cta->sharedBytes - cta->reservedBytes, 1,
                  cta->reservedBytes);
    ctas[cta.get()] = std::move(s);
    for (auto &w : cta->warps) {
      if (freeSlots.empty()) {
        freeSlots.push_back(static_cast<u32>(warps.size()));
        warps.emplace_back();
      }
      w->checkSlot = freeSlots.back();
      freeSlots.pop_back();
      warps[w->checkSlot] = std::make_unique<WarpState>();
      of(*w).effects.resize(uses.effectCount());
      of(*w).idle = ~w->lanes;
    }
  }
}

void HappensBefore::clusterEnds(Cluster &c) {
  checkLifetime(c);
  settle(c);
  for (auto &cta : c.ctas) {
    for (auto &w : cta->warps) {
      freeSlots.push_back(w->checkSlot);
      warps[w->checkSlot].reset();
    }
    ctas.erase(cta.get());
    recent = {};
  }
  clusters.erase(&c);
}

void HappensBefore::laneExits(Warp &w, u32 mask) {
  WarpState &s = of(w);
  s.idle |= mask & ~s.accessed;
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1 && s.bulkIssued[l] > s.bulkRead[l]) {
      Finding f;
      f.kind = "bulk-in-flight";
      f.space = "shared";
      f.message = "a thread exits while a bulk store it issued may still read "
                  "the CTA's "
                  "shared memory; cp.async.bulk.wait_group.read is missing";
      f.first = siteOf(*w.program, w.pc, w.cta->linear, w.index, l);
      report(f);
    }
}

void HappensBefore::report(Finding f) {
  std::string k = f.kind + "/" + std::to_string(f.first.line) + "/" +
                  std::to_string(f.second ? f.second->line : 0) + "/" + f.space;
  auto [it, fresh] = known.try_emplace(k, engine.findings->size());
  if (fresh)
    engine.findings->push_back(std::move(f));
  else if (it->second < engine.findings->size())
    ++(*engine.findings)[it->second].count;
}

Shadow &HappensBefore::shadowOf(const Resolved &r) {
  return r.space == Space::Shared ? of(*r.cta).shadow : global;
}

void HappensBefore::noteRemote(Warp &w, Cta &cta, const Touch &now) {
  if (&cta == w.cta)
    return;
  Touch &t = of(cta).remote[now.agent];
  u32 before = t.valid() && t.clock == now.clock ? t.lanes : 0;
  if (!t.valid() || t.clock <= now.clock)
    t = now;
  t.lanes |= before;
}

/// Whether each CTA's threads knew, when the last of them left, that its peers'
/// accesses of its shared memory had been made.
void HappensBefore::checkLifetime(Cluster &c) {
  for (auto &cta : c.ctas) {
    auto &remote = of(*cta).remote;
    if (remote.empty())
      continue;
    Clock last;
    for (auto &w : cta->warps) {
      last.join(allOf(*w, ~0u));
      last.join(of(*w).reached);
    }
    for (auto &[key, t] : remote) {
      u32 agent = t.agent % kAgents;
      if (last.knows(agent, t.lanes, t.clock))
        continue;
      Finding f;
      f.kind = "cluster-lifetime";
      f.space = "shared";
      u32 perCta = warpsPerCta * kAgentsPerWarp;
      f.first = siteOf(
          *cta->warps[0]->program, t.op, ctaOf(t),
          agent < perCta * c.ctas.size() ? agent % perCta / kAgentsPerWarp : 0,
          t.lane);
      f.message = "CTA " + std::to_string(cta->rank) +
                  " of the cluster may have exited when a peer accesses its "
                  "shared memory; a cluster barrier or an mbarrier that it "
                  "waits for is missing after the access";
      report(f);
    }
  }
}

/// A store over a live mbarrier.
void HappensBefore::overBarrier(Warp &w, const Op &op, u32 lane,
                                const Resolved &where, u32 bytes) {
  CtaState &s = of(*where.cta);
  u64 from = (where.address - kSharedStart) / 8,
      to = (where.address - kSharedStart + bytes - 1) / 8;
  for (u64 i = from; i <= to && i < s.live.size(); ++i) {
    if (!s.live[i])
      continue;
    const Barrier &b = s.barriers[i * 8 + kSharedStart];
    Finding f;
    f.kind = "mbarrier-misuse";
    f.space = "shared";
    f.address = i * 8 + kSharedStart;
    f.bytes = 8;
    f.first = site(w, op, lane);
    f.second = siteOf(*w.program, b.initOp, where.cta->linear, 0, 0);
    f.message = "a store overwrites a live mbarrier; mbarrier.inval is missing "
                "before its memory is used for something else";
    report(f);
    return;
  }
}

bool HappensBefore::allWritten(const Resolved &where, u32 bytes) {
  if (where.space == Space::Shared) {
    const u8 *p =
        of(*where.cta).written.data() + (where.address - kSharedStart);
    return !std::memchr(p, 0, bytes);
  }
  const Allocation &a = *where.allocation;
  if (!a.written)
    return true;
  for (u64 i = where.address - a.begin, end = i + bytes; i < end;) {
    u64 n = std::min<u64>(64 - (i & 63), end - i);
    u64 mask = (n == 64 ? ~u64(0) : (u64(1) << n) - 1) << (i & 63);
    if ((a.written[i >> 6] & mask) != mask)
      return false;
    i += n;
  }
  return true;
}

void HappensBefore::uninitialised(Warp &w, const Op &op, u32 lane,
                                  const Resolved &where, u32 bytes) {
  if (allWritten(where, bytes))
    return;
  u32 missing = 0;
  u32 used = ~0u;
  if (const ast::Instruction *i = w.program->info[w.pcOf(op)].inst)
    used = i->usedBytes;
  const CtaState *s = where.space == Space::Shared ? &of(*where.cta) : nullptr;
  u32 first = bytes;
  for (u32 b = 0; b < bytes; ++b) {
    bool there = s ? s->written[where.address - kSharedStart + b]
                   : where.allocation->initialised(where.address + b);
    if (there || (b < 32 && !(used >> b & 1)))
      continue;
    first = std::min(first, b);
    missing |= b < 32 ? 1u << b : 0;
  }
  if (first == bytes)
    return;
  Finding f;
  f.kind = "uninitialised";
  f.space = spaceName(where.space);
  f.address = where.address + first;
  f.bytes = bytes;
  f.first = site(w, op, lane);
  f.message =
      std::string("read of ") + f.space + " memory that nothing has written";
  u32 pc = w.pcOf(op);
  if (bytes > 32 || !poison.defers(pc))
    return report(f);
  auto [it, fresh] =
      loadOf.try_emplace({pc, static_cast<u32>(where.space)},
                         static_cast<u32>(unwrittenLoads.size()));
  if (fresh)
    unwrittenLoads.push_back(std::move(f));
  poison.loaded(pc, lane, bytes, missing, it->second, of(w).poison);
}

/// A value from memory that nothing had written is used.
void HappensBefore::usesUnwritten(Warp &w, const Op &op, u32 lane, u32 origin) {
  Finding f = unwrittenLoads[origin];
  Site use = site(w, op, lane);
  if (use.line != f.first.line) {
    f.message += "; line " + std::to_string(use.line) + " uses the value";
    f.second = std::move(use);
  }
  report(f);
}

void HappensBefore::markWritten(const Resolved &where, u32 bytes) {
  if (where.space == Space::Shared) {
    auto &v = of(*where.cta).written;
    std::memset(v.data() + (where.address - kSharedStart), 1, bytes);
  } else if (where.allocation) {
    where.allocation->markWritten(where.address, bytes);
  }
}

void HappensBefore::access(Warp &w, const Op &op, u32 lane,
                           const Resolved &where, u32 bytes, AccessInfo info,
                           const u8 *data) {
  if (where.space != Space::Shared && where.space != Space::Global)
    return;
  ++accesses;
  WarpState &s = of(w);
  bool write = info.access != Access::Read;
  if (info.access != Access::Write)
    uninitialised(w, op, lane, where, bytes);
  if (info.order & kStrong || !published.empty())
    synchronise(w, lane, where, info);
  Touch now;
  now.agent = key(w, agentOf(w, kThreads));
  now.clock = s.clock;
  now.op = w.pcOf(op);
  now.by(lane);
  now.scope = info.order & kStrong  ? static_cast<u8>(info.scope)
              : guesses[w.pcOf(op)] ? static_cast<u8>(Scope::Gpu)
                                    : 0;
  now.flags = info.access == Access::Atomic ? kAtomic : 0;
  if (storing.operation != operations) {
    storing.operation = operations;
    storing.lanes = 0;
  }
  storing.bytes = bytes;
  storing.data[lane] = data;
  storing.to[lane] = where.host;
  touchRange(w, op, lane, where, bytes, now, write, data);
  if (data)
    storing.lanes |= 1u << lane;
  if (!write)
    return;
  markWritten(where, bytes);
  if (!stored.any || info.access != Access::Write || !stored.bytes[lane])
    return;
  if (where.space == Space::Global)
    return usesUnwritten(w, op, lane, stored.origin);
  u8 *written = &of(*where.cta).written[where.address - kSharedStart];
  for (u32 b = 0; b < bytes && b < 32; ++b)
    if (stored.bytes[lane] >> b & 1)
      written[b] = 0;
}

} // namespace hamlet::emu
