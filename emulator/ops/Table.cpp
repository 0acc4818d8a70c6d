//===- Table.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The table of one vector level.
#include "emulator/ops/Families.h"

namespace hamlet::emu::HAMLET_ISA {

const OpTable &table() {
  static const OpTable all = [] {
    OpTable t;
    registerInteger(t);
    registerBits(t);
    registerFloat(t);
    registerConvert(t);
    registerCompare(t);
    registerMove(t);
    registerControl(t);
    registerMemory(t);
    registerAtomic(t);
    registerWarp(t);
    registerBarrier(t);
    registerCopy(t);
    registerMatrix(t);
    registerHopper(t);
    registerVideo(t);
    registerUnsupported(t);
    return t;
  }();
  return all;
}

} // namespace hamlet::emu::HAMLET_ISA
