//===- Bits.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Logic, shifts and fields of bits.
#include "emulator/ops/Families.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN
namespace {
template <class T> using Unsigned = std::make_unsigned_t<T>;

// and or xor not; predicates are lane masks.
enum Logic { And, Or, Xor, Not };
template <Logic K> Step predicateLogic(Warp &w, const Op &o, u32 m) {
  u32 a = pred(w, o.a), b = K == Not ? 0 : pred(w, o.b);
  putPred(w, o.d,
          K == And   ? a & b
          : K == Or  ? a | b
          : K == Xor ? a ^ b
                     : ~a,
          m);
  return Step::Next;
}
template <Logic K> void logic(Decode &d) {
  Type t = d.takeType();
  operands(d, t, K == Not ? 1 : 2);
  if (t == Type::Pred)
    return d.emit(predicateLogic<K>);
  if (t != Type::B16 && t != Type::B32 && t != Type::B64)
    d.fail("logic needs .pred, .b16, .b32 or .b64");
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    if constexpr (K == And)
      return bin<T, T, T, [](auto a, auto b) { return a & b; }>;
    else if constexpr (K == Or)
      return bin<T, T, T, [](auto a, auto b) { return a | b; }>;
    else if constexpr (K == Xor)
      return bin<T, T, T, [](auto a, auto b) { return a ^ b; }>;
    else
      return un<T, T, [](auto a) { return ~a; }>;
  }));
}

void cnot(Decode &d) {
  Type t = integerType(d);
  operands(d, t, 1);
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    return each1<T, T, [](T a) -> T { return a == 0; }>;
  }));
}

// Shift amounts are 32 bits and clamp to the width.
template <class T> Step shiftLeft(Warp &w, const Op &o, u32 m) {
  Vec<T> a = get<T>(w, o.a);
  Vec<u32> n = get<u32>(w, o.b);
  Vec<T> s = __builtin_convertvector(n & Vec<u32>(8 * sizeof(T) - 1), Vec<T>);
  Vec<T> r = a << s;
  put<T>(w, o.d, lanesOf(maskOf(n < Vec<u32>(8 * sizeof(T)))) ? r : Vec<T>(0),
         m);
  return Step::Next;
}
template <class T> Step shiftRight(Warp &w, const Op &o, u32 m) {
  Vec<T> a = get<T>(w, o.a);
  Vec<u32> n = get<u32>(w, o.b);
  n = __builtin_elementwise_min(n, Vec<u32>(8 * sizeof(T)));
  if constexpr (std::is_signed_v<T>) {
    n = __builtin_elementwise_min(n, Vec<u32>(8 * sizeof(T) - 1));
    put<T>(w, o.d, a >> __builtin_convertvector(n, Vec<T>), m);
  } else {
    Vec<T> r =
        a >> __builtin_convertvector(n & Vec<u32>(8 * sizeof(T) - 1), Vec<T>);
    put<T>(w, o.d, lanesOf(maskOf(n < Vec<u32>(8 * sizeof(T)))) ? r : Vec<T>(0),
           m);
  }
  return Step::Next;
}
void shift(Decode &d) {
  bool left = d.inst().opcode == "shl";
  Type t = integerType(d);
  d.expectCount(3);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    return left ? shiftLeft<Unsigned<T>> : shiftRight<T>;
  }));
}

void funnelShift(Decode &d) {
  int side = d.takeOf({"l", "r"}), mode = d.takeOf({"clamp", "wrap"});
  Type t = d.takeType();
  if (side < 0 || mode < 0 || t != Type::B32)
    d.fail("shf needs .l or .r, .clamp or .wrap and .b32");
  operands(d, t, 3);
  auto choose = [&]<bool Wrap>() -> Handler {
    if (side == 0)
      return each3<u32, u32, u32, u32, [](u32 a, u32 b, u32 c) -> u32 {
        u32 n = Wrap ? c & 31 : std::min(c, 32u);
        return u32(((u64(b) << 32 | a) << n) >> 32);
      }>;
    return each3<u32, u32, u32, u32, [](u32 a, u32 b, u32 c) -> u32 {
      u32 n = Wrap ? c & 31 : std::min(c, 32u);
      return u32((u64(b) << 32 | a) >> n);
    }>;
  };
  d.emit(mode ? choose.operator()<true>() : choose.operator()<false>());
}

template <class T> Step bitField(Warp &w, const Op &o, u32 m) {
  constexpr u32 kBits = 8 * sizeof(T);
  auto *a = lane<T>(w, o.a), *r = lane<T>(w, o.d);
  auto *b = lane<u32>(w, o.b), *c = lane<u32>(w, o.c);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 pos = b[l] & 0xff, len = c[l] & 0xff;
    T v = a[l];
    using U = Unsigned<T>;
    U field = 0;
    bool sign = false;
    if (std::is_signed_v<T> && len != 0)
      sign = U(v) >> std::min(pos + len - 1, kBits - 1) & 1;
    if (pos < kBits)
      field = U(v) >> pos;
    if (len < kBits) {
      U keep = (U(1) << len) - 1;
      // Beyond the top the sign goes on.
      if (pos < kBits && pos + len > kBits && sign)
        field |= ~(U(~U(0)) >> pos);
      field &= keep;
      if (pos >= kBits && sign)
        field = keep;
      if (sign)
        field |= ~keep;
    } else if (sign) {
      field |= pos < kBits ? (pos ? ~(U(~U(0)) >> pos) : 0) : U(~U(0));
    }
    if (len == 0)
      field = 0;
    r[l] = T(field);
  }
  return Step::Next;
}
void bfe(Decode &d) {
  Type t = integerType(d);
  d.expectCount(4);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  d.op.c = d.source(3, Type::U32);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if constexpr (sizeof(T) < 4)
      d.fail("bfe needs 32 or 64 bits");
    else
      return bitField<T>;
  }));
}

template <class T> Step bitInsert(Warp &w, const Op &o, u32 m) {
  constexpr u32 kBits = 8 * sizeof(T);
  auto *a = lane<T>(w, o.a), *b = lane<T>(w, o.b), *r = lane<T>(w, o.d);
  auto *c = lane<u32>(w, o.c), *e = lane<u32>(w, o.e);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 pos = c[l] & 0xff, len = e[l] & 0xff;
    T mask = len >= kBits ? ~T(0) : (T(1) << len) - 1;
    mask = pos >= kBits ? 0 : mask << pos;
    T field = pos >= kBits ? 0 : a[l] << pos;
    r[l] = (b[l] & ~mask) | (field & mask);
  }
  return Step::Next;
}
void bfi(Decode &d) {
  Type t = d.takeType();
  d.expectCount(5);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  d.op.c = d.source(3, Type::U32);
  d.op.e = d.source(4, Type::U32);
  if (t != Type::B32 && t != Type::B64)
    d.fail("bfi needs .b32 or .b64");
  d.emit(t == Type::B32 ? bitInsert<u32> : bitInsert<u64>);
}

void bmsk(Decode &d) {
  int mode = d.takeOf({"clamp", "wrap"});
  Type t = d.takeType();
  if (mode < 0 || t != Type::B32)
    d.fail("bmsk needs .clamp or .wrap and .b32");
  operands(d, t, 2);
  d.emit(mode ? each2<u32, u32, u32,
                      [](u32 a, u32 b) -> u32 {
                        u32 n = b & 31, s = a & 31;
                        return u32(((u64(1) << n) - 1) << s);
                      }>
              : each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
                  if (a >= 32)
                    return 0;
                  u32 n = std::min(b, 32u);
                  return u32(((u64(1) << n) - 1) << a);
                }>);
}

void szext(Decode &d) {
  int mode = d.takeOf({"clamp", "wrap"});
  Type t = d.takeType();
  d.expectCount(3);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, Type::U32);
  if (mode < 0 || (t != Type::U32 && t != Type::S32))
    d.fail("szext needs .clamp or .wrap and .u32 or .s32");
  auto choose = [&]<class T>() -> Handler {
    return mode ? each2<T, T, u32,
                        [](T a, u32 b) -> T {
                          u32 n = b & 31;
                          return n == 0 ? 0
                                        : T(T(u32(a) << (32 - n)) >> (32 - n));
                        }>
                : each2<T, T, u32, [](T a, u32 b) -> T {
                    return b == 0    ? 0
                           : b >= 32 ? a
                                     : T(T(u32(a) << (32 - b)) >> (32 - b));
                  }>;
  };
  d.emit(t == Type::U32 ? choose.operator()<u32>() : choose.operator()<s32>());
}

template <class T>
constexpr auto kFind = [](T a) -> u32 {
  using U = Unsigned<T>;
  U v = std::is_signed_v<T> && a < 0 ? U(~U(a)) : U(a);
  return v == 0 ? ~0u : 8 * sizeof(T) - 1 - u32(std::countl_zero(v));
};

// popc, clz, bfind: the result is .u32.
void countBits(Decode &d) {
  std::string name = d.inst().opcode;
  bool shiftAmount = d.take("shiftamt");
  Type t = d.takeType();
  d.expectCount(2);
  d.op.d = d.sink(0, Type::U32);
  d.op.a = d.source(1, t);
  if (shiftAmount && name != "bfind")
    d.fail("unknown modifier '.shiftamt'");
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if constexpr (sizeof(T) < 4) {
      d.fail(name + " needs 32 or 64 bits");
    } else {
      using U = Unsigned<T>;
      constexpr u32 kBits = 8 * sizeof(T);
      if (name == "popc")
        return each1<u32, U, [](U a) -> u32 { return u32(std::popcount(a)); }>;
      if (name == "clz")
        return each1<u32, U,
                     [](U a) -> u32 { return u32(std::countl_zero(a)); }>;
      if (shiftAmount)
        return each1<u32, T, [](T a) -> u32 {
          u32 p = kFind<T>(a);
          return p == ~0u ? p : kBits - 1 - p;
        }>;
      return each1<u32, T, kFind<T>>;
    }
  }));
}

void brev(Decode &d) {
  Type t = d.takeType();
  operands(d, t, 1);
  if (t != Type::B32 && t != Type::B64)
    d.fail("brev needs .b32 or .b64");
  d.emit(t == Type::B32
             ? un<u32, u32,
                  [](auto a) { return __builtin_elementwise_bitreverse(a); }>
             : un<u64, u64,
                  [](auto a) { return __builtin_elementwise_bitreverse(a); }>);
}

void fns(Decode &d) {
  d.takeType();
  operands(d, Type::B32, 3);
  d.emit(each3<u32, u32, u32, s32, [](u32 mask, u32 base, s32 offset) -> u32 {
    if (offset == 0)
      return base < 32 && mask >> base & 1 ? base : ~0u;
    s32 step = offset > 0 ? 1 : -1, left = offset > 0 ? offset : -offset;
    for (s32 i = s32(base); i >= 0 && i < 32; i += step)
      if (mask >> i & 1 && --left == 0)
        return u32(i);
    return ~0u;
  }>);
}

constexpr auto kPrmt = [](u32 a, u32 b, u32 c) -> u32 {
  u64 v = u64(b) << 32 | a;
  u32 r = 0;
  for (u32 i = 0; i < 4; ++i) {
    u32 s = c >> (4 * i) & 15;
    u32 byte = u32(v >> (8 * (s & 7))) & 0xff;
    if (s & 8)
      byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i);
  }
  return r;
};
template <u32 Mode>
constexpr auto kPrmtMode = [](u32 a, u32 b, u32 c) -> u32 {
  // f4e b4e rc8 ecl ecr rc16 (ISA, prmt)
  constexpr u16 table[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123},
      {0x0000, 0x1111, 0x2222, 0x3333}, {0x3210, 0x3211, 0x3222, 0x3333},
      {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  return kPrmt(a, b, table[Mode][c & 3]);
};
void prmt(Decode &d) {
  Type t = d.takeType();
  int mode = d.takeOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  if (t != Type::B32)
    d.fail("prmt needs .b32");
  operands(d, t, 3);
  static const Handler modes[] = {each3<u32, u32, u32, u32, kPrmtMode<0>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<1>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<2>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<3>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<4>>,
                                  each3<u32, u32, u32, u32, kPrmtMode<5>>};
  d.emit(mode < 0 ? each3<u32, u32, u32, u32, kPrmt> : modes[mode]);
}

Step lop3(Warp &w, const Op &o, u32 m) {
  Vec<u32> a = get<u32>(w, o.a), b = get<u32>(w, o.b), c = get<u32>(w, o.c),
           r = 0;
  u32 f = o.flags;
  for (u32 i = 0; i < 8; ++i)
    if (f >> i & 1)
      r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  put<u32>(w, o.d, r, m);
  if (o.regCount) {
    u32 p = maskOf(r != Vec<u32>(0)), q = pred(w, o.regs[1]);
    putPred(w, o.regs[0], o.bytes ? p & q : p | q, m);
  }
  return Step::Next;
}
void decodeLop3(Decode &d) {
  int boolean = d.takeOf({"or", "and"});
  Type t = d.takeType();
  if (t != Type::B32)
    d.fail("lop3 needs .b32");
  size_t n = boolean >= 0 ? 6 : 5;
  d.expectCount(n);
  const ast::Operand &dst = d.operand(0);
  if (boolean >= 0) {
    if (dst.kind != ast::Operand::Kind::Pair)
      d.fail("expected d|p");
    d.op.d = d.sink(dst.elems[0], t);
    u32 p = d.sink(dst.elems[1], Type::Pred);
    d.list({p, d.predicate(d.operand(5))});
    d.op.bytes = static_cast<u8>(boolean);
  } else {
    d.op.d = d.sink(0, t);
  }
  d.op.a = d.source(1, t);
  d.op.b = d.source(2, t);
  d.op.c = d.source(3, t);
  if (d.operand(4).kind != ast::Operand::Kind::Immediate ||
      d.operand(4).imm > 255)
    d.fail("the look-up table is a constant from 0 to 255");
  d.op.flags = static_cast<u32>(d.operand(4).imm);
  d.emit(lop3);
}

} // namespace

void registerBits(OpTable &t) {
  t["and"] = logic<And>;
  t["or"] = logic<Or>;
  t["xor"] = logic<Xor>;
  t["not"] = logic<Not>;
  t["cnot"] = cnot;
  t["shl"] = t["shr"] = shift;
  t["shf"] = funnelShift;
  t["bfe"] = bfe;
  t["bfi"] = bfi;
  t["bmsk"] = bmsk;
  t["szext"] = szext;
  t["popc"] = t["clz"] = t["bfind"] = countBits;
  t["brev"] = brev;
  t["fns"] = fns;
  t["prmt"] = prmt;
  t["lop3"] = decodeLop3;
}

HAMLET_SIMD_END
