//===- Wgmma.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// wgmma: asynchronous products of a warpgroup, operands in shared memory.
//
// Warp w of the group owns rows 16 w to 16 w + 15 and works alone, but a group
// must not complete for one warp before all four have issued it.
#include "emulator/core/Narrow.h"
#include "emulator/ops/Copy.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"
#include "emulator/ops/Real.h"

#include <charconv>

HAMLET_SIMD_BEGIN
namespace {
struct Shape {
  u32 n, k; ///< k elements make 32 bytes
  Type a, b, d;
  bool aRegisters, aTrans, bTrans, saturate;
  s32 scaleA, scaleB;
  u32 scaleImmediate; ///< 0, 1, or 2: predicate in `c`
  u32 dRegs;
};
Shape shapeOf(const Op &o) {
  Shape s;
  std::memcpy(&s, o.regs + o.regCount - (sizeof(Shape) + 3) / 4, sizeof s);
  return s;
}

float number(Type t, const u8 *p) {
  switch (t) {
  case Type::F16: {
    _Float16 h;
    std::memcpy(&h, p, 2);
    return h;
  }
  case Type::BF16: {
    u16 h;
    std::memcpy(&h, p, 2);
    return std::bit_cast<float>(u32(h) << 16);
  }
  case Type::TF32: {
    u32 v;
    std::memcpy(&v, p, 4);
    return std::bit_cast<float>(v & 0xffffe000);
  }
  case Type::E4M3:
    return static_cast<float>(decode(*p, kE4M3));
  case Type::E5M2:
    return static_cast<float>(decode(*p, kE5M2));
  case Type::S8:
    return static_cast<s8>(*p);
  default:
    return *p;
  }
}

/// Where element (row along M or N, kb bytes along K) lies; with `trans` rows
/// are contiguous (16-bit elements only).
struct Descriptor {
  u32 start, lead, stride, mode;
  explicit Descriptor(u64 d)
      : start(static_cast<u32>(d & 0x3fff) << 4),
        lead(static_cast<u32>(d >> 16 & 0x3fff) << 4),
        stride(static_cast<u32>(d >> 32 & 0x3fff) << 4),
        mode(static_cast<u32>(d >> 62)) {}
  u32 address(u32 row, u32 kb, bool trans) const {
    u32 at;
    static const u32 spans[] = {16, 128, 64, 32};
    u32 span = spans[mode];
    if (!trans) {
      at = mode == 0 ? start + (row >> 3) * stride + (kb >> 4) * lead +
                           (row & 7) * 16 + (kb & 15)
                     : start + (row >> 3) * stride + (row & 7) * span + kb;
    } else {
      u32 k = kb >> 1, wide = span / 2;
      at = mode == 0 ? start + (row & 7) * 2 + (row >> 3) * stride +
                           (k & 7) * 16 + (k >> 3) * lead
                     : start + (row % wide) * 2 + (row / wide) * lead +
                           (k & 7) * span + (k >> 3) * stride;
    }
    static const u32 masks[] = {0, 0x70, 0x30, 0x10};
    return at ^ (at >> 3 & masks[mode]);
  }
};

u8 *sharedAt(Warp &w, const Op &o, u32 address, u32 bytes) {
  if (address < kSharedStart ||
      address - kSharedStart + bytes > w.cta->sharedBytes) {
    Resolved r = resolve(w, o, Space::Shared, address, bytes, 0, false);
    return r.host;
  }
  return w.cta->shared + (address - kSharedStart);
}

struct Panel {
  const Cta *cta = nullptr;
  u64 version = 0, descriptor = 0, cluster = 0;
  u32 n = 0;
  Type type = Type::None;
  bool trans = false;
  std::vector<float> values; ///< [n / 8][parity][k][4]
};
/// B as floats in the order of the accumulators. The four warps of a group and
/// the groups of a CTA share it.
const float *panelOf(Warp &w, const Op &o, const Shape &s, u64 descriptor) {
  thread_local Panel cache[8];
  thread_local u32 turn = 0;
  for (Panel &p : cache)
    if (p.cta == w.cta && p.cluster == w.cluster->id &&
        p.version == w.cta->sharedVersion && p.descriptor == descriptor &&
        p.n == s.n && p.type == s.b && p.trans == s.bTrans)
      return p.values.data();
  Panel &p = cache[turn++ & 7];
  p = {w.cta,    w.cta->sharedVersion, descriptor, w.cluster->id, s.n, s.b,
       s.bTrans, std::move(p.values)};
  p.values.resize(s.n * s.k);
  Descriptor d(descriptor);
  u32 size = 32 / s.k;
  for (u32 n = 0; n < s.n; ++n)
    for (u32 k = 0; k < s.k; ++k) {
      const u8 *at = sharedAt(w, o, d.address(n, k * size, s.bTrans), size);
      p.values[(((n >> 3) * 2 + (n & 1)) * s.k + k) * 4 + ((n & 7) >> 1)] =
          number(s.b, at);
    }
  return p.values.data();
}

/// A of this warp: [half][k][lane], row 8 half + lane / 4.
void rowsOf(Warp &w, const Op &o, const Shape &s, u64 descriptor,
            float (*a)[32][32]) {
  u32 size = 32 / s.k, first = (w.index & 3) * 16;
  for (u32 row = 0; row < 16; ++row)
    for (u32 k = 0; k < s.k; ++k) {
      float v;
      if (s.aRegisters) {
        // As A of mma.sync: register r holds row g + 8 (r & 1).
        u32 per = 4 / size, block = k / (4 * per), inBlock = k % (4 * per);
        u32 reg = (row >> 3) + 2 * block, l = (row & 7) * 4 + inBlock / per;
        u32 raw = lane<u32>(w, o.regs[s.dRegs + reg])[l] >>
                  (8 * size * (inBlock % per));
        u8 bytes[4];
        std::memcpy(bytes, &raw, 4);
        v = number(s.a, bytes);
      } else {
        Descriptor d(descriptor);
        v = number(
            s.a,
            sharedAt(w, o, d.address(first + row, k * size, s.aTrans), size));
      }
      v *= static_cast<float>(s.scaleA);
      for (u32 t = 0; t < 4; ++t)
        a[row >> 3][k][(row & 7) * 4 + t] = v;
    }
}

void compute(Warp &w, const Op &o, const Shape &s, u64 da, u64 db,
             bool accumulate) {
  alignas(64) float a[2][32][32];
  rowsOf(w, o, s, da, a);
  const float *b = panelOf(w, o, s, db);
  bool packed = s.d == Type::F16, integer = s.d == Type::S32;
  for (u32 j = 0; j < s.n / 8; ++j)
    for (u32 e = 0; e < 2; ++e)
      for (u32 h = 0; h < 2; ++h) {
        u32 i = j * 4 + h * 2 + e;
        u32 reg = o.regs[packed ? i / 2 : i];
        const float *bp = b + (j * 2 + e) * s.k * 4;
        if (integer) {
          for (u32 l = 0; l < 32; ++l) {
            s64 v = accumulate ? lane<s32>(w, reg)[l] : 0;
            for (u32 k = 0; k < s.k; ++k)
              v += static_cast<s64>(a[h][k][l]) *
                   static_cast<s64>(bp[k * 4 + (l & 3)]);
            if (s.saturate)
              v = std::min<s64>(std::max<s64>(v, INT32_MIN), INT32_MAX);
            lane<s32>(w, reg)[l] = static_cast<s32>(v);
          }
          continue;
        }
        Vec<float> acc = 0;
        if (accumulate) {
          if (packed) {
            Vec<u32> raw = get<u32>(w, reg) >> Vec<u32>(16 * e);
            acc = __builtin_convertvector(
                __builtin_bit_cast(Vec<_Float16>,
                                   __builtin_convertvector(raw, Vec<u16>)),
                Vec<float>);
          } else {
            acc = get<float>(w, reg);
          }
        }
        for (u32 k = 0; k < s.k; ++k) {
          using V4 = float __attribute__((ext_vector_type(4)));
          V4 q;
          std::memcpy(&q, bp + k * 4, 16);
          q *= static_cast<float>(s.scaleB);
          Vec<float> bv = __builtin_shufflevector(
              q, q, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
              0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
          Vec<float> av;
          std::memcpy(&av, a[h][k], 128);
          acc = __builtin_elementwise_fma(av, bv, acc);
        }
        if (packed) {
          Vec<u32> code = __builtin_convertvector(
              __builtin_bit_cast(Vec<u16>,
                                 __builtin_convertvector(acc, Vec<_Float16>)),
              Vec<u32>);
          Vec<u32> old = get<u32>(w, reg);
          put<u32>(w, reg,
                   e ? (old & Vec<u32>(0xffff)) | code << Vec<u32>(16)
                     : (old & Vec<u32>(0xffff0000)) | code,
                   ~0u);
        } else {
          put<float>(w, reg, canonical(acc), ~0u);
        }
      }
}

Step multiply(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Shape s = shapeOf(o);
  u32 l0 = static_cast<u32>(std::countr_zero(m));
  u64 da = s.aRegisters ? 0 : lane<u64>(w, o.a)[l0], db = lane<u64>(w, o.b)[l0];
  bool accumulate =
      s.scaleImmediate == 2 ? (pred(w, o.c) >> l0 & 1) : s.scaleImmediate != 0;
  if (w.check) {
    u32 size = 32 / s.k;
    auto cover = [&](u64 descriptor, u32 from, u32 rows, bool trans) {
      Descriptor d(descriptor);
      for (u32 r = from; r < from + rows; r += trans ? 8 : 1)
        for (u32 kb = 0; kb < 32; kb += trans ? size : 16) {
          u32 at = d.address(r, kb, trans);
          resolve(w, o, Space::Shared, at, 16, l0, false);
          w.check->wgmmaRead(w, o, *w.cta, at, 16);
        }
    };
    if (!s.aRegisters)
      cover(da, (w.index & 3) * 16, 16, s.aTrans);
    // Each warp accounts for a quarter of B.
    u32 part = s.n / 4 / 8 * 8;
    u32 from = (w.index & 3) * part;
    cover(db, from, (w.index & 3) == 3 ? s.n - from : part, s.bTrans);
    std::vector<u32> acc(o.regs, o.regs + s.dRegs), frag;
    if (s.aRegisters)
      frag.assign(o.regs + s.dRegs, o.regs + s.dRegs + 4);
    w.check->wgmmaIssue(w, o, acc, frag);
  }
  if (w.engine->config->async == AsyncMode::Eager) {
    compute(w, o, s, da, db, accumulate);
  } else {
    Warp *warp = &w;
    const Op *op = &o;
    w.async.wgmma.push_back({w.async.wgmmaOpen, [=] {
                               compute(*warp, *op, s, da, db, accumulate);
                             }});
  }
  return Step::Next;
}

Step fence(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  if (w.check)
    w.check->wgmmaFence(w);
  return Step::Next;
}
Step commit(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  ++w.async.wgmmaOpen;
  ++w.engine->events;
  if (w.check)
    w.check->wgmmaCommit(w);
  return Step::Next;
}
Step wait(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  u64 open = w.async.wgmmaOpen, due = open > o.target ? open - o.target : 0;
  u32 base = w.index & ~3u;
  for (u32 i = base; i < base + 4 && i < w.cta->warps.size(); ++i)
    if (!w.cta->warps[i]->done && w.cta->warps[i]->async.wgmmaOpen < due) {
      w.waitingFor = "waiting for the warpgroup to issue the group";
      return Step::Block;
    }
  auto &list = w.async.wgmma;
  while (!list.empty() && list.front().first < due) {
    list.front().second();
    list.pop_front();
  }
  if (w.check)
    w.check->wgmmaWait(w, o.target);
  return Step::Next;
}

void decodeMma(Decode &d) {
  d.take("sync");
  d.take("aligned");
  Shape s{};
  std::string shape = d.firstModifier();
  const char *end = shape.data() + shape.size();
  bool whole = shape.starts_with("m64n");
  if (whole) {
    auto n = std::from_chars(shape.data() + 4, end, s.n);
    whole = n.ec == std::errc() && n.ptr != end && *n.ptr == 'k';
    if (whole) {
      auto k = std::from_chars(n.ptr + 1, end, s.k);
      whole = k.ec == std::errc() && k.ptr == end;
    }
  }
  if (!whole || s.n % 8 || s.n < 8 || s.n > 256)
    d.fail("expected a shape m64nNkK");
  d.takeAny();
  s.saturate = d.take("satfinite");
  s.b = d.takeType();
  s.a = d.takeType();
  s.d = d.takeType();
  bool half = s.a == Type::F16 || s.a == Type::BF16, tf = s.a == Type::TF32;
  bool fp8 = s.a == Type::E4M3 || s.a == Type::E5M2,
       i8 = s.a == Type::S8 || s.a == Type::U8;
  bool pair = s.a == s.b || (fp8 && (s.b == Type::E4M3 || s.b == Type::E5M2)) ||
              (i8 && (s.b == Type::S8 || s.b == Type::U8));
  bool out =
      i8 ? s.d == Type::S32
         : s.d == Type::F32 || (s.d == Type::F16 && (s.a == Type::F16 || fp8));
  if (!(half || tf || fp8 || i8) || !pair || !out ||
      s.k != (half ? 16u
              : tf ? 8u
                   : 32u))
    d.fail("this combination of shape and types is not supported");
  const ast::Operand &dst = d.operand(0), &a = d.operand(1);
  s.dRegs = s.d == Type::F16 ? s.n / 4 : s.n / 2;
  if (dst.elems.size() != s.dRegs)
    d.fail("expected " + std::to_string(s.dRegs) + " accumulators, got " +
           std::to_string(dst.elems.size()));
  std::vector<u32> regs;
  regs.reserve(dst.elems.size() + 4);
  Type dt = s.d == Type::F16 ? Type::B32 : s.d;
  for (const ast::Operand &e : dst.elems)
    regs.push_back(d.sink(e, dt));
  s.aRegisters = a.kind == ast::Operand::Kind::Vector;
  if (s.aRegisters) {
    if (a.elems.size() != 4)
      d.fail("A in registers has 4 of them");
    for (const ast::Operand &e : a.elems)
      regs.push_back(d.source(e, Type::B32));
  } else {
    d.op.a = d.source(1, Type::B64);
  }
  d.op.b = d.source(2, Type::B64);
  s.scaleImmediate = 1;
  s.scaleA = s.scaleB = 1;
  size_t at = 3;
  if (d.count() > at) {
    const ast::Operand &scale = d.operand(at++);
    if (scale.kind == ast::Operand::Kind::Immediate) {
      s.scaleImmediate = scale.imm != 0;
    } else {
      s.scaleImmediate = 2;
      d.op.c = d.predicate(scale);
    }
  }
  auto immediate = [&](size_t i) {
    if (d.operand(i).kind != ast::Operand::Kind::Immediate)
      d.fail("scales and transposes are constants");
    return static_cast<s32>(d.operand(i).imm);
  };
  if (!i8 && d.count() > at) {
    s.scaleA = immediate(at++);
    s.scaleB = immediate(at++);
  }
  if (half && d.count() > at) {
    if (!s.aRegisters)
      s.aTrans = immediate(at++) != 0;
    s.bTrans = immediate(at++) != 0;
  }
  d.expectCount(at);
  size_t n = regs.size();
  regs.resize(n + (sizeof(Shape) + 3) / 4);
  std::memcpy(regs.data() + n, &s, sizeof s);
  d.list(regs);
  d.info.reconverges = true;
  // With scale-d false D is not read; the sanitizer is told of it by hand.
  d.emit(multiply);
}

void decodeWgmma(Decode &d) {
  int k = d.takeOf({"mma_async", "fence", "commit_group", "wait_group"});
  if (k == 0)
    return decodeMma(d);
  d.take("sync");
  d.take("aligned");
  if (k == 3) {
    d.expectCount(1);
    d.op.target = static_cast<u32>(d.operand(0).imm);
    return d.emit(wait);
  }
  d.expectCount(0);
  if (k < 0)
    d.fail("unknown operation");
  d.emit(k == 1 ? fence : commit);
}
} // namespace

void registerWgmma(OpTable &t) { t["wgmma"] = decodeWgmma; }

HAMLET_SIMD_END
