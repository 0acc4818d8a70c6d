//===- Uses.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Where the values of a program's registers go, as far as its text tells.
//
// A load that races matters only if its value can reach something that another
// thread or the host sees: idle threads of a Triton tile load what their
// neighbours overwrite, compute, and store nothing.
#pragma once

#include "emulator/core/Program.h"

#include <string_view>
#include <unordered_map>

namespace hamlet::emu {

class Uses {
public:
  /// How an operation treats its operands.
  enum Kind : u8 {
    Other,    ///< anything else: control, matrices, exchanges, barriers
    Pure,     ///< registers to registers, lane by lane
    Exchange, ///< shfl: registers of other lanes
    Load,     ///< ld
    Effect,   ///< st, red, atom: writes memory
  };
  explicit Uses(const Program &program);
  Kind kind(u32 pc) const { return kinds[pc]; }
  /// Of every opcode that the families decode: an opcode that is added must be
  /// added here too.
  static const std::unordered_map<std::string_view, Kind> &byOpcode();
  /// Index of an operation that writes memory, kNone for the others.
  static constexpr u32 kNone = ~0u;
  u32 effect(u32 pc) const { return effects[pc]; }
  u32 effectCount() const { return count; }

  /// What the value that the load at `pc` brings may reach.
  struct Reach {
    bool everywhere = true; ///< control, addresses of loads, matrices, ...
    std::vector<u32> effects;
    bool anyLane = false; ///< shuffles by a variable
    u32 butterflies = 0;  ///< masks of the others, or'ed
  };
  const Reach &reach(u32 pc);
  /// Whether the value loaded at `pc` may have no effect.
  bool quiet(u32 pc) {
    if (quietAt[pc] < 0)
      quietAt[pc] = !reach(pc).everywhere;
    return quietAt[pc];
  }
  /// Lanes that a value of `lanes` may come to.
  static u32 spread(const Reach &r, u32 lanes);

private:
  const Program &program;
  std::vector<Kind> kinds;
  std::vector<u32> effects;
  std::vector<s8> quietAt; ///< -1: not known yet
  u32 count = 0;
  std::unordered_map<u32, Reach> known;                ///< by pc
  std::unordered_map<u32, std::vector<u32>> consumers; ///< pcs by register
};

/// The register of each element that a `st` writes, kNoRegister for a constant;
/// `addressed`: whether another one gives the address. Empty: not told.
std::vector<u32> storedRegisters(const Op &op, const OpInfo &i,
                                 bool *addressed = nullptr);
/// Which lane's value `lane` gets from a shuffle.
u32 shuffledFrom(const Warp &w, const Op &op, const OpInfo &i, u32 lane);

} // namespace hamlet::emu
