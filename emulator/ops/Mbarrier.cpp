//===- Mbarrier.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// mbarrier.*, cp.async.mbarrier.arrive.
#include "emulator/ops/Access.h"
#include "emulator/ops/Copy.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

#include <algorithm>

HAMLET_SIMD_BEGIN
namespace {
constexpr u32 kRelaxed = 1 << 16, kExpect = 1 << 17, kParity = 1 << 18,
              kTry = 1 << 19, kDrop = 1 << 20, kNoComplete = 1 << 21;
} // namespace

BarrierRef barrierAt(Warp &w, const Op &o, Space space, u64 address, u32 l) {
  if (address & 7)
    misaligned(w, o, address, 8, l);
  Resolved r = resolve(w, o, space, address, 8, l, true);
  if (r.space != Space::Shared)
    w.fault(o, LaunchStatus::IllegalAddress,
            "an mbarrier lies in shared memory", l);
  return {r.cta, r.address, r.host};
}

void settle(Engine &e, const BarrierRef &b, Mbarrier m) {
  if (m.pending() == 0 && m.transactions() == 0) {
    if (e.check)
      e.check->mbarrierComplete(*b.cta, b.address);
    m.word = Mbarrier::make(!m.phase(), m.expected(), m.expected(), 0);
    ++e.events;
  }
  std::memcpy(b.host, &m.word, 8);
}

void completeTransactions(Engine &e, const BarrierRef &b, u32 bytes) {
  Mbarrier m = b.read();
  m.word = Mbarrier::make(m.phase(), m.pending(), m.expected(),
                          m.transactions() - static_cast<s32>(bytes));
  ++e.events;
  settle(e, b, m);
}

namespace {
void checkRange(Warp &w, const Op &o, u32 l, s64 tx) {
  if (tx > 0xfffff || tx < -0xfffff)
    misuse(w, o, l, "mbarrier-misuse",
           "the transaction count " + std::to_string(tx) +
               " leaves its range of 2^20 - 1");
}

Step init(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 n = lane<u32>(w, o.b)[l];
    BarrierRef b = barrierAt(w, o, spaceOf(o), a[l], l);
    if (n == 0 || n > 0xfffff)
      misuse(w, o, l, "mbarrier-misuse",
             "the count must be 1 to 2^20 - 1, got " + std::to_string(n));
    if (w.check)
      w.check->mbarrierInit(w, o, l, *b.cta, b.address);
    auto entry = std::pair(b.address, b.host);
    auto &known = b.cta->mbarriers;
    if (std::find(known.begin(), known.end(), entry) == known.end())
      known.push_back(entry);
    u64 word = Mbarrier::make(false, n, n, 0);
    std::memcpy(b.host, &word, 8);
  }
  ++w.engine->events;
  return Step::Next;
}

Step invalidate(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1) {
      BarrierRef b = barrierAt(w, o, spaceOf(o), a[l], l);
      if (w.check) {
        w.check->mbarrierUse(w, o, l, *b.cta, b.address);
        w.check->mbarrierInvalidate(*b.cta, b.address);
      }
    }
  return Step::Next;
}

// b: count or bytes; d: state; flags.
Step arrive(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    BarrierRef b = barrierAt(w, o, spaceOf(o), a[l], l);
    if (w.check) {
      w.check->mbarrierUse(w, o, l, *b.cta, b.address);
      w.check->mbarrierArrive(w, m, *b.cta, b.address, !(o.flags & kRelaxed));
    }
    Mbarrier v = b.read();
    if (o.d)
      lane<u64>(w, o.d)[l] = v.word;
    u32 value = lane<u32>(w, o.b)[l], count = o.flags & kExpect ? 1 : value;
    s64 tx = v.transactions();
    if (o.flags & kExpect)
      tx += value;
    checkRange(w, o, l, tx);
    u32 pending = v.pending(), expected = v.expected();
    if (count > pending) {
      misuse(w, o, l, "mbarrier-misuse",
             "more arrivals than the phase expects: " + std::to_string(count) +
                 " with " + std::to_string(pending) + " pending");
      pending = count;
    }
    if (o.flags & kDrop)
      expected -= std::min(expected, count);
    v.word = Mbarrier::make(v.phase(), pending - count, expected,
                            static_cast<s32>(tx));
    ++w.engine->events;
    settle(*w.engine, b, v);
  }
  return Step::Next;
}

// expect_tx and complete_tx without arriving.
Step transactions(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    BarrierRef b = barrierAt(w, o, spaceOf(o), a[l], l);
    if (w.check)
      w.check->mbarrierUse(w, o, l, *b.cta, b.address);
    u32 bytes = lane<u32>(w, o.b)[l];
    if (o.flags & kExpect) {
      Mbarrier v = b.read();
      checkRange(w, o, l, s64(v.transactions()) + bytes);
      v.word = Mbarrier::make(v.phase(), v.pending(), v.expected(),
                              v.transactions() + static_cast<s32>(bytes));
      std::memcpy(b.host, &v.word, 8);
    } else {
      completeTransactions(*w.engine, b, bytes);
    }
  }
  return Step::Next;
}

// d: predicate; b: state (64 bits) or parity (32 bits).
Step testWait(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  u32 done = 0,
      passing = 0; // through `last`, of which the sanitizer hears once
  BarrierRef last{};
  auto pass = [&] {
    if (passing)
      w.check->mbarrierPass(w, passing, *last.cta, last.address,
                            !(o.flags & kRelaxed));
    passing = 0;
  };
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    BarrierRef b = barrierAt(w, o, spaceOf(o), a[l], l);
    if (w.check)
      w.check->mbarrierUse(w, o, l, *b.cta, b.address);
    Mbarrier v = b.read();
    bool waits = o.flags & kParity
                     ? (lane<u32>(w, o.b)[l] & 1) == u32(v.phase())
                     : Mbarrier{lane<u64>(w, o.b)[l]}.phase() == v.phase();
    if (waits)
      continue;
    done |= 1u << l;
    if (!w.check)
      continue;
    if (passing && (b.cta != last.cta || b.address != last.address))
      pass();
    last = b;
    passing |= 1u << l;
  }
  pass();
  putPred(w, o.d, done, m);
  if (done == m)
    return Step::Next;
  w.waitingFor = "polling an mbarrier";
  return Step::Yield;
}

Step pendingCount(Warp &w, const Op &o, u32 m) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      lane<u32>(w, o.d)[l] = Mbarrier{lane<u64>(w, o.a)[l]}.pending();
  return Step::Next;
}

Space takeSpace(Decode &d) {
  int s = d.takeOf({"shared", "shared::cta", "shared::cluster"});
  return s < 0 ? Space::Generic : s == 2 ? Space::SharedCluster : Space::Shared;
}

void decodeMbarrier(Decode &d) {
  int k = d.takeOf({"init", "inval", "arrive", "arrive_drop", "expect_tx",
                    "complete_tx", "test_wait", "try_wait", "pending_count"});
  if (k < 0)
    d.fail("unknown operation");
  bool expect = k == 4 || ((k == 2 || k == 3) && d.take("expect_tx"));
  bool noComplete = d.take("noComplete"), parity = d.take("parity");
  d.takeOf({"release", "acquire"});
  bool relaxed = d.take("relaxed");
  d.takeOf({"cta", "cluster"});
  Space space = takeSpace(d);
  d.take("b64");
  d.op.flags = static_cast<u32>(space) | (relaxed ? kRelaxed : 0) |
               (expect ? kExpect : 0) | (parity ? kParity : 0) |
               (k == 7 ? kTry : 0) | (k == 3 ? kDrop : 0) |
               (noComplete ? kNoComplete : 0);
  switch (k) {
  case 0:
    d.expectCount(2);
    setAddress(d, d.operand(0), space);
    d.op.b = d.source(1, Type::B32);
    return d.emit(init);
  case 1:
    d.expectCount(1);
    setAddress(d, d.operand(0), space);
    return d.emit(invalidate);
  case 2:
  case 3: {
    // The state may be left out: arrive [addr], n is no form, so operand 0 is
    // it.
    bool state = d.operand(0).kind != ast::Operand::Kind::Address;
    size_t at = state ? 1 : 0;
    if (state)
      d.op.d = d.sink(0, Type::B64);
    setAddress(d, d.operand(at), space);
    d.op.b =
        d.count() > at + 1 ? d.source(at + 1, Type::B32) : d.constant(1, 4);
    d.expectCount(at + 1, at + 2);
    return d.emit(arrive);
  }
  case 4:
  case 5:
    d.expectCount(2);
    setAddress(d, d.operand(0), space);
    d.op.b = d.source(1, Type::B32);
    return d.emit(transactions);
  case 6:
  case 7:
    d.expectCount(3, 4);
    d.op.d = d.sink(0, Type::Pred);
    setAddress(d, d.operand(1), space);
    d.op.b = d.source(2, parity ? Type::B32 : Type::B64);
    if (d.count() == 4)
      d.source(3, Type::B32); // a hint how long to suspend
    return d.emit(testWait);
  default:
    d.expectCount(2);
    d.op.d = d.sink(0, Type::B32);
    d.op.a = d.source(1, Type::B64);
    return d.emit(pendingCount);
  }
}

/// Arrives when the thread's earlier copies are done; flags kRelaxed: .noinc.
Step copyArrive(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    BarrierRef b = barrierAt(w, o, spaceOf(o), a[l], l);
    if (w.check)
      w.check->mbarrierUse(w, o, l, *b.cta, b.address);
    if (!(o.flags & kRelaxed)) { // counts itself in
      Mbarrier v = b.read();
      v.word = Mbarrier::make(v.phase(), v.pending() + 1, v.expected(),
                              v.transactions());
      std::memcpy(b.host, &v.word, 8);
    }
    // The group under construction ends here for this purpose.
    u64 upTo = w.async.copies.open[l];
    Warp *warp = &w;
    const Op *op = &o;
    schedule(w, [=] {
      auto &items = warp->async.copies.items;
      for (size_t i = 0; i < items.size();) {
        if (items[i].lane == l && items[i].group <= upTo) {
          items[i].run();
          items.erase(items.begin() + static_cast<long>(i));
        } else {
          ++i;
        }
      }
      if (warp->check)
        warp->check->copiesArrive(*warp, l, *b.cta, b.address);
      Mbarrier v = b.read();
      if (v.pending() == 0)
        misuse(*warp, *op, l, "mbarrier-misuse",
               "more arrivals than the phase expects");
      else
        v.word = Mbarrier::make(v.phase(), v.pending() - 1, v.expected(),
                                v.transactions());
      settle(*warp->engine, b, v);
    });
  }
  return Step::Next;
}
} // namespace

void decodeCopyArrive(Decode &d) {
  // cp.async.mbarrier is read.
  if (!d.take("arrive"))
    d.fail("expected .arrive");
  bool noinc = d.take("noinc");
  Space space = takeSpace(d);
  d.take("b64");
  d.expectCount(1);
  d.op.flags = static_cast<u32>(space) | (noinc ? kRelaxed : 0);
  setAddress(d, d.operand(0), space);
  d.emit(copyArrive);
}

void registerMbarrier(OpTable &t) { t["mbarrier"] = decodeMbarrier; }

HAMLET_SIMD_END
