//===- Video.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Video instructions: vadd and its like on bytes, halves and words, vadd2 and
// vadd4 on several at once.
#include "emulator/ops/Families.h"
#include "emulator/ops/Simd.h"

#include <algorithm>

HAMLET_SIMD_BEGIN
namespace {
enum Operation : u8 { Add, Sub, AbsDiff, Min, Max, Avrg, Shl, Shr, Set, Mad };
enum Second : u8 { None, AddTo, MinWith, MaxWith };
using Wide = __int128;

struct Video {
  Operation op;
  u8 count; ///< 1, or elements of the SIMD forms
  bool aSigned, bSigned, dSigned;
  bool saturate, wrap, plusOne, product, addend; ///< the last two: negated
  Second second;
  u8 compare; ///< eq ne lt le gt ge
  u8 scale;   ///< bits that vmad shifts right
  // Scalars: first bit and bits of the part. SIMD: elements of {b, a}.
  u8 aPart[4], bPart[4], dPart[2];
  u8 mask;
};

s64 extended(u64 v, u32 bits, bool isSigned) {
  v &= (u64(1) << bits) - 1;
  return isSigned && v >> (bits - 1) & 1 ? s64(v) - (s64(1) << bits) : s64(v);
}
Wide clamped(Wide v, u32 bits, bool isSigned) {
  Wide low = isSigned ? -(Wide(1) << (bits - 1)) : 0;
  Wide high = (Wide(1) << (isSigned ? bits - 1 : bits)) - 1;
  return std::min(std::max(v, low), high);
}

Wide basic(const Video &v, s64 a, s64 b) {
  switch (v.op) {
  case Add:
    return Wide(a) + b;
  case Sub:
    return Wide(a) - b;
  case AbsDiff:
    return a > b ? Wide(a) - b : Wide(b) - a;
  case Min:
    return std::min(a, b);
  case Max:
    return std::max(a, b);
  case Avrg:
    return (a + b + (a + b >= 0)) >> 1;
  case Shl:
    return Wide(a) << b;
  case Shr:
    return Wide(a) >> b;
  default:
    break;
  }
  const bool results[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
  return results[v.compare];
}

u32 multiplied(const Video &v, s64 a, s64 b, u32 c) {
  bool isSigned = v.aSigned || v.bSigned || v.product || v.addend;
  Wide t = Wide(a) * b;
  if (v.product)
    t = ~t;
  if (v.addend)
    c = ~c;
  t += isSigned ? Wide(s32(c)) : Wide(c);
  t += v.plusOne || v.product || v.addend;
  t >>= v.scale;
  return static_cast<u32>(v.saturate ? clamped(t, 32, isSigned) : t);
}

u32 scalar(const Video &v, u32 x, u32 y, u32 c) {
  s64 a = extended(x >> v.aPart[0], v.aPart[1], v.aSigned);
  s64 b = extended(y >> v.bPart[0], v.bPart[1], v.bSigned);
  if (v.op == Mad)
    return multiplied(v, a, b, c);
  if (v.op == Shl || v.op == Shr)
    b = v.wrap ? b & 31 : std::min<s64>(b, 32);
  Wide t = basic(v, a, b);
  u32 bits = v.dPart[1];
  if (v.saturate)
    t = clamped(t, bits, v.dSigned);
  Wide other = v.dSigned ? Wide(s32(c)) : Wide(c);
  t = v.second == AddTo     ? t + other
      : v.second == MinWith ? std::min(t, other)
      : v.second == MaxWith ? std::max(t, other)
                            : t;
  if (bits == 32)
    return static_cast<u32>(t);
  u32 mask = ((1u << bits) - 1) << v.dPart[0];
  return (c & ~mask) | (static_cast<u32>(t) << v.dPart[0] & mask);
}

u32 several(const Video &v, u32 x, u32 y, u32 c) {
  u32 bits = 32 / v.count, sum = c, merged = 0;
  u64 both = u64(y) << 32 | x;
  for (u32 i = 0; i < v.count; ++i) {
    s64 a = extended(both >> (v.aPart[i] * bits), bits, v.aSigned);
    s64 b = extended(both >> (v.bPart[i] * bits), bits, v.bSigned);
    Wide t = basic(v, a, b);
    if (v.saturate)
      t = clamped(t, bits, v.dSigned);
    u32 mask = ((1u << bits) - 1) << (i * bits);
    bool mine = v.mask >> i & 1;
    sum += mine ? static_cast<u32>(t) : 0;
    merged |= (mine ? static_cast<u32>(t) << (i * bits) : c) & mask;
  }
  return v.second == AddTo ? sum : merged;
}

// regs: the Video.
Step video(Warp &w, const Op &o, u32 m) {
  Video v;
  std::memcpy(&v, o.regs, sizeof v);
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1) {
      u32 a = lane<u32>(w, o.a)[l], b = lane<u32>(w, o.b)[l],
          c = lane<u32>(w, o.c)[l];
      lane<u32>(w, o.d)[l] =
          v.count == 1 ? scalar(v, a, b, c) : several(v, a, b, c);
    }
  return Step::Next;
}

/// b0 to b3, h0, h1: first bit and bits; without: all.
void takePart(Decode &d, ast::Operand &o, u8 (&to)[2]) {
  to[0] = 0;
  to[1] = 32;
  const std::string &p = o.part;
  if (p.empty())
    return;
  u32 bits = p[0] == 'b' ? 8 : 16, at = static_cast<u32>(p.back() - '0');
  if (p.size() != 2 || (p[0] != 'b' && p[0] != 'h') || at >= 32 / bits)
    d.fail("'." + p + "' is not one of .b0 .b1 .b2 .b3 .h0 .h1");
  to[0] = static_cast<u8>(at * bits);
  to[1] = static_cast<u8>(bits);
  o.part.clear();
}

/// The elements that .b7654 or .h32 name, the last first.
void takeElements(Decode &d, ast::Operand &o, u32 count, u32 first, u8 *to) {
  for (u32 i = 0; i < count; ++i)
    to[i] = static_cast<u8>(first + i);
  const std::string &p = o.part;
  if (p.empty())
    return;
  bool good = p.size() == count + 1 && p[0] == (count == 4 ? 'b' : 'h');
  for (u32 i = 0; good && i < count; ++i) {
    to[i] = static_cast<u8>(p[count - i] - '0');
    good = to[i] < 2 * count;
  }
  if (!good)
    d.fail("'." + p + "' does not name " + std::to_string(count) +
           " elements of both operands");
  o.part.clear();
}

/// .b20: elements 2 and 0; falling.
u8 takeMask(Decode &d, ast::Operand &o, u32 count) {
  const std::string &p = o.part;
  if (p.empty())
    return static_cast<u8>((1u << count) - 1);
  u32 mask = 0, before = count;
  bool good = p.size() > 1 && p[0] == (count == 4 ? 'b' : 'h');
  for (size_t i = 1; good && i < p.size(); ++i) {
    u32 at = static_cast<u32>(p[i] - '0');
    good = at < before;
    before = at;
    mask |= 1u << (at & 31);
  }
  if (!good)
    d.fail("'." + p + "' is no mask of " + std::to_string(count) +
           " elements, highest first");
  o.part.clear();
  return static_cast<u8>(mask);
}

bool takeSign(Decode &d) {
  Type t = d.takeType();
  if (t != Type::U32 && t != Type::S32)
    d.fail("expected .u32 or .s32");
  return t == Type::S32;
}

template <Operation K, u32 Count> void decodeVideo(Decode &d) {
  Video v{};
  v.op = K;
  v.count = Count;
  v.bSigned = takeSign(d);
  v.aSigned = takeSign(d);
  v.dSigned = K != Set && takeSign(d);
  if ((K == Shl || K == Shr) && v.bSigned)
    d.fail("the shift is .u32");
  v.saturate = K != Set && d.take("sat");
  if (K == Set) {
    int c = d.takeOf({"eq", "ne", "lt", "le", "gt", "ge"});
    if (c < 0)
      d.fail("expected a comparison");
    v.compare = static_cast<u8>(c);
  }
  if (K == Shl || K == Shr) {
    int mode = d.takeOf({"clamp", "wrap"});
    if (mode < 0)
      d.fail("expected .clamp or .wrap");
    v.wrap = mode == 1;
  }
  if (K == Mad) {
    v.plusOne = d.take("po");
    int scale = d.takeOf({"shr7", "shr15"});
    v.scale = scale < 0 ? 0 : scale == 0 ? 7 : 15;
  } else {
    int second =
        Count == 1 ? d.takeOf({"add", "min", "max"}) : d.takeOf({"add"});
    v.second = static_cast<Second>(second + 1);
  }
  if (Count > 1 && v.saturate && v.second != None)
    d.fail(".sat and .add exclude each other");
  size_t n = d.count();
  d.expectCount(3, 4);
  ast::Operand to = d.operand(0), a = d.operand(1), b = d.operand(2),
               c = n == 4 ? d.operand(3) : ast::Operand();
  if (Count == 1) {
    u8 part[2];
    takePart(d, a, part);
    std::copy(part, part + 2, v.aPart);
    takePart(d, b, part);
    std::copy(part, part + 2, v.bPart);
    takePart(d, to, v.dPart);
    if (K == Mad && v.dPart[1] != 32)
      d.fail("the result is a whole register");
    bool needed = K == Mad || v.second != None || v.dPart[1] != 32;
    if (v.second != None && v.dPart[1] != 32)
      d.fail("a second operation and a part of the result exclude each other");
    d.expectCount(needed ? 4 : 3);
  } else {
    takeElements(d, a, Count, 0, v.aPart);
    takeElements(d, b, Count, Count, v.bPart);
    v.mask = takeMask(d, to, Count);
    d.expectCount(4);
  }
  if (K == Mad) {
    v.product = a.minus != b.minus;
    v.addend = c.minus;
    if ((v.plusOne && (a.minus || b.minus || c.minus)) ||
        (v.product && v.addend))
      d.fail("one of product and addend is negated, none with .po");
    a.minus = b.minus = c.minus = false;
  }
  d.op.d = d.sink(to, Type::U32);
  d.op.a = d.source(a, Type::U32);
  d.op.b = d.source(b, Type::U32);
  d.op.c = n == 4 ? d.source(c, Type::U32) : d.constant(0, 4);
  std::vector<u32> packed((sizeof v + 3) / 4);
  std::memcpy(packed.data(), &v, sizeof v);
  d.list(packed);
  d.emit(video);
}
} // namespace

void registerVideo(OpTable &t) {
  t["vadd"] = decodeVideo<Add, 1>;
  t["vsub"] = decodeVideo<Sub, 1>;
  t["vabsdiff"] = decodeVideo<AbsDiff, 1>;
  t["vmin"] = decodeVideo<Min, 1>;
  t["vmax"] = decodeVideo<Max, 1>;
  t["vshl"] = decodeVideo<Shl, 1>;
  t["vshr"] = decodeVideo<Shr, 1>;
  t["vset"] = decodeVideo<Set, 1>;
  t["vmad"] = decodeVideo<Mad, 1>;
  t["vadd2"] = decodeVideo<Add, 2>;
  t["vsub2"] = decodeVideo<Sub, 2>;
  t["vavrg2"] = decodeVideo<Avrg, 2>;
  t["vabsdiff2"] = decodeVideo<AbsDiff, 2>;
  t["vmin2"] = decodeVideo<Min, 2>;
  t["vmax2"] = decodeVideo<Max, 2>;
  t["vset2"] = decodeVideo<Set, 2>;
  t["vadd4"] = decodeVideo<Add, 4>;
  t["vsub4"] = decodeVideo<Sub, 4>;
  t["vavrg4"] = decodeVideo<Avrg, 4>;
  t["vabsdiff4"] = decodeVideo<AbsDiff, 4>;
  t["vmin4"] = decodeVideo<Min, 4>;
  t["vmax4"] = decodeVideo<Max, 4>;
  t["vset4"] = decodeVideo<Set, 4>;
}

HAMLET_SIMD_END
