//===- Program.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The decoded form that the interpreter runs: an array of operations whose
// operands are byte offsets into a warp's register arena.
#pragma once

#include "emulator/ptx/Ast.h"

#include <deque>
#include <memory>
#include <unordered_map>

namespace hamlet::emu {

struct Warp;
struct Op;

/// What an operation tells the interpreter.
enum class Step : int {
  Next,   ///< go on with the next operation
  Jumped, ///< `pc` is set; fragments may have changed
  Block,  ///< not executed: try again later, other fragments first
  Yield,  ///< executed; the warp polls, others should run
};
using Handler = Step (*)(Warp &, const Op &, u32 mask);

inline constexpr u32 kNoRegister = ~0u;

struct alignas(64) Op {
  Handler run = nullptr;
  s64 imm = 0;
  const u32 *regs = nullptr; ///< further arena offsets
  u32 guard = kNoRegister;
  u32 d = 0, a = 0, b = 0, c = 0, e = 0; ///< arena offsets
  u32 target = 0;                        ///< pc, or an index of the family's
  u32 flags = 0;                         ///< the family's
  u16 regCount = 0;
  u8 bytes = 0; ///< of one element in memory
  u8 guardNegated = 0;
};
static_assert(sizeof(Op) == 64);

enum class Fidelity : u8 { Exact, Bounded, TimingOnly, NoOp };

/// Bits of OpInfo::sync, what the mutation tools and the scheduler look at.
struct OpInfo {
  const ast::Instruction *inst = nullptr; ///< null: added by the decoder
  const ast::Function *function = nullptr;
  u32 line = 0;
  ast::Location source;
  std::vector<u32> reads, writes; ///< arena offsets of registers
  std::vector<u8> readBytes;      ///< lane bytes of `reads`
  bool moves = false;   ///< undefined lanes pass through it unreported
  bool selects = false; ///< selp: reads = {a, b, predicate}
  bool packed = false;  ///< works on the two halves of a register apart
  bool branch = false;
  bool reconverges = false;  ///< .aligned: all live lanes of the warp
  bool strongGlobal = false; ///< atomics, volatile and ordered accesses
};

struct ParamSlot {
  std::string name;
  Type type;
  u32 offset, bytes;
  bool isArray;
};

/// A function's place in the program.
struct FunctionInfo {
  const ast::Function *ast = nullptr;
  u32 entryPc = 0;
  u32 frameBytes = 0; ///< of .local variables and .param variables
  struct Slot {
    u32 offset;
    u8 laneBytes; ///< 0: a predicate
  };
  std::vector<Slot> registers;
  std::vector<u32> paramOffsets, resultOffsets; ///< in its local frame
  std::vector<Slot> resultRegisters; ///< offset kNoRegister: not in .reg space
  bool recursive = false;
};

struct Callsite {
  const FunctionInfo *callee = nullptr; ///< null: through a pointer
  u32 pointer = 0;                      ///< arena offset of the pointer
  struct Value {
    bool isRegister;
    u32 where, bytes; ///< arena offset, or offset in the caller's frame
    bool isPredicate = false;
  };
  std::vector<Value> args, results;
  u32 frameBytes = 0; ///< of the caller
};

/// Special registers that are filled when a warp starts; arena offsets.
struct SpecialSlot {
  std::string name;
  u32 offset;
};

struct Program {
  std::string name;
  const ast::Function *entry = nullptr;
  std::vector<Op> ops;
  std::vector<OpInfo> info;
  std::deque<std::vector<u32>> regLists; ///< what Op::regs points into
  std::vector<u8> image;                 ///< arena at the start of a warp
  u32 arenaBytes = 0;
  std::vector<SpecialSlot> specials;
  u32 frameRegister = kNoRegister; ///< 64-bit: local base of the function
  std::vector<ParamSlot> params;
  u32 paramBytes = 0;
  u32 staticShared = 0, sharedAlign = 16; ///< bytes
  u32 localBytes = 0;                     ///< per thread, of the entry's frame
  std::deque<FunctionInfo> functions;
  std::unordered_map<u64, const FunctionInfo *> byAddress;
  std::vector<Callsite> calls;
  std::vector<std::vector<u32>> branchTables; ///< pcs
  u32 lookups = 0; ///< memory operations, each with a cached allocation
  bool usesRecursion = false, strongGlobal = false, usesAtomics = false;
  bool usesClusters = false, usesClock = false;
  u32 estimatedRegisters = 32; ///< per thread, for occupancy
  std::map<u32, std::string> files;
  std::vector<std::string> warnings;
};

} // namespace hamlet::emu
