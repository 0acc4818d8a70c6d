//===- Bulk.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// cp.async.bulk without tensors, bulk groups, st.async, red.async.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Access.h"
#include "emulator/ops/Copy.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Reduce.h"

#include <array>

HAMLET_SIMD_BEGIN

void inBulkGroup(Warp &w, u32 l, std::function<void()> work) {
  if (w.engine->config->async == AsyncMode::Eager) {
    work();
    ++w.engine->events;
  } else {
    w.async.bulk.items.push_back({l, w.async.bulk.open[l], std::move(work)});
  }
}

namespace {
constexpr u32 kMulticast = 1 << 16;

void checkBulk(Warp &w, const Op &o, u32 l, u64 to, u64 from, u32 bytes) {
  if ((to | from) & 15)
    misaligned(w, o, to & 15 ? to : from, 16, l);
  if (bytes & 15)
    misaligned(w, o, bytes, 16, l);
}

// a: destination; b: source address (regs[0] offsets none); c: bytes; regs:
// [0] source lane bytes, [1] mbarrier, [2] its lane bytes, [3] multicast mask,
// [4] source space, [5] reduction, [6] element type.
u64 wide(Warp &w, u32 reg, u32 bytes, u32 l) {
  return bytes == 4 ? lane<u32>(w, reg)[l] : lane<u64>(w, reg)[l];
}

Step bulk(Warp &w, const Op &o, u32 m) {
  Vec<u64> to = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 source =
        wide(w, o.b, o.regs[0], l) + static_cast<u64>(s64(s32(o.regs[7])));
    u32 bytes = lane<u32>(w, o.c)[l];
    if (!bytes)
      continue;
    checkBulk(w, o, l, to[l], source, bytes);
    Resolved s =
        resolve(w, o, static_cast<Space>(o.regs[4]), source, bytes, l, false);
    u32 reduction = o.regs[5];
    Type type = static_cast<Type>(o.regs[6]);
    if (!o.regs[1]) {
      Resolved d = resolve(w, o, spaceOf(o), to[l], bytes, l, true);
      if (w.check) {
        w.check->bulkAccess(w, o, l, s, bytes, false, nullptr, 0);
        w.check->bulkAccess(w, o, l, d, bytes, true, nullptr, 0);
      }
      inBulkGroup(w, l,
                  [=] { reduceInto(d.host, s.host, bytes, reduction, type); });
      continue;
    }
    u64 mbar = wide(w, o.regs[1], o.regs[2], l) +
               static_cast<u64>(s64(s32(o.regs[8])));
    Space mspace = o.regs[2] == 8 ? Space::Generic : Space::SharedCluster;
    u32 mask = o.flags & kMulticast ? lane<u32>(w, o.regs[3])[l] & 0xffff : 0;
    for (u32 r = 0; r < w.cluster->ctas.size(); ++r) {
      u64 target = to[l], where = mbar;
      if (o.flags & kMulticast) {
        if (!(mask >> r & 1))
          continue;
        u64 rank = u64(r + 1) << kClusterShift;
        target = (target & ~u64(0xff000000)) | rank;
        where = (where & ~u64(0xff000000)) | rank;
      } else if (r) {
        break;
      }
      Resolved d = resolve(w, o, spaceOf(o), target, bytes, l, true);
      BarrierRef b = barrierAt(w, o, mspace, where, l);
      if (w.check) {
        w.check->mbarrierUse(w, o, l, *b.cta, b.address);
        w.check->bulkAccess(w, o, l, s, bytes, false, b.cta, b.address);
        w.check->bulkAccess(w, o, l, d, bytes, true, b.cta, b.address);
      }
      Engine *e = w.engine;
      schedule(w, [=] {
        reduceInto(d.host, s.host, bytes, reduction, type);
        if (d.cta)
          ++d.cta->sharedVersion;
        completeTransactions(*e, b, bytes);
      });
    }
  }
  return Step::Next;
}

Step commit(Warp &w, const Op &, u32 m) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      ++w.async.bulk.open[l];
  if (w.check)
    w.check->bulkCommit(w, m);
  return Step::Next;
}
Step wait(Warp &w, const Op &o, u32 m) {
  auto &items = w.async.bulk.items;
  for (size_t i = 0; i < items.size();) {
    auto &it = items[i];
    if ((m >> it.lane & 1) &&
        it.group + o.target < w.async.bulk.open[it.lane]) {
      it.run();
      items.erase(items.begin() + static_cast<long>(i));
      ++w.engine->events;
    } else {
      ++i;
    }
  }
  if (w.check)
    w.check->bulkWait(w, m, o.target, o.flags != 0);
  return Step::Next;
}

/// st.async, red.async. regs: [0] mbarrier, [1] its lane bytes, [2] reduction,
/// type and the mbarrier's space, then the values.
Step asyncStore(Warp &w, const Op &o, u32 m) {
  Vec<u64> to = addressesOf(w, o);
  u32 n = o.regCount - 3u, size = o.bytes;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 bytes = n * size;
    if (to[l] & (bytes - 1))
      misaligned(w, o, to[l], bytes, l);
    Resolved d = resolve(w, o, spaceOf(o), to[l], bytes, l, true);
    if (d.space != Space::Shared)
      w.fault(o, LaunchStatus::IllegalAddress,
              "an asynchronous store goes to shared memory", l);
    BarrierRef b = barrierAt(w, o, static_cast<Space>(o.regs[2] >> 16),
                             wide(w, o.regs[0], o.regs[1], l) +
                                 static_cast<u64>(s64(s32(o.target))),
                             l);
    u8 data[32];
    for (u32 k = 0; k < n; ++k) {
      u64 v = size == 8 ? lane<u64>(w, o.regs[3 + k])[l]
                        : lane<u32>(w, o.regs[3 + k])[l];
      std::memcpy(data + k * size, &v, size);
    }
    if (w.check) {
      w.check->mbarrierUse(w, o, l, *b.cta, b.address);
      w.check->bulkAccess(w, o, l, d, bytes, true, b.cta, b.address);
    }
    Engine *e = w.engine;
    u32 reduction = o.regs[2] & 0xff;
    Type type = static_cast<Type>(o.regs[2] >> 8 & 0xff);
    std::array<u8, 32> held;
    std::memcpy(held.data(), data, 32);
    schedule(w, [=] {
      reduceInto(d.host, held.data(), bytes, reduction, type);
      ++d.cta->sharedVersion;
      completeTransactions(*e, b, bytes);
    });
  }
  return Step::Next;
}

/// An address operand as register, lane bytes and offset; the space of a named
/// variable, else Space::Generic.
Space addressParts(Decode &d, const ast::Operand &o, u32 &reg, u32 &bytes,
                   u32 &offset) {
  Decode::Address a = d.address(o);
  reg = a.base;
  bytes = a.narrow ? 4 : 8;
  offset = static_cast<u32>(a.offset);
  if (a.uniform) {
    reg = d.constant(static_cast<u64>(a.offset), 4);
    bytes = 4;
    offset = 0;
  }
  return a.symbolSpace;
}
} // namespace

void decodeBulk(Decode &d, bool reduce) {
  if (d.take("prefetch")) {
    if (d.take("tensor"))
      return decodeTensorPrefetch(d);
    if (!d.take("L2") || !d.take("global"))
      d.fail("expected .L2.global");
    d.expectCount(2 + d.take("L2::cache_hint"));
    d.address(d.operand(0));
    d.source(1, Type::B32);
    return d.emit([](Warp &, const Op &, u32) { return Step::Next; });
  }
  if (d.take("commit_group"))
    return d.emit(commit);
  if (d.take("wait_group")) {
    d.op.flags = d.take("read");
    d.expectCount(1);
    d.op.target = static_cast<u32>(d.operand(0).imm);
    return d.emit(wait);
  }
  if (d.take("tensor"))
    return decodeBulkTensor(d, reduce);
  // Destination first, then source.
  std::vector<Space> spaces;
  while (spaces.size() < 2) {
    int s = d.takeOf({"shared::cluster", "shared::cta", "global"});
    if (s < 0)
      d.fail("expected a destination and a source space");
    spaces.push_back(s == 0   ? Space::SharedCluster
                     : s == 1 ? Space::Shared
                              : Space::Global);
  }
  bool barrier = d.take("mbarrier::complete_tx::bytes"),
       group = d.take("bulk_group");
  bool multicast = d.take("multicast::cluster"),
       hint = d.take("L2::cache_hint");
  if (d.take("cp_mask"))
    d.fail(".cp_mask is not supported");
  if (barrier == group)
    d.fail("expected .mbarrier::complete_tx::bytes or .bulk_group");
  u32 reduction = kCopy;
  Type type = Type::B8;
  if (reduce) {
    reduction = takeReduction(d);
    d.take("noftz");
    type = d.takeType();
  }
  d.expectCount(3 + barrier + multicast + hint);
  d.op.flags = static_cast<u32>(spaces[0]) | (multicast ? kMulticast : 0);
  setAddress(d, d.operand(0), spaces[0]);
  u32 sourceBytes, sourceOffset, mbar = 0, mbarBytes = 0, mbarOffset = 0,
                                 mask = 0;
  addressParts(d, d.operand(1), d.op.b, sourceBytes, sourceOffset);
  d.op.c = d.source(2, Type::B32);
  if (barrier)
    addressParts(d, d.operand(3), mbar, mbarBytes, mbarOffset);
  if (multicast)
    mask = d.source(4, Type::B16);
  d.list({sourceBytes, mbar, mbarBytes, mask, static_cast<u32>(spaces[1]),
          reduction, static_cast<u32>(type), sourceOffset, mbarOffset});
  d.emit(bulk);
}

void decodeAsyncStore(Decode &d, bool reduce) {
  // st.async or red.async is read.
  d.take("weak");
  d.take("relaxed");
  d.take("cluster");
  Space space =
      d.take("shared::cluster") ? Space::SharedCluster : Space::Generic;
  if (!d.take("mbarrier::complete_tx::bytes"))
    d.fail("expected .mbarrier::complete_tx::bytes");
  u32 reduction = reduce ? takeReduction(d) : u32(kCopy);
  u32 n = takeVector(d);
  Type t = d.takeType();
  d.expectCount(3);
  d.op.flags = static_cast<u32>(space);
  setAddress(d, d.operand(0), space);
  std::vector<u32> regs(3);
  u32 offset;
  Space named = addressParts(d, d.operand(2), regs[0], regs[1], offset);
  d.op.target = offset;
  regs[2] = reduction | static_cast<u32>(t) << 8 |
            static_cast<u32>(space == Space::Generic ? named : space) << 16;
  const ast::Operand &v = d.operand(1);
  if (n == 1)
    regs.push_back(d.source(v, t));
  else
    for (const ast::Operand &e : v.elems)
      regs.push_back(d.source(e, t));
  if (regs.size() != 3 + n)
    d.fail("expected " + std::to_string(n) + " values");
  if (n * typeBytes(t) > 16)
    d.fail("a thread stores at most 16 bytes");
  d.op.bytes = static_cast<u8>(typeBytes(t));
  d.list(regs);
  d.program().usesClusters = true;
  d.emit(asyncStore);
}

HAMLET_SIMD_END
