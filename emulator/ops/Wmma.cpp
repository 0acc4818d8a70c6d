// wmma.load, wmma.store, wmma.mma. The layout of fragments is not documented;
// here element i of a lane's n is element lane * n + i of the row-major matrix,
// and f16 operands, which have room for two copies, hold the second one too.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Access.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

HAMLET_SIMD_BEGIN
namespace {

struct Fragment {
  u32 rows, columns, bits, regs; ///< bits of an element in memory and register
  bool columnMajor;
};
struct Product {
  u32 m, n, k;
  Type a, c, d;
  u32 aRegs, bRegs, cRegs, dRegs;
  bool aColumns, bColumns, saturate;
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

u32 laneElements(const Fragment &f) { return f.rows * f.columns / 32; }

/// Slot of element i of a lane: register and bit.
void readElement(Warp &w, const u32 *regs, u32 bits, u32 l, u32 i, u64 &v) {
  u32 per = bits >= 32 ? 1 : 32 / bits;
  if (bits == 64)
    v = lane<u64>(w, regs[i])[l];
  else
    v = lane<u32>(w, regs[i / per])[l] >> (i % per * bits);
  if (bits < 32)
    v &= (1u << bits) - 1;
}
void writeElement(Warp &w, const u32 *regs, u32 bits, u32 l, u32 i, u64 v) {
  u32 per = bits >= 32 ? 1 : 32 / bits;
  if (bits == 64) {
    lane<u64>(w, regs[i])[l] = v;
    return;
  }
  u32 &r = lane<u32>(w, regs[i / per])[l];
  if (bits >= 32) {
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
  u32 bytes = f.bits / 8, n = laneElements(f);
  for (u32 l = 0; l < 32; ++l) {
    u32 stride = lane<u32>(w, o.c)[l];
    for (u32 i = 0; i < n; ++i) {
      u32 e = l * n + i, row = e / f.columns, column = e % f.columns;
      u64 index = f.columnMajor ? u64(column) * stride + row
                                : u64(row) * stride + column;
      u64 address = base[l] + index * bytes, v = 0;
      Resolved r = resolve(w, o, spaceOf(o), address, bytes, l, Store);
      if (Store) {
        readElement(w, o.regs, f.bits, l, i, v);
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

double value(Type t, u64 v) {
  switch (t) {
  case Type::F16:
    return decode(static_cast<u32>(v), kF16);
  case Type::BF16:
    return decode(static_cast<u32>(v), kBF16);
  case Type::TF32:
    return std::bit_cast<float>(static_cast<u32>(v) & 0xffffe000);
  case Type::F32:
    return std::bit_cast<float>(static_cast<u32>(v));
  case Type::S8:
    return static_cast<s8>(v);
  case Type::U8:
    return static_cast<u8>(v);
  case Type::S32:
    return static_cast<s32>(v);
  default:
    return std::bit_cast<double>(v);
  }
}
u32 bitsOfType(Type t) { return t == Type::TF32 ? 32 : 8 * typeBytes(t); }

Step multiply(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Product p = trailer<Product>(o);
  const u32 *rd = o.regs, *ra = rd + p.dRegs, *rb = ra + p.aRegs,
            *rc = rb + p.bRegs;
  std::vector<double> a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
  auto fill = [&](std::vector<double> &to, const u32 *regs, Type t) {
    u32 n = static_cast<u32>(to.size() / 32);
    for (u32 l = 0; l < 32; ++l)
      for (u32 i = 0; i < n; ++i) {
        u64 v;
        readElement(w, regs, bitsOfType(t), l, i, v);
        to[l * n + i] = value(t, v);
      }
  };
  fill(a, ra, p.a);
  fill(b, rb, p.a);
  fill(c, rc, p.c);
  u32 n = p.m * p.n / 32;
  for (u32 i = 0; i < p.m; ++i)
    for (u32 j = 0; j < p.n; ++j) {
      u64 out;
      double start = c[i * p.n + j];
      if (p.d == Type::S32) {
        s64 v = static_cast<s64>(start);
        for (u32 k = 0; k < p.k; ++k)
          v += static_cast<s64>(a[i * p.k + k] * b[k * p.n + j]);
        if (p.saturate)
          v = std::min<s64>(std::max<s64>(v, INT32_MIN), INT32_MAX);
        out = static_cast<u32>(v);
      } else if (p.d == Type::F64) {
        for (u32 k = 0; k < p.k; ++k)
          start = __builtin_fma(a[i * p.k + k], b[k * p.n + j], start);
        out = std::bit_cast<u64>(start);
      } else {
        float v = static_cast<float>(start);
        for (u32 k = 0; k < p.k; ++k)
          v = __builtin_fmaf(static_cast<float>(a[i * p.k + k]),
                             static_cast<float>(b[k * p.n + j]), v);
        out = p.d == Type::F16 ? encode(v, kF16, Round::NearestEven)
                               : std::bit_cast<u32>(v);
      }
      u32 e = i * p.n + j;
      writeElement(w, rd, bitsOfType(p.d), e / n, e % n, out);
    }
  return Step::Next;
}

struct Dims {
  u32 m, n, k;
};
Dims takeShape(Decode &d) {
  int s = d.takeOf({"m16n16k16", "m32n8k16", "m8n32k16", "m16n16k8", "m8n8k4"});
  static constexpr Dims dims[] = {
      {16, 16, 16}, {32, 8, 16}, {8, 32, 16}, {16, 16, 8}, {8, 8, 4}};
  if (s < 0)
    d.fail("this shape is not supported");
  return dims[s];
}
u32 operandRegs(Type t, u32 elements) {
  if (t == Type::F16)
    return 8;
  return elements / 32 * bitsOfType(t) / (t == Type::F64 ? 64 : 32);
}
u32 accumulatorRegs(Type t, u32 elements) {
  return t == Type::F16 ? elements / 64 : elements / 32;
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
  Type as = t == Type::F64 ? t : Type::B32;
  for (const ast::Operand &x : e)
    regs.push_back(write ? d.sink(x, as) : d.source(x, as));
}

void decodeWmma(Decode &d) {
  int what = d.takeOf({"load", "store", "mma"});
  d.take("sync");
  d.take("aligned");
  if (what < 0)
    d.fail("expected .load, .store or .mma");
  if (what == 2) {
    int la = d.takeOf({"row", "col"}), lb = d.takeOf({"row", "col"});
    Dims s = takeShape(d);
    Product p{};
    p.saturate = d.take("satfinite");
    Type c = d.takeType(), t = d.takeType();
    // f16: wmma.mma...d.c; others: ...d.a.b.c
    Type a = Type::F16, dt = t;
    if (d.hasType()) {
      a = t;
      d.takeType();
      dt = d.takeType();
    }
    (void)la;
    (void)lb;
    p = {s.m,
         s.n,
         s.k,
         a,
         c,
         dt,
         operandRegs(a, s.m * s.k),
         operandRegs(a, s.k * s.n),
         accumulatorRegs(c, s.m * s.n),
         accumulatorRegs(dt, s.m * s.n),
         false,
         false,
         p.saturate};
    std::vector<u32> regs;
    d.expectCount(4);
    group(d, 0, p.dRegs, dt, true, regs);
    group(d, 1, p.aRegs, a, false, regs);
    group(d, 2, p.bRegs, a, false, regs);
    group(d, 3, p.cRegs, c, false, regs);
    addTrailer(regs, p);
    d.list(regs);
    return d.emit(multiply);
  }
  int which = d.takeOf({"a", "b", "c", "d"});
  int layout = d.takeOf({"row", "col"});
  Dims s = takeShape(d);
  d.op.flags = takeAccess(d, false);
  Type t = d.takeType();
  if (which < 0 || layout < 0)
    d.fail("expected a matrix and a layout");
  Fragment f{};
  f.rows = which == 1 ? s.k : s.m;
  f.columns = which == 0 ? s.k : s.n;
  f.bits = bitsOfType(t);
  f.columnMajor = layout == 1;
  f.regs = which < 2 ? operandRegs(t, f.rows * f.columns)
                     : accumulatorRegs(t, f.rows * f.columns);
  bool store = what == 1;
  d.expectCount(2, 3);
  setAddress(d, d.operand(store ? 0 : 1), spaceOf(d.op));
  u32 leading = f.columnMajor ? f.rows : f.columns;
  d.op.c = d.count() == 3 ? d.source(2, Type::B32) : d.constant(leading, 4);
  std::vector<u32> regs;
  group(d, store ? 1 : 0, f.regs, t, !store, regs);
  addTrailer(regs, f);
  d.list(regs);
  d.emit(store ? transfer<true> : transfer<false>);
}
} // namespace

void registerWmma(OpTable &t) { t["wmma"] = decodeWmma; }

HAMLET_SIMD_END
