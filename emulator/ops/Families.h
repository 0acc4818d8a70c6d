//===- Families.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The instruction families; each fills the table with its decode functions.
#pragma once

#include "emulator/core/Decode.h"

#include <bit>

#ifndef HAMLET_ISA
#error "HAMLET_ISA names the vector level"
#endif

namespace hamlet::emu::HAMLET_ISA {

/// The first of the executing lanes, of which there is at least one.
inline u32 firstLane(u32 mask) {
  __builtin_assume(mask != 0);
  return static_cast<u32>(std::countr_zero(mask));
}

/// add sub mul mad div rem abs neg min max of integers; false for others.
bool decodeIntegerArithmetic(Decode &d);
/// The same names for f16, f16x2, bf16, bf16x2.
bool decodeHalfArithmetic(Decode &d);

/// st and red but for st.async and red.async.
void decodeStore(Decode &d);
void decodeAtomic(Decode &d);
/// fence.proxy and membar.proxy, once those words are read.
void decodeProxyFence(Decode &d);
/// fence without .proxy and .mbarrier_init.
void decodeFence(Decode &d);

void registerInteger(OpTable &table);
void registerBits(OpTable &table);
void registerFloat(OpTable &table);
void registerConvert(OpTable &table);
void registerCompare(OpTable &table);
void registerMove(OpTable &table);
void registerControl(OpTable &table);
void registerMemory(OpTable &table);
void registerAtomic(OpTable &table);
void registerWarp(OpTable &table);
void registerBarrier(OpTable &table);
void registerCopy(OpTable &table);
void registerMatrix(OpTable &table);
void registerHopper(OpTable &table);
void registerVideo(OpTable &table);
void registerUnsupported(OpTable &table);

} // namespace hamlet::emu::HAMLET_ISA
