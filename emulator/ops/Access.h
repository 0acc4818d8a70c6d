//===- Access.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What loads, stores, atomics and copies share: addresses of a warp, order and
// scope modifiers, polls.
#pragma once

#include "emulator/check/Checker.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN

/// Layout of Op::flags for memory operations.
enum MemoryFlag : u32 {
  kSpaceMask = 7,
  kNarrow = 8,     ///< address register of 32 bits
  kUniform = 16,   ///< address is `imm` alone
  kOrderShift = 5, ///< 3 bits: Order
  kScopeShift = 8, ///< 3 bits: Scope
  kSignedFlag = 1 << 11,
  kReadOnly = 1 << 12, ///< .nc
  kPolls = 1 << 13,
};

FORCE Space spaceOf(const Op &o) {
  return static_cast<Space>(o.flags & kSpaceMask);
}
FORCE AccessInfo infoOf(const Op &o, Access a) {
  return {a, static_cast<u8>(o.flags >> kOrderShift & 7),
          static_cast<Scope>(o.flags >> kScopeShift & 7)};
}
FORCE Vec<u64> addressesOf(Warp &w, const Op &o) {
  Vec<u64> offset = Vec<u64>(static_cast<u64>(o.imm));
  if (o.flags & kNarrow) {
    // 32-bit arithmetic wraps.
    return __builtin_convertvector(
        get<u32>(w, o.a) + Vec<u32>(static_cast<u32>(o.imm)), Vec<u64>);
  }
  return get<u64>(w, o.a) + offset;
}

[[noreturn]] inline void misaligned(Warp &w, const Op &o, u64 address,
                                    u32 align, u32 lane) {
  char text[96];
  std::snprintf(text, sizeof text, "address 0x%llx is not aligned to %u bytes",
                static_cast<unsigned long long>(address), align);
  if (w.check) {
    Finding f;
    f.kind = "misaligned";
    f.space = spaceName(spaceOf(o));
    f.address = address;
    f.bytes = align;
    f.message = text;
    f.first = w.check->site(w, o, lane);
    w.check->report(f);
  }
  w.fault(o, LaunchStatus::Misaligned, text, lane);
}
FORCE void checkAligned(Warp &w, const Op &o, const Vec<u64> &a, u32 align,
                        u32 m) {
  u32 bad = maskOf((a & Vec<u64>(align - 1)) != Vec<u64>(0)) & m;
  if (__builtin_expect(bad != 0, 0)) {
    u32 l = static_cast<u32>(std::countr_zero(bad));
    misaligned(w, o, a[l], align, l);
  }
}

FORCE Vec<u64> laneSteps(u64 step) {
  Vec<u64> v;
  for (u32 l = 0; l < 32; ++l)
    v[l] = l * step;
  return v;
}

/// Tells whether a poll saw something it had not seen lately; if so it counts
/// as progress.
inline void notePoll(Warp &w, u32 pc, u64 address, u64 value) {
  u64 key = (pc * 0x9e3779b97f4a7c15ull) ^ (address * 0xc2b2ae3d27d4eb4full) ^
            (value * 0x165667b19e3779f9ull);
  for (u64 k : w.polls)
    if (k == key)
      return;
  w.polls[w.pollNext++ & 7] = key;
  ++w.engine->events;
}

/// Space, order and scope modifiers of ld, st, atom and red. Returns the flags.
u32 takeAccess(Decode &d, bool atomic);
/// Fills `a`, `imm`, `e` and the address flags; `space` as written, or
/// Space::Generic.
void setAddress(Decode &d, const ast::Operand &o, Space space);
/// Element count of v2, v4, v8; 1 without.
u32 takeVector(Decode &d);

HAMLET_SIMD_END
