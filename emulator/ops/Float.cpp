//===- Float.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// f32 and f64 arithmetic. Approximate functions give the correctly rounded
// result, which is inside every documented bound.
#include "emulator/ops/Families.h"
#include "emulator/ops/Real.h"

HAMLET_SIMD_BEGIN
namespace {

enum Arith { Add, Sub, Mul, Fma, Div, Sqrt, Rcp };

template <Arith K, class V> FORCE V compute(V a, V b, V c) {
  if constexpr (K == Add)
    return a + b;
  else if constexpr (K == Sub)
    return a - b;
  else if constexpr (K == Mul)
    return a * b;
  else if constexpr (K == Fma)
    return __builtin_elementwise_fma(a, b, c);
  else if constexpr (K == Div)
    return a / b;
  else if constexpr (K == Sqrt)
    return __builtin_elementwise_sqrt(a);
  else
    return V(1) / a;
}

template <Arith K, bool Ftz, bool Sat>
Step real32(Warp &w, const Op &o, u32 m) {
  Vec<float> a = input<Ftz>(get<float>(w, o.a)), b = 0, c = 0;
  if constexpr (K < Sqrt)
    b = input<Ftz>(get<float>(w, o.b));
  if constexpr (K == Fma)
    c = input<Ftz>(get<float>(w, o.c));
  put<float>(w, o.d, output<Ftz, Sat>(compute<K>(a, b, c)), m);
  return Step::Next;
}

/// Any rounding; flags: 0-1 rounding, 2 ftz, 3 sat.
template <Arith K> Step real32Rounded(Warp &w, const Op &o, u32 m) {
  bool ftz = o.flags & 4, sat = o.flags & 8;
  Vec<float> a = get<float>(w, o.a), b = 0, c = 0, r;
  if constexpr (K < Sqrt)
    b = get<float>(w, o.b);
  if constexpr (K == Fma)
    c = get<float>(w, o.c);
  if (ftz) {
    a = flush(a);
    b = flush(b);
    c = flush(c);
  }
  {
    Rounding mode(o.flags & 3);
    pin(a);
    pin(b);
    pin(c);
    r = compute<K>(a, b, c);
    pin(r);
  }
  if (ftz)
    r = flush(r);
  put<float>(w, o.d, sat ? output<false, true>(r) : canonical(r), m);
  return Step::Next;
}

template <Arith K> Step real64(Warp &w, const Op &o, u32 m) {
  Vec<double> a = get<double>(w, o.a), b = 0, c = 0, r;
  if constexpr (K < Sqrt)
    b = get<double>(w, o.b);
  if constexpr (K == Fma)
    c = get<double>(w, o.c);
  if (!(o.flags & 3)) {
    r = compute<K>(a, b, c);
  } else {
    Rounding mode(o.flags & 3);
    pin(a);
    pin(b);
    pin(c);
    r = compute<K>(a, b, c);
    pin(r);
  }
  put<double>(w, o.d, r, m);
  return Step::Next;
}

/// add, sub, mul and fma of f32x2: both halves of 64-bit lanes.
template <Arith K> Step pairs32(Warp &w, const Op &o, u32 m) {
  auto half = [&](u32 reg, u32 shift) {
    return fromBits(
        __builtin_convertvector(get<u64>(w, reg) >> Vec<u64>(shift), Vec<u32>));
  };
  Vec<u64> both = 0;
  for (u32 shift : {0u, 32u}) {
    Vec<float> a = half(o.a, shift), b = half(o.b, shift), c = 0, r;
    if constexpr (K == Fma)
      c = half(o.c, shift);
    if (o.flags & 4) {
      a = flush(a);
      b = flush(b);
      c = flush(c);
    }
    {
      Rounding mode(o.flags & 3);
      pin(a);
      pin(b);
      pin(c);
      r = compute<K>(a, b, c);
      pin(r);
    }
    if (o.flags & 4)
      r = flush(r);
    both |= __builtin_convertvector(bitsOf(canonical(r)), Vec<u64>)
            << Vec<u64>(shift);
  }
  put<u64>(w, o.d, both, m);
  return Step::Next;
}

/// add, sub and fma of f32 whose factors, or first term, are f16 or bf16.
/// Flags as above.
template <Arith K, bool Brain> Step mixed32(Warp &w, const Op &o, u32 m) {
  Vec<float> a = widen<Brain>(get<u32>(w, o.a)), b, c = 0, r;
  if constexpr (K == Fma) {
    b = widen<Brain>(get<u32>(w, o.b));
    c = get<float>(w, o.c);
  } else {
    b = get<float>(w, o.b);
  }
  {
    Rounding mode(o.flags & 3);
    pin(a);
    pin(b);
    pin(c);
    r = compute<K>(a, b, c);
    pin(r);
  }
  put<float>(w, o.d, o.flags & 8 ? output<false, true>(r) : canonical(r), m);
  return Step::Next;
}

struct Mode {
  u32 rounding = 0;
  bool ftz = false, sat = false, explicitRounding = false;
};
Mode takeMode(Decode &d) {
  Mode m;
  int r = d.takeOf({"rn", "rz", "rm", "rp"});
  m.explicitRounding = r >= 0;
  m.rounding = r < 0 ? 0 : static_cast<u32>(r);
  m.ftz = d.take("ftz");
  m.sat = d.take("sat");
  return m;
}

template <Arith K> Handler realHandler(Decode &d, Type t, const Mode &m) {
  d.op.flags = m.rounding | (m.ftz ? 4 : 0) | (m.sat ? 8 : 0);
  if (t == Type::F64) {
    if (m.ftz || m.sat)
      d.fail(".ftz and .sat need .f32");
    return real64<K>;
  }
  if (t != Type::F32)
    d.fail(std::string("type .") + typeName(t) + " is not allowed");
  if (m.rounding)
    return real32Rounded<K>;
  if (m.ftz)
    return m.sat ? real32<K, true, true> : real32<K, true, false>;
  return m.sat ? real32<K, false, true> : real32<K, false, false>;
}

template <Arith K> void emitReal(Decode &d, Type t, const Mode &m) {
  operands(d, t, K == Fma ? 3 : K >= Sqrt ? 1 : 2);
  d.emit(realHandler<K>(d, t, m));
}

/// The last type modifier without taking it.
Type lastType(const Decode &d) {
  const auto &left = d.remaining();
  for (size_t i = left.size(); i-- > 0;)
    if (Type t = typeNamed(left[i]); t != Type::None)
      return t;
  return Type::None;
}
bool isHalf(Type t) {
  return t == Type::F16 || t == Type::F16x2 || t == Type::BF16 ||
         t == Type::BF16x2;
}

template <Arith K> void mixedArithmetic(Decode &d) {
  d.needTarget(100);
  Mode m = takeMode(d);
  Type narrow = d.takeType();
  d.takeType(); // .f32
  if (m.ftz || (K == Fma && !m.explicitRounding))
    d.fail(m.ftz ? "there is no .ftz" : "expected a rounding");
  constexpr u32 kCount = K == Fma ? 3 : 2;
  d.expectCount(kCount + 1);
  d.op.d = d.sink(0, Type::F32);
  d.op.a = d.source(1, narrow);
  d.op.b = d.source(2, K == Fma ? narrow : Type::F32);
  if constexpr (K == Fma)
    d.op.c = d.source(3, Type::F32);
  d.op.flags = m.rounding | (m.sat ? 8 : 0);
  d.emit(narrow == Type::BF16 ? mixed32<K, true> : mixed32<K, false>);
}

template <Arith K> void arithmetic(Decode &d) {
  Type last = lastType(d);
  if constexpr (K == Add || K == Sub || K == Fma)
    if ((last == Type::F16 || last == Type::BF16) && d.has("f32"))
      return mixedArithmetic<K>(d);
  if constexpr (K <= Fma)
    if (last == Type::F32x2) {
      d.needTarget(100);
      Mode m = takeMode(d);
      d.takeType();
      if (m.sat || (K == Fma && !m.explicitRounding))
        d.fail(m.sat ? "there is no .sat" : "expected a rounding");
      operands(d, Type::F32x2, K == Fma ? 3 : 2);
      d.op.flags = m.rounding | (m.ftz ? 4 : 0);
      return d.emit(pairs32<K>);
    }
  if (last == Type::F32 || last == Type::F64) {
    Mode m = takeMode(d);
    Type t = d.takeType();
    return emitReal<K>(d, t, m);
  }
  if (isHalf(last) ? !decodeHalfArithmetic(d) : !decodeIntegerArithmetic(d))
    d.fail("type does not fit the opcode");
}

// ---- division, roots and reciprocals ----

template <bool Ftz> Step divApprox(Warp &w, const Op &o, u32 m) {
  Vec<float> a = input<Ftz>(get<float>(w, o.a)),
             b = input<Ftz>(get<float>(w, o.b));
  Vec<float> r = a / b;
  // The ISA: for 2^126 < |b| < 2^128 the result is 0, NaN if a is infinite.
  Vec<float> abs = fromBits(bitsOf(b) & Vec<u32>(0x7fffffff));
  u32 big =
      maskOf(abs > Vec<float>(0x1p126f)) & maskOf(abs < Vec<float>(INFINITY));
  if (o.flags && big) {
    Vec<float> zero = fromBits((bitsOf(a) ^ bitsOf(b)) & Vec<u32>(0x80000000));
    Vec<float> abs_a = fromBits(bitsOf(a) & Vec<u32>(0x7fffffff));
    zero =
        lanesOf(maskOf(abs_a < Vec<float>(INFINITY))) ? zero : Vec<float>(NAN);
    r = lanesOf(big) ? zero : r;
  }
  put<float>(w, o.d, output<Ftz, false>(r), m);
  return Step::Next;
}

void div(Decode &d) {
  Type last = lastType(d);
  if (last != Type::F32 && last != Type::F64) {
    if (!decodeIntegerArithmetic(d))
      d.fail("type does not fit the opcode");
    return;
  }
  int approx = d.takeOf({"full", "approx"});
  if (approx < 0)
    return arithmetic<Div>(d);
  bool ftz = d.take("ftz");
  Type t = d.takeType();
  if (t != Type::F32)
    d.fail(".approx and .full need .f32");
  operands(d, t, 2);
  d.op.flags = approx == 1;
  d.emit(ftz ? divApprox<true> : divApprox<false>);
}

// The ISA's gross f64 approximations: the upper 32 bits of the operand in, the
// upper 32 bits of the result out.
template <bool Root>
constexpr auto kGross = [](double x) -> double {
  u64 b = std::bit_cast<u64>(x);
  if ((b >> 52 & 0x7ff) == 0)
    b &= u64(1) << 63;
  bool nan = x != x;
  b &= ~u64(0xffffffff);
  double v = std::bit_cast<double>(b);
  double r = Root ? 1.0 / __builtin_sqrt(v) : 1.0 / v;
  u64 q = std::bit_cast<u64>(r);
  if (nan || r != r)
    return std::bit_cast<double>(u64(0x7fffffff00000000));
  if ((q >> 52 & 0x7ff) == 0)
    q &= u64(1) << 63;
  return std::bit_cast<double>(q & ~u64(0xffffffff));
};

template <bool Ftz> Step rsqrt32(Warp &w, const Op &o, u32 m) {
  Vec<double> x =
      __builtin_convertvector(input<Ftz>(get<float>(w, o.a)), Vec<double>);
  Vec<double> r = Vec<double>(1) / __builtin_elementwise_sqrt(x);
  put<float>(w, o.d, output<Ftz, false>(__builtin_convertvector(r, Vec<float>)),
             m);
  return Step::Next;
}

void roots(Decode &d) {
  const std::string name = d.inst().opcode;
  bool approx = d.take("approx");
  Mode m = takeMode(d);
  Type t = d.takeType();
  if (m.sat)
    d.fail("unknown modifier '.sat'");
  if (name == "rsqrt") {
    if (!approx)
      d.fail("rsqrt needs .approx");
    operands(d, t, 1);
    if (t == Type::F64)
      return d.emit(m.ftz ? each1<double, double, kGross<true>>
                          : un<double, double, [](auto a) {
                              return Vec<double>(1) /
                                     __builtin_elementwise_sqrt(a);
                            }>);
    if (t != Type::F32)
      d.fail("rsqrt needs .f32 or .f64");
    return d.emit(m.ftz ? rsqrt32<true> : rsqrt32<false>);
  }
  if (approx && t == Type::F64) {
    if (name != "rcp" || !m.ftz)
      d.fail("only rcp.approx.ftz and rsqrt.approx exist for .f64");
    operands(d, t, 1);
    return d.emit(each1<double, double, kGross<false>>);
  }
  if (!approx && !m.explicitRounding)
    d.fail(name + " needs .approx or a rounding");
  if (name == "sqrt")
    emitReal<Sqrt>(d, t, m);
  else
    emitReal<Rcp>(d, t, m);
}

// ---- transcendental approximations ----

enum Approx { Ex2, Lg2, Sin, Cos, Tanh };
template <Approx K, bool Ftz> Step approx32(Warp &w, const Op &o, u32 m) {
  Vec<float> a = input<Ftz>(get<float>(w, o.a)), r;
  if constexpr (K == Ex2) {
    r = exp2Float(a);
  } else if constexpr (K == Lg2) {
    r = log2Float(a);
  } else {
    for (u32 l = 0; l < 32; ++l) {
      double x = a[l];
      r[l] = static_cast<float>(K == Sin   ? std::sin(x)
                                : K == Cos ? std::cos(x)
                                           : std::tanh(x));
    }
  }
  put<float>(w, o.d, output<Ftz, false>(r), m);
  return Step::Next;
}
template <Approx K> void approximate(Decode &d) {
  if (isHalf(lastType(d))) {
    if (!decodeHalfArithmetic(d))
      d.fail("type does not fit the opcode");
    return;
  }
  if (!d.take("approx"))
    d.fail("needs .approx");
  bool ftz = d.take("ftz");
  Type t = d.takeType();
  if (t != Type::F32)
    d.fail("needs .f32");
  operands(d, t, 1);
  d.emit(ftz ? approx32<K, true> : approx32<K, false>);
}

// ---- sign, minimum and maximum ----

template <bool Neg, bool Ftz> Step sign32(Warp &w, const Op &o, u32 m) {
  Vec<u32> b = bitsOf(input<Ftz>(get<float>(w, o.a)));
  put<u32>(w, o.d, Neg ? b ^ Vec<u32>(0x80000000) : b & Vec<u32>(0x7fffffff),
           m);
  return Step::Next;
}
template <bool Neg> void absNeg(Decode &d) {
  Type last = lastType(d);
  if (last != Type::F32 && last != Type::F64) {
    if (isHalf(last) ? !decodeHalfArithmetic(d) : !decodeIntegerArithmetic(d))
      d.fail("type does not fit the opcode");
    return;
  }
  bool ftz = d.take("ftz");
  Type t = d.takeType();
  operands(d, t, 1);
  if (t == Type::F64)
    return d.emit(un<u64, u64, [](auto a) {
      return Neg ? a ^ Vec<u64>(u64(1) << 63) : a & Vec<u64>(~(u64(1) << 63));
    }>);
  d.emit(ftz ? sign32<Neg, true> : sign32<Neg, false>);
}

/// flags: 1 NaN passes, 2 xor of signs, 4 absolute values, 8 ftz
template <class T, bool Max> Step minMax(Warp &w, const Op &o, u32 m) {
  using U = std::conditional_t<sizeof(T) == 4, u32, u64>;
  constexpr U kSign = U(1) << (8 * sizeof(T) - 1);
  Vec<T> a = get<T>(w, o.a), b = get<T>(w, o.b);
  if constexpr (sizeof(T) == 4)
    if (o.flags & 8) {
      a = flush(a);
      b = flush(b);
    }
  Vec<U> signs = (bitsOf(a) ^ bitsOf(b)) & Vec<U>(kSign);
  if (o.flags & 4) {
    a = fromBits(bitsOf(a) & Vec<U>(~kSign));
    b = fromBits(bitsOf(b) & Vec<U>(~kSign));
  }
  u32 first = Max ? maskOf(a > b) : maskOf(a < b);
  Vec<T> r = lanesOf(first) ? a : b;
  // -0 is less than +0.
  Vec<T> zero = fromBits(Max ? bitsOf(a) & bitsOf(b) : bitsOf(a) | bitsOf(b));
  r = lanesOf(maskOf(a == b)) ? zero : r;
  u32 na = maskOf(a != a), nb = maskOf(b != b);
  if (na | nb) {
    r = lanesOf(na) ? b : r;
    r = lanesOf(nb) ? a : r;
  }
  if (o.flags & 2)
    r = fromBits((bitsOf(r) & Vec<U>(~kSign)) | signs);
  if (na | nb) {
    Vec<T> nan = fromBits(
        Vec<U>(sizeof(T) == 4 ? U(0x7fffffff) : U(0x7fffffffffffffff)));
    r = lanesOf(o.flags & 1 ? na | nb : na & nb) ? nan : r;
  }
  put<T>(w, o.d, r, m);
  return Step::Next;
}
template <bool Max> void minMaxOf(Decode &d) {
  Type last = lastType(d);
  if (last != Type::F32 && last != Type::F64) {
    if (isHalf(last) ? !decodeHalfArithmetic(d) : !decodeIntegerArithmetic(d))
      d.fail("type does not fit the opcode");
    return;
  }
  d.op.flags = (d.take("ftz") ? 8 : 0) | (d.take("NaN") ? 1 : 0);
  if (d.take("xorsign")) {
    if (!d.take("abs"))
      d.fail(".xorsign needs .abs");
    d.op.flags |= 6;
  }
  Type t = d.takeType();
  operands(d, t, 2);
  d.emit(t == Type::F32 ? minMax<float, Max> : minMax<double, Max>);
}

void copysign(Decode &d) {
  Type t = d.takeType();
  operands(d, t, 2);
  if (t != Type::F32 && t != Type::F64)
    d.fail("copysign needs .f32 or .f64");
  // The sign is the first operand's.
  d.emit(t == Type::F32 ? bin<u32, u32, u32,
                              [](auto a, auto b) {
                                return (a & Vec<u32>(0x80000000)) |
                                       (b & Vec<u32>(0x7fffffff));
                              }>
                        : bin<u64, u64, u64, [](auto a, auto b) {
                            return (a & Vec<u64>(u64(1) << 63)) |
                                   (b & Vec<u64>(~(u64(1) << 63)));
                          }>);
}

template <class T> Step testProperty(Warp &w, const Op &o, u32 m) {
  Vec<T> a = get<T>(w, o.a);
  u32 bits = 0;
  for (u32 l = 0; l < 32; ++l) {
    int c = std::fpclassify(a[l]);
    bool r = o.flags == 0   ? c != FP_NAN && c != FP_INFINITE
             : o.flags == 1 ? c == FP_INFINITE
             : o.flags == 2 ? c != FP_NAN
             : o.flags == 3 ? c == FP_NAN
             : o.flags == 4 ? c == FP_NORMAL || c == FP_ZERO
                            : c == FP_SUBNORMAL; // zeros count as normal
    bits |= u32(r) << l;
  }
  putPred(w, o.d, bits, m);
  return Step::Next;
}
void testp(Decode &d) {
  int k = d.takeOf(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type t = d.takeType();
  d.expectCount(2);
  d.op.flags = static_cast<u32>(k);
  d.op.d = d.sink(0, Type::Pred);
  d.op.a = d.source(1, t);
  if (k < 0 || (t != Type::F32 && t != Type::F64))
    d.fail("testp needs a property and .f32 or .f64");
  d.emit(t == Type::F32 ? testProperty<float> : testProperty<double>);
}
} // namespace

void registerFloat(OpTable &t) {
  t["add"] = arithmetic<Add>;
  t["sub"] = arithmetic<Sub>;
  t["mul"] = arithmetic<Mul>;
  t["fma"] = t["mad"] = arithmetic<Fma>;
  t["div"] = div;
  t["sqrt"] = t["rcp"] = t["rsqrt"] = roots;
  t["ex2"] = approximate<Ex2>;
  t["lg2"] = approximate<Lg2>;
  t["sin"] = approximate<Sin>;
  t["cos"] = approximate<Cos>;
  t["tanh"] = approximate<Tanh>;
  t["abs"] = absNeg<false>;
  t["neg"] = absNeg<true>;
  t["min"] = minMaxOf<false>;
  t["max"] = minMaxOf<true>;
  t["copysign"] = copysign;
  t["testp"] = testp;
}

HAMLET_SIMD_END
