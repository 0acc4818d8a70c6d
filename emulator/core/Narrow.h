//===- Narrow.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Conversion between double and narrow floating-point formats, bit by bit.
#pragma once

#include "emulator/core/Types.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hamlet::emu {

enum class Round : u8 { NearestEven, Zero, Down, Up, NearestAway };

/// A binary format: mantissa and exponent bits, IEEE-like unless `finite`
/// (e4m3: no infinities, the top code is NaN).
struct Format {
  u32 mantissa, exponent;
  bool finite;
  u32 nan; ///< canonical
  constexpr s32 bias() const { return (1 << (exponent - 1)) - 1; }
  constexpr u32 sign() const { return 1u << (mantissa + exponent); }
  constexpr u32 infinity() const { return ((1u << exponent) - 1) << mantissa; }
  constexpr u32 largest() const { return finite ? nan - 1 : infinity() - 1; }
};
inline constexpr Format kF16{10, 5, false, 0x7fff};
inline constexpr Format kBF16{7, 8, false, 0x7fff};
inline constexpr Format kE4M3{3, 4, true, 0x7f};
inline constexpr Format kE5M2{2, 5, false, 0x7f};
inline constexpr Format kF32{23, 8, false, 0x7fffffff};

/// `x` in format `f`. Beyond the largest number: infinity (NaN in a finite
/// format), or the largest number where `saturate` or the rounding says so.
inline u32 encode(double x, const Format &f, Round mode,
                  bool saturate = false) {
  u64 b = std::bit_cast<u64>(x);
  bool minus = b >> 63;
  u32 sign = minus ? f.sign() : 0;
  if (x != x)
    return f.nan;
  s32 e = static_cast<s32>(b >> 52 & 0x7ff);
  u64 m = b & ((u64(1) << 52) - 1);
  bool infinite = e == 0x7ff;
  u32 code;
  bool over = infinite;
  if (!infinite) {
    if (e)
      m |= u64(1) << 52;
    else
      e = 1;
    s32 exponent = e - 1023, least = 1 - f.bias();
    s32 drop = 52 - static_cast<s32>(f.mantissa) +
               (exponent < least ? least - exponent : 0);
    u64 q, rest, half;
    if (drop > 60) {
      q = 0;
      rest = m != 0;
      half = 2;
    } else {
      q = m >> drop;
      rest = m & ((u64(1) << drop) - 1);
      half = u64(1) << (drop - 1);
    }
    bool up = mode == Round::NearestEven
                  ? rest > half || (rest == half && (q & 1))
              : mode == Round::NearestAway ? rest >= half && rest
              : mode == Round::Down        ? minus && rest
              : mode == Round::Up          ? !minus && rest
                                           : false;
    q += up;
    u64 wide = exponent < least ? q : (u64(exponent - least) << f.mantissa) + q;
    code = static_cast<u32>(std::min<u64>(wide, 0xffffffff));
    over = wide > f.largest();
  }
  if (!over)
    return sign | code;
  bool stops = saturate || (!infinite && (mode == Round::Zero ||
                                          (mode == Round::Down && !minus) ||
                                          (mode == Round::Up && minus)));
  if (stops)
    return sign | f.largest();
  return f.finite ? f.nan | sign : sign | f.infinity();
}

/// The value of `code`; exact.
inline double decode(u32 code, const Format &f) {
  bool minus = code & f.sign();
  u32 e = code >> f.mantissa & ((1u << f.exponent) - 1),
      m = code & ((1u << f.mantissa) - 1);
  double v;
  if (f.finite ? (code & (f.sign() - 1)) == f.nan : e == (1u << f.exponent) - 1)
    v = f.finite || m ? NAN : INFINITY;
  else if (e == 0)
    v = std::ldexp(static_cast<double>(m),
                   1 - f.bias() - static_cast<s32>(f.mantissa));
  else
    v = std::ldexp(static_cast<double>(m | 1u << f.mantissa),
                   static_cast<s32>(e) - f.bias() -
                       static_cast<s32>(f.mantissa));
  return minus ? -v : v;
}

/// a * b + c of values with few bits, rounded to odd, so that one more rounding
/// to at most 51 bits is correct.
inline double fmaOdd(double a, double b, double c) {
  double p = a * b, s = p + c; // p is exact
  if (!std::isfinite(s))
    return s;
  double t = s - p, error = (p - (s - t)) + (c - t);
  if (error == 0)
    return s;
  u64 bits = std::bit_cast<u64>(s);
  if (bits & 1)
    return s;
  bool away = (error > 0) == (s > 0);
  bits += away ? 1 : u64(-1);
  return std::bit_cast<double>(bits);
}

/// Zero of the same sign where `v` is subnormal.
inline float flushSubnormal(float v) {
  return std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v;
}

} // namespace hamlet::emu
