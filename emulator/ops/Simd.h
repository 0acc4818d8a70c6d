//===- Simd.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A warp's 32 lanes as vectors. The sources in this folder are compiled once a
// vector level (HAMLET_ISA is the namespace); only what stands between
// HAMLET_SIMD_BEGIN and _END is compiled for the level, so that library code
// in these objects runs on every machine.
#pragma once

#include "emulator/core/Decode.h"
#include "emulator/exec/Warp.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#ifndef HAMLET_ISA
#error "HAMLET_ISA names the vector level"
#endif

// clang-format off
#ifdef HAMLET_AVX512
#define HAMLET_TARGET                                                          \
  _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512vl,avx512dq,fma,f16c,bmi,bmi2,popcnt,lzcnt\"))), apply_to=function)")
#else
#define HAMLET_TARGET                                                          \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c,bmi,bmi2,popcnt,lzcnt\"))), apply_to=function)")
#endif
#define HAMLET_SIMD_BEGIN                                                      \
  HAMLET_TARGET namespace hamlet::emu { namespace HAMLET_ISA {
#define HAMLET_SIMD_END                                                        \
  }                                                                            \
  }                                                                            \
  _Pragma("clang attribute pop")
// clang-format on

#pragma clang diagnostic ignored "-Wpsabi"
#define FORCE __attribute__((always_inline)) inline

HAMLET_SIMD_BEGIN

template <class T>
using Vec = T __attribute__((ext_vector_type(32), aligned(64)));
using LaneMask = bool __attribute__((ext_vector_type(32)));

FORCE LaneMask lanesOf(u32 mask) { return __builtin_bit_cast(LaneMask, mask); }
template <class V> FORCE u32 maskOf(V compared) {
  return __builtin_bit_cast(u32, __builtin_convertvector(compared, LaneMask));
}

/// The register at `offset`; types below 32 bits are the low part of the lane.
template <class T> FORCE Vec<T> get(const Warp &w, u32 offset) {
  if constexpr (sizeof(T) >= 4) {
    return *reinterpret_cast<const Vec<T> *>(w.regs + offset);
  } else {
    using U = std::conditional_t<sizeof(T) == 1, u8, u16>;
    Vec<U> v = __builtin_convertvector(
        *reinterpret_cast<const Vec<u32> *>(w.regs + offset), Vec<U>);
    return __builtin_bit_cast(Vec<T>, v);
  }
}

/// Writes the lanes of `mask`; narrow types are extended with zeros.
template <class T> FORCE void put(Warp &w, u32 offset, Vec<T> v, u32 mask) {
  if constexpr (sizeof(T) >= 4) {
    auto *d = reinterpret_cast<Vec<T> *>(w.regs + offset);
    if (mask == ~0u)
      *d = v;
    else
      *d = lanesOf(mask) ? v : *d;
  } else {
    using U = std::conditional_t<sizeof(T) == 1, u8, u16>;
    put<u32>(w, offset,
             __builtin_convertvector(__builtin_bit_cast(Vec<U>, v), Vec<u32>),
             mask);
  }
}

FORCE u32 &pred(Warp &w, u32 offset) {
  return *reinterpret_cast<u32 *>(w.regs + offset);
}
FORCE void putPred(Warp &w, u32 offset, u32 bits, u32 mask) {
  u32 &p = pred(w, offset);
  p = (p & ~mask) | (bits & mask);
}
template <class T> FORCE T *lane(Warp &w, u32 offset) {
  return reinterpret_cast<T *>(w.regs + offset);
}

// Whole-vector handlers; F is a lambda over Vec.
template <class D, class A, auto F> Step un(Warp &w, const Op &o, u32 m) {
  put<D>(w, o.d, F(get<A>(w, o.a)), m);
  return Step::Next;
}
template <class D, class A, class B, auto F>
Step bin(Warp &w, const Op &o, u32 m) {
  put<D>(w, o.d, F(get<A>(w, o.a), get<B>(w, o.b)), m);
  return Step::Next;
}
template <class D, class A, class B, class C, auto F>
Step tri(Warp &w, const Op &o, u32 m) {
  put<D>(w, o.d, F(get<A>(w, o.a), get<B>(w, o.b), get<C>(w, o.c)), m);
  return Step::Next;
}

// Lane by lane; F is a lambda over scalars and must be safe for idle lanes.
template <class D, class A, auto F> Step each1(Warp &w, const Op &o, u32 m) {
  Vec<A> a = get<A>(w, o.a);
  Vec<D> r;
  for (u32 l = 0; l < 32; ++l)
    r[l] = F(A(a[l]));
  put<D>(w, o.d, r, m);
  return Step::Next;
}
template <class D, class A, class B, auto F>
Step each2(Warp &w, const Op &o, u32 m) {
  alignas(64) A a[32];
  alignas(64) B b[32];
  alignas(64) D r[32];
  Vec<A> va = get<A>(w, o.a);
  Vec<B> vb = get<B>(w, o.b);
  std::memcpy(a, &va, sizeof a);
  std::memcpy(b, &vb, sizeof b);
  for (u32 l = 0; l < 32; ++l)
    r[l] = F(a[l], b[l]);
  Vec<D> vr;
  std::memcpy(&vr, r, sizeof r);
  put<D>(w, o.d, vr, m);
  return Step::Next;
}
template <class D, class A, class B, class C, auto F>
Step each3(Warp &w, const Op &o, u32 m) {
  alignas(64) A a[32];
  alignas(64) B b[32];
  alignas(64) C c[32];
  alignas(64) D r[32];
  Vec<A> va = get<A>(w, o.a);
  Vec<B> vb = get<B>(w, o.b);
  Vec<C> vc = get<C>(w, o.c);
  std::memcpy(a, &va, sizeof a);
  std::memcpy(b, &vb, sizeof b);
  std::memcpy(c, &vc, sizeof c);
  for (u32 l = 0; l < 32; ++l)
    r[l] = F(a[l], b[l], c[l]);
  Vec<D> vr;
  std::memcpy(&vr, r, sizeof r);
  put<D>(w, o.d, vr, m);
  return Step::Next;
}

/// Calls f.operator()<T>() with the C++ type of an integer or bit type.
template <class F> Handler forInteger(Decode &d, Type t, F f) {
  switch (t) {
  case Type::B16:
  case Type::U16:
    return f.template operator()<u16>();
  case Type::S16:
    return f.template operator()<s16>();
  case Type::B32:
  case Type::U32:
    return f.template operator()<u32>();
  case Type::S32:
    return f.template operator()<s32>();
  case Type::B64:
  case Type::U64:
    return f.template operator()<u64>();
  case Type::S64:
    return f.template operator()<s64>();
  default:
    d.fail(std::string("type .") + typeName(t) + " is not allowed");
  }
}

/// d, a, b, ... all of type `t`; `n` sources.
inline Type integerType(Decode &d) {
  Type t = d.takeType();
  if (!isInteger(t))
    d.fail(std::string("type .") + typeName(t) + " is not an integer type");
  return t;
}

inline void operands(Decode &d, Type t, u32 n) {
  d.expectCount(n + 1);
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  if (n > 1)
    d.op.b = d.source(2, t);
  if (n > 2)
    d.op.c = d.source(3, t);
}

HAMLET_SIMD_END
