//===- Undefined.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Registers that are read before anything wrote them.
//
// A must-be-written analysis of the program finds the registers that may be
// undefined somewhere; only those are followed while it runs, each lane in
// pieces of 16 bits. Undefined pieces pass through moves, packing, byte
// permutations, shuffles, packed arithmetic (half by half) and the operand that
// selp leaves; a lane without any defined piece is used when anything else
// reads it.
#pragma once

#include "emulator/exec/Warp.h"

#include <unordered_map>

namespace hamlet::emu {

class Undefined {
public:
  explicit Undefined(const Program &program);
  /// Whether operation `pc` reads or writes a register that is followed.
  bool touches(u32 pc) const { return touched[pc]; }
  /// Written lanes of each piece of a register; a narrow register's pieces
  /// repeat.
  struct Pieces {
    u32 part[4] = {};
    u32 any() const { return part[0] | part[1] | part[2] | part[3]; }
    u32 all() const { return part[0] & part[1] & part[2] & part[3]; }
  };
  using Lanes = std::unordered_map<u32, Pieces>; ///< by register
  /// A register that an operation uses, and the lanes where it is undefined.
  struct Use {
    u32 reg, lanes;
  };
  /// Updates `lanes`; adds to `uses` what the operation uses in lanes of
  /// `mask`.
  void step(const Warp &w, const Op &op, u32 pc, u32 mask, Lanes &lanes,
            std::vector<Use> &uses) const;

private:
  Pieces moved(const Op &op, const OpInfo &i, u32 write,
               const std::vector<Pieces> &from) const;
  const Program &program;
  std::unordered_map<u32, u32> followed; ///< register to index
  std::vector<bool> touched;
};

} // namespace hamlet::emu
