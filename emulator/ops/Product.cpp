//===- Product.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/ops/Product.h"

#include "emulator/core/Narrow.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"
#include "emulator/ops/Real.h"

#include <charconv>

HAMLET_SIMD_BEGIN

Type takeElement(Decode &d) {
  static constexpr std::pair<const char *, Type> kNarrow[] = {
      {"s4", Type::S4}, {"u4", Type::U4}, {"b1", Type::B1}};
  const auto &left = d.remaining();
  for (size_t i = left.size(); i-- > 0;) {
    for (auto &[name, type] : kNarrow)
      if (left[i] == name) {
        d.take(name);
        return type;
      }
    if (typeNamed(left[i]) != Type::None)
      break;
  }
  return d.takeType();
}

void takeShape(Decode &d, Product &s) {
  for (const std::string &m : d.remaining()) {
    const char *at = m.data(), *end = at + m.size();
    auto part = [&](char c, u32 &v) {
      if (at == end || *at != c)
        return false;
      auto r = std::from_chars(at + 1, end, v);
      at = r.ptr;
      return r.ec == std::errc();
    };
    if (part('m', s.m) && part('n', s.n) && part('k', s.k) && at == end) {
      d.take(std::string(m));
      return;
    }
  }
  d.fail("expected a shape, for example .m16n8k16");
}

bool isProduct(const Product &s) {
  bool half = s.a == Type::F16 || s.a == Type::BF16, tf = s.a == Type::TF32;
  auto fp8 = [](Type t) { return t == Type::E4M3 || t == Type::E5M2; };
  auto i8 = [](Type t) { return t == Type::S8 || t == Type::U8; };
  auto i4 = [](Type t) { return t == Type::S4 || t == Type::U4; };
  bool integer = i8(s.a) || i4(s.a) || s.a == Type::B1;
  bool pair = s.a == s.b || (fp8(s.a) && fp8(s.b)) || (i8(s.a) && i8(s.b)) ||
              (i4(s.a) && i4(s.b));
  if (s.n != 8 || !pair || (s.saturate && !(i8(s.a) || i4(s.a))) ||
      (s.bits != BitOp::None) != (s.a == Type::B1))
    return false;
  // m8n8k4 alone may widen an f16 accumulator.
  bool quads = s.a == Type::F16 && s.m == 8 && s.k == 4 && !s.sparse;
  bool reals =
      s.c == Type::F32 || (s.c == Type::F16 && s.a != Type::BF16 && !tf);
  bool sums = integer            ? s.c == Type::S32
              : s.a == Type::F64 ? s.c == Type::F64
                                 : reals;
  if (!sums || !(s.c == s.d || (quads && s.c == Type::F16 && s.d == Type::F32)))
    return false;
  // Columns of A that are stored.
  u32 k = s.sparse ? s.k / 2 : s.k;
  bool wide = s.m == 16;
  if (half)
    return quads || (wide && (k == 8 || k == 16));
  if (tf)
    return wide && (k == 4 || k == 8);
  if (fp8(s.a))
    return wide && (s.sparse ? s.k == 64 : k == 16 || k == 32);
  if (i8(s.a))
    return (wide && (k == 16 || k == 32)) || (s.m == 8 && k == 16 && !s.sparse);
  if (i4(s.a))
    return (wide && (k == 32 || k == 64)) || (s.m == 8 && k == 32 && !s.sparse);
  if (s.a == Type::B1)
    return !s.sparse &&
           ((wide && (k == 128 || k == 256)) || (s.m == 8 && k == 128));
  return s.a == Type::F64 && !s.sparse &&
         ((s.m == 8 && k == 4) || (wide && (k == 4 || k == 8 || k == 16)));
}

Registers registersOf(const Product &s) {
  u32 k = s.sparse ? s.k / 2 : s.k;
  auto count = [](u32 elements, Type t) {
    u32 bits = elementBits(t);
    return std::max(1u, elements * bits / 32 / (bits == 64 ? 64 : 32));
  };
  if (s.m == 8 && s.k == 4 && s.a == Type::F16)
    return {2, 2, s.c == Type::F16 ? 4u : 8u, s.d == Type::F16 ? 4u : 8u};
  return {count(s.m * k, s.a), count(8 * s.k, s.b), count(s.m * 8, s.c),
          count(s.m * 8, s.d)};
}

u32 metadataThreads(const Product &s) {
  // 4 bits for 4 elements of A, for 2 of tf32, for 8 of 4 bits.
  u32 group = s.a == Type::TF32 ? 2 : elementBits(s.a) == 4 ? 8 : 4;
  return s.m * s.k / group * 4 / (8 * 32);
}

double elementValue(Type t, u64 raw) {
  switch (t) {
  case Type::F16:
    return decode(static_cast<u32>(raw) & 0xffff, kF16);
  case Type::BF16:
    return decode(static_cast<u32>(raw) & 0xffff, kBF16);
  case Type::TF32:
    return std::bit_cast<float>(static_cast<u32>(raw) & 0xffffe000);
  case Type::F32:
    return std::bit_cast<float>(static_cast<u32>(raw));
  case Type::E4M3:
    return decode(raw & 0xff, kE4M3);
  case Type::E5M2:
    return decode(raw & 0xff, kE5M2);
  case Type::S8:
    return static_cast<s8>(raw);
  case Type::U8:
    return static_cast<u8>(raw);
  case Type::S4:
    return static_cast<s8>(raw << 4) >> 4;
  case Type::U4:
    return raw & 15;
  case Type::B1:
    return raw & 1;
  case Type::S32:
    return static_cast<s32>(raw);
  default:
    return std::bit_cast<double>(raw);
  }
}

u64 rawElement(Warp &w, const u32 *regs, u32 bits, u32 l, u32 i) {
  if (bits == 64)
    return lane<u64>(w, regs[i])[l];
  u32 per = 32 / bits;
  return lane<u32>(w, regs[i / per])[l] >> (i % per * bits);
}

void writeSum(Warp &w, const u32 *regs, Type t, u32 l, u32 i, double v) {
  switch (t) {
  case Type::F16: {
    u32 &d = lane<u32>(w, regs[i / 2])[l];
    u32 code = encode(v, kF16, Round::NearestEven);
    d = i & 1 ? (d & 0xffff) | code << 16 : (d & 0xffff0000) | code;
    return;
  }
  case Type::F32:
    lane<u32>(w, regs[i])[l] =
        v != v ? 0x7fffffff : std::bit_cast<u32>(static_cast<float>(v));
    return;
  case Type::S32:
    lane<s32>(w, regs[i])[l] = static_cast<s32>(v);
    return;
  default:
    lane<double>(w, regs[i])[l] = v;
  }
}

double dotted(const Product &s, const double *a, const u16 *columns,
              const double *b, u32 stride, u32 j, double start, u32 count) {
  if (s.bits != BitOp::None) {
    u32 ones = 0;
    for (u32 k = 0; k < count; ++k)
      ones += s.bits == BitOp::Xor ? a[k] != b[k * stride + j]
                                   : a[k] && b[k * stride + j];
    return static_cast<s32>(static_cast<u32>(static_cast<s32>(start)) + ones);
  }
  if (s.c == Type::S32) {
    s64 v = static_cast<s64>(start);
    for (u32 k = 0; k < count; ++k)
      v +=
          static_cast<s64>(a[k]) * static_cast<s64>(b[columns[k] * stride + j]);
    return s.saturate ? static_cast<double>(std::min<s64>(
                            std::max<s64>(v, INT32_MIN), INT32_MAX))
                      : static_cast<double>(static_cast<s32>(v));
  }
  if (s.c == Type::F64) {
    Rounding rounding(s.rounding);
    pin(start);
    for (u32 k = 0; k < count; ++k)
      start = __builtin_fma(a[k], b[columns[k] * stride + j], start);
    pin(start);
    return start;
  }
  float v = static_cast<float>(start);
  for (u32 k = 0; k < count; ++k)
    v = __builtin_fmaf(static_cast<float>(a[k]),
                       static_cast<float>(b[columns[k] * stride + j]), v);
  return v;
}

namespace {
constexpr u32 kMostColumns = 256;

/// Columns of B that the stored columns of A meet.
struct Columns {
  u16 of[16][kMostColumns];
};

// Rows' metadata, 16 bits of a thread and row at a time where a row has 16 for
// each thread, else 32: the rows g and g + 8 then lie in different threads.
void readMetadata(Warp &w, const Product &s, u32 reg, Columns &c) {
  u32 threads = metadataThreads(s), first = s.selector * threads;
  bool narrow = s.a == Type::F16 || s.a == Type::BF16 || s.a == Type::TF32;
  u32 group = s.a == Type::TF32 ? 2 : elementBits(s.a) == 4 ? 8 : 4;
  for (u32 row = 0; row < s.m; ++row) {
    u64 bits = 0;
    u32 g = row % 8, high = row / 8;
    for (u32 part = 0; part * (narrow ? 16 : 32) < s.k / group * 4; ++part) {
      u32 thread = narrow ? part : 2 * part + high;
      u32 word = lane<u32>(w, reg)[4 * g + first + thread];
      bits |= narrow ? u64(word >> (16 * high) & 0xffff) << (16 * part)
                     : u64(word) << (32 * part);
    }
    for (u32 chunk = 0; chunk < s.k / group; ++chunk) {
      u32 two = bits >> (4 * chunk) & 15, at = chunk * group;
      u16 *to = c.of[row] + chunk * group / 2;
      if (group == 2) {
        to[0] = static_cast<u16>(at + (two & 3) / 2);
        continue;
      }
      for (u32 i = 0; i < 2; ++i) {
        u32 place = two >> (2 * i) & 3;
        if (group == 4)
          to[i] = static_cast<u16>(at + place);
        else // pairs of elements
          for (u32 e = 0; e < 2; ++e)
            to[2 * i + e] = static_cast<u16>(at + 2 * place + e);
      }
    }
  }
}

} // namespace

Step multiply(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Product s;
  std::memcpy(&s, o.regs + o.flags, sizeof s);
  Registers n = registersOf(s);
  const u32 *ra = o.regs + n.d, *rb = ra + n.a, *rc = rb + n.b;
  u32 bits = elementBits(s.a), per = bits == 64 ? 1 : 32 / bits;
  u32 cBits = elementBits(s.c), halves = s.m / 8;
  static thread_local double a[16][kMostColumns], b[kMostColumns][8];
  double c[16][8];
  for (u32 l = 0; l < 32; ++l) {
    u32 g = l / 4, t = l % 4;
    for (u32 i = 0; i < n.a * per; ++i) {
      u32 r = i / per, j = i % per;
      a[g + 8 * (r % halves)][t * per + j + r / halves * 4 * per] =
          elementValue(s.a, rawElement(w, ra, bits, l, i));
    }
    for (u32 i = 0; i < n.b * per; ++i)
      b[t * per + i % per + i / per * 4 * per][g] =
          elementValue(s.b, rawElement(w, rb, bits, l, i));
    for (u32 i = 0; i < 2 * halves; ++i)
      c[g + 8 * (i / 2)][2 * t + (i & 1)] =
          elementValue(s.c, rawElement(w, rc, cBits, l, i));
  }
  static thread_local Columns columns;
  u32 count = s.sparse ? s.k / 2 : s.k;
  if (s.sparse)
    readMetadata(w, s, rc[n.c], columns);
  else
    for (u32 i = 0; i < s.m; ++i)
      for (u32 k = 0; k < count; ++k)
        columns.of[i][k] = static_cast<u16>(k);
  for (u32 i = 0; i < s.m; ++i)
    for (u32 j = 0; j < 8; ++j)
      c[i][j] = dotted(s, a[i], columns.of[i], b[0], 8, j, c[i][j], count);
  for (u32 l = 0; l < 32; ++l)
    for (u32 i = 0; i < 2 * halves; ++i)
      writeSum(w, o.regs, s.d, l, i,
               c[l / 4 + 8 * (i / 2)][2 * (l % 4) + (i & 1)]);
  return Step::Next;
}

// Threads 4 q ... 4 q + 3 and 16 more compute product q; the upper ones have
// rows (columns of B) 4 to 7.
Step multiplyQuads(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Product s;
  std::memcpy(&s, o.regs + o.flags, sizeof s);
  Registers n = registersOf(s);
  const u32 *ra = o.regs + n.d, *rb = ra + n.a, *rc = rb + n.b;
  auto place = [](Type t, u32 l, u32 i) {
    u32 upper = l / 16 * 4;
    if (t == Type::F16)
      return std::pair(l % 4 + upper, i);
    return std::pair((l & 1) + (i & 2) + upper, (i & 4) + (l & 2) + (i & 1));
  };
  for (u32 q = 0; q < 4; ++q) {
    float a[8][4], b[4][8], c[8][8];
    for (u32 part = 0; part < 8; ++part) {
      u32 l = part % 4 + 4 * q + part / 4 * 16, upper = part / 4 * 4;
      for (u32 i = 0; i < 4; ++i) {
        float x =
            static_cast<float>(elementValue(s.a, rawElement(w, ra, 16, l, i)));
        float y =
            static_cast<float>(elementValue(s.b, rawElement(w, rb, 16, l, i)));
        if (s.aColumns)
          a[i + upper][l % 4] = x;
        else
          a[l % 4 + upper][i] = x;
        if (s.bRows)
          b[l % 4][i + upper] = y;
        else
          b[i][l % 4 + upper] = y;
      }
      for (u32 i = 0; i < 8; ++i) {
        auto [row, column] = place(s.c, l, i);
        c[row][column] = static_cast<float>(
            elementValue(s.c, rawElement(w, rc, elementBits(s.c), l, i)));
      }
    }
    for (auto &row : c)
      for (u32 j = 0; j < 8; ++j)
        for (u32 k = 0; k < 4; ++k)
          row[j] = __builtin_fmaf(a[&row - c][k], b[k][j], row[j]);
    for (u32 part = 0; part < 8; ++part) {
      u32 l = part % 4 + 4 * q + part / 4 * 16;
      for (u32 i = 0; i < 8; ++i) {
        auto [row, column] = place(s.d, l, i);
        writeSum(w, o.regs, s.d, l, i, c[row][column]);
      }
    }
  }
  return Step::Next;
}

HAMLET_SIMD_END
