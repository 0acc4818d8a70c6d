//===- Real.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Vector arithmetic on f32 and f64 with PTX's rules: flushing of subnormals,
// canonical NaN, saturation.
#pragma once

#include "emulator/ops/Simd.h"

#include <xmmintrin.h>

HAMLET_SIMD_BEGIN

FORCE Vec<u32> bitsOf(Vec<float> v) { return __builtin_bit_cast(Vec<u32>, v); }
FORCE Vec<float> fromBits(Vec<u32> v) {
  return __builtin_bit_cast(Vec<float>, v);
}
FORCE Vec<u64> bitsOf(Vec<double> v) { return __builtin_bit_cast(Vec<u64>, v); }
FORCE Vec<double> fromBits(Vec<u64> v) {
  return __builtin_bit_cast(Vec<double>, v);
}

/// Subnormals become zeros of their sign.
FORCE Vec<float> flush(Vec<float> v) {
  Vec<u32> b = bitsOf(v);
  return lanesOf(maskOf((b & Vec<u32>(0x7f800000)) == Vec<u32>(0)))
             ? fromBits(b & Vec<u32>(0x80000000))
             : v;
}
template <bool Ftz> FORCE Vec<float> input(Vec<float> v) {
  if constexpr (Ftz)
    return flush(v);
  return v;
}
FORCE Vec<float> canonical(Vec<float> v) {
  return lanesOf(maskOf(v == v)) ? v : fromBits(Vec<u32>(0x7fffffff));
}
template <bool Ftz, bool Sat> FORCE Vec<float> output(Vec<float> v) {
  if constexpr (Ftz)
    v = flush(v);
  if constexpr (Sat) {
    v = lanesOf(maskOf(v > Vec<float>(0))) ? v : Vec<float>(0);
    return lanesOf(maskOf(v < Vec<float>(1))) ? v : Vec<float>(1);
  }
  return canonical(v);
}

/// f16 or bf16, in the low half of a lane, to f32; exact.
template <bool Brain> FORCE Vec<float> widen(Vec<u32> v) {
  if constexpr (Brain)
    return fromBits(v << Vec<u32>(16));
  Vec<u16> h = __builtin_convertvector(v, Vec<u16>);
  return __builtin_convertvector(__builtin_bit_cast(Vec<_Float16>, h),
                                 Vec<float>);
}
/// Sets the host's rounding for one operation; 0 rn, 1 rz, 2 rm, 3 rp.
class Rounding {
public:
  explicit Rounding(u32 mode) : saved(_mm_getcsr()) {
    static const u32 bits[] = {0, 0x6000, 0x2000, 0x4000};
    _mm_setcsr((saved & ~0x6000u) | bits[mode]);
  }
  ~Rounding() { _mm_setcsr(saved); }

private:
  u32 saved;
};
/// Keeps the compiler from moving arithmetic across a change of rounding.
template <class V> FORCE void pin(V &v) {
  asm volatile("" : "+m"(v)::"memory");
}

/// 2^x of doubles in [-1100, 1100], to about 1e-16.
FORCE Vec<double> exp2Double(Vec<double> x) {
  Vec<double> n = __builtin_elementwise_roundeven(x);
  Vec<double> t = (x - n) * Vec<double>(0.693147180559945309417);
  Vec<double> r = Vec<double>(1.6059043836821613e-10); // 1/13!
  constexpr double kInverse[] = {2.08767569878681e-09,
                                 2.505210838544172e-08,
                                 2.755731922398589e-07,
                                 2.7557319223985893e-06,
                                 2.48015873015873e-05,
                                 1.984126984126984e-04,
                                 1.388888888888889e-03,
                                 8.333333333333333e-03,
                                 4.1666666666666664e-02,
                                 1.6666666666666666e-01,
                                 0.5,
                                 1.0,
                                 1.0};
  for (double c : kInverse)
    r = __builtin_elementwise_fma(r, t, Vec<double>(c));
  Vec<s64> e = __builtin_convertvector(n, Vec<s64>) + Vec<s64>(1023);
  return r * __builtin_bit_cast(Vec<double>, e << Vec<s64>(52));
}

FORCE Vec<float> exp2Float(Vec<float> a) {
  Vec<float> c = __builtin_elementwise_max(a, Vec<float>(-200.0f));
  c = __builtin_elementwise_min(c, Vec<float>(200.0f));
  c = lanesOf(maskOf(a == a)) ? c : Vec<float>(0);
  Vec<float> r = __builtin_convertvector(
      exp2Double(__builtin_convertvector(c, Vec<double>)), Vec<float>);
  return lanesOf(maskOf(a == a)) ? r : a;
}

FORCE Vec<float> log2Float(Vec<float> a) {
  Vec<double> x = __builtin_convertvector(a, Vec<double>);
  Vec<u64> b = bitsOf(x);
  // Split at sqrt(1/2), so that the logarithm of 1 is exactly 0.
  Vec<u64> shifted = b + Vec<u64>(0x3ff0000000000000 - 0x3fe6a09e667f3bcd);
  Vec<s64> e =
      __builtin_bit_cast(Vec<s64>, shifted >> Vec<u64>(52)) - Vec<s64>(1023);
  Vec<double> m = fromBits((shifted & Vec<u64>(0x000fffffffffffff)) +
                           Vec<u64>(0x3fe6a09e667f3bcd));
  Vec<double> t = (m - Vec<double>(1)) / (m + Vec<double>(1));
  Vec<double> q = t * t, s = Vec<double>(1.0 / 23);
  for (int k = 21; k >= 1; k -= 2)
    s = __builtin_elementwise_fma(s, q, Vec<double>(1.0 / k));
  Vec<double> r = __builtin_convertvector(e, Vec<double>) +
                  s * t * Vec<double>(2.885390081777926814720);
  Vec<float> f = __builtin_convertvector(r, Vec<float>);
  f = lanesOf(maskOf(a == Vec<float>(0))) ? Vec<float>(-INFINITY) : f;
  f = lanesOf(maskOf(a == Vec<float>(INFINITY))) ? a : f;
  return lanesOf(maskOf(a >= Vec<float>(0))) ? f
                                             : fromBits(Vec<u32>(0x7fffffff));
}

HAMLET_SIMD_END
