//===- Half.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// f16 and bf16 arithmetic, scalar and packed by two.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Real.h"

HAMLET_SIMD_BEGIN
namespace {

enum Kind { Add, Sub, Mul, Fma, Neg, Abs, Min, Max, Ex2, Tanh };
enum Flag : u32 {
  kFtz = 1,
  kSat = 2,
  kRelu = 4,
  kNan = 8,
  kXor = 16,
  kAbsFirst = 32
};

template <bool Brain> FORCE Vec<u32> nanOr(Vec<u32> code, u32 nan) {
  return lanesOf(nan) ? Vec<u32>(0x7fff) : code;
}
/// f32 to the nearest f16 or bf16; right for results of +, -, * of such
/// numbers.
template <bool Brain> FORCE Vec<u32> narrow(Vec<float> v) {
  u32 nan = maskOf(v != v);
  if constexpr (Brain) {
    Vec<u32> b = bitsOf(v);
    Vec<u32> r = (b + Vec<u32>(0x7fff) + ((b >> Vec<u32>(16)) & Vec<u32>(1))) >>
                 Vec<u32>(16);
    return nanOr<Brain>(r, nan);
  }
  Vec<u16> h =
      __builtin_bit_cast(Vec<u16>, __builtin_convertvector(v, Vec<_Float16>));
  return nanOr<Brain>(__builtin_convertvector(h, Vec<u32>), nan);
}

FORCE bool isNan(u32 h, bool brain) {
  return (h & 0x7fff) > (brain ? 0x7f80u : 0x7c00u);
}

template <bool Brain> FORCE Vec<u32> flushHalf(Vec<u32> v) {
  Vec<u32> exponent = v & Vec<u32>(Brain ? 0x7f80 : 0x7c00);
  return lanesOf(maskOf(exponent == Vec<u32>(0))) ? v & Vec<u32>(0x8000) : v;
}

template <bool Brain, Kind K>
FORCE Vec<u32> one(Vec<u32> a, Vec<u32> b, Vec<u32> c, u32 flags) {
  if (flags & kFtz) {
    a = flushHalf<Brain>(a);
    b = flushHalf<Brain>(b);
    c = flushHalf<Brain>(c);
  }
  Vec<u32> r = 0;
  if constexpr (K == Neg) {
    r = a ^ Vec<u32>(0x8000);
  } else if constexpr (K == Abs) {
    r = a & Vec<u32>(0x7fff);
  } else if constexpr (K == Min || K == Max) {
    for (u32 l = 0; l < 32; ++l) {
      u32 x = a[l], y = b[l], s = (x ^ y) & 0x8000;
      bool nx = isNan(x, Brain), ny = isNan(y, Brain);
      if (flags & kAbsFirst) {
        x &= 0x7fff;
        y &= 0x7fff;
      }
      u32 v;
      if ((flags & kNan) ? nx || ny : nx && ny) {
        r[l] = 0x7fff;
        continue;
      }
      if (nx || ny) {
        v = nx ? y : x;
      } else {
        // Order of the codes: sign and magnitude to two's complement.
        s32 p = x & 0x8000 ? -s32(x & 0x7fff) - 1 : s32(x);
        s32 q = y & 0x8000 ? -s32(y & 0x7fff) - 1 : s32(y);
        v = (K == Max ? p > q : p < q) ? x : y;
      }
      r[l] = flags & kXor ? (v & 0x7fff) | s : v;
    }
  } else if constexpr (K == Fma) {
    const Format &f = Brain ? kBF16 : kF16;
    alignas(64) u32 x[32], y[32], z[32], q[32];
    std::memcpy(x, &a, sizeof x);
    std::memcpy(y, &b, sizeof y);
    std::memcpy(z, &c, sizeof z);
    Vec<float> fa = widen<Brain>(a), fb = widen<Brain>(b), fc = widen<Brain>(c);
    for (u32 l = 0; l < 32; ++l)
      q[l] = encode(fmaOdd(fa[l], fb[l], fc[l]), f, Round::NearestEven);
    std::memcpy(&r, q, sizeof q);
  } else {
    Vec<float> x = widen<Brain>(a), y = widen<Brain>(b), v;
    if constexpr (K == Add)
      v = x + y;
    else if constexpr (K == Sub)
      v = x - y;
    else if constexpr (K == Mul)
      v = x * y;
    else if constexpr (K == Ex2)
      v = exp2Float(x);
    else
      for (u32 l = 0; l < 32; ++l)
        v[l] = static_cast<float>(std::tanh(static_cast<double>(x[l])));
    r = narrow<Brain>(v);
  }
  if (flags & kFtz)
    r = flushHalf<Brain>(r);
  if (flags & (kSat | kRelu)) {
    u32 nan =
        maskOf((r & Vec<u32>(0x7fff)) > Vec<u32>(Brain ? 0x7f80 : 0x7c00));
    u32 minus = maskOf((r & Vec<u32>(0x8000)) != Vec<u32>(0)) & ~nan;
    r = lanesOf(minus) ? Vec<u32>(0) : r;
    if (flags & kSat) {
      Vec<u32> top = Brain ? 0x3f80 : 0x3c00;
      r = lanesOf(maskOf(r > top) & ~nan) ? top : r;
      r = lanesOf(nan) ? Vec<u32>(0) : r;
    }
  }
  return r;
}

template <bool Brain, Kind K, bool Packed>
Step half(Warp &w, const Op &o, u32 m) {
  Vec<u32> a = get<u32>(w, o.a), b = 0, c = 0;
  constexpr bool kTwo = K != Neg && K != Abs && K != Ex2 && K != Tanh;
  if constexpr (kTwo)
    b = get<u32>(w, o.b);
  if constexpr (K == Fma)
    c = get<u32>(w, o.c);
  const Vec<u32> low(0xffff), sixteen(16);
  Vec<u32> r = one<Brain, K>(a & low, b & low, c & low, o.flags) & low;
  if constexpr (Packed)
    r |= one<Brain, K>(a >> sixteen, b >> sixteen, c >> sixteen, o.flags)
         << sixteen;
  put<u32>(w, o.d, r, m);
  return Step::Next;
}

template <Kind K> void decodeHalf(Decode &d) {
  u32 flags = 0;
  d.take("rn");
  d.take("noftz");
  d.take("approx");
  flags |= d.take("ftz") ? kFtz : 0;
  flags |= d.take("sat") ? kSat : 0;
  flags |= d.take("relu") ? kRelu : 0;
  flags |= d.take("NaN") ? kNan : 0;
  if (d.take("xorsign")) {
    d.take("abs");
    flags |= kXor | kAbsFirst;
  }
  Type t = d.takeType();
  operands(d, t,
           K == Fma                                        ? 3
           : K == Neg || K == Abs || K == Ex2 || K == Tanh ? 1
                                                           : 2);
  d.op.flags = flags;
  d.info.packed = t == Type::F16x2 || t == Type::BF16x2;
  switch (t) {
  case Type::F16:
    return d.emit(half<false, K, false>);
  case Type::F16x2:
    return d.emit(half<false, K, true>);
  case Type::BF16:
    return d.emit(half<true, K, false>);
  case Type::BF16x2:
    return d.emit(half<true, K, true>);
  default:
    d.fail("type does not fit the opcode");
  }
}
} // namespace

bool decodeHalfArithmetic(Decode &d) {
  const std::string &n = d.inst().opcode;
  if (n == "add")
    decodeHalf<Add>(d);
  else if (n == "sub")
    decodeHalf<Sub>(d);
  else if (n == "mul")
    decodeHalf<Mul>(d);
  else if (n == "fma")
    decodeHalf<Fma>(d);
  else if (n == "neg")
    decodeHalf<Neg>(d);
  else if (n == "abs")
    decodeHalf<Abs>(d);
  else if (n == "min")
    decodeHalf<Min>(d);
  else if (n == "max")
    decodeHalf<Max>(d);
  else if (n == "ex2")
    decodeHalf<Ex2>(d);
  else if (n == "tanh")
    decodeHalf<Tanh>(d);
  else
    return false;
  return true;
}

HAMLET_SIMD_END
