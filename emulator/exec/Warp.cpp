//===- Warp.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/exec/Warp.h"

#include "emulator/check/Checker.h"

namespace hamlet::emu {

u64 Warp::clock() const {
  return 1000 + engine->instructions + cluster->round * 32;
}

u64 Warp::globalTimer() const {
  // Idle rounds pass quickly, so that timed back-offs end.
  return 1'000'000'000 + engine->instructions / 2 + cluster->round * 64 +
         engine->idleRounds * 4096;
}

void Warp::recomputeNext() {
  nextPc = ~0u;
  u32 mine = depth();
  for (const Fragment &f : others) {
    if (f.blocked)
      continue;
    if (f.depth() > mine || f.pc <= pc) {
      nextPc = 0;
      return;
    }
    if (f.depth() == mine && f.pc < nextPc)
      nextPc = f.pc;
  }
}

void Warp::pick() {
  if (mask)
    others.push_back({pc, mask, std::move(frame), false});
  frame = nullptr;
  mask = 0;
  size_t best = others.size();
  for (size_t i = 0; i < others.size(); ++i) {
    const Fragment &f = others[i];
    if (f.blocked)
      continue;
    if (best == others.size() || f.depth() > others[best].depth() ||
        (f.depth() == others[best].depth() && f.pc < others[best].pc))
      best = i;
  }
  if (best == others.size()) {
    done = others.empty();
    return;
  }
  Fragment f = std::move(others[best]);
  others.erase(others.begin() + static_cast<long>(best));
  pc = f.pc;
  mask = f.mask;
  frame = std::move(f.frame);
  // Merge what stands at the same place, unless one of them waits there.
  if (!(mask & arrived))
    for (size_t i = 0; i < others.size();) {
      Fragment &g = others[i];
      if (g.pc == pc && g.frame == frame && !(g.mask & arrived)) {
        mask |= g.mask;
        others.erase(others.begin() + static_cast<long>(i));
      } else {
        ++i;
      }
    }
  nextPc = ~0u;
  if (!others.empty())
    recomputeNext();
  if (nextPc == 0)
    nextPc = pc + 1; // another at this very pc that must not merge
}

void Warp::split(u32 lanes, u32 to) {
  mask &= ~lanes;
  others.push_back({to, lanes, frame, false});
}

void Warp::fault(const Op &op, LaunchStatus status, const std::string &what,
                 u32 lane) const {
  const OpInfo &i = program->info[pcOf(op)];
  Site s = siteOf(*program, pcOf(op), cta->linear, index, lane);
  std::string where = "line " + std::to_string(i.line);
  if (!s.source.empty())
    where += " (" + s.source + ")";
  throw KernelFault{status, where + ": " + what + " in '" + s.text + "', CTA " +
                                std::to_string(cta->linear) + ", warp " +
                                std::to_string(index) + ", lane " +
                                std::to_string(lane)};
}

Site siteOf(const Program &program, u32 pc, u64 cta, u32 warp, u32 lane) {
  Site s;
  const OpInfo &i = program.info[pc];
  s.line = i.line;
  s.cta = cta;
  s.warp = warp;
  s.lane = lane;
  if (i.inst)
    s.text = i.inst->spelling();
  if (i.source.line) {
    s.source =
        std::to_string(i.source.file) + ":" + std::to_string(i.source.line);
    auto it = program.files.find(i.source.file);
    if (it != program.files.end())
      s.source = it->second + ":" + std::to_string(i.source.line);
  }
  return s;
}

Site Checker::site(const Warp &w, const Op &op, u32 lane) const {
  return siteOf(*w.program, w.pcOf(op), w.cta->linear, w.index, lane);
}

} // namespace hamlet::emu
