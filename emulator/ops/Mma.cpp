//===- Mma.cpp ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// mma.sync and mma.sp: which forms there are; the frequent ones in vectors.
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"
#include "emulator/ops/Product.h"
#include "emulator/ops/Real.h"

HAMLET_SIMD_BEGIN
namespace {
using V8 = float __attribute__((ext_vector_type(8)));

// regs: D, A, B, C one after the other; target: index of the shape.
template <bool Brain>
FORCE void halves(const Warp &w, u32 reg, float *low, float *high) {
  Vec<u32> v = get<u32>(w, reg);
  Vec<float> l, h;
  if constexpr (Brain) {
    l = fromBits(v << Vec<u32>(16));
    h = fromBits(v & Vec<u32>(0xffff0000));
  } else {
    l = __builtin_convertvector(
        __builtin_bit_cast(Vec<_Float16>, __builtin_convertvector(v, Vec<u16>)),
        Vec<float>);
    h = __builtin_convertvector(
        __builtin_bit_cast(Vec<_Float16>, __builtin_convertvector(
                                              v >> Vec<u32>(16), Vec<u16>)),
        Vec<float>);
  }
  std::memcpy(low, &l, 128);
  std::memcpy(high, &h, 128);
}

/// m16n8k8 and m16n8k16 of 16-bit inputs with f32 accumulators.
template <u32 K, bool Brain> Step mmaHalf(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  constexpr u32 kA = K / 4, kB = K / 8;
  alignas(64) float a[kA][2][32], b[kB][2][32], c[4][32];
  for (u32 r = 0; r < kA; ++r)
    halves<Brain>(w, o.regs[4 + r], a[r][0], a[r][1]);
  for (u32 r = 0; r < kB; ++r)
    halves<Brain>(w, o.regs[4 + kA + r], b[r][0], b[r][1]);
  for (u32 i = 0; i < 4; ++i)
    std::memcpy(c[i], w.regs + o.regs[4 + kA + kB + i], 128);
  alignas(32) V8 bk[K];
  for (u32 r = 0; r < kB; ++r)
    for (u32 t = 0; t < 4; ++t)
      for (u32 e = 0; e < 2; ++e) {
        const float *p = b[r][e] + t;
        bk[r * 8 + 2 * t + e] =
            V8{p[0], p[4], p[8], p[12], p[16], p[20], p[24], p[28]};
      }
  for (u32 half = 0; half < 2; ++half) {
    V8 acc[8];
    for (u32 g = 0; g < 8; ++g) {
      const float *x = c[2 * half] + 4 * g, *y = c[2 * half + 1] + 4 * g;
      acc[g] = V8{x[0], y[0], x[1], y[1], x[2], y[2], x[3], y[3]};
    }
    for (u32 r = 0; r < kB; ++r)
      for (u32 t = 0; t < 4; ++t)
        for (u32 e = 0; e < 2; ++e) {
          V8 bv = bk[r * 8 + 2 * t + e];
          const float *p = a[2 * r + half][e] + t;
          for (u32 g = 0; g < 8; ++g)
            acc[g] = __builtin_elementwise_fma(V8(p[4 * g]), bv, acc[g]);
        }
    for (u32 g = 0; g < 8; ++g)
      for (u32 t = 0; t < 4; ++t) {
        c[2 * half][4 * g + t] = acc[g][2 * t];
        c[2 * half + 1][4 * g + t] = acc[g][2 * t + 1];
      }
  }
  for (u32 i = 0; i < 4; ++i) {
    Vec<float> v;
    std::memcpy(&v, c[i], 128);
    *reinterpret_cast<Vec<float> *>(w.regs + o.regs[i]) = canonical(v);
  }
  return Step::Next;
}

/// .kind::f8f6f4, which the 8-bit types of sm_89 may have since sm_120; what
/// else the kinds bring is refused by name.
void takeKind(Decode &d) {
  if (d.takeOf({"kind::mxf8f6f4", "kind::mxf4", "kind::mxf4nvf4"}) >= 0 ||
      d.take("block_scale"))
    d.fail("block-scaled products are not supported");
  if (!d.take("kind::f8f6f4"))
    return;
  d.needTarget(120);
  if (d.takeOf({"e3m2", "e2m3", "e2m1"}) >= 0)
    d.fail("products of 6- and 4-bit floats are not supported");
  d.op.flags = 1;
}

/// Shape, layouts, types, what a form may be.
void decodeMma(Decode &d) {
  Product s;
  s.sparse = d.take("sp") || d.take("sp::ordered_metadata");
  d.take("sync");
  d.take("aligned");
  takeShape(d, s);
  takeKind(d);
  s.saturate = d.take("satfinite");
  int la = d.takeOf({"row", "col"}), lb = d.takeOf({"row", "col"});
  s.bits = static_cast<BitOp>(d.takeOf({"xor", "and"}) + 1);
  if (s.bits != BitOp::None && !d.take("popc"))
    d.fail("expected .popc");
  s.c = takeElement(d);
  s.b = takeElement(d);
  s.a = takeElement(d);
  s.d = takeElement(d);
  bool half = s.a == Type::F16 || s.a == Type::BF16;
  if (s.m == 8 && s.k == 4 && s.a == Type::F16) {
    s.aColumns = la == 1;
    s.bRows = lb == 0;
  } else if (la != 0 || lb != 1) {
    d.fail("expected .row.col");
  }
  if (d.op.flags && (elementBits(s.a) != 8 || isInteger(s.a)))
    d.fail(".kind::f8f6f4 needs floating-point types");
  if (!isProduct(s))
    d.fail("this combination of shape and types is not supported");
  d.expectCount(s.sparse ? 6 : 4);
  std::vector<u32> regs;
  auto group = [&](size_t i, u32 n, Type t, bool write) {
    const ast::Operand &o = d.operand(i);
    std::vector<ast::Operand> e = o.kind == ast::Operand::Kind::Vector
                                      ? o.elems
                                      : std::vector<ast::Operand>{o};
    if (e.size() != n)
      d.fail("operand " + std::to_string(i + 1) + " needs " +
             std::to_string(n) + " registers, got " + std::to_string(e.size()));
    Type as = registerType(t);
    for (const ast::Operand &x : e)
      regs.push_back(write ? d.sink(x, as) : d.source(x, as));
  };
  Registers n = registersOf(s);
  group(0, n.d, s.d, true);
  group(1, n.a, s.a, false);
  group(2, n.b, s.b, false);
  group(3, n.c, s.c, false);
  if (s.sparse) {
    regs.push_back(d.source(4, Type::B32));
    const ast::Operand &selector = d.operand(5);
    if (selector.kind != ast::Operand::Kind::Immediate ||
        selector.imm >= 4 / metadataThreads(s))
      d.fail("the selector is a constant from 0 to " +
             std::to_string(4 / metadataThreads(s) - 1));
    s.selector = static_cast<u32>(selector.imm);
  }
  d.info.reconverges = true;
  if (half && s.c == Type::F32 && s.m == 16 && !s.sparse) {
    d.list(regs);
    if (s.k == 16)
      return d.emit(s.a == Type::BF16 ? mmaHalf<16, true> : mmaHalf<16, false>);
    return d.emit(s.a == Type::BF16 ? mmaHalf<8, true> : mmaHalf<8, false>);
  }
  // The shape travels behind the registers.
  d.op.flags = static_cast<u32>(regs.size());
  regs.resize(regs.size() + (sizeof(Product) + 3) / 4);
  std::memcpy(regs.data() + d.op.flags, &s, sizeof s);
  d.list(regs);
  d.emit(s.m == 8 && s.k == 4 && s.a == Type::F16 ? multiplyQuads : multiply);
}
} // namespace

void registerMma(OpTable &t) { t["mma"] = decodeMma; }

HAMLET_SIMD_END
