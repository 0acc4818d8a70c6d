//===- Convert.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// cvt: between integers, floating-point numbers and packed narrow formats.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Real.h"

#include <cassert>

HAMLET_SIMD_BEGIN
namespace {

enum Flag : u32 { kFtz = 16, kSat = 32, kRelu = 64, kSatFinite = 128 };
Round roundOf(const Op &o) {
  u32 code = o.flags & 15;
  assert(code <= static_cast<u32>(Round::NearestAway));
  return static_cast<Round>(code);
}

// ---- integer to integer ----
template <class D, class S, class RD>
Step intToInt(Warp &w, const Op &o, u32 m) {
  Vec<S> s = get<S>(w, o.a);
  if (o.flags & kSat) {
    Vec<RD> r;
    for (u32 l = 0; l < 32; ++l) {
      __int128 v = S(s[l]);
      __int128 low = std::numeric_limits<D>::min(),
               high = std::numeric_limits<D>::max();
      r[l] = static_cast<RD>(static_cast<D>(v < low    ? low
                                            : v > high ? high
                                                       : v));
    }
    put<RD>(w, o.d, r, m);
    return Step::Next;
  }
  Vec<D> v = __builtin_convertvector(s, Vec<D>);
  using Ext =
      std::conditional_t<std::is_signed_v<D>, std::make_signed_t<RD>, RD>;
  Vec<Ext> r = __builtin_convertvector(v, Vec<Ext>);
  put<RD>(w, o.d, __builtin_bit_cast(Vec<RD>, r), m);
  return Step::Next;
}

template <class F> Handler forAnyInteger(Decode &d, Type t, F f) {
  switch (t) {
  case Type::U8:
    return f.template operator()<u8>();
  case Type::S8:
    return f.template operator()<s8>();
  case Type::U16:
    return f.template operator()<u16>();
  case Type::S16:
    return f.template operator()<s16>();
  case Type::U32:
    return f.template operator()<u32>();
  case Type::S32:
    return f.template operator()<s32>();
  case Type::U64:
    return f.template operator()<u64>();
  case Type::S64:
    return f.template operator()<s64>();
  default:
    d.fail(std::string("cvt does not take .") + typeName(t));
  }
}

// ---- floating point, lane by lane in double ----

double flushed(double v, bool isF32) {
  if (isF32 && std::fabs(v) < 0x1p-126)
    return std::copysign(0.0, v);
  return v;
}

double readFloat(const Warp &w, const Op &o, u32 l, Type t) {
  const u8 *r = w.regs + o.a;
  switch (t) {
  case Type::F64:
    return reinterpret_cast<const double *>(r)[l];
  case Type::F32:
    return reinterpret_cast<const float *>(r)[l];
  case Type::F16:
    return decode(reinterpret_cast<const u32 *>(r)[l] & 0xffff, kF16);
  default:
    return decode(reinterpret_cast<const u32 *>(r)[l] & 0xffff, kBF16);
  }
}

double roundInteger(double v, Round mode) {
  switch (mode) {
  case Round::NearestEven:
    return __builtin_roundeven(v);
  case Round::Zero:
    return __builtin_trunc(v);
  case Round::Down:
    return __builtin_floor(v);
  case Round::Up:
    return __builtin_ceil(v);
  case Round::NearestAway:
    return std::round(v);
  }
  return v;
}

/// regs[0]: source and destination type. Float to integer clamps; NaN is 0 (or
/// the value with only the top bit, for 64 bits and f64 sources: ISA).
Step floatToInt(Warp &w, const Op &o, u32 m) {
  Type s = static_cast<Type>(o.bytes), t = static_cast<Type>(o.target & 0xff);
  u32 bits = typeBytes(t) * 8, wide = o.target >> 8;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    double v = readFloat(w, o, l, s);
    if (o.flags & kFtz)
      v = flushed(v, s == Type::F32);
    u64 r;
    if (v != v) {
      r = s == Type::F64 || bits == 64 ? u64(1) << (bits - 1) : 0;
    } else {
      v = roundInteger(v, roundOf(o));
      if (isSigned(t)) {
        double top = std::ldexp(1.0, static_cast<int>(bits - 1));
        s64 q = v >= top   ? s64((u64(1) << (bits - 1)) - 1)
                : v < -top ? s64(~u64(0) << (bits - 1))
                           : static_cast<s64>(v);
        r = static_cast<u64>(q);
      } else {
        double top = std::ldexp(1.0, static_cast<int>(bits));
        r = v >= top ? (bits == 64 ? ~u64(0) : (u64(1) << bits) - 1)
            : v <= 0 ? 0
                     : static_cast<u64>(v);
      }
    }
    if (wide == 8)
      lane<u64>(w, o.d)[l] = r;
    else
      lane<u32>(w, o.d)[l] =
          typeBytes(t) < 4 && !isSigned(t)
              ? static_cast<u32>(r & ((u64(1) << (bits & 63)) - 1))
              : static_cast<u32>(r);
  }
  return Step::Next;
}

void writeFloat(Warp &w, const Op &o, u32 l, Type t, double v, Round mode) {
  bool sat = o.flags & kSat, relu = o.flags & kRelu;
  if (sat)
    v = v > 0 ? std::min(v, 1.0) : 0.0;
  if (relu && v <= 0)
    v = 0; // -0 becomes +0 too
  switch (t) {
  case Type::F64:
    lane<double>(w, o.d)[l] = v;
    break;
  case Type::F32: {
    if ((o.flags & kFtz) && std::fabs(v) < 0x1p-126)
      v = std::copysign(0.0, v);
    u32 code = encode(v, kF32, mode);
    if ((o.flags & kFtz) && !(code & 0x7f800000))
      code &= 0x80000000;
    lane<u32>(w, o.d)[l] = code;
    break;
  }
  case Type::F16:
    lane<u32>(w, o.d)[l] = encode(v, kF16, mode, o.flags & kSatFinite);
    break;
  case Type::BF16:
    lane<u32>(w, o.d)[l] = encode(v, kBF16, mode, o.flags & kSatFinite);
    break;
  default:
    lane<u32>(w, o.d)[l] = 0;
  }
}

Step floatToFloat(Warp &w, const Op &o, u32 m) {
  Type s = static_cast<Type>(o.bytes), t = static_cast<Type>(o.target & 0xff);
  bool integral = o.target >> 8 & 1;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    double v = readFloat(w, o, l, s);
    if (o.flags & kFtz)
      v = flushed(v, s == Type::F32);
    if (integral)
      v = roundInteger(v, roundOf(o));
    writeFloat(w, o, l, t, v, integral ? Round::NearestEven : roundOf(o));
  }
  return Step::Next;
}

/// Integer to float: 64-bit integers do not fit a double, so round here.
template <class S> Step intToFloat(Warp &w, const Op &o, u32 m) {
  Type t = static_cast<Type>(o.target & 0xff);
  Vec<S> src = get<S>(w, o.a);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    S s = src[l];
    Round mode = roundOf(o);
    double v = static_cast<double>(s);
    if (sizeof(S) == 8) {
      // Round to odd in double, so that the next rounding is right.
      bool minus = std::is_signed_v<S> && s < 0;
      u64 mag = minus ? 0 - static_cast<u64>(s) : static_cast<u64>(s);
      int drop = mag >> 53 ? 64 - std::countl_zero(mag) - 53 : 0;
      u64 kept = mag >> drop, rest = mag & ((u64(1) << drop) - 1);
      if (t == Type::F64) {
        u64 half = drop ? u64(1) << (drop - 1) : 1;
        bool up = mode == Round::NearestEven
                      ? rest > half || (rest == half && drop && (kept & 1))
                  : mode == Round::Down ? minus && rest
                  : mode == Round::Up   ? !minus && rest
                                        : false;
        kept += up;
      } else {
        kept |= rest != 0;
      }
      v = std::ldexp(static_cast<double>(kept), drop);
      if (minus)
        v = -v;
    }
    writeFloat(w, o, l, t, v, mode);
  }
  return Step::Next;
}

// ---- fast paths ----
template <bool Unsigned> Step intToFloat32(Warp &w, const Op &o, u32 m) {
  using S = std::conditional_t<Unsigned, u32, s32>;
  put<float>(w, o.d, __builtin_convertvector(get<S>(w, o.a), Vec<float>), m);
  return Step::Next;
}
Step brainToFloat(Warp &w, const Op &o, u32 m) {
  put<u32>(w, o.d, get<u32>(w, o.a) << Vec<u32>(16), m);
  return Step::Next;
}
Step halfToFloat(Warp &w, const Op &o, u32 m) {
  Vec<u16> h = get<u16>(w, o.a);
  put<float>(w, o.d,
             canonical(__builtin_convertvector(
                 __builtin_bit_cast(Vec<_Float16>, h), Vec<float>)),
             m);
  return Step::Next;
}
FORCE Vec<u32> toBrain(Vec<float> v) {
  Vec<u32> b = bitsOf(v);
  Vec<u32> r = (b + Vec<u32>(0x7fff) + ((b >> Vec<u32>(16)) & Vec<u32>(1))) >>
               Vec<u32>(16);
  return lanesOf(maskOf(v == v)) ? r : Vec<u32>(0x7fff);
}
FORCE Vec<u32> toHalf(Vec<float> v) {
  Vec<u16> h =
      __builtin_bit_cast(Vec<u16>, __builtin_convertvector(v, Vec<_Float16>));
  return lanesOf(maskOf(v == v)) ? __builtin_convertvector(h, Vec<u32>)
                                 : Vec<u32>(0x7fff);
}
template <bool Brain> Step floatToNarrow(Warp &w, const Op &o, u32 m) {
  Vec<float> a = get<float>(w, o.a);
  put<u32>(w, o.d, Brain ? toBrain(a) : toHalf(a), m);
  return Step::Next;
}
template <bool Brain> Step floatToPair(Warp &w, const Op &o, u32 m) {
  Vec<float> high = get<float>(w, o.a), low = get<float>(w, o.b);
  if (o.flags & kRelu) {
    high = lanesOf(maskOf(high <= Vec<float>(0))) ? Vec<float>(0) : high;
    low = lanesOf(maskOf(low <= Vec<float>(0))) ? Vec<float>(0) : low;
  }
  Vec<u32> r = Brain ? toBrain(high) << Vec<u32>(16) | toBrain(low)
                     : toHalf(high) << Vec<u32>(16) | toHalf(low);
  put<u32>(w, o.d, r, m);
  return Step::Next;
}

// ---- packed formats: regs hold nothing, target is the format ----
Step floatToPairSlow(Warp &w, const Op &o, u32 m) {
  Type t = static_cast<Type>(o.target);
  const Format &f = t == Type::F16x2    ? kF16
                    : t == Type::BF16x2 ? kBF16
                    : t == Type::E4M3x2 ? kE4M3
                                        : kE5M2;
  u32 bits = 1 + f.exponent + f.mantissa;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    auto code = [&](float v) {
      if (o.flags & kRelu && v <= 0)
        v = 0;
      return encode(v, f, roundOf(o), o.flags & kSatFinite);
    };
    u32 high = code(lane<float>(w, o.a)[l]), low = code(lane<float>(w, o.b)[l]);
    lane<u32>(w, o.d)[l] = high << bits | low;
  }
  return Step::Next;
}
/// f16x2 to fp8x2 and back; flags bit 8: to fp8.
Step pairToPair(Warp &w, const Op &o, u32 m) {
  Type t = static_cast<Type>(o.target & 0xff), s = static_cast<Type>(o.bytes);
  bool down = t == Type::E4M3x2 || t == Type::E5M2x2;
  Type narrow = down ? t : s;
  const Format &f = narrow == Type::E4M3x2 ? kE4M3 : kE5M2;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 v = lane<u32>(w, o.a)[l], r;
    auto one = [&](u32 code) -> u32 {
      double x = decode(code, down ? kF16 : f);
      if ((o.flags & kRelu) && x <= 0)
        x = 0;
      return encode(x, down ? f : kF16, Round::NearestEven, down);
    };
    if (down)
      r = one(v >> 16) << 8 | one(v & 0xffff);
    else
      r = one(v >> 8 & 0xff) << 16 | one(v & 0xff);
    lane<u32>(w, o.d)[l] = r;
  }
  return Step::Next;
}
Step toTf32(Warp &w, const Op &o, u32 m) {
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    float v = lane<float>(w, o.a)[l];
    if ((o.flags & kRelu) && v <= 0)
      v = 0;
    constexpr Format kTf32{10, 8, false, 0x3ffff};
    u32 code = encode(v, kTf32, roundOf(o), o.flags & kSatFinite);
    lane<u32>(w, o.d)[l] = v != v ? 0x7fffffff : code << 13;
  }
  return Step::Next;
}

void decodePack(Decode &d) {
  bool sat = d.take("sat");
  Type c = d.count() == 4 ? d.takeType() : Type::B32;
  Type s = d.takeType();
  std::string name = d.takeAny();
  (void)c;
  d.op.d = d.sink(0, Type::B32);
  d.op.a = d.source(1, s);
  d.op.b = d.source(2, s);
  bool wide = name == "u16" || name == "s16";
  if (!sat || s != Type::S32 || (!wide && name != "s8" && name != "u8"))
    d.fail("cvt.pack needs .sat, a type of 8 or 16 bits and .s32");
  d.op.c = d.count() == 4 ? d.source(3, Type::B32) : d.constant(0, 4);
  d.op.flags = (wide ? 1 : 0) | (name[0] == 's' ? 2 : 0);
  d.emit([](Warp &w, const Op &o, u32 m) {
    for (u32 l = 0; l < 32; ++l) {
      if (!(m >> l & 1))
        continue;
      u32 bits = o.flags & 1 ? 16 : 8;
      s64 low = o.flags & 2 ? -(s64(1) << (bits - 1)) : 0;
      s64 high = (s64(1) << (o.flags & 2 ? bits - 1 : bits)) - 1;
      auto one = [&](u32 r) {
        s64 v = lane<s32>(w, r)[l];
        return u32(std::min(std::max(v, low), high)) & ((1u << bits) - 1);
      };
      u32 r = one(o.a) << bits | one(o.b);
      if (bits == 8)
        r |= lane<u32>(w, o.c)[l] << 16;
      lane<u32>(w, o.d)[l] = r;
    }
    return Step::Next;
  });
}

/// The register a narrow or equal value is read from: cvt takes wider ones.
u32 wideSource(Decode &d, size_t i, Type t) {
  const ast::Operand &o = d.operand(i);
  if (o.kind == ast::Operand::Kind::Register && d.registerBytes(o) == 8 &&
      laneBytes(t) == 4)
    return d.source(i, Type::B32); // through the low half
  return d.source(i, t);
}
u32 wideSink(Decode &d, size_t i, Type t, u32 &bytes) {
  const ast::Operand &o = d.operand(i);
  bytes = o.kind == ast::Operand::Kind::Register ? d.registerBytes(o)
                                                 : laneBytes(t);
  if (bytes == 8 && laneBytes(t) == 4)
    return d.sink(i, Type::B64);
  bytes = laneBytes(t);
  return d.sink(i, t);
}

void cvt(Decode &d) {
  if (d.take("pack"))
    return decodePack(d);
  for (const char *t : {"e2m1x2", "e2m1x4", "e2m3x2", "e2m3x4", "e3m2x2",
                        "e3m2x4", "e4m3x4", "e5m2x4", "ue8m0x2", "s2f6x2"})
    if (d.take(t))
      d.fail(std::string("conversions of .") + t + " are not supported");
  if (d.take("rs"))
    d.fail("stochastic rounding (.rs) is not supported");
  static constexpr Round modes[] = {
      Round::NearestEven, Round::Zero,        Round::Down,
      Round::Up,          Round::NearestAway, Round::NearestEven,
      Round::Zero,        Round::Down,        Round::Up};
  int r = d.takeOf({"rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi"});
  Round mode = r < 0 ? Round::NearestEven : modes[r];
  bool integral = r >= 5;
  u32 flags = static_cast<u32>(mode);
  flags |= d.take("ftz") ? kFtz : 0;
  flags |= d.take("satfinite") ? kSatFinite : 0;
  flags |= d.take("sat") ? kSat : 0;
  flags |= d.take("relu") ? kRelu : 0;
  Type s = d.takeType(), t = d.takeType();
  d.op.flags = flags;
  d.op.bytes = static_cast<u8>(s);
  d.op.target = static_cast<u32>(t);

  bool fp8 = t == Type::E4M3x2 || t == Type::E5M2x2;
  if (t == Type::F16x2 || t == Type::BF16x2 || fp8) {
    bool back = s == Type::E4M3x2 || s == Type::E5M2x2;
    Type to = fp8 ? Type::B16 : Type::B32;
    if (s == Type::F32) {
      d.expectCount(3);
      d.op.d = d.sink(0, to);
      d.op.a = d.source(1, s);
      d.op.b = d.source(2, s);
      if (fp8 || mode != Round::NearestEven || (flags & kSatFinite))
        return d.emit(floatToPairSlow);
      return d.emit(t == Type::BF16x2 ? floatToPair<true> : floatToPair<false>);
    }
    if ((t == Type::F16x2 && back) || (fp8 && s == Type::F16x2)) {
      d.expectCount(2);
      d.op.d = d.sink(0, to);
      d.op.a = d.source(1, back ? Type::B16 : Type::B32);
      return d.emit(pairToPair);
    }
    d.fail("this pair of types is not supported");
  }
  d.expectCount(2);
  if (t == Type::TF32) {
    if (s != Type::F32)
      d.fail("cvt to .tf32 needs .f32");
    d.op.d = d.sink(0, Type::B32);
    d.op.a = d.source(1, s);
    return d.emit(toTf32);
  }
  auto isReal = [](Type x) {
    return x == Type::F16 || x == Type::BF16 || x == Type::F32 ||
           x == Type::F64;
  };
  u32 dBytes = 0;
  d.op.d = wideSink(d, 0, t, dBytes);
  d.op.a = wideSource(d, 1, s);
  if (!isReal(t) && !isReal(s))
    return d.emit(forAnyInteger(d, t, [&]<class D>() -> Handler {
      return forAnyInteger(d, s, [&]<class S>() -> Handler {
        if (dBytes == 8)
          return intToInt<D, S, u64>;
        if constexpr (sizeof(D) == 8)
          return nullptr;
        else
          return intToInt<D, S, u32>;
      });
    }));
  if (isReal(s) && !isReal(t)) {
    if (!isInteger(t) || r < 0)
      d.fail("float to integer needs an integer type and .rni, .rzi, .rmi or "
             ".rpi");
    d.op.target |= dBytes << 8;
    return d.emit(floatToInt);
  }
  if (!isReal(s)) {
    if (t == Type::F32 && mode == Round::NearestEven && !(flags & kSat)) {
      if (s == Type::S32)
        return d.emit(intToFloat32<false>);
      if (s == Type::U32)
        return d.emit(intToFloat32<true>);
    }
    return d.emit(forAnyInteger(
        d, s, []<class S>() -> Handler { return intToFloat<S>; }));
  }
  u32 plain = flags & ~kFtz;
  if (!integral && s == Type::BF16 && t == Type::F32 && !plain)
    return d.emit(brainToFloat);
  if (!integral && s == Type::F16 && t == Type::F32 && !plain)
    return d.emit(halfToFloat);
  if (!integral && s == Type::F32 && flags == 0 && t == Type::BF16)
    return d.emit(floatToNarrow<true>);
  if (!integral && s == Type::F32 && flags == 0 && t == Type::F16)
    return d.emit(floatToNarrow<false>);
  d.op.target |= integral ? 1 << 8 : 0;
  d.emit(floatToFloat);
}
} // namespace

void registerConvert(OpTable &t) { t["cvt"] = cvt; }

HAMLET_SIMD_END
