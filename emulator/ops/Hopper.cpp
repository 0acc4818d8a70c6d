//===- Hopper.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What is left of sm_90: setmaxnreg, griddepcontrol, the fences of proxies; and
// the words that tell the generations of cp apart.
#include "emulator/check/Checker.h"
#include "emulator/ops/Access.h"
#include "emulator/ops/Copy.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

HAMLET_SIMD_BEGIN

void decodeCp(Decode &d) {
  bool reduce = d.take("reduce");
  if (!d.take("async"))
    d.fail("expected cp.async or cp.reduce.async");
  if (d.take("bulk"))
    return decodeBulk(d, reduce);
  if (d.take("mbarrier"))
    return decodeCopyArrive(d);
  decodeCopy(d);
}

namespace {
// target: registers a thread; flags: 1 inc. The pool is what the launch bounds
// gave; dec returns registers to it, inc waits until they are there.
Step setMaxRegisters(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Cta &c = *w.cta;
  u32 &mine = c.warpRegisters[w.index];
  s64 change = (s64(o.target) - mine) * 32;
  if (o.flags ? o.target < mine : o.target > mine) {
    misuse(w, o, 0, "register-misuse",
           std::string("setmaxnreg.") + (o.flags ? "inc" : "dec") + " to " +
               std::to_string(o.target) + " registers from " +
               std::to_string(mine));
    return Step::Next;
  }
  if (change > c.registerPool) {
    w.waitingFor = "waiting for registers that other warps must give back";
    return Step::Block;
  }
  c.registerPool -= change;
  mine = o.target;
  ++w.engine->events;
  return Step::Next;
}
void decodeSetmaxnreg(Decode &d) {
  int k = d.takeOf({"inc", "dec"});
  d.take("sync");
  d.take("aligned");
  d.takeType();
  d.expectCount(1);
  u64 n = d.operand(0).imm;
  if (k < 0 || d.operand(0).kind != ast::Operand::Kind::Immediate || n < 24 ||
      n > 256 || n % 8)
    d.fail("expected a multiple of 8 from 24 to 256");
  d.op.target = static_cast<u32>(n);
  d.op.flags = k == 0;
  d.emit(setMaxRegisters);
}

// Grids of a stream run one after the other, so a primary is always done.
void decodeGridDependency(Decode &d) {
  if (d.takeOf({"launch_dependents", "wait"}) < 0)
    d.fail("expected .launch_dependents or .wait");
  d.emit([](Warp &, const Op &, u32) { return Step::Next; });
}

Step proxyFence(Warp &w, const Op &o, u32 m) {
  if (w.check)
    w.check->proxyFence(w, m, o.flags);
  return Step::Next;
}
Step barrierInitFence(Warp &w, const Op &, u32 m) {
  if (w.check)
    w.check->proxyFence(w, m, 4);
  return Step::Next;
}

void decodeAnyFence(Decode &d) {
  if (d.take("mbarrier_init")) {
    if (!d.take("release") || !d.take("cluster"))
      d.fail("expected .release.cluster");
    return d.emit(barrierInitFence);
  }
  if (d.take("proxy"))
    return decodeProxyFence(d);
  decodeFence(d);
}

/// st.bulk: zeros; b: bytes.
Step storeZeros(Warp &w, const Op &o, u32 m) {
  static const u8 zeros[8] = {};
  Vec<u64> to = addressesOf(w, o);
  checkAligned(w, o, to, 8, m);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 bytes = lane<u64>(w, o.b)[l];
    if (bytes & 7)
      misaligned(w, o, bytes, 8, l);
    for (u64 at = 0; at < bytes; at += 8) {
      Resolved r = resolve(w, o, spaceOf(o), to[l] + at, 8, l, true);
      if (r.space != Space::Shared)
        w.fault(o, LaunchStatus::IllegalAddress, "st.bulk writes shared memory",
                l);
      if (w.check)
        w.check->access(w, o, l, r, 8, {Access::Write, kWeak, Scope::None},
                        zeros);
      std::memset(r.host, 0, 8);
    }
  }
  ++w.engine->events;
  ++w.cta->sharedVersion;
  return Step::Next;
}
void decodeStoreBulk(Decode &d) {
  d.needTarget(100);
  d.take("weak");
  bool shared = d.take("shared::cta");
  d.expectCount(3);
  Space space = shared ? Space::Shared : Space::Generic;
  d.op.flags = static_cast<u32>(space);
  setAddress(d, d.operand(0), space);
  d.op.b = d.source(1, Type::U64);
  if (d.operand(2).kind != ast::Operand::Kind::Immediate || d.operand(2).imm)
    d.fail("the value is 0");
  d.emit(storeZeros);
}

template <bool Reduce> void asyncOr(Decode &d) {
  if (!Reduce && d.take("bulk"))
    return decodeStoreBulk(d);
  if (d.take("async"))
    return decodeAsyncStore(d, Reduce);
  if (Reduce)
    return decodeAtomic(d);
  decodeStore(d);
}
} // namespace

void decodeProxyFence(Decode &d) {
  if (d.take("async")) {
    int s = d.takeOf({"shared::cta", "shared::cluster", "global"});
    d.op.flags = s < 0 ? 3 : s == 2 ? 2 : 1;
    return d.emit(proxyFence);
  }
  if (d.take("alias"))
    return d.emit([](Warp &, const Op &, u32) { return Step::Next; });
  // async::generic and tensormap::generic with an order and a scope.
  int k = d.takeOf({"tensormap::generic", "async::generic"});
  int order = d.takeOf({"acquire", "release"});
  d.takeOf({"sync_restrict::shared::cta", "sync_restrict::shared::cluster"});
  d.takeOf({"shared::cta", "shared::cluster"});
  int scope = d.takeOf({"cta", "cluster", "gpu", "sys"});
  if (k < 0 || order < 0 || scope < 0)
    d.fail("unknown proxy");
  d.expectCount(0, 2);
  d.op.flags = static_cast<u32>(order == 0 ? kAcquire : kRelease);
  d.op.bytes = static_cast<u8>(scope + 1);
  d.op.target = k == 0 && order == 0;
  return d.emit([](Warp &w, const Op &o, u32 m) {
    if (w.check) {
      if (o.target)
        w.check->mapsAcquired(w, m);
      w.check->fence(w, m, static_cast<u8>(o.flags),
                     static_cast<Scope>(o.bytes));
      w.check->proxyFence(w, m, 3);
    }
    return Step::Next;
  });
}

void registerHopper(OpTable &t) {
  t["setmaxnreg"] = decodeSetmaxnreg;
  t["griddepcontrol"] = decodeGridDependency;
  t["fence"] = decodeAnyFence;
  t["st"] = asyncOr<false>;
  t["red"] = asyncOr<true>;
  registerMbarrier(t);
  registerWgmma(t);
  registerTensor(t);
}

HAMLET_SIMD_END
