//===- Atomic.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// atom, red, fence, membar.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Access.h"
#include "emulator/ops/Families.h"

HAMLET_SIMD_BEGIN
namespace {

enum Kind { Add, Min, Max, And, Or, Xor, Inc, Dec, Exch, Cas };

template <class T, Kind K> FORCE T applied(T old, T b, T c) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    switch (K) {
    case Add:
      return static_cast<T>(U(old) + U(b));
    case Min:
      return old < b ? old : b;
    case Max:
      return old > b ? old : b;
    case And:
      return old & b;
    case Or:
      return old | b;
    case Xor:
      return old ^ b;
    case Inc:
      return old >= b ? 0 : static_cast<T>(old + 1);
    case Dec:
      return old == 0 || old > b ? b : static_cast<T>(old - 1);
    case Exch:
      return b;
    case Cas:
      return old == b ? c : old;
    }
  }
  return old + b;
}

// regs: address elements of vector forms; flags as for other accesses.
template <class T, Kind K> Step atomic(Warp &w, const Op &o, u32 m) {
  Vec<u64> address = addressesOf(w, o);
  checkAligned(w, o, address, sizeof(T), m);
  using L = std::conditional_t<sizeof(T) == 8, u64, u32>;
  bool changed = false;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Resolved r = resolve(w, o, spaceOf(o), address[l], sizeof(T), l, true);
    if (w.check)
      w.check->access(w, o, l, r, sizeof(T), infoOf(o, Access::Atomic),
                      nullptr);
    T old, b, c{};
    std::memcpy(&old, r.host, sizeof(T));
    L raw = lane<L>(w, o.b)[l];
    std::memcpy(&b, &raw, sizeof(T));
    if constexpr (K == Cas) {
      raw = lane<L>(w, o.c)[l];
      std::memcpy(&c, &raw, sizeof(T));
    }
    T next = applied<T, K>(old, b, c);
    if (std::memcmp(&next, &old, sizeof(T)) != 0) {
      changed = true;
      std::memcpy(r.host, &next, sizeof(T));
    }
    if (o.d) {
      L out = 0;
      std::memcpy(&out, &old, sizeof(T));
      lane<L>(w, o.d)[l] = out;
    }
    if (l == static_cast<u32>(std::countr_zero(m)) && !changed)
      notePoll(w, w.pc, address[l], static_cast<u64>(raw));
  }
  if (changed) {
    ++w.engine->events;
    ++w.cta->sharedVersion;
    return Step::Next;
  }
  return K == Cas || K == Exch || o.d ? Step::Yield : Step::Next;
}

/// f32, f64, halves, their pairs, and vectors of them: bytes: memory type.
/// regs: [0..n) results (0: none), [n..2n) operands.
template <class T> Step atomicFloat(Warp &w, const Op &o, u32 m) {
  u32 n = o.regCount / 2u;
  Vec<u64> address = addressesOf(w, o);
  checkAligned(w, o, address, static_cast<u32>(sizeof(T)) * n, m);
  using L = std::conditional_t<sizeof(T) == 8, u64, u32>;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u32 bytes = static_cast<u32>(sizeof(T)) * n;
    Resolved r = resolve(w, o, spaceOf(o), address[l], bytes, l, true);
    if (w.check)
      w.check->access(w, o, l, r, bytes, infoOf(o, Access::Atomic), nullptr);
    for (u32 k = 0; k < n; ++k) {
      T old, b;
      L raw = lane<L>(w, o.regs[n + k])[l];
      std::memcpy(&old, r.host + k * sizeof(T), sizeof(T));
      std::memcpy(&b, &raw, sizeof(T));
      T next = old + b;
      // In global memory f32 flushes what comes in and goes out, elsewhere not.
      if constexpr (sizeof(T) == 4)
        if (r.space == Space::Global)
          next = flushSubnormal(flushSubnormal(old) + flushSubnormal(b));
      if (next != next && sizeof(T) == 4)
        next = std::bit_cast<float>(0x7fffffff);
      std::memcpy(r.host + k * sizeof(T), &next, sizeof(T));
      if (o.regs[k]) {
        L out = 0;
        std::memcpy(&out, &old, sizeof(T));
        lane<L>(w, o.regs[k])[l] = out;
      }
    }
  }
  ++w.engine->events;
  ++w.cta->sharedVersion;
  return Step::Next;
}

/// op.bytes: 1 brain, 2 packed, 4 min, 8 max (else add).
Step atomicHalf(Warp &w, const Op &o, u32 m) {
  u32 n = o.regCount / 2u, size = o.bytes & 2 ? 4 : 2;
  const Format &f = o.bytes & 1 ? kBF16 : kF16;
  Vec<u64> address = addressesOf(w, o);
  checkAligned(w, o, address, size * n, m);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Resolved r = resolve(w, o, spaceOf(o), address[l], size * n, l, true);
    if (w.check)
      w.check->access(w, o, l, r, size * n, infoOf(o, Access::Atomic), nullptr);
    for (u32 k = 0; k < n; ++k) {
      u32 old = 0, b = lane<u32>(w, o.regs[n + k])[l], next = 0;
      std::memcpy(&old, r.host + k * size, size);
      for (u32 h = 0; h < size / 2; ++h) {
        double x = decode(old >> (16 * h) & 0xffff, f),
               y = decode(b >> (16 * h) & 0xffff, f);
        double v = o.bytes & 4   ? std::fmin(x, y)
                   : o.bytes & 8 ? std::fmax(x, y)
                                 : x + y;
        next |= encode(v, f, Round::NearestEven) << (16 * h);
      }
      std::memcpy(r.host + k * size, &next, size);
      if (o.regs[k])
        lane<u32>(w, o.regs[k])[l] = old;
    }
  }
  ++w.engine->events;
  ++w.cta->sharedVersion;
  return Step::Next;
}

template <bool Compare> Step atomic128(Warp &w, const Op &o, u32 m) {
  Vec<u64> address = addressesOf(w, o);
  checkAligned(w, o, address, 16, m);
  bool changed = false;
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Resolved r = resolve(w, o, spaceOf(o), address[l], 16, l, true);
    if (w.check)
      w.check->access(w, o, l, r, 16, infoOf(o, Access::Atomic), nullptr);
    u8 old[16];
    std::memcpy(old, r.host, 16);
    const u8 *b = w.regs + o.b + 16 * l;
    if (!Compare || !std::memcmp(old, b, 16)) {
      const u8 *next = Compare ? w.regs + o.c + 16 * l : b;
      changed |= std::memcmp(old, next, 16) != 0;
      std::memcpy(r.host, next, 16);
    }
    if (o.d)
      std::memcpy(w.regs + o.d + 16 * l, old, 16);
  }
  if (!changed)
    return Step::Yield;
  ++w.engine->events;
  ++w.cta->sharedVersion;
  return Step::Next;
}

template <class T> Handler integerAtomic(Kind k) {
  switch (k) {
  case Add:
    return atomic<T, Add>;
  case Min:
    return atomic<T, Min>;
  case Max:
    return atomic<T, Max>;
  case And:
    return atomic<T, And>;
  case Or:
    return atomic<T, Or>;
  case Xor:
    return atomic<T, Xor>;
  case Inc:
    return atomic<T, Inc>;
  case Dec:
    return atomic<T, Dec>;
  case Exch:
    return atomic<T, Exch>;
  case Cas:
    return atomic<T, Cas>;
  }
  return nullptr;
}
} // namespace

void decodeAtomic(Decode &d) {
  bool red = d.inst().opcode == "red";
  d.op.flags = takeAccess(d, true);
  int k = d.takeOf(
      {"add", "min", "max", "and", "or", "xor", "inc", "dec", "exch", "cas"});
  if (k < 0)
    d.fail("no operation");
  Kind kind = static_cast<Kind>(k);
  d.take("noftz");
  d.takeCacheHints();
  u32 n = takeVector(d);
  Type t = d.takeType();
  Space space = spaceOf(d.op);
  d.program().usesAtomics = true;
  size_t at = red ? 0 : 1;
  size_t needed = (red ? 2 : 3) + (kind == Cas);
  d.expectCount(needed, needed + 1);
  setAddress(d, d.operand(at), space);
  if (isFloat(t)) {
    auto elems = [&](const ast::Operand &o) {
      return o.kind == ast::Operand::Kind::Vector
                 ? o.elems
                 : std::vector<ast::Operand>{o};
    };
    std::vector<u32> regs;
    auto values = elems(d.operand(at + 1));
    if (values.size() != n)
      d.fail("expected " + std::to_string(n) + " values");
    if (red)
      regs.assign(n, 0);
    else {
      auto results = elems(d.operand(0));
      if (results.size() != n)
        d.fail("expected " + std::to_string(n) + " results");
      for (const ast::Operand &o : results)
        regs.push_back(d.sink(o, t));
    }
    for (const ast::Operand &o : values)
      regs.push_back(d.source(o, t));
    d.list(regs);
    if (t == Type::F32 || t == Type::F64) {
      if (kind != Add)
        d.fail("only .add exists for this type");
      return d.emit(t == Type::F32 ? atomicFloat<float> : atomicFloat<double>);
    }
    bool packed = t == Type::F16x2 || t == Type::BF16x2;
    bool brain = t == Type::BF16 || t == Type::BF16x2;
    if ((t != Type::F16 && t != Type::BF16 && !packed) || kind > Max)
      d.fail("operation does not fit the type");
    d.op.bytes = static_cast<u8>((brain ? 1 : 0) | (packed ? 2 : 0) |
                                 (kind == Min ? 4 : 0) | (kind == Max ? 8 : 0));
    return d.emit(atomicHalf);
  }
  if (n != 1)
    d.fail("vector forms need a floating-point type");
  d.op.d = red ? 0 : d.sink(0, t);
  d.op.b = d.source(at + 1, t);
  if (t == Type::B128) {
    if (red || (kind != Cas && kind != Exch))
      d.fail("only atom.cas and atom.exch exist for .b128");
    if (kind == Cas)
      d.op.c = d.source(at + 2, t);
    return d.emit(kind == Cas ? atomic128<true> : atomic128<false>);
  }
  if (kind == Cas)
    d.op.c = d.source(at + 2, t);
  d.emit(forInteger(d, t, [&]<class T>() -> Handler {
    if (sizeof(T) == 2 && kind != Cas)
      d.fail("only .cas exists for 16 bits");
    return integerAtomic<T>(kind);
  }));
}

namespace {
// ---- fences ----
Step fence(Warp &w, const Op &o, u32 m) {
  if (w.check)
    w.check->fence(w, m, static_cast<u8>(o.flags), static_cast<Scope>(o.bytes));
  return Step::Next;
}

void decodeMembar(Decode &d) {
  if (d.take("proxy"))
    return decodeProxyFence(d);
  int s = d.takeOf({"cta", "gl", "sys"});
  if (s < 0)
    d.fail("membar needs .cta, .gl or .sys");
  static constexpr Scope scopes[] = {Scope::Cta, Scope::Gpu, Scope::Sys};
  d.op.flags = kAcquire | kRelease;
  d.op.bytes = static_cast<u8>(scopes[s]);
  d.emit(fence);
}
} // namespace

void decodeFence(Decode &d) {
  int order = d.takeOf({"sc", "acq_rel", "acquire", "release"});
  int s = d.takeOf({"cta", "cluster", "gpu", "sys"});
  if (s < 0)
    d.fail("fence needs a scope");
  d.take("sync_restrict::shared::cta");
  d.take("sync_restrict::shared::cluster");
  d.op.flags = order == 2   ? kAcquire
               : order == 3 ? kRelease
                            : kAcquire | kRelease;
  d.op.bytes = static_cast<u8>(s + 1);
  d.emit(fence);
}

void registerAtomic(OpTable &t) {
  t["atom"] = t["red"] = decodeAtomic;
  t["membar"] = decodeMembar;
  t["fence"] = decodeFence;
}

HAMLET_SIMD_END
