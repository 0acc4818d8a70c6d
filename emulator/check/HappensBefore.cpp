// Accesses: what was there before, and was it ordered.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hamlet::emu {
namespace {
bool includes(u8 scope, bool sameCta, bool sameCluster) {
  switch (static_cast<Scope>(scope)) {
  case Scope::None:
    return false;
  case Scope::Cta:
    return sameCta;
  case Scope::Cluster:
    return sameCluster;
  default:
    return true;
  }
}
} // namespace

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
      of(*w).knows.all.raise(agentOf(*w, kThreads), 1);
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

bool HappensBefore::ordered(Warp &w, u32 lane, const Touch &t) {
  WarpState &s = of(w);
  u32 cluster = t.agent / kAgents, agent = t.agent % kAgents;
  if (cluster != static_cast<u32>(w.cluster->id)) {
    auto it = s.knows.all.foreign.find(t.agent);
    return (it != s.knows.all.foreign.end() && it->second >= t.clock) ||
           s.knows.all.knowsForeignLane(t.agent, t.lane, t.clock);
  }
  if (agent == agentOf(w, kThreads)) {
    if (t.lane == lane || s.knows.all.knowsLane(agent, t.lane, t.clock))
      return true;
    if (t.lane < 32 && s.peers && (*s.peers)[lane][t.lane] >= t.clock)
      return true;
    if (t.lane >= 32) // 255: the whole warp
      return s.syncAt[lane] > t.clock;
    return s.syncAt[lane] > t.clock && s.syncAt[t.lane] > t.clock;
  }
  if (agent == agentOf(w, kCopies) && t.lane == lane &&
      s.copyDone[lane] >= t.clock)
    return true;
  return s.knows.all.of(agent) >= t.clock ||
         s.knows.all.knowsLane(agent, t.lane, t.clock);
}

Clock HappensBefore::viewOf(Warp &w, u32 mask, const Clock &c) {
  Clock r = c;
  if ((mask & w.live) == w.live)
    return r;
  WarpState &s = of(w);
  u32 agent = agentOf(w, kThreads), full = r.of(agent), synced = 0;
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1)
      synced = std::max(synced, s.syncAt[l]);
  u32 common = synced ? synced - 1 : 0;
  for (u32 l = 0; s.peers && l < 32; ++l)
    for (u32 other = 0; mask >> l & 1 && other < 32; ++other)
      if (u32 v = (*s.peers)[l][other]; v > common)
        r.lanes[agent * 32 + other] = std::max(r.lanes[agent * 32 + other], v);
  if (full <= common)
    return r;
  r.own[agent] = common;
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      u32 &v = r.lanes[agent * 32 + l];
      v = std::max(v, full);
    }
  return r;
}

void HappensBefore::noteRemote(Warp &w, Cta &cta, const Touch &now) {
  if (&cta == w.cta)
    return;
  Touch &t = of(cta).remote[now.agent];
  if (!t.valid() || t.clock <= now.clock)
    t = now;
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
      last.join(of(*w).knows.all);
      last.join(of(*w).reached);
    }
    for (auto &[key, t] : remote) {
      u32 agent = t.agent % kAgents;
      if (last.of(agent) >= t.clock || last.knowsLane(agent, t.lane, t.clock))
        continue;
      Finding f;
      f.kind = "cluster-lifetime";
      f.space = "shared";
      u32 perCta = warpsPerCta * kAgentsPerWarp;
      f.first = siteOf(
          *cta->warps[0]->program, t.op, ctaOf(t),
          agent < perCta * c.ctas.size() ? agent % perCta / kAgentsPerWarp : 0,
          t.lane == 255 ? 0 : t.lane);
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

bool HappensBefore::conflicts(Warp &w, u32 lane, const Touch &before,
                              const Touch &now) {
  if (!before.valid() || !(before.bytes & now.bytes))
    return false;
  if (before.scope && now.scope) {
    bool sameCta = ctaOf(before) == ctaOf(now);
    bool sameCluster = before.agent / kAgents == now.agent / kAgents;
    if (includes(before.scope, sameCta, sameCluster) &&
        includes(now.scope, sameCta, sameCluster))
      return false;
  }
  return !ordered(w, lane, before);
}

/// The generic proxy's writes must be fenced before the async proxy sees them.
bool HappensBefore::unfenced(Warp &w, const Touch &written, const Touch &now,
                             Space space) {
  if (!(now.flags & kAsync) || !written.valid() || (written.flags & kAsync) ||
      !(written.bytes & now.bytes) ||
      written.agent / kAgents != now.agent / kAgents)
    return false;
  const Knowledge &k = of(w).knows;
  const Clock &proxy = space == Space::Shared ? k.shared : k.global;
  return proxy.of(written.agent % kAgents) < written.clock;
}

bool HappensBefore::touchQuietly(Warp &w, u32 lane, Cell &cell,
                                 const Touch &now, bool write, Space space) {
  auto conflict = [&](const Touch &t) { return conflicts(w, lane, t, now); };
  if (conflict(cell.write) || unfenced(w, cell.write, now, space))
    return false;
  Rest *rest = cell.rest.get();
  if (rest &&
      (std::ranges::any_of(rest->writes, conflict) || conflict(rest->weak) ||
       (!write && rest->racedBytes & now.bytes)))
    return false;
  if (!write) {
    rememberRead(cell, now);
    return true;
  }
  if (conflict(cell.read) ||
      (rest && std::ranges::any_of(rest->more, [&](const Reader &r) {
         return conflict(r.touch);
       })))
    return false;
  if (rest && rest->racedBytes && !conflict(rest->lost))
    rest->racedBytes &= static_cast<u8>(~now.bytes);
  rememberWrite(cell, now);
  return true;
}

void HappensBefore::touchWord(Warp &w, const Op &op, u32 lane, Cell &cell,
                              const Touch &now, bool write, Space space,
                              u64 address, const u8 *data, const u8 *memory,
                              u32 base) {
  if (touchQuietly(w, lane, cell, now, write, space))
    return;
  auto conflict = [&](const Touch &t) { return conflicts(w, lane, t, now); };
  auto sameBytes = [&](const Touch &t) {
    if (!data || (t.flags | now.flags) & (kAsync | kAtomic))
      return false;
    // Lanes of one instruction: memory does not hold the first one's value yet.
    const u8 *other = memory;
    for (u32 b = 0; b < 4; ++b)
      if (t.bytes & now.bytes & (1u << b) &&
          data[s32(b) - s32(base)] != other[b])
        return false;
    return true;
  };
  // Two lanes of this very store.
  auto sameStore = [&](const Touch &t) {
    if (!data || t.agent != now.agent || t.op != now.op ||
        t.clock != now.clock || t.lane == 255 || !laneData)
      return false;
    const u8 *theirs = laneData + t.lane * laneStride;
    const u8 *mine = laneData + lane * laneStride;
    u32 at = static_cast<u32>(data - mine);
    for (u32 b = 0; b < 4; ++b)
      if (t.bytes & now.bytes & (1u << b)) {
        u32 i = at + b - base;
        if (i >= laneStride || theirs[i] != mine[i])
          return false;
      }
    return true;
  };
  // One store of several threads, of copies of one number.
  auto sameButRounding = [&](const Touch &t) {
    u32 size = static_cast<u32>(std::popcount(now.bytes));
    if (!data || !laneData || t.op != now.op || t.lane >= 32 ||
        (t.bytes & now.bytes) != now.bytes || (size != 4 && size != 2) ||
        (t.flags | now.flags) & (kAsync | kAtomic))
      return false;
    const Warp *other = threadsOf(w, t);
    if (!other)
      return false;
    u32 at = static_cast<u32>(data - (laneData + lane * laneStride));
    bool store = other == &w && t.clock == now.clock;
    const u8 *theirs =
        store ? laneData + t.lane * laneStride + at : memory + base;
    return at + size <= laneStride &&
           exact.same({&w, lane, now.op, at, data},
                      {other, t.lane, t.op, at, theirs}, size, operations);
  };
  const Touch *raced = nullptr;
  auto checkWrite = [&](const Touch &t) {
    if (!conflict(t) || (write && (sameBytes(t) || sameStore(t))))
      return;
    if (write && sameButRounding(t))
      roundingDiffers(w, op, lane, space, address);
    else if (write && data && space == Space::Shared &&
             !((t.flags | now.flags) & (kAsync | kAtomic)))
      raced = &t;
    else
      race(w, op, lane, t, write, true, space, address);
  };
  if (!write && cell.rest && cell.rest->racedBytes)
    readsOverwritten(w, op, lane, cell, now);
  checkWrite(cell.write);
  if (cell.rest)
    for (const Touch &t : cell.rest->writes)
      checkWrite(t);
  if (cell.rest && cell.rest->weak.valid() && conflict(cell.rest->weak))
    race(w, op, lane, cell.rest->weak, write, true, space, address);
  if (unfenced(w, cell.write, now, space)) {
    Finding f;
    f.kind = "missing-proxy-fence";
    f.space = spaceName(space);
    f.address = address;
    f.bytes = 4;
    f.first = site(w, op, lane);
    u32 perCta = warpsPerCta * kAgentsPerWarp;
    f.second = siteOf(*w.program, cell.write.op, ctaOf(cell.write),
                      cell.write.agent % kAgents % perCta / kAgentsPerWarp,
                      cell.write.lane == 255 ? 0 : cell.write.lane);
    f.message = "the async proxy touches memory that line " +
                std::to_string(f.second->line) +
                " wrote through the generic proxy; fence.proxy.async is "
                "missing between "
                "the two, before the barrier in the writers or after it in "
                "this thread";
    report(f);
  }
  if (!write)
    return rememberRead(cell, now);
  if (conflict(cell.read))
    race(w, op, lane, cell.read, true, false, space, address,
         cell.rest ? cell.rest->lanes : 0);
  if (cell.rest)
    for (const Reader &r : cell.rest->more)
      if (conflict(r.touch))
        race(w, op, lane, r.touch, true, false, space, address, r.lanes);
  if (cell.rest && cell.rest->racedBytes && !conflict(cell.write) &&
      !conflict(cell.rest->lost))
    cell.rest->racedBytes &= static_cast<u8>(~now.bytes);
  if (!raced)
    return rememberWrite(cell, now);
  overwritten(w, op, lane, cell, Touch(*raced), now, address);
}

/// A read joins the word's readers. One that an agent's later read covers is
/// forgotten; lanes of one clock share an entry where they read the same bytes.
void HappensBefore::rememberRead(Cell &cell, const Touch &now) {
  // `several`: where the lanes of such an entry stand.
  auto joins = [&](Touch &t, auto several) {
    if (!t.valid() || t.agent != now.agent || t.scope != now.scope)
      return false;
    if (t.clock != now.clock) {
      if (t.bytes & ~now.bytes)
        return false;
      t = now;
      return true;
    }
    if (t.lane != now.lane && t.bytes != now.bytes)
      return false;
    bool quiet = uses.quiet(now.op);
    if (t.op != now.op) {
      // Either of two loads may be the one that matters.
      if (quiet && uses.quiet(t.op) && !(t.flags & kMixed))
        return false;
      t.flags |= kMixed;
      t.op = now.op;
    }
    if (t.lane == now.lane) {
      t.bytes |= now.bytes;
      return true;
    }
    if (quiet && !(t.flags & kMixed)) {
      u32 &lanes = several();
      lanes = 1u << now.lane | (t.lane < 32 ? 1u << t.lane : lanes);
    }
    t.lane = 255;
    return true;
  };
  if (!cell.read.valid()) {
    cell.read = now;
    if (cell.rest)
      cell.rest->lanes = 0;
  } else if (!joins(cell.read, [&]() -> u32 & { return cell.more().lanes; })) {
    auto &more = cell.more().more;
    for (Reader &r : more)
      if (joins(r.touch, [&]() -> u32 & { return r.lanes; }))
        return;
    if (more.size() < 64)
      more.push_back({now, 0});
  }
}

/// A write takes the place of what was known about its bytes; other bytes of
/// the word keep their readers and writers.
void HappensBefore::rememberWrite(Cell &cell, const Touch &now) {
  auto without = [&](Touch &t) {
    t.bytes &= static_cast<u8>(~now.bytes);
    if (!t.bytes)
      t = Touch();
  };
  auto drop = [&](std::vector<Touch> &list) {
    for (Touch &t : list)
      without(t);
    std::erase_if(list, [](const Touch &t) { return !t.valid(); });
  };
  Touch before = cell.write;
  cell.write = now;
  if (before.valid() && before.agent == now.agent &&
      before.clock == now.clock && before.lane == now.lane &&
      before.scope == now.scope)
    cell.write.bytes |= before.bytes;
  else if (now.bytes != 15 && before.valid() && (before.bytes & ~now.bytes)) {
    Touch kept = before;
    without(kept);
    cell.more().writes.push_back(kept);
  }
  without(cell.read);
  if (cell.rest) {
    for (Reader &r : cell.rest->more)
      without(r.touch);
    cell.rest->more.dropInvalid();
    // A pushed entry has none of these bytes, so this leaves it as it is.
    drop(cell.rest->writes);
    if (cell.rest->weak.valid() && !now.scope)
      without(cell.rest->weak);
  }
  if (now.scope && before.valid() && !before.scope)
    cell.more().weak = before;
}

void HappensBefore::touchRange(Warp &w, const Op &op, u32 lane,
                               const Resolved &where, u32 bytes, Touch now,
                               bool write, const u8 *data) {
  Shadow &shadow = shadowOf(where);
  if (where.space == Space::Shared) {
    noteRemote(w, *where.cta, now);
    if (write && !of(*where.cta).live.empty())
      overBarrier(w, op, lane, where, bytes);
  }
  u64 begin = where.address, end = begin + bytes;
  const u8 *host = where.host - (begin & 3);
  for (u64 word = begin >> 2; word << 2 < end;) {
    u64 at = word << 2;
    Group &group = shadow.group(word);
    if (!(at & 15) && at >= begin && end - at >= 16) {
      now.bytes = 15;
      Quad &q = group.quad(word % Group::kWords);
      if (!q.words && touchQuietly(w, lane, q.all, now, write, where.space)) {
        word += Quad::kWords;
        host += 16;
        continue;
      }
    }
    u32 from = at < begin ? static_cast<u32>(begin & 3) : 0;
    u32 to = at + 4 > end ? static_cast<u32>(end & 3) : 4;
    now.bytes = static_cast<u8>(((1u << to) - 1) & ~((1u << from) - 1));
    touchWord(w, op, lane, group.word(word % Group::kWords), now, write,
              where.space, at + from,
              data ? data + (at + from - begin) : nullptr, host, from);
    ++word;
    host += 4;
  }
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

/// `lane` acquired what lanes of its own warp had published.
void HappensBefore::knowPeers(Warp &w, u32 lane, const Clock &published,
                              std::unique_ptr<Peers> &peers) {
  u32 agent = agentOf(w, kThreads);
  for (auto it = published.lanes.lower_bound(agent * 32);
       it != published.lanes.end() && it->first / 32 == agent; ++it) {
    if (!peers)
      peers = std::make_unique<Peers>();
    u32 &known = (*peers)[lane][it->first % 32];
    known = std::max(known, it->second);
  }
}

void HappensBefore::synchronise(Warp &w, u32 lane, const Resolved &where,
                                AccessInfo info) {
  WarpState &s = of(w);
  u64 at =
      where.space == Space::Shared
          ? (reinterpret_cast<u64>(where.cta) << 20) ^ (where.address & ~u64(3))
          : where.address & ~u64(3);
  bool write = info.access != Access::Read,
       reads = info.access != Access::Write;
  bool strong = info.order & kStrong;
  auto it = published.find(at);
  if (reads && strong && it != published.end()) {
    Published &p = it->second;
    bool sameCta = p.cta == w.cta->linear,
         sameCluster = p.cluster == w.cluster->id;
    if (includes(static_cast<u8>(p.scope), sameCta, sameCluster) &&
        includes(static_cast<u8>(info.scope), sameCta, sameCluster)) {
      bool acquires = info.order & kAcquire;
      Clock &to = acquires ? s.knows.all
                           : s.knows.seen[sameCta       ? 0
                                          : sameCluster ? 1
                                                        : 2];
      if (p.cluster == static_cast<u32>(w.cluster->id))
        knowPeers(w, lane, p.clock, acquires ? s.peers : s.seenPeers);
      to.joinFrom(p.clock, p.cluster, static_cast<u32>(w.cluster->id));
    }
  }
  if (!write)
    return;
  Clock view;
  const Clock *mine = nullptr;
  Scope scope = info.scope;
  if (info.order & kRelease) {
    view = viewOf(w, 1u << lane, s.knows.all);
    mine = &view;
  } else if (strong && s.knows.releasedScope != Scope::None) {
    view = viewOf(w, 1u << lane, s.knows.released);
    mine = &view;
    scope = std::min(scope, s.knows.releasedScope);
  }
  if (info.access == Access::Atomic) {
    if (!mine)
      return; // the chain goes on
    Published &p = published[at];
    if (p.scope != Scope::None &&
        p.cluster != static_cast<u32>(w.cluster->id)) {
      Clock both;
      both.joinFrom(p.clock, p.cluster, static_cast<u32>(w.cluster->id));
      both.join(*mine);
      p.clock = std::move(both);
    } else {
      p.clock.join(*mine);
    }
    p.scope = p.scope == Scope::None ? scope : std::min(p.scope, scope);
    p.cluster = static_cast<u32>(w.cluster->id);
    p.cta = w.cta->linear;
  } else if (mine) {
    published[at] = {*mine, static_cast<u32>(w.cluster->id), w.cta->linear,
                     scope};
  } else if (it != published.end()) {
    published.erase(it);
  }
  if (info.order & kRelease)
    tick(w);
}

void HappensBefore::tick(Warp &w) {
  WarpState &s = of(w);
  ++s.clock;
  s.knows.all.raise(agentOf(w, kThreads), s.clock);
}

void HappensBefore::access(Warp &w, const Op &op, u32 lane,
                           const Resolved &where, u32 bytes, AccessInfo info,
                           const u8 *data) {
  if (where.space != Space::Shared && where.space != Space::Global)
    return;
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
  now.lane = static_cast<u8>(lane);
  now.scope = info.order & kStrong  ? static_cast<u8>(info.scope)
              : guesses[w.pcOf(op)] ? static_cast<u8>(Scope::Gpu)
                                    : 0;
  now.flags = info.access == Access::Atomic ? kAtomic : 0;
  laneData = data ? data - lane * bytes : nullptr;
  laneStride = bytes;
  touchRange(w, op, lane, where, bytes, now, write, data);
  laneData = nullptr;
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
