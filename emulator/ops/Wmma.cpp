//===- Wmma.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// wmma.load, wmma.store, wmma.mma. The layout of fragments is not documented;
// here element i of a lane's n is element lane * n + i of the row-major matrix,
// and f16 operands, which have room for two copies, hold the second one too.
// Operands below 8 bits lie as mma has them: 32 bits of a row of A or a column
// of B, of which four lanes share one.
#include "emulator/ops/Access.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"
#include "emulator/ops/Product.h"

HAMLET_SIMD_BEGIN
namespace {

struct Fragment {
  u32 rows, columns, bits, regs; ///< bits of an element in memory and register
  bool columnMajor;
};

template <class T> T trailer(const Op &o) {
  T t;
  std::memcpy(&t, o.regs + o.regCount - (sizeof(T) + 3) / 4, sizeof t);
  return t;
}
template <class T> void addTrailer(std::vector<u32> &regs, const T &t) {
  size_t n = regs.size();
  regs.resize(n + (sizeof(T) + 3) / 4);
  std::memcpy(regs.data() + n, &t, sizeof t);
}

void writeElement(Warp &w, const u32 *regs, u32 bits, u32 l, u32 i, u64 v) {
  if (bits == 64) {
    lane<u64>(w, regs[i])[l] = v;
    return;
  }
  u32 per = 32 / bits;
  u32 &r = lane<u32>(w, regs[i / per])[l];
  if (bits == 32) {
    r = static_cast<u32>(v);
    return;
  }
  u32 shift = i % per * bits, mask = ((1u << bits) - 1) << shift;
  r = (r & ~mask) | (static_cast<u32>(v) << shift & mask);
}

// c: stride register (32 bits).
template <bool Store> Step transfer(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Fragment f = trailer<Fragment>(o);
  Vec<u64> base = addressesOf(w, o);
  u32 bytes = f.bits / 8, n = f.rows * f.columns / 32;
  for (u32 l = 0; l < 32; ++l) {
    u32 stride = lane<u32>(w, o.c)[l];
    for (u32 i = 0; i < n; ++i) {
      u32 e = l * n + i, row = e / f.columns, column = e % f.columns;
      u64 index = f.columnMajor ? u64(column) * stride + row
                                : u64(row) * stride + column;
      u64 address = base[l] + index * bytes, v = 0;
      Resolved r = resolve(w, o, spaceOf(o), address, bytes, l, Store);
      if (Store) {
        v = rawElement(w, o.regs, f.bits, l, i);
        if (w.check)
          w.check->access(w, o, l, r, bytes,
                          {Access::Write, kWeak, Scope::None},
                          reinterpret_cast<const u8 *>(&v));
        std::memcpy(r.host, &v, bytes);
      } else {
        if (w.check)
          w.check->access(w, o, l, r, bytes, {}, nullptr);
        std::memcpy(&v, r.host, bytes);
        writeElement(w, o.regs, f.bits, l, i, v);
        u32 per = f.bits >= 32 ? 1 : 32 / f.bits;
        if (f.regs * per == 2 * n)
          writeElement(w, o.regs, f.bits, l, i + n, v);
      }
    }
  }
  if (Store) {
    ++w.engine->events;
    ++w.cta->sharedVersion;
  }
  return Step::Next;
}

/// A and B with elements of 4 bits and 1 bit; bytes: bits of an element.
Step loadNarrow(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Vec<u64> base = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    u64 line = u64(lane<u32>(w, o.c)[l]) * o.bytes / 8;
    u64 address = base[l] + l / 4 * line + l % 4 * 4;
    Resolved r = resolve(w, o, spaceOf(o), address, 4, l, false);
    if (w.check)
      w.check->access(w, o, l, r, 4, {}, nullptr);
    std::memcpy(&lane<u32>(w, o.regs[0])[l], r.host, 4);
  }
  return Step::Next;
}

struct Counts {
  u32 a, b, c, d;
};
/// An operand's registers; f16 has 8 whatever the shape.
u32 operandRegs(Type t, u32 elements) {
  if (t == Type::F16)
    return 8;
  u32 bits = elementBits(t);
  return elements / 32 * bits / (bits == 64 ? 64 : 32);
}
u32 accumulatorRegs(Type t, u32 elements) {
  return t == Type::F16 ? elements / 64 : elements / 32;
}
Counts countsOf(const Product &p) {
  return {operandRegs(p.a, p.m * p.k), operandRegs(p.b, p.k * p.n),
          accumulatorRegs(p.c, p.m * p.n), accumulatorRegs(p.d, p.m * p.n)};
}

Step multiplyFragments(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Product p = trailer<Product>(o);
  Counts r = countsOf(p);
  const u32 *ra = o.regs + r.d, *rb = ra + r.a, *rc = rb + r.b;
  std::vector<double> a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
  auto fill = [&](std::vector<double> &to, const u32 *regs, Type t) {
    u32 n = static_cast<u32>(to.size() / 32);
    for (u32 l = 0; l < 32; ++l)
      for (u32 i = 0; i < n; ++i)
        to[l * n + i] =
            elementValue(t, rawElement(w, regs, elementBits(t), l, i));
  };
  fill(a, ra, p.a);
  fill(b, rb, p.b);
  fill(c, rc, p.c);
  u16 all[16];
  for (u32 k = 0; k < p.k; ++k)
    all[k] = static_cast<u16>(k);
  u32 n = p.m * p.n / 32;
  for (u32 e = 0; e < p.m * p.n; ++e)
    writeSum(
        w, o.regs, p.d, e / n, e % n,
        dotted(p, &a[e / p.n * p.k], all, b.data(), p.n, e % p.n, c[e], p.k));
  return Step::Next;
}

void group(Decode &d, size_t i, u32 n, Type t, bool write,
           std::vector<u32> &regs) {
  const ast::Operand &o = d.operand(i);
  std::vector<ast::Operand> e = o.kind == ast::Operand::Kind::Vector
                                    ? o.elems
                                    : std::vector<ast::Operand>{o};
  if (e.size() != n)
    d.fail("operand " + std::to_string(i + 1) + " needs " + std::to_string(n) +
           " registers, got " + std::to_string(e.size()));
  Type as = registerType(t);
  for (const ast::Operand &x : e)
    regs.push_back(write ? d.sink(x, as) : d.source(x, as));
}

bool isNarrow(Type t) { return elementBits(t) < 8; }

/// Whether A or B of this shape may have elements of type `t`.
bool fits(const Product &p, Type t) {
  auto is = [&](u32 m, u32 n, u32 k) {
    return p.m == m && p.n == n && p.k == k;
  };
  switch (t) {
  case Type::F16:
  case Type::BF16:
  case Type::S8:
  case Type::U8:
    return is(16, 16, 16) || is(8, 32, 16) || is(32, 8, 16);
  case Type::TF32:
    return is(16, 16, 8);
  case Type::F64:
    return is(8, 8, 4);
  case Type::S4:
  case Type::U4:
    return is(8, 8, 32);
  case Type::B1:
    return is(8, 8, 128);
  default:
    return false;
  }
}
/// Whether sums of products of `a` may have type `t`.
bool sumsTo(Type a, Type t) {
  if (a == Type::F16)
    return t == Type::F16 || t == Type::F32;
  if (a == Type::BF16 || a == Type::TF32)
    return t == Type::F32;
  return t == (a == Type::F64 ? Type::F64 : Type::S32);
}

void decodeProduct(Decode &d) {
  Product p;
  p.bits = static_cast<BitOp>(d.takeOf({"xor", "and"}) + 1);
  if (p.bits != BitOp::None && !d.take("popc"))
    d.fail("expected .popc");
  int la = d.takeOf({"row", "col"}), lb = d.takeOf({"row", "col"});
  takeShape(d, p);
  p.saturate = d.take("satfinite");
  int rounding = d.takeOf({"rn", "rz", "rm", "rp"});
  p.c = takeElement(d);
  Type t = takeElement(d);
  // f16: wmma.mma...d.c; others: ...d.a.b.c
  p.a = p.b = Type::F16;
  p.d = t;
  if (d.hasType()) {
    p.b = t;
    p.a = takeElement(d);
    p.d = takeElement(d);
  }
  bool integer = p.d == Type::S32;
  if (p.a != p.b || !fits(p, p.a) || !sumsTo(p.a, p.c) || !sumsTo(p.a, p.d) ||
      (p.saturate && (!integer || p.a == Type::B1)) ||
      (rounding >= 0 && p.a != Type::F64) ||
      (p.bits != BitOp::None) != (p.a == Type::B1))
    d.fail("this combination of shape and types is not supported");
  if (la < 0 || lb < 0 || (isNarrow(p.a) && (la != 0 || lb != 1)))
    d.fail("expected the layouts of A and B");
  p.rounding = static_cast<u8>(std::max(rounding, 0));
  std::vector<u32> regs;
  d.expectCount(4);
  Counts n = countsOf(p);
  group(d, 0, n.d, p.d, true, regs);
  group(d, 1, n.a, p.a, false, regs);
  group(d, 2, n.b, p.b, false, regs);
  group(d, 3, n.c, p.c, false, regs);
  d.op.flags = static_cast<u32>(regs.size());
  addTrailer(regs, p);
  d.list(regs);
  d.emit(isNarrow(p.a) ? multiply : multiplyFragments);
}

void decodeWmma(Decode &d) {
  int what = d.takeOf({"load", "store", "mma"});
  d.take("sync");
  d.take("aligned");
  if (what < 0)
    d.fail("expected .load, .store or .mma");
  d.info.reconverges = true;
  if (what == 2)
    return decodeProduct(d);
  bool store = what == 1;
  int which = store ? (d.take("d") ? 3 : -1) : d.takeOf({"a", "b", "c"});
  int layout = d.takeOf({"row", "col"});
  Product s;
  takeShape(d, s);
  Type t = takeElement(d);
  d.op.flags = takeAccess(d, false);
  if (which < 0 || layout < 0)
    d.fail("expected a matrix and a layout");
  // Sums: those of any operand that has the shape.
  bool known = fits(s, t);
  if (which >= 2) {
    known = false;
    for (Type a : {Type::F16, Type::BF16, Type::TF32, Type::S8, Type::F64,
                   Type::S4, Type::B1})
      known |= fits(s, a) && sumsTo(a, t);
  }
  if (!known)
    d.fail("this combination of shape and type is not supported");
  Fragment f{};
  f.rows = which == 1 ? s.k : s.m;
  f.columns = which == 0 ? s.k : s.n;
  f.bits = elementBits(t);
  f.columnMajor = layout == 1;
  f.regs = which < 2 ? operandRegs(t, f.rows * f.columns)
                     : accumulatorRegs(t, f.rows * f.columns);
  d.expectCount(2, 3);
  setAddress(d, d.operand(store ? 0 : 1), spaceOf(d.op));
  u32 leading = f.columnMajor ? f.rows : f.columns;
  d.op.c = d.count() == 3 ? d.source(2, Type::B32) : d.constant(leading, 4);
  std::vector<u32> regs;
  group(d, store ? 1 : 0, f.regs, t, !store, regs);
  if (isNarrow(t)) {
    if (layout != which)
      d.fail("elements below 8 bits need A in rows and B in columns");
    d.op.bytes = static_cast<u8>(f.bits);
    d.list(regs);
    return d.emit(loadNarrow);
  }
  addTrailer(regs, f);
  d.list(regs);
  d.emit(store ? transfer<true> : transfer<false>);
}
} // namespace

void registerWmma(OpTable &t) { t["wmma"] = decodeWmma; }

HAMLET_SIMD_END
