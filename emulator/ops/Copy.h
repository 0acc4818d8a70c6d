// Asynchronous copies: what their sources share.
#pragma once

#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN

/// cp.async, once those words are read.
void decodeCopy(Decode &d);
/// All of cp: tells the generations apart.
void decodeCp(Decode &d);
/// Completes the copies of lanes `m` but those of the last `keep` groups; ~0:
/// all, committed or not.
void finishCopies(Warp &w, u32 m, u32 keep);

HAMLET_SIMD_END
