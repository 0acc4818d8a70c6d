//===- Races.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Races: how they are told, and when they matter.
#include "emulator/check/HappensBefore.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <bit>

namespace hamlet::emu {
void HappensBefore::roundingDiffers(Warp &w, const Op &op, u32 lane,
                                    Space space, u64 address) {
  Finding f;
  f.severity = Severity::Note;
  f.kind = "unequal-copies";
  f.space = spaceName(space);
  f.address = address;
  f.bytes = 4;
  f.first = site(w, op, lane);
  f.message =
      "threads store numbers that differ in rounding only to the same " +
      f.space + " memory: which of them stays is undefined";
  report(f);
}

Finding HappensBefore::describeRace(Warp &w, const Op &op, u32 lane,
                                    const Touch &before, bool write,
                                    bool beforeWrite, Space space,
                                    u64 address) {
  Finding f;
  f.kind = "race";
  f.space = spaceName(space);
  f.address = address;
  f.bytes = 4;
  f.first = site(w, op, lane);
  u32 perCta = warpsPerCta * kAgentsPerWarp, agent = before.agent % kAgents;
  u32 others = unordered(w, lane, before);
  f.second = siteOf(
      *w.program, before.op, ctaOf(before), agent % perCta / kAgentsPerWarp,
      others ? static_cast<u32>(std::countr_zero(others)) : before.lane);
  std::string missing =
      space == Space::Shared
          ? (agent % kAgentsPerWarp == kCopies &&
                     agent < perCta * w.cluster->ctas.size()
                 ? "cp.async.wait_group and a barrier are missing"
             : before.flags & kAsync
                 ? "a wait for the asynchronous operation is missing"
                 : "a barrier (bar.sync, bar.warp.sync or an mbarrier) is "
                   "missing")
          : "no release and acquire pair or barrier orders them";
  if (before.scope && ctaOf(before) != w.cta->linear)
    missing += "; the scope of one access does not include the other thread";
  f.message = std::string(write ? "write" : "read") + " after unordered " +
              (beforeWrite ? "write" : "read") + " of the same " + f.space +
              " memory: between line " + std::to_string(f.second->line) +
              " and line " + std::to_string(f.first.line) + " " + missing;
  return f;
}

void HappensBefore::race(Warp &w, const Op &op, u32 lane, const Touch &before,
                         bool write, bool beforeWrite, Space space,
                         u64 address) {
  Finding f =
      describeRace(w, op, lane, before, write, beforeWrite, space, address);
  bool held = write ? !beforeWrite && !(before.flags & kMixed) &&
                          holdBack(w, before.op, before.agent,
                                   unordered(w, lane, before), f)
                    : holdBack(w, w.pcOf(op), key(w, agentOf(w, kThreads)),
                               1u << lane, f);
  if (!held)
    report(f);
}

void HappensBefore::readsOverwritten(Warp &w, const Op &op, u32 lane,
                                     Cell &cell, const Touch &now) {
  if (!(cell.rest->racedBytes & now.bytes))
    return;
  Finding f = overwrites[cell.rest->raced - 1];
  f.message += "; line " + std::to_string(site(w, op, lane).line) + " reads it";
  report(f);
  cell.rest->racedBytes = 0;
}

/// Whether what a load at `pc` brought to `lanes` of a warp had an effect.
bool HappensBefore::matters(const WarpState &s, u32 pc, u32 lanes) {
  const Uses::Reach &r = uses.reach(pc);
  u32 reached = Uses::spread(r, lanes);
  return r.everywhere || std::ranges::any_of(r.effects, [&](u32 e) {
           return (s.effects[e] & reached) != 0;
         });
}

/// A race of a load is kept until the loaded value had an effect, if it need
/// not have one: some threads load what others overwrite and use nothing of it.
/// `lanes`: that load, 0 unknown.
bool HappensBefore::holdBack(Warp &w, u32 readerPc, u32 readerAgent, u32 lanes,
                             const Finding &f) {
  Touch read;
  read.agent = readerAgent;
  Warp *reader = threadsOf(w, read);
  if (!lanes || !reader || uses.reach(readerPc).everywhere)
    return false;
  if (matters(of(*reader), readerPc, lanes))
    return false;
  auto [it, fresh] = held.try_emplace(
      {reader->checkSlot, readerPc, f.first.line, f.second->line},
      Held{reader->checkSlot, readerPc, lanes, f});
  if (!fresh) {
    it->second.lanes |= lanes;
    ++it->second.finding.count;
  }
  return true;
}

/// Reports what was held back of the cluster's loads and had an effect.
void HappensBefore::settle(const Cluster &c) {
  if (held.empty())
    return;
  for (auto &cta : c.ctas)
    for (auto &w : cta->warps)
      for (auto it = held.lower_bound({w->checkSlot, 0, 0, 0});
           it != held.end() && it->second.slot == w->checkSlot;) {
        if (matters(of(*w), it->second.pc, it->second.lanes))
          report(it->second.finding);
        it = held.erase(it);
      }
}

void HappensBefore::launchEnds() {
  for (auto &c : engine.resident)
    if (clusters.count(c.get()))
      settle(*c);
}

} // namespace hamlet::emu
