//===- Ast.h --------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the parser makes of a PTX text: variables, functions and instructions
// with their operands, names of registers resolved, opcodes not looked at yet.
#pragma once

#include "emulator/core/Types.h"

#include <map>
#include <string>
#include <vector>

namespace hamlet::emu::ast {

struct Operand {
  enum class Kind : u8 {
    Register, ///< `reg` indexes Function::registers
    Special,  ///< `name`: %tid.x and its like
    Immediate,
    Symbol,  ///< variable, parameter, function or label `name`, plus `imm`
    Address, ///< [elems[0] + imm, elems[1...]]
    Vector,  ///< {elems...}
    Pair,    ///< elems[0] | elems[1]
    List,    ///< (elems...), of a call
    Sink,    ///< _
  };
  Kind kind = Kind::Sink;
  bool negated = false; ///< !p
  bool minus = false;   ///< -r, of vmad
  u8 floatBytes = 0;    ///< 4 or 8 for a literal 0f... or 0d...
  int reg = -1;
  u64 imm = 0; ///< value; bits of a float; offset of an address or symbol
  std::string name;
  std::string part; ///< of a register, for video instructions: b0, h1, b3210
  std::vector<Operand> elems;
};

struct Location {
  u32 file = 0, line = 0; ///< of the source, from .loc; 0: none
};

struct Instruction {
  std::string opcode;                 ///< up to the first dot
  std::vector<std::string> modifiers; ///< the rest, without dots
  std::vector<Operand> operands;
  int guard = -1; ///< register of @p
  bool guardNegated = false;
  u32 line = 0;
  u32 scope = 0;       ///< in which labels and symbols are looked up
  u32 usedBytes = ~0u; ///< of `.pragma "used_bytes_mask N"` before a load
  Location source;
  std::string spelling() const;
};

/// One address in an initialiser, stored at `offset`.
struct Relocation {
  u32 offset = 0, bytes = 8;
  std::string symbol;
  s64 addend = 0;
};

struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type = Type::None;
  u32 align = 0;
  u64 bytes = 0;
  bool isExtern = false, isArray = false, unsized = false;
  bool isVector = false;
  bool pointer = false; ///< .ptr parameter
  bool managed = false; ///< .attribute(.managed): the host reaches it, too
  int reg = -1;         ///< of a parameter in .reg space
  u32 line = 0, scope = 0;
  std::vector<u8> init; ///< empty: none; else `bytes` long
  std::vector<Relocation> relocations;
};

struct Register {
  std::string name;
  Type type;
};

/// Parameters and results of a call through a pointer.
struct Prototype {
  std::vector<Variable> results, params;
};

struct Function {
  std::string name;
  bool isEntry = false, hasBody = false;
  u32 line = 0;
  std::vector<Variable> results, params, locals;
  std::vector<Register> registers;
  std::vector<Instruction> code;
  std::vector<u32> scopeParent; ///< by scope; scope 0 is the body
  std::map<std::pair<u32, std::string>, u32> labels; ///< to index in `code`
  std::map<std::string, Prototype> prototypes;
  std::map<std::pair<u32, std::string>, std::vector<std::string>> branchTables;
  u32 reqntid[3] = {0, 0, 0}, maxntid[3] = {0, 0, 0};
  u32 minnctapersm = 0, maxnreg = 0;
  u32 reqnctapercluster[3] = {0, 0, 0}, maxclusterrank = 0;
  bool explicitCluster = false;
};

struct Module {
  u32 versionMajor = 0, versionMinor = 0;
  std::string target; ///< sm_80, sm_90a
  u32 addressBytes = 8;
  std::vector<Variable> globals;
  std::vector<Function> functions;
  std::map<u32, std::string> files;
  std::map<std::string, std::string> aliases;
  std::vector<std::string> warnings;
};

} // namespace hamlet::emu::ast
