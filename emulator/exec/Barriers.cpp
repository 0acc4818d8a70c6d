//===- Barriers.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/exec/Barriers.h"

#include "emulator/check/Checker.h"

namespace hamlet::emu {

void completeIfFull(Cta &cta, u32 id) {
  NamedBarrier &b = cta.barriers[id];
  if (!b.arrivedThreads)
    return;
  u32 expected = b.expected ? b.expected : cta.liveThreads;
  if (b.arrivedThreads < expected)
    return;
  if (Checker *c = cta.warps[0]->check)
    c->barrierComplete(cta, id);
  b.lastAnd = b.reduceAnd;
  b.lastOr = b.reduceOr;
  b.lastPopc = b.reducePopc;
  b.reduceAnd = 1;
  b.reduceOr = b.reducePopc = 0;
  b.arrivedThreads = 0;
  b.expected = 0;
  b.counted = false;
  ++b.phase;
  ++cta.warps[0]->engine->events;
}

void completeIfFull(Cluster &c) {
  if (!c.barrierArrived || c.barrierArrived < c.liveThreads + c.exitedArrived)
    return;
  if (Checker *k = c.order[0]->check)
    k->clusterComplete(c);
  c.barrierArrived = 0;
  c.exitedArrived = 0;
  ++c.barrierPhase;
  ++c.order[0]->engine->events;
}

void afterExit(Warp &w) {
  for (u32 i = 0; i < 16; ++i)
    completeIfFull(*w.cta, i);
  completeIfFull(*w.cluster);
}

} // namespace hamlet::emu
