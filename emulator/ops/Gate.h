//===- Gate.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Waiting for the lanes that a .sync instruction names.
#pragma once

#include "emulator/check/Checker.h"
#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN

inline void misuse(Warp &w, const Op &o, u32 lane, const char *kind,
                   const std::string &what) {
  if (!w.check)
    return;
  Finding f;
  f.kind = kind;
  f.message = what;
  f.first = w.check->site(w, o, lane);
  w.check->report(f);
}

/// True when the instruction may run; else the fragment must block. `members`
/// are the lanes named, `m` those that execute.
inline bool gate(Warp &w, const Op &o, u32 m, u32 members) {
  u32 missing = members & w.live & ~m;
  if (__builtin_expect(missing == 0, 1))
    return true;
  if (missing & ~w.mask) {
    w.waitingFor = "waiting for the other lanes of the warp";
    return false;
  }
  // They are here, but their guard is false: they will not come.
  misuse(w, o, static_cast<u32>(std::countr_zero(m)), "barrier-misuse",
         "lanes that the instruction names do not execute it: their guard is "
         "false");
  return true;
}

HAMLET_SIMD_END
