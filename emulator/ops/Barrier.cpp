//===- Barrier.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// bar, barrier.cta, barrier.cluster.
#include "emulator/exec/Barriers.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

HAMLET_SIMD_BEGIN
void decodeWarpSync(Decode &d);

namespace {
enum Flag : u32 {
  kAligned = 1,
  kCounted = 2,
  kArriveOnly = 4,
  kRelaxed = 8,
  kReduce = 16
};

void arrive(Warp &w, const Op &o, u32 id, u32 count, u32 lanes) {
  NamedBarrier &b = w.cta->barriers[id];
  if (b.arrivedThreads &&
      (b.counted != (count != 0) || (count && b.expected != count)))
    misuse(w, o, firstLane(lanes), "barrier-misuse",
           "barrier " + std::to_string(id) + " is used with " +
               (count ? std::to_string(count) : std::string("all")) +
               " threads while a phase with " +
               (b.counted ? std::to_string(b.expected) : std::string("all")) +
               " threads is under way");
  b.counted = count != 0;
  b.expected = count;
  if (w.check)
    w.check->barrierArrive(w, id, lanes, !(o.flags & kArriveOnly));
  // An aligned one counts whole warps, also those of which lanes have exited.
  u32 n = static_cast<u32>(std::popcount(lanes));
  if (count && (o.flags & kAligned) && (lanes & w.live) == w.live)
    n = 32;
  b.arrivedThreads += n;
  if (count && b.arrivedThreads > count)
    misuse(w, o, firstLane(lanes), "barrier-misuse",
           "more threads arrive at barrier " + std::to_string(id) +
               " than the " + std::to_string(count) + " it expects");
  ++w.engine->events;
  if (o.flags & kReduce)
    for (u32 l = 0; l < 32; ++l)
      if (lanes >> l & 1) {
        bool p = pred(w, o.c) >> l & 1;
        b.reduceAnd &= p;
        b.reduceOr |= p;
        b.reducePopc += p;
      }
  completeIfFull(*w.cta, id);
}

Step bar(Warp &w, const Op &o, u32 m) {
  u32 fresh = m & ~w.arrived;
  if ((o.flags & kAligned) && !gate(w, o, m, ~0u))
    return Step::Block;
  u32 l0 = firstLane(m), id = lane<u32>(w, o.a)[l0];
  u32 count = o.flags & kCounted ? lane<u32>(w, o.b)[l0] : 0;
  if (id > 15)
    w.fault(o, LaunchStatus::IllegalInstruction,
            "barrier " + std::to_string(id) + " is not one of 0 to 15", l0);
  if (count & 31)
    w.fault(o, LaunchStatus::IllegalInstruction,
            "barrier count " + std::to_string(count) + " is no multiple of 32",
            l0);
  NamedBarrier &b = w.cta->barriers[id];
  if (o.flags & kArriveOnly) {
    arrive(w, o, id, count, m);
    return Step::Next;
  }
  if (fresh) {
    for (u32 l = 0; l < 32; ++l)
      if (fresh >> l & 1)
        w.barrierPhase[l] = b.phase;
    w.arrived |= fresh;
    arrive(w, o, id, count, fresh);
  }
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1 && w.barrierPhase[l] == b.phase) {
      w.waitingFor = "waiting at a barrier";
      return Step::Block;
    }
  w.arrived &= ~m;
  if (w.check)
    w.check->barrierPass(w, id, m, w.barrierPhase[l0]);
  if (o.flags & kReduce) {
    if (o.bytes == 2)
      put<u32>(w, o.d, Vec<u32>(b.lastPopc), m);
    else
      putPred(w, o.d, (o.bytes == 0 ? b.lastAnd : b.lastOr) ? ~0u : 0, m);
  }
  return Step::Next;
}

Step clusterArrive(Warp &w, const Op &o, u32 m) {
  if ((o.flags & kAligned) && !gate(w, o, m, ~0u))
    return Step::Block;
  Cluster &c = *w.cluster;
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1) {
      if (w.clusterArrivePhase[l] > c.barrierPhase)
        misuse(w, o, l, "barrier-misuse",
               "a thread arrives twice at the cluster barrier without waiting");
      w.clusterArrivePhase[l] = c.barrierPhase + 1;
    }
  if (w.check)
    w.check->clusterArrive(w, m, !(o.flags & kRelaxed));
  c.barrierArrived += static_cast<u32>(std::popcount(m));
  ++w.engine->events;
  completeIfFull(c);
  return Step::Next;
}
Step clusterWait(Warp &w, const Op &o, u32 m) {
  if ((o.flags & kAligned) && !gate(w, o, m, ~0u))
    return Step::Block;
  Cluster &c = *w.cluster;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    if (!w.clusterArrivePhase[l]) {
      misuse(w, o, l, "barrier-misuse",
             "a thread waits at the cluster barrier without having arrived");
      w.fault(o, LaunchStatus::IllegalInstruction,
              "barrier.cluster.wait without barrier.cluster.arrive", l);
    }
    if (c.barrierPhase < w.clusterArrivePhase[l]) {
      w.waitingFor = "waiting at the cluster barrier";
      return Step::Block;
    }
  }
  if (w.check)
    w.check->clusterPass(w, m, true);
  return Step::Next;
}

void decodeCluster(Decode &d) {
  int k = d.takeOf({"arrive", "wait"});
  d.take("release");
  d.take("acquire");
  d.op.flags =
      (d.take("relaxed") ? kRelaxed : 0) | (d.take("aligned") ? kAligned : 0);
  d.expectCount(0);
  d.program().usesClusters = true;
  if (k < 0)
    d.fail("expected .arrive or .wait");
  d.emit(k ? clusterWait : clusterArrive);
}

void decodeBar(Decode &d) {
  bool isBar = d.inst().opcode == "bar";
  if (d.take("warp"))
    return decodeWarpSync(d);
  if (d.take("cluster"))
    return decodeCluster(d);
  d.take("cta");
  int k = d.takeOf({"sync", "arrive", "red"});
  if (k < 0)
    d.fail("expected .sync, .arrive or .red");
  d.op.flags = isBar || d.take("aligned") ? kAligned : 0;
  d.take("aligned");
  if (k == 2) {
    int op = d.takeOf({"and", "or", "popc"});
    Type t = d.takeType();
    if (op < 0)
      d.fail("expected .and, .or or .popc");
    d.expectCount(3, 4);
    d.op.bytes = static_cast<u8>(op);
    d.op.d = d.sink(0, op == 2 ? Type::U32 : Type::Pred);
    (void)t;
    d.op.a = d.source(1, Type::B32);
    if (d.count() == 4) {
      d.op.b = d.source(2, Type::B32);
      d.op.flags |= kCounted;
    }
    d.op.c = d.predicate(d.operand(d.count() - 1));
    d.op.flags |= kReduce;
    return d.emit(bar);
  }
  d.expectCount(1, 2);
  d.op.a = d.source(0, Type::B32);
  if (d.count() == 2) {
    d.op.b = d.source(1, Type::B32);
    d.op.flags |= kCounted;
  }
  if (k == 1) {
    if (d.count() != 2)
      d.fail("bar.arrive needs a count");
    d.op.flags |= kArriveOnly;
  }
  d.emit(bar);
}
} // namespace

void registerBarrier(OpTable &t) { t["bar"] = t["barrier"] = decodeBar; }

HAMLET_SIMD_END
