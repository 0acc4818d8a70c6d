//===- Poison.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Registers whose value came from memory that nothing had written.
//
// A load of such memory is no error yet: merges read one element behind their
// tile and drop it. The bytes of a register that came from there are followed,
// lane by lane, through moves, arithmetic and shuffles; `selp`, `and` and `or`
// drop an operand that does not decide their result. What decides a branch, a
// guard or an address, goes into a matrix product or to global memory is a use.
// Shared memory takes such bytes and is unwritten again.
#pragma once

#include "emulator/check/Uses.h"
#include "emulator/exec/Warp.h"

#include <array>
#include <unordered_map>

namespace hamlet::emu {

class Poison {
public:
  Poison(const Program &p, const Uses &u) : program(p), uses(u) {}

  /// Lanes of each byte of a register, and which load brought them.
  struct Bytes {
    u32 lanes[8] = {};
    u32 origin = 0;
    u32 any() const {
      u32 r = 0;
      for (u32 b : lanes)
        r |= b;
      return r;
    }
  };
  using Registers = std::unordered_map<u32, Bytes>;
  struct Used {
    u32 lanes = 0, origin = 0;
  };
  /// Bytes of the elements that a store is about to write, by lane.
  struct Stored {
    bool any = false;
    u32 origin = 0;
    std::array<u32, 32> bytes{};
  };

  /// Whether a load at `pc` can leave it to the uses to report.
  bool defers(u32 pc) const;
  /// The load at `pc` brought bytes of `missing` (of its element) to `lane`.
  void loaded(u32 pc, u32 lane, u32 bytes, u32 missing, u32 origin,
              Registers &registers) const;
  /// Before `op` runs: updates what it writes; returns its uses.
  Used step(const Warp &w, const Op &op, u32 pc, u32 mask, Registers &registers,
            Stored &stored) const;

private:
  static Bytes result(const Warp &w, const Op &op, const OpInfo &i,
                      const Registers &registers);
  static Bytes exchange(const Warp &w, const Op &op, const OpInfo &i,
                        const Bytes &from);
  const Program &program;
  const Uses &uses;
};

} // namespace hamlet::emu
