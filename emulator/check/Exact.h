//===- Exact.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Whether two threads that store unequal bytes to one address computed the same
// real number.
//
// The copies of a butterfly reduction are one sum, added up in another order by
// each lane; where a compiler contracted the first step to a fused multiply-add
// they differ in rounding. What a store writes is worked out again in doubles
// from the registers that it came from, through shuffles: such copies agree to
// the last digits, numbers that only happen to be close do not.
#pragma once

#include "emulator/check/Uses.h"
#include "emulator/exec/Warp.h"

#include <map>

namespace hamlet::emu {

class Exact {
public:
  explicit Exact(const Program &p) : program(p) {}
  /// Part of what `lane` of `w` stores at `pc`, `at` bytes into its element.
  struct Stored {
    const Warp *w;
    u32 lane, pc, at;
    const u8 *bytes; ///< what was stored there
  };
  /// `size`: 2 or 4 bytes; `now`: changes with every operation.
  bool same(const Stored &a, const Stored &b, u32 size, u64 now);

private:
  enum class Format : u8 { Unknown, F16, BF16, F32, F64 };
  enum Part : u8 { Low, High, All }; ///< of a register
  struct Source {
    u32 reg;
    Part part;
  };
  enum class Kind : u8 {
    Unknown, ///< not worked out
    Exactly, ///< a register as it is: constants, what a load brought
    Rounded, ///< a register as it is
    Pass,    ///< another one's value
    Select,
    Shuffle,
    Add,
    Sub,
    Mul,
    Fma,
    Neg,
    Abs,
    Max,
    Min,
    Div,
    Rcp,
    Sqrt,
    Rsqrt,
    Ex2,
    Lg2,
    Tanh,
  };
  /// How part of a register is computed: by `kind` from other nodes.
  struct Node {
    Kind kind = Kind::Unknown;
    Format format = Format::Unknown;
    Source source{};
    bool wide = false; ///< a register of 64 bits
    u32 pc = 0;
    u32 from[3] = {};
  };
  struct Value {
    double x = 0;
    double error = 0; ///< what is not known of x
    double scale = 0; ///< sum of the sizes of what was added up
    u64 when = 0;     ///< Exact::epoch: it is worked out
  };
  u32 node(Source s, Format format, u32 depth);
  u32 leaf(Source s, Format format, Kind kind);
  u32 pass(Source s, Format from, Format to, u32 depth);
  u32 defined(u32 pc, Source s, Format format, u32 depth);
  u32 moved(u32 pc, Source s, Format format, u32 depth);
  u32 converted(u32 pc, Source s, Format format, u32 depth);
  u32 computed(u32 pc, Source s, Format format, u32 depth);
  const Value &eval(u32 n, const Warp &w, u32 lane);
  Value work(const Node &n, const Warp &w, u32 lane);
  bool find(const Stored &s, Part part, Source &source, u32 &lane);
  u32 elementBytes(u32 pc) const;
  /// The node of what was stored and its value, if the bytes still say so;
  /// 0: not told.
  u32 stored(const Stored &s, Part part, Value &v);
  bool agree(const Stored &a, const Stored &b, Part part, bool &told);
  static double number(u64 bits, Format f);
  static Format formatOf(const OpInfo &i);
  void define();

  static constexpr u32 kSeveral = ~0u;
  const Program &program;
  struct Register {
    u32 pc = kSeveral; ///< of its only definition
    u8 bytes = 4;
  };
  std::unordered_map<u32, Register> registers;
  std::vector<Node> nodes; ///< 0: not told
  std::map<std::tuple<u32, u8, u8>, u32> nodeOf;
  std::unordered_map<u32, std::vector<u32>> stores; ///< by pc: registers
  std::vector<Value> values;                        ///< node, side, lane
  const Warp *warps[2] = {};
  u64 when = 0, epoch = 0;
};

} // namespace hamlet::emu
