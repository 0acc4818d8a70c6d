//===- Integer.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Integer arithmetic.
#include "emulator/ops/Families.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN
namespace {

template <class T>
using Wider = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, s32, u32>,
    std::conditional_t<
        sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, s64, u64>,
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;
template <class T> using Unsigned = std::make_unsigned_t<T>;

constexpr auto kAddSat = [](s32 a, s32 b) -> s32 {
  s64 r = s64(a) + b;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
};
constexpr auto kSubSat = [](s32 a, s32 b) -> s32 {
  s64 r = s64(a) - b;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
};

// add.cc, addc, sub.cc, subc and the mad forms keep one carry a lane.
template <class T, bool Sub, bool In, bool Out>
Step carry(Warp &w, const Op &o, u32 m) {
  using U = Unsigned<T>;
  auto *a = lane<U>(w, o.a), *b = lane<U>(w, o.b), *r = lane<U>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 c = In ? w.carry >> l & 1 : 0;
    unsigned __int128 x = a[l], y = b[l];
    unsigned __int128 v = Sub ? x - y - c : x + y + c;
    bool out = Sub ? x < y + c : (v >> (8 * sizeof(U))) != 0;
    r[l] = static_cast<U>(v);
    if (Out)
      w.carry = (w.carry & ~(1u << l)) | (u32(out) << l);
  }
  return Step::Next;
}

template <class T, bool High, bool In, bool Out>
Step madCarry(Warp &w, const Op &o, u32 m) {
  using U = Unsigned<T>;
  auto *a = lane<T>(w, o.a), *b = lane<T>(w, o.b);
  auto *c = lane<U>(w, o.c), *r = lane<U>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Wider<T> p = Wider<T>(a[l]) * Wider<T>(b[l]);
    U part = static_cast<U>(High ? p >> (8 * sizeof(T)) : p);
    unsigned __int128 v =
        (unsigned __int128)part + c[l] + (In ? w.carry >> l & 1 : 0);
    r[l] = static_cast<U>(v);
    if (Out)
      w.carry =
          (w.carry & ~(1u << l)) | (u32((v >> (8 * sizeof(U))) != 0) << l);
  }
  return Step::Next;
}

template <bool Sub> Handler carryHandler(Decode &d, Type t, bool in, bool out) {
  return forInteger(d, t, [&]<class T>() -> Handler {
    if constexpr (sizeof(T) < 4)
      d.fail("carry needs 32 or 64 bits");
    else
      return in ? (out ? carry<T, Sub, true, true> : carry<T, Sub, true, false>)
                : carry<T, Sub, false, true>;
  });
}

template <bool Sub> void addSub(Decode &d) {
  bool in = d.inst().opcode == "addc" || d.inst().opcode == "subc";
  bool out = d.take("cc"), sat = d.take("sat");
  Type t = d.takeType();
  if (t == Type::U16x2 || t == Type::S16x2) {
    operands(d, t, 2);
    d.emit(each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
      return Sub ? ((a - b) & 0xffff) | ((a >> 16) - (b >> 16)) << 16
                 : ((a + b) & 0xffff) | ((a >> 16) + (b >> 16)) << 16;
    }>);
    return;
  }
  operands(d, t, 2);
  if (in || out)
    return d.emit(carryHandler<Sub>(d, t, in, out));
  if (sat) {
    if (t != Type::S32)
      d.fail(".sat needs .s32");
    return d.emit(Sub ? each2<s32, s32, s32, kSubSat>
                      : each2<s32, s32, s32, kAddSat>);
  }
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    using U = Unsigned<T>;
    return Sub ? bin<U, U, U, [](auto a, auto b) { return a - b; }>
               : bin<U, U, U, [](auto a, auto b) { return a + b; }>;
  }));
}

template <class T>
constexpr auto kMulHigh = [](T a, T b) -> T {
  return static_cast<T>((Wider<T>(a) * Wider<T>(b)) >> (8 * sizeof(T)));
};
template <class T>
constexpr auto kMadHigh = [](T a, T b, T c) -> T {
  return static_cast<T>(Unsigned<T>(kMulHigh<T>(a, b)) + Unsigned<T>(c));
};

template <class T> Step mulWide(Warp &w, const Op &o, u32 m) {
  if constexpr (sizeof(T) < 8) {
    using W = Wider<T>;
    Vec<W> a = __builtin_convertvector(get<T>(w, o.a), Vec<W>);
    Vec<W> b = __builtin_convertvector(get<T>(w, o.b), Vec<W>);
    put<W>(w, o.d, a * b, m);
  }
  return Step::Next;
}
template <class T> Step madWide(Warp &w, const Op &o, u32 m) {
  if constexpr (sizeof(T) < 8) {
    using W = Wider<T>;
    using U = Unsigned<W>;
    Vec<W> a = __builtin_convertvector(get<T>(w, o.a), Vec<W>);
    Vec<W> b = __builtin_convertvector(get<T>(w, o.b), Vec<W>);
    put<U>(w, o.d, __builtin_bit_cast(Vec<U>, a * b) + get<U>(w, o.c), m);
  }
  return Step::Next;
}

Type widened(Decode &d, Type t) {
  switch (t) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  case Type::S32:
    return Type::S64;
  default:
    d.fail(".wide needs 16 or 32 bits");
  }
}

void mulInteger(Decode &d) {
  int part = d.takeOf({"lo", "hi", "wide"});
  Type t = integerType(d);
  d.expectCount(3);
  if (part == 2) {
    d.op.d = d.sink(0, widened(d, t));
    d.op.a = d.source(1, t);
    d.op.b = d.source(2, t);
    return d.emit(
        forInteger(d, t, []<class T>() -> Handler { return mulWide<T>; }));
  }
  if (part < 0)
    d.fail("mul of integers needs .lo, .hi or .wide");
  operands(d, t, 2);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    using U = Unsigned<T>;
    if (part == 1)
      return each2<T, T, T, kMulHigh<T>>;
    return bin<U, U, U, [](auto a, auto b) { return a * b; }>;
  }));
}

void madInteger(Decode &d) {
  bool in = d.inst().opcode == "madc", out = d.take("cc"), sat = d.take("sat");
  int part = d.takeOf({"lo", "hi", "wide"});
  Type t = integerType(d);
  d.expectCount(4);
  if (part == 2) {
    Type wide = widened(d, t);
    d.op.d = d.sink(0, wide);
    d.op.a = d.source(1, t);
    d.op.b = d.source(2, t);
    d.op.c = d.source(3, wide);
    return d.emit(
        forInteger(d, t, []<class T>() -> Handler { return madWide<T>; }));
  }
  if (part < 0)
    d.fail("mad of integers needs .lo, .hi or .wide");
  operands(d, t, 3);
  if (sat) {
    if (part != 1 || t != Type::S32)
      d.fail(".sat needs .hi.s32");
    return d.emit(each3<s32, s32, s32, s32, [](s32 a, s32 b, s32 c) -> s32 {
      return kAddSat(kMulHigh<s32>(a, b), c);
    }>);
  }
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    using U = Unsigned<T>;
    if constexpr (sizeof(T) >= 4)
      if (in || out) {
        if (part == 1)
          return in ? (out ? madCarry<T, true, true, true>
                           : madCarry<T, true, true, false>)
                    : madCarry<T, true, false, true>;
        return in ? (out ? madCarry<T, false, true, true>
                         : madCarry<T, false, true, false>)
                  : madCarry<T, false, false, true>;
      }
    if (in || out)
      d.fail("carry needs 32 or 64 bits");
    if (part == 1)
      return each3<T, T, T, T, kMadHigh<T>>;
    return tri<U, U, U, U, [](auto a, auto b, auto c) { return a * b + c; }>;
  }));
}

template <class T>
constexpr auto k24 = [](T a) -> s64 {
  return std::is_signed_v<T> ? s64(s32(u32(a) << 8) >> 8)
                             : s64(u32(a) & 0xffffff);
};
template <class T>
constexpr auto kMul24Lo =
    [](T a, T b) -> T { return static_cast<T>(k24<T>(a) * k24<T>(b)); };
template <class T>
constexpr auto kMul24Hi =
    [](T a, T b) -> T { return static_cast<T>((k24<T>(a) * k24<T>(b)) >> 16); };

void mul24(Decode &d) {
  bool mad = d.inst().opcode == "mad24";
  int part = d.takeOf({"lo", "hi"});
  bool sat = d.take("sat");
  Type t = integerType(d);
  if (part < 0 || (t != Type::U32 && t != Type::S32))
    d.fail("mul24 and mad24 need .lo or .hi and .u32 or .s32");
  if (sat && (!mad || part == 0 || t != Type::S32))
    d.fail(".sat needs mad24.hi.s32");
  operands(d, t, mad ? 3 : 2);
  if (sat)
    return d.emit(each3<s32, s32, s32, s32, [](s32 a, s32 b, s32 c) -> s32 {
      return kAddSat(kMul24Hi<s32>(a, b), c);
    }>);
  auto choose = [&]<class T>() -> Handler {
    if (mad)
      return part ? each3<T, T, T, T,
                          [](T a, T b, T c) -> T {
                            return T(u32(kMul24Hi<T>(a, b)) + u32(c));
                          }>
                  : each3<T, T, T, T, [](T a, T b, T c) -> T {
                      return T(u32(kMul24Lo<T>(a, b)) + u32(c));
                    }>;
    return part ? each2<T, T, T, kMul24Hi<T>> : each2<T, T, T, kMul24Lo<T>>;
  };
  d.emit(t == Type::U32 ? choose.operator()<u32>() : choose.operator()<s32>());
}

void divRem(Decode &d) {
  bool rem = d.inst().opcode == "rem";
  Type t = integerType(d);
  operands(d, t, 2);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if (rem)
      return each2<T, T, T, [](T a, T b) -> T {
        if (b == 0)
          return a;
        if (std::is_signed_v<T> && b == T(-1))
          return 0;
        return T(a % b);
      }>;
    return each2<T, T, T, [](T a, T b) -> T {
      if (b == 0)
        return T(-1); // unspecified by the ISA
      if (std::is_signed_v<T> && b == T(-1))
        return T(Unsigned<T>(0) - Unsigned<T>(a));
      return T(a / b);
    }>;
  }));
}

void absNeg(Decode &d) {
  bool neg = d.inst().opcode == "neg";
  Type t = integerType(d);
  operands(d, t, 1);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    using U = Unsigned<T>;
    if (neg)
      return un<U, U, [](auto a) { return Vec<U>(0) - a; }>;
    return each1<U, T, [](T a) -> U { return a < 0 ? U(0) - U(a) : U(a); }>;
  }));
}

template <bool Max> void minMax(Decode &d) {
  bool relu = d.take("relu");
  Type t = d.takeType();
  operands(d, t, 2);
  if (t == Type::U16x2 || t == Type::S16x2) {
    if (t == Type::U16x2)
      return d.emit(each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
        u16 l = Max ? std::max(u16(a), u16(b)) : std::min(u16(a), u16(b));
        u16 h = Max ? std::max(u16(a >> 16), u16(b >> 16))
                    : std::min(u16(a >> 16), u16(b >> 16));
        return u32(h) << 16 | l;
      }>);
    return d.emit(relu ? each2<u32, u32, u32,
                               [](u32 a, u32 b) -> u32 {
                                 s16 l = Max ? std::max(s16(a), s16(b))
                                             : std::min(s16(a), s16(b));
                                 s16 h =
                                     Max ? std::max(s16(a >> 16), s16(b >> 16))
                                         : std::min(s16(a >> 16), s16(b >> 16));
                                 return u32(u16(std::max<s16>(h, 0))) << 16 |
                                        u16(std::max<s16>(l, 0));
                               }>
                       : each2<u32, u32, u32, [](u32 a, u32 b) -> u32 {
                           s16 l = Max ? std::max(s16(a), s16(b))
                                       : std::min(s16(a), s16(b));
                           s16 h = Max ? std::max(s16(a >> 16), s16(b >> 16))
                                       : std::min(s16(a >> 16), s16(b >> 16));
                           return u32(u16(h)) << 16 | u16(l);
                         }>);
  }
  if (relu) {
    if (t != Type::S32)
      d.fail(".relu needs .s32");
    return d.emit(each2<s32, s32, s32, [](s32 a, s32 b) -> s32 {
      return std::max(0, Max ? std::max(a, b) : std::min(a, b));
    }>);
  }
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    return Max ? bin<T, T, T,
                     [](auto a, auto b) {
                       return __builtin_elementwise_max(a, b);
                     }>
               : bin<T, T, T, [](auto a, auto b) {
                   return __builtin_elementwise_min(a, b);
                 }>;
  }));
}

void sad(Decode &d) {
  Type t = integerType(d);
  operands(d, t, 3);
  d.emit(forInteger(d, t, []<class T>() -> Handler {
    using U = Unsigned<T>;
    return each3<U, T, T, U, [](T a, T b, U c) -> U {
      return U(c + (a > b ? U(a) - U(b) : U(b) - U(a)));
    }>;
  }));
}

template <bool SA, bool SB> Step dot4(Warp &w, const Op &o, u32 m) {
  auto *a = lane<u32>(w, o.a), *b = lane<u32>(w, o.b), *c = lane<u32>(w, o.c);
  auto *r = lane<u32>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 s = c[l];
    for (u32 i = 0; i < 4; ++i) {
      s32 x = SA ? s8(a[l] >> (8 * i)) : s32(u8(a[l] >> (8 * i)));
      s32 y = SB ? s8(b[l] >> (8 * i)) : s32(u8(b[l] >> (8 * i)));
      s += u32(x * y);
    }
    r[l] = s;
  }
  return Step::Next;
}
template <bool SA, bool SB> Step dot2(Warp &w, const Op &o, u32 m) {
  auto *a = lane<u32>(w, o.a), *b = lane<u32>(w, o.b), *c = lane<u32>(w, o.c);
  auto *r = lane<u32>(w, o.d);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 s = c[l];
    for (u32 i = 0; i < 2; ++i) {
      s32 x = SA ? s16(a[l] >> (16 * i)) : s32(u16(a[l] >> (16 * i)));
      u32 k = i + (o.flags ? 2 : 0);
      s32 y = SB ? s8(b[l] >> (8 * k)) : s32(u8(b[l] >> (8 * k)));
      s += u32(x * y);
    }
    r[l] = s;
  }
  return Step::Next;
}
void dot(Decode &d) {
  bool two = d.inst().opcode == "dp2a";
  int half = two ? d.takeOf({"lo", "hi"}) : 0;
  Type tb = d.takeType(), ta = d.takeType();
  auto check = [&](Type t) {
    if (t != Type::U32 && t != Type::S32)
      d.fail("expected .u32 or .s32 twice");
    return t == Type::S32;
  };
  bool sa = check(ta), sb = check(tb);
  operands(d, Type::B32, 3);
  d.op.flags = half == 1;
  if (half < 0)
    d.fail("dp2a needs .lo or .hi");
  d.emit(two ? (sa ? (sb ? dot2<true, true> : dot2<true, false>)
                   : (sb ? dot2<false, true> : dot2<false, false>))
             : (sa ? (sb ? dot4<true, true> : dot4<true, false>)
                   : (sb ? dot4<false, true> : dot4<false, false>)));
}
} // namespace

bool decodeIntegerArithmetic(Decode &d) {
  const std::string &n = d.inst().opcode;
  if (n == "add" || n == "addc")
    addSub<false>(d);
  else if (n == "sub" || n == "subc")
    addSub<true>(d);
  else if (n == "mul")
    mulInteger(d);
  else if (n == "mad" || n == "madc")
    madInteger(d);
  else if (n == "div" || n == "rem")
    divRem(d);
  else if (n == "abs" || n == "neg")
    absNeg(d);
  else if (n == "min")
    minMax<false>(d);
  else if (n == "max")
    minMax<true>(d);
  else
    return false;
  return true;
}

void registerInteger(OpTable &t) {
  auto plain = [](Decode &d) { decodeIntegerArithmetic(d); };
  t["addc"] = t["subc"] = t["madc"] = t["rem"] = plain;
  t["mul24"] = t["mad24"] = mul24;
  t["sad"] = sad;
  t["dp4a"] = t["dp2a"] = dot;
}

HAMLET_SIMD_END
