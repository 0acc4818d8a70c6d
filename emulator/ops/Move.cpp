//===- Move.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// mov with its packing forms, cvta, isspacep, mapa, getctarank.
#include "emulator/ops/Families.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN
namespace {
using Kind = ast::Operand::Kind;

template <class T> Step move(Warp &w, const Op &o, u32 m) {
  put<T>(w, o.d, get<T>(w, o.a), m);
  return Step::Next;
}
Step movePredicate(Warp &w, const Op &o, u32 m) {
  putPred(w, o.d, pred(w, o.a), m);
  return Step::Next;
}
Step move128(Warp &w, const Op &o, u32 m) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      std::memcpy(w.regs + o.d + 16 * l, w.regs + o.a + 16 * l, 16);
  return Step::Next;
}

/// d = {regs...}: `flags` bits an element, `bytes` lane bytes of d.
Step pack(Warp &w, const Op &o, u32 m) {
  u32 bits = o.flags;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 v[2] = {0, 0};
    for (u32 i = 0; i < o.regCount; ++i) {
      u64 e =
          bits == 64 ? lane<u64>(w, o.regs[i])[l] : lane<u32>(w, o.regs[i])[l];
      if (bits < 32)
        e &= (u64(1) << bits) - 1;
      u32 at = i * bits;
      v[at / 64] |= e << (at % 64);
    }
    if (o.bytes == 4)
      lane<u32>(w, o.d)[l] = static_cast<u32>(v[0]);
    else
      std::memcpy(w.regs + o.d + o.bytes * l, v, o.bytes);
  }
  return Step::Next;
}
Step unpack(Warp &w, const Op &o, u32 m) {
  u32 bits = o.flags;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 v[2] = {0, 0};
    std::memcpy(v, w.regs + o.a + o.bytes * l, o.bytes);
    for (u32 i = 0; i < o.regCount; ++i) {
      if (o.regs[i] == 0) // _
        continue;
      u32 at = i * bits;
      u64 e = v[at / 64] >> (at % 64);
      if (bits < 64)
        e &= (u64(1) << bits) - 1;
      if (bits == 64)
        lane<u64>(w, o.regs[i])[l] = e;
      else
        lane<u32>(w, o.regs[i])[l] = static_cast<u32>(e);
    }
  }
  return Step::Next;
}
Step pack2x16(Warp &w, const Op &o, u32 m) {
  put<u32>(w, o.d,
           (get<u32>(w, o.a) & Vec<u32>(0xffff)) | get<u32>(w, o.b)
                                                       << Vec<u32>(16),
           m);
  return Step::Next;
}
Step unpack2x16(Warp &w, const Op &o, u32 m) {
  Vec<u32> a = get<u32>(w, o.a);
  if (o.d)
    put<u32>(w, o.d, a & Vec<u32>(0xffff), m);
  if (o.b)
    put<u32>(w, o.b, a >> Vec<u32>(16), m);
  return Step::Next;
}
Step pack2x32(Warp &w, const Op &o, u32 m) {
  Vec<u64> low = __builtin_convertvector(get<u32>(w, o.a), Vec<u64>);
  Vec<u64> high = __builtin_convertvector(get<u32>(w, o.b), Vec<u64>);
  put<u64>(w, o.d, low | high << Vec<u64>(32), m);
  return Step::Next;
}
Step unpack2x32(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = get<u64>(w, o.a);
  if (o.d)
    put<u32>(w, o.d, __builtin_convertvector(a, Vec<u32>), m);
  if (o.b)
    put<u32>(w, o.b, __builtin_convertvector(a >> Vec<u64>(32), Vec<u32>), m);
  return Step::Next;
}

Type elementType(Decode &d, u32 bits) {
  switch (bits) {
  case 8:
    return Type::B8;
  case 16:
    return Type::B16;
  case 32:
    return Type::B32;
  case 64:
    return Type::B64;
  default:
    d.fail("vector elements must have 8, 16, 32 or 64 bits");
  }
}

void mov(Decode &d) {
  Type t = d.takeType();
  d.expectCount(2);
  d.info.moves = true;
  const ast::Operand &to = d.operand(0), &from = d.operand(1);
  u32 bits = 8 * typeBytes(t);
  if (from.kind == Kind::Vector) {
    u32 n = static_cast<u32>(from.elems.size());
    if (n < 1 || bits % n)
      d.fail("vector does not fit the type");
    if (n == 1) {
      d.op.d = d.sink(to, t);
      d.op.a = d.source(from.elems[0], t);
      return d.emit(laneBytes(t) == 8 ? move<u64> : move<u32>);
    }
    Type e = elementType(d, bits / n);
    std::vector<u32> regs;
    regs.reserve(n);
    for (const ast::Operand &x : from.elems)
      regs.push_back(d.source(x, e));
    d.op.d = d.sink(to, t);
    d.op.flags = bits / n;
    d.op.bytes = static_cast<u8>(laneBytes(t));
    if (n == 2 && (bits == 32 || bits == 64)) {
      d.op.a = regs[0];
      d.op.b = regs[1];
      return d.emit(bits == 32 ? pack2x16 : pack2x32);
    }
    d.list(regs);
    return d.emit(pack);
  }
  if (to.kind == Kind::Vector) {
    u32 n = static_cast<u32>(to.elems.size());
    if (n < 1 || bits % n)
      d.fail("vector does not fit the type");
    Type e = n == 1 ? t : elementType(d, bits / n);
    d.op.a = d.source(from, t);
    std::vector<u32> regs;
    regs.reserve(n);
    for (const ast::Operand &x : to.elems)
      regs.push_back(d.sink(x, e));
    if (n == 1) {
      d.op.d = regs[0];
      return d.emit(laneBytes(t) == 8 ? move<u64> : move<u32>);
    }
    d.op.flags = bits / n;
    d.op.bytes = static_cast<u8>(laneBytes(t));
    if (n == 2 && (bits == 32 || bits == 64)) {
      d.op.d = regs[0];
      d.op.b = regs[1];
      return d.emit(bits == 32 ? unpack2x16 : unpack2x32);
    }
    d.list(regs);
    return d.emit(unpack);
  }
  d.op.d = d.sink(to, t);
  if (t == Type::Pred) {
    d.op.a = d.predicate(from);
    return d.emit(movePredicate);
  }
  if (from.kind == Kind::Symbol)
    if (d.functionAddress(from.name))
      d.indirectCalls = true;
  d.op.a = d.source(from, t);
  if (t == Type::B128)
    return d.emit(move128);
  d.emit(laneBytes(t) == 8 ? move<u64> : move<u32>);
}

// ---- address spaces ----
Step addWindow(Warp &w, const Op &o, u32 m) {
  if (o.bytes == 8)
    put<u64>(w, o.d, get<u64>(w, o.a) + Vec<u64>(static_cast<u64>(o.imm)), m);
  else
    put<u32>(w, o.d, get<u32>(w, o.a), m);
  return Step::Next;
}
u64 window(Decode &d, int space) {
  switch (space) {
  case 0: // global
  case 1: // const
    return 0;
  case 2:
  case 3:
  case 4:
    return kSharedWindow;
  case 5:
    return kLocalWindow;
  case 6:
  case 7:
    return kParamWindow;
  default:
    d.fail("no address space");
  }
}
int takeSpace(Decode &d) {
  return d.takeOf({"global", "const", "shared", "shared::cta",
                   "shared::cluster", "local", "param", "param::entry"});
}
void cvta(Decode &d) {
  bool to = d.take("to");
  u64 base = window(d, takeSpace(d));
  Type t = d.takeType();
  d.expectCount(2);
  d.info.moves = true;
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.imm = static_cast<s64>(to ? 0 - base : base);
  d.op.bytes = static_cast<u8>(laneBytes(t));
  d.emit(addWindow);
}
Step isspacep(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = get<u64>(w, o.a);
  u32 r = maskOf((a & Vec<u64>(~u64(0xffffffff))) ==
                 Vec<u64>(static_cast<u64>(o.imm)));
  if (o.flags == 1)
    r = maskOf(a >= Vec<u64>(kFirstAddress)) &
        maskOf(a < Vec<u64>(kFunctionBase));
  if (o.flags == 2) // own CTA only
    r &= maskOf((a & Vec<u64>(0xff000000)) == Vec<u64>(0)) |
         maskOf((a & Vec<u64>(0xff000000)) ==
                Vec<u64>(u64(w.cta->rank + 1) << kClusterShift));
  putPred(w, o.d, r, m);
  return Step::Next;
}
void decodeIsspacep(Decode &d) {
  int space = takeSpace(d);
  d.expectCount(2);
  d.op.imm = static_cast<s64>(window(d, space));
  d.op.flags = space <= 1 ? 1 : space == 2 || space == 3 ? 2 : 0;
  d.op.d = d.sink(0, Type::Pred);
  d.op.a = d.source(1, Type::U64);
  d.emit(isspacep);
}

template <class T> Step mapa(Warp &w, const Op &o, u32 m) {
  Vec<T> a = get<T>(w, o.a);
  Vec<T> rank = __builtin_convertvector(get<u32>(w, o.b), Vec<T>);
  Vec<T> r = (a & Vec<T>(~T(0xff000000))) | (rank + Vec<T>(1))
                                                << Vec<T>(kClusterShift);
  put<T>(w, o.d, r, m);
  return Step::Next;
}
void decodeMapa(Decode &d) {
  d.take("shared::cluster");
  Type t = d.takeType();
  d.expectCount(3);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  d.program().usesClusters = true;
  d.emit(laneBytes(t) == 8 ? mapa<u64> : mapa<u32>);
}
template <class T> Step ctaRank(Warp &w, const Op &o, u32 m) {
  Vec<T> field = (get<T>(w, o.a) >> Vec<T>(kClusterShift)) & Vec<T>(0xff);
  Vec<u32> f = __builtin_convertvector(field, Vec<u32>);
  put<u32>(w, o.d,
           lanesOf(maskOf(f == Vec<u32>(0))) ? Vec<u32>(w.cta->rank)
                                             : f - Vec<u32>(1),
           m);
  return Step::Next;
}
void decodeCtaRank(Decode &d) {
  d.take("shared::cluster");
  Type t = d.takeType();
  d.expectCount(2);
  d.op.d = d.sink(0, Type::U32);
  d.op.a = d.source(1, t);
  d.program().usesClusters = true;
  d.emit(laneBytes(t) == 8 ? ctaRank<u64> : ctaRank<u32>);
}
} // namespace

void registerMove(OpTable &t) {
  t["mov"] = mov;
  t["cvta"] = cvta;
  t["isspacep"] = decodeIsspacep;
  t["mapa"] = decodeMapa;
  t["getctarank"] = decodeCtaRank;
}

HAMLET_SIMD_END
