//===- WarpOps.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// shfl, vote, match, redux, elect, activemask, bar.warp.sync.
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

HAMLET_SIMD_BEGIN
namespace {
using Kind = ast::Operand::Kind;

/// Members that some executing lanes name; `m` becomes those lanes, the others
/// run the instruction by themselves. Lanes whose members are all here go
/// first; if there are none, nothing is split off and `gate` blocks.
u32 membersOf(Warp &w, const Op &o, u32 reg, u32 &m) {
  Vec<u32> named = get<u32>(w, reg);
  u32 all = m, chosen = 0;
  for (u32 rest = all; rest;) {
    u32 members = named[firstLane(rest)];
    u32 group = rest & maskOf(named == Vec<u32>(members));
    rest &= ~group;
    bool complete = !(members & w.live & ~w.mask);
    if (complete || !chosen)
      chosen = group;
    if (!complete)
      continue;
    if (u32 others = all & ~group) {
      w.split(others, w.pc);
      w.nextPc = 0; // they come next
    }
    break;
  }
  m = chosen;
  u32 members = named[firstLane(m)];
  if (m & ~members)
    misuse(w, o, firstLane(m & ~members), "barrier-misuse",
           "a lane executes the instruction without being named in its member "
           "mask");
  return members;
}

enum Shuffle { Up, Down, Bfly, Idx };
template <Shuffle K> Step shfl(Warp &w, const Op &o, u32 m) {
  u32 members = o.e ? membersOf(w, o, o.e, m) : m;
  if (!gate(w, o, m, members))
    return Step::Block;
  const u32 *a = lane<u32>(w, o.a), *b = lane<u32>(w, o.b),
            *c = lane<u32>(w, o.c);
  u32 r[32], p = 0;
  for (u32 l = 0; l < 32; ++l) {
    u32 bound = c[l] & 31, segment = c[l] >> 8 & 31, n = b[l] & 31;
    u32 most = (l & segment) | (bound & ~segment), least = l & segment;
    s32 j;
    bool in;
    if constexpr (K == Up) {
      j = s32(l) - s32(n);
      in = j >= s32(most);
    } else if constexpr (K == Down) {
      j = s32(l + n);
      in = j <= s32(most);
    } else if constexpr (K == Bfly) {
      j = s32(l ^ n);
      in = j <= s32(most);
    } else {
      j = s32(least | (n & ~segment));
      in = j <= s32(most);
    }
    if (!in)
      j = s32(l);
    r[l] = a[j & 31];
    p |= u32(in) << l;
  }
  Vec<u32> v;
  std::memcpy(&v, r, sizeof r);
  put<u32>(w, o.d, v, m);
  if (o.regCount)
    putPred(w, o.regs[0], p, m);
  return Step::Next;
}
void decodeShfl(Decode &d) {
  bool sync = d.take("sync");
  int k = d.takeOf({"up", "down", "bfly", "idx"});
  Type t = d.takeType();
  if (k < 0 || typeBytes(t) != 4)
    d.fail("shfl needs a mode and .b32");
  d.expectCount(sync ? 5 : 4);
  const ast::Operand &dst = d.operand(0);
  if (dst.kind == Kind::Pair) {
    d.op.d = d.sink(dst.elems[0], t);
    d.list({d.sink(dst.elems[1], Type::Pred)});
  } else {
    d.op.d = d.sink(dst, t);
  }
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::B32);
  d.op.c = d.source(3, Type::B32);
  d.op.e = sync ? d.source(4, Type::B32) : 0;
  d.info.moves = true;
  static const Handler table[] = {shfl<Up>, shfl<Down>, shfl<Bfly>, shfl<Idx>};
  d.emit(table[k]);
}

template <u32 K> Step vote(Warp &w, const Op &o, u32 m) {
  u32 members = o.e ? membersOf(w, o, o.e, m) : m;
  if (!gate(w, o, m, members))
    return Step::Block;
  u32 in = m & members, p = pred(w, o.a) & in;
  if constexpr (K == 3) {
    put<u32>(w, o.d, Vec<u32>(p), m);
  } else {
    bool r = K == 0 ? p == in : K == 1 ? p != 0 : p == in || p == 0;
    putPred(w, o.d, r ? ~0u : 0, m);
  }
  return Step::Next;
}
void decodeVote(Decode &d) {
  bool sync = d.take("sync");
  int k = d.takeOf({"all", "any", "uni", "ballot"});
  Type t = d.takeType();
  d.expectCount(sync ? 3 : 2);
  if (k < 0 || t != (k == 3 ? Type::B32 : Type::Pred))
    d.fail("vote needs a mode and .pred, or .ballot.b32");
  d.op.d = d.sink(0, t);
  d.op.a = d.predicate(d.operand(1));
  d.op.e = sync ? d.source(2, Type::B32) : 0;
  static const Handler table[] = {vote<0>, vote<1>, vote<2>, vote<3>};
  d.emit(table[k]);
}

template <class T, bool All> Step match(Warp &w, const Op &o, u32 m) {
  u32 members = membersOf(w, o, o.e, m);
  if (!gate(w, o, m, members))
    return Step::Block;
  u32 in = m & members;
  const T *a = lane<T>(w, o.a);
  u32 r[32] = {}, first = firstLane(m), all = ~0u;
  for (u32 l = 0; l < 32; ++l)
    if (in >> l & 1) {
      if (a[l] != a[first])
        all = 0;
      for (u32 k = 0; k < 32; ++k)
        if (in >> k & 1 && a[k] == a[l])
          r[l] |= 1u << k;
    }
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      lane<u32>(w, o.d)[l] = All ? (all ? in : 0) : r[l];
  if (o.regCount)
    putPred(w, o.regs[0], all, m);
  return Step::Next;
}
void decodeMatch(Decode &d) {
  int k = d.takeOf({"any", "all"});
  bool sync = d.take("sync");
  Type t = d.takeType();
  d.expectCount(3);
  if (k < 0 || !sync)
    d.fail("match needs .any or .all and .sync");
  const ast::Operand &dst = d.operand(0);
  if (dst.kind == Kind::Pair) {
    d.op.d = d.sink(dst.elems[0], Type::B32);
    d.list({d.sink(dst.elems[1], Type::Pred)});
  } else {
    d.op.d = d.sink(dst, Type::B32);
  }
  d.op.a = d.source(1, t);
  d.op.e = d.source(2, Type::B32);
  if (typeBytes(t) == 8)
    return d.emit(k ? match<u64, true> : match<u64, false>);
  d.emit(k ? match<u32, true> : match<u32, false>);
}

template <class T, u32 K> Step redux(Warp &w, const Op &o, u32 m) {
  u32 members = membersOf(w, o, o.e, m);
  if (!gate(w, o, m, members))
    return Step::Block;
  const T *a = lane<T>(w, o.a);
  T r = a[firstLane(m)];
  for (u32 l = firstLane(m) + 1; l < 32; ++l)
    if ((m & members) >> l & 1) {
      T x = a[l];
      r = K == 0   ? static_cast<T>(u32(r) + u32(x))
          : K == 1 ? std::min(r, x)
          : K == 2 ? std::max(r, x)
          : K == 3 ? r & x
          : K == 4 ? r | x
                   : r ^ x;
    }
  put<T>(w, o.d, Vec<T>(r), m);
  return Step::Next;
}
/// min and max of f32; flags: 1 max, 2 of absolute values, 4 NaN wins. -0 is
/// below +0; without a number the result is NaN.
Step reduxFloat(Warp &w, const Op &o, u32 m) {
  u32 members = membersOf(w, o, o.e, m);
  if (!gate(w, o, m, members))
    return Step::Block;
  bool any = false, nan = false;
  float r = 0;
  for (u32 l = 0; l < 32; ++l) {
    if (!((m & members) >> l & 1))
      continue;
    float x = lane<float>(w, o.a)[l];
    if (o.flags & 2)
      x = std::fabs(x);
    if (x != x) {
      nan = true;
      continue;
    }
    bool below = x < r || (x == r && std::signbit(x) && !std::signbit(r));
    bool above = x > r || (x == r && !std::signbit(x) && std::signbit(r));
    if (!any || (o.flags & 1 ? above : below))
      r = x;
    any = true;
  }
  u32 bits = !any || (nan && o.flags & 4) ? 0x7fffffff : std::bit_cast<u32>(r);
  put<u32>(w, o.d, Vec<u32>(bits), m);
  return Step::Next;
}

void decodeRedux(Decode &d) {
  if (!d.take("sync"))
    d.fail("expected .sync");
  int k = d.takeOf({"add", "min", "max", "and", "or", "xor"});
  Type t = d.takeType();
  if (t == Type::F32) {
    d.needTarget(100);
    if (k != 1 && k != 2)
      d.fail("f32 has .min and .max");
    d.op.flags =
        (k == 2 ? 1 : 0) | (d.take("abs") ? 2 : 0) | (d.take("NaN") ? 4 : 0);
    d.expectCount(3);
    d.op.d = d.sink(0, t);
    d.op.a = d.source(1, t);
    d.op.e = d.source(2, Type::B32);
    return d.emit(reduxFloat);
  }
  if (k < 0 || (t != Type::U32 && t != Type::S32 && t != Type::B32))
    d.fail("redux needs an operation and .u32, .s32 or .b32");
  d.expectCount(3);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.e = d.source(2, Type::B32);
  static const Handler u[] = {redux<u32, 0>, redux<u32, 1>, redux<u32, 2>,
                              redux<u32, 3>, redux<u32, 4>, redux<u32, 5>};
  static const Handler s[] = {redux<s32, 0>, redux<s32, 1>, redux<s32, 2>,
                              redux<s32, 3>, redux<s32, 4>, redux<s32, 5>};
  d.emit(t == Type::S32 ? s[k] : u[k]);
}

Step elect(Warp &w, const Op &o, u32 m) {
  u32 members = membersOf(w, o, o.e, m);
  if (!gate(w, o, m, members))
    return Step::Block;
  u32 in = m & members, leader = firstLane(in);
  // Any fixed choice for one mask is legal; seeds choose differently.
  if (w.engine->config->seed & 1)
    leader = 31 - static_cast<u32>(std::countl_zero(in));
  if (o.d)
    put<u32>(w, o.d, Vec<u32>(leader), m);
  putPred(w, o.regs[0], 1u << leader, m);
  return Step::Next;
}
void decodeElect(Decode &d) {
  d.take("sync");
  d.expectCount(2);
  const ast::Operand &dst = d.operand(0);
  if (dst.kind != Kind::Pair)
    d.fail("expected d|p");
  d.op.d = d.sink(dst.elems[0], Type::B32);
  d.list({d.sink(dst.elems[1], Type::Pred)});
  d.op.e = d.source(1, Type::B32);
  d.emit(elect);
}

void decodeActiveMask(Decode &d) {
  Type t = d.takeType();
  d.expectCount(1);
  d.op.d = d.sink(0, t);
  d.emit([](Warp &w, const Op &o, u32 m) {
    put<u32>(w, o.d, Vec<u32>(m), m);
    return Step::Next;
  });
}

/// Lanes of a warp may meet at different bar.warp.sync of one mask: the last of
/// them to come, `m`, takes the others along.
bool meetElsewhere(Warp &w, const Op &o, u32 m, u32 members) {
  auto waits = [&](const Fragment &f) {
    const Op &at = w.program->ops[f.pc];
    u32 lanes = f.mask;
    if (at.guard != kNoRegister) {
      u32 g = *reinterpret_cast<const u32 *>(w.regs + at.guard);
      lanes &= at.guardNegated ? ~g : g;
    }
    return at.run == o.run && lanes == f.mask && !(lanes & ~members) &&
           lane<u32>(w, at.a)[firstLane(lanes)] == members;
  };
  u32 missing = members & w.live & ~m;
  for (const Fragment &f : w.others)
    if (waits(f))
      missing &= ~f.mask;
  if (missing)
    return false;
  for (Fragment &f : w.others)
    if (waits(f)) {
      ++f.pc;
      f.blocked = false;
    }
  if (u32 others = w.mask & ~m)
    w.split(others, w.pc);
  w.recomputeNext();
  return true;
}

Step warpSync(Warp &w, const Op &o, u32 m) {
  u32 members = membersOf(w, o, o.a, m);
  u32 elsewhere = members & w.live & ~w.mask;
  if (elsewhere ? !meetElsewhere(w, o, m, members) : !gate(w, o, m, members)) {
    w.waitingFor = "waiting for the other lanes of the warp";
    return Step::Block;
  }
  if (w.check)
    w.check->warpSync(w, (m | elsewhere) & members);
  return Step::Next;
}
} // namespace

/// bar.warp.sync, of which the barrier family has read `bar.warp`.
void decodeWarpSync(Decode &d) {
  d.take("sync");
  d.expectCount(1);
  d.op.a = d.source(0, Type::B32);
  d.emit(warpSync);
}

void registerWarp(OpTable &t) {
  t["shfl"] = decodeShfl;
  t["vote"] = decodeVote;
  t["match"] = decodeMatch;
  t["redux"] = decodeRedux;
  t["elect"] = decodeElect;
  t["activemask"] = decodeActiveMask;
}

HAMLET_SIMD_END
