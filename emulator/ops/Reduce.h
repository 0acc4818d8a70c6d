//===- Reduce.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Element-wise reduction of bytes into memory, for bulk and async operations.
#pragma once

#include "emulator/core/Narrow.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN

enum Reduction : u32 { kCopy, kAdd, kMin, kMax, kInc, kDec, kAnd, kOr, kXor };

inline u32 takeReduction(Decode &d) {
  int k = d.takeOf({"add", "min", "max", "inc", "dec", "and", "or", "xor"});
  if (k < 0)
    d.fail("expected a reduction");
  return static_cast<u32>(k + 1);
}

template <class T>
void reduceIntegers(u8 *to, const u8 *from, u32 bytes, u32 k) {
  for (u32 i = 0; i + sizeof(T) <= bytes; i += sizeof(T)) {
    T a, b;
    std::memcpy(&a, to + i, sizeof a);
    std::memcpy(&b, from + i, sizeof b);
    using U = std::make_unsigned_t<T>;
    switch (k) {
    case kAdd:
      a = static_cast<T>(U(a) + U(b));
      break;
    case kMin:
      a = std::min(a, b);
      break;
    case kMax:
      a = std::max(a, b);
      break;
    case kInc:
      a = a >= b ? 0 : static_cast<T>(a + 1);
      break;
    case kDec:
      a = a == 0 || a > b ? b : static_cast<T>(a - 1);
      break;
    case kAnd:
      a &= b;
      break;
    case kOr:
      a |= b;
      break;
    default:
      a ^= b;
    }
    std::memcpy(to + i, &a, sizeof a);
  }
}

inline void reduceInto(u8 *to, const u8 *from, u32 bytes, u32 k, Type type) {
  if (k == kCopy) {
    std::memcpy(to, from, bytes);
    return;
  }
  switch (type) {
  case Type::S32:
    return reduceIntegers<s32>(to, from, bytes, k);
  case Type::U64:
  case Type::B64:
    return reduceIntegers<u64>(to, from, bytes, k);
  case Type::S64:
    return reduceIntegers<s64>(to, from, bytes, k);
  case Type::F32:
    for (u32 i = 0; i + 4 <= bytes; i += 4) {
      float a, b;
      std::memcpy(&a, to + i, 4);
      std::memcpy(&b, from + i, 4);
      // Reductions of f32 go to global memory alone, where they flush.
      a = flushSubnormal(flushSubnormal(a) + flushSubnormal(b));
      std::memcpy(to + i, &a, 4);
    }
    return;
  case Type::F64:
    for (u32 i = 0; i + 8 <= bytes; i += 8) {
      double a, b;
      std::memcpy(&a, to + i, 8);
      std::memcpy(&b, from + i, 8);
      a += b;
      std::memcpy(to + i, &a, 8);
    }
    return;
  case Type::F16:
  case Type::BF16: {
    const Format &f = type == Type::F16 ? kF16 : kBF16;
    for (u32 i = 0; i + 2 <= bytes; i += 2) {
      u16 a, b;
      std::memcpy(&a, to + i, 2);
      std::memcpy(&b, from + i, 2);
      double x = decode(a, f), y = decode(b, f);
      double v = k == kMin   ? std::fmin(x, y)
                 : k == kMax ? std::fmax(x, y)
                             : x + y;
      a = static_cast<u16>(encode(v, f, Round::NearestEven));
      std::memcpy(to + i, &a, 2);
    }
    return;
  }
  default:
    return reduceIntegers<u32>(to, from, bytes, k);
  }
}

HAMLET_SIMD_END
