// Registers that are read before anything wrote them.
//
// A must-be-written analysis of the program finds the registers that may be
// undefined somewhere; only those are followed while it runs. Undefined lanes
// pass through moves, packing, shuffles and the operand that selp leaves; they
// are reported when anything else reads them.
#pragma once

#include "emulator/exec/Warp.h"

#include <unordered_map>

namespace hamlet::emu {

class Undefined {
public:
  explicit Undefined(const Program &program);
  /// Whether operation `pc` reads or writes a register that is followed.
  bool touches(u32 pc) const { return touched[pc]; }
  using Lanes = std::unordered_map<u32, u32>; ///< written lanes by register
  /// Updates `lanes`; returns the lanes of `mask` for which the operation uses
  /// an undefined register.
  u32 step(const Warp &w, const Op &op, u32 pc, u32 mask, Lanes &lanes) const;

private:
  const Program &program;
  std::unordered_map<u32, u32> followed; ///< register to index
  std::vector<bool> touched;
};

} // namespace hamlet::emu
