// mma.sync: D = A B + C of one warp.
//
// With g = lane / 4 and t = lane % 4, e elements a register: register r of A
// holds row g + 8 (r & 1), columns t e + 4 e (r / 2) ...; of B row t e + 4 e r
// ..., column g; C has row g + 8 (i / 2), column 2 t + (i & 1). Sums run over k
// in order, one fused multiply-add each, in f32 (f64, s32); f16 accumulators
// are rounded once at the end.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"
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

struct Shape {
  u32 m, n, k;
  Type a, b, acc; ///< acc: C and D
  u32 bits;       ///< of one element of A and B
  u32 aRegs, bRegs, cRegs;
  bool saturate;
};

double element(Type t, u64 raw) {
  switch (t) {
  case Type::F16:
    return decode(static_cast<u32>(raw) & 0xffff, kF16);
  case Type::BF16:
    return decode(static_cast<u32>(raw) & 0xffff, kBF16);
  case Type::TF32:
    return std::bit_cast<float>(static_cast<u32>(raw) & 0xffffe000);
  case Type::E4M3:
    return decode(raw & 0xff, kE4M3);
  case Type::E5M2:
    return decode(raw & 0xff, kE5M2);
  case Type::S8:
    return static_cast<s8>(raw);
  case Type::U8:
    return static_cast<u8>(raw);
  default:
    return std::bit_cast<double>(raw);
  }
}

Step mmaGeneric(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Shape s;
  std::memcpy(&s, o.regs + o.flags, sizeof s);
  const u32 *ra = o.regs + s.cRegs, *rb = ra + s.aRegs, *rc = rb + s.bRegs;
  u32 per = s.bits == 64 ? 1 : 32 / s.bits;
  double a[16][64], b[64][8], c[16][8];
  auto raw = [&](u32 reg, u32 l, u32 j) -> u64 {
    if (s.bits == 64)
      return lane<u64>(w, reg)[l];
    return lane<u32>(w, reg)[l] >> (j * s.bits);
  };
  u32 halves = s.m / 8;
  for (u32 l = 0; l < 32; ++l) {
    u32 g = l / 4, t = l % 4;
    for (u32 r = 0; r < s.aRegs; ++r)
      for (u32 j = 0; j < per; ++j)
        a[g + 8 * (r % halves)][t * per + j + r / halves * 4 * per] =
            element(s.a, raw(ra[r], l, j));
    for (u32 r = 0; r < s.bRegs; ++r)
      for (u32 j = 0; j < per; ++j)
        b[t * per + j + r * 4 * per][g] = element(s.b, raw(rb[r], l, j));
    for (u32 i = 0; i < 2 * halves; ++i) {
      double v;
      switch (s.acc) {
      case Type::F16:
        v = decode(lane<u32>(w, rc[i / 2])[l] >> (16 * (i & 1)) & 0xffff, kF16);
        break;
      case Type::F32:
        v = lane<float>(w, rc[i])[l];
        break;
      case Type::S32:
        v = lane<s32>(w, rc[i])[l];
        break;
      default:
        v = lane<double>(w, rc[i])[l];
      }
      c[g + 8 * (i / 2)][2 * t + (i & 1)] = v;
    }
  }
  for (u32 i = 0; i < s.m; ++i)
    for (u32 j = 0; j < 8; ++j) {
      if (s.acc == Type::S32) {
        s64 v = static_cast<s64>(c[i][j]);
        for (u32 k = 0; k < s.k; ++k)
          v += static_cast<s64>(a[i][k]) * static_cast<s64>(b[k][j]);
        c[i][j] = s.saturate ? static_cast<double>(std::min<s64>(
                                   std::max<s64>(v, INT32_MIN), INT32_MAX))
                             : static_cast<double>(static_cast<s32>(v));
      } else if (s.acc == Type::F64) {
        for (u32 k = 0; k < s.k; ++k)
          c[i][j] = __builtin_fma(a[i][k], b[k][j], c[i][j]);
      } else {
        float v = static_cast<float>(c[i][j]);
        for (u32 k = 0; k < s.k; ++k)
          v = __builtin_fmaf(static_cast<float>(a[i][k]),
                             static_cast<float>(b[k][j]), v);
        c[i][j] = v;
      }
    }
  for (u32 l = 0; l < 32; ++l) {
    u32 g = l / 4, t = l % 4;
    for (u32 i = 0; i < 2 * halves; ++i) {
      double v = c[g + 8 * (i / 2)][2 * t + (i & 1)];
      switch (s.acc) {
      case Type::F16: {
        u32 &d = lane<u32>(w, o.regs[i / 2])[l];
        u32 code = encode(v, kF16, Round::NearestEven);
        d = i & 1 ? (d & 0xffff) | code << 16 : code;
        break;
      }
      case Type::F32:
        lane<u32>(w, o.regs[i])[l] =
            v != v ? 0x7fffffff : std::bit_cast<u32>(static_cast<float>(v));
        break;
      case Type::S32:
        lane<s32>(w, o.regs[i])[l] = static_cast<s32>(v);
        break;
      default:
        lane<double>(w, o.regs[i])[l] = v;
      }
    }
  }
  return Step::Next;
}

u32 bitsOfType(Type t) { return t == Type::TF32 ? 32 : 8 * typeBytes(t); }

void decodeMma(Decode &d) {
  d.take("sync");
  d.take("aligned");
  int which = d.takeOf(
      {"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m8n8k4", "m8n8k16"});
  static constexpr u32 dims[][2] = {{16, 4},  {16, 8}, {16, 16},
                                    {16, 32}, {8, 4},  {8, 16}};
  bool sat = d.take("satfinite");
  if (which < 0)
    d.fail("this shape is not supported");
  if (!d.take("row") || !d.take("col"))
    d.fail("expected .row.col");
  Type c = d.takeType(), b = d.takeType(), a = d.takeType(), dt = d.takeType();
  Shape s{
      dims[which][0], 8, dims[which][1], a, b, c, bitsOfType(a), 0, 0, 0, sat};
  bool fp8 = a == Type::E4M3 || a == Type::E5M2,
       i8 = a == Type::S8 || a == Type::U8;
  bool half = a == Type::F16 || a == Type::BF16;
  bool known =
      (half && a == b && s.m == 16 && (s.k == 8 || s.k == 16) &&
       (c == Type::F32 || (a == Type::F16 && c == Type::F16))) ||
      (a == Type::TF32 && a == b && s.m == 16 && (s.k == 4 || s.k == 8) &&
       c == Type::F32) ||
      (fp8 && (b == Type::E4M3 || b == Type::E5M2) && s.m == 16 &&
       (s.k == 16 || s.k == 32) && (c == Type::F32 || c == Type::F16)) ||
      (i8 && (b == Type::S8 || b == Type::U8) && c == Type::S32 &&
       ((s.m == 16 && (s.k == 16 || s.k == 32)) || (s.m == 8 && s.k == 16))) ||
      (a == Type::F64 && a == b && c == Type::F64 &&
       ((s.m == 8 && s.k == 4) || (s.m == 16 && s.k <= 16)));
  if (!known || dt != c)
    d.fail("this combination of shape and types is not supported");
  u32 per = s.bits == 64 ? 1 : 32 / s.bits;
  s.aRegs = s.m * s.k / 32 / per;
  s.bRegs = std::max(1u, 8 * s.k / 32 / per);
  s.cRegs = c == Type::F16 ? s.m * 8 / 64 : s.m * 8 / 32;
  d.expectCount(4);
  Type ab = s.bits == 64 ? Type::F64 : Type::B32;
  Type cd = c == Type::F16 ? Type::B32 : c;
  std::vector<u32> regs;
  auto group = [&](size_t i, u32 n, Type t, bool write) {
    const ast::Operand &o = d.operand(i);
    std::vector<ast::Operand> e = o.kind == ast::Operand::Kind::Vector
                                      ? o.elems
                                      : std::vector<ast::Operand>{o};
    if (e.size() != n)
      d.fail("operand " + std::to_string(i + 1) + " needs " +
             std::to_string(n) + " registers, got " + std::to_string(e.size()));
    for (const ast::Operand &x : e)
      regs.push_back(write ? d.sink(x, t) : d.source(x, t));
  };
  group(0, s.cRegs, cd, true);
  group(1, s.aRegs, ab, false);
  group(2, s.bRegs, ab, false);
  group(3, s.cRegs, cd, false);
  d.info.reconverges = true;
  if (half && c == Type::F32) {
    d.list(regs);
    if (s.k == 16)
      return d.emit(a == Type::BF16 ? mmaHalf<16, true> : mmaHalf<16, false>);
    return d.emit(a == Type::BF16 ? mmaHalf<8, true> : mmaHalf<8, false>);
  }
  // The shape travels behind the registers.
  d.op.flags = static_cast<u32>(regs.size());
  regs.resize(regs.size() + (sizeof(Shape) + 3) / 4);
  std::memcpy(regs.data() + d.op.flags, &s, sizeof s);
  d.list(regs);
  d.emit(mmaGeneric);
}
} // namespace

void registerMma(OpTable &t) { t["mma"] = decodeMma; }

HAMLET_SIMD_END
