//===- Decode.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Turns one function body after the other into operations. Each instruction
// family has a decode function that takes the modifiers it knows; what is left
// over is an error, so that no form is ever skipped.
#pragma once

#include "emulator/core/Program.h"

#include <map>
#include <set>

namespace hamlet::emu {

class Decode;
using DecodeFunction = void (*)(Decode &);
using OpTable = std::unordered_map<std::string, DecodeFunction>;

/// The handlers for this machine's vector level, or for `HAMLET_EMULATOR_ISA`
/// (avx2, avx512).
const OpTable &opTable();

/// Bases of the generic windows and of what else has addresses. The low 32 bits
/// of the windows are zero: code truncates generic to shared addresses. All lie
/// above what a process maps: host memory is global memory at its own address.
inline constexpr u64 kSharedWindow = 0xfffe'0000'0000;
inline constexpr u64 kLocalWindow = 0xfffd'0000'0000;
inline constexpr u64 kParamWindow = 0xfffc'0000'0000;
inline constexpr u64 kFunctionBase = 0xfffb'0000'0000;
inline constexpr u64 kDeviceBase = 0x8000'0000'0000; ///< + device << 40
inline constexpr u64 kFirstAddress = 0x1'0000;       ///< of what a process maps
inline constexpr u32 kSharedStart = 1024; ///< first address of shared memory
inline constexpr u32 kClusterShift = 24;  ///< (rank + 1) << 24 | offset
inline constexpr u32 kLocalStart = 256;   ///< first address of local memory

/// Addresses of the module's variables and functions.
struct Symbols {
  std::map<std::string, u64> address; ///< of .global and .const
  std::map<std::string, const ast::Variable *>
      variables; ///< all at module scope
};

struct DecodeOptions {
  bool contract = false; ///< fuse mul and add without .rn
};

/// Decodes `entry` and what it calls. Throws PtxError with the line on unknown
/// opcodes, modifiers and operands. `module` and `symbols` must outlive it.
std::unique_ptr<Program> decode(const ast::Module &module,
                                const Symbols &symbols,
                                const std::string &entry);
/// Every problem of `entry`, one a line, instead of the first.
std::vector<std::string> unsupportedForms(const ast::Module &module,
                                          const Symbols &symbols,
                                          const std::string &entry);

/// The context a decode function works in: the instruction's remaining
/// modifiers, its operands, and the operation being made.
class Decode {
public:
  Decode(const ast::Module &module, const Symbols &symbols, Program &program);

  // ---- the instruction ----
  const ast::Instruction &inst() const { return *instruction; }
  [[noreturn]] void fail(const std::string &what) const;
  /// Takes the modifier if it is there.
  bool take(std::string_view modifier);
  bool has(std::string_view modifier) const;
  /// Takes the last remaining modifier that is a type; fails without one.
  Type takeType();
  bool hasType() const;
  /// Takes the first remaining modifier among `names`; -1 if none.
  int takeOf(std::initializer_list<const char *> names);
  /// Takes and returns the first remaining modifier, empty if none.
  std::string takeAny();
  std::string firstModifier() const { return left.empty() ? "" : left.front(); }
  /// Takes .L1:: .L2:: and eviction hints, which change no value.
  bool takeCacheHints();
  const std::vector<std::string> &remaining() const { return left; }

  size_t count() const { return instruction->operands.size(); }
  const ast::Operand &operand(size_t i) const;
  void expectCount(size_t low, size_t high) const;
  void expectCount(size_t n) const { expectCount(n, n); }

  /// Fails unless the file's target is sm_`number` or higher.
  void needTarget(u32 number) const;

  // ---- operands to arena offsets ----
  u32 source(const ast::Operand &o, Type type);
  u32 source(size_t i, Type type) { return source(operand(i), type); }
  u32 sink(const ast::Operand &o, Type type);
  u32 sink(size_t i, Type type) { return sink(operand(i), type); }
  /// A predicate source; a negated one goes through a temporary.
  u32 predicate(const ast::Operand &o);
  /// Lane bytes of the register, 0 for anything else.
  u32 registerBytes(const ast::Operand &o) const;
  /// An address: base register into `a` (64-bit lanes unless `narrow` comes
  /// back true) and offset into `imm`.
  struct Address {
    u32 base = 0;
    s64 offset = 0;
    bool narrow = false;  ///< base lanes are 32 bits
    bool uniform = false; ///< a symbol or constant: all of it is in `offset`
    Space symbolSpace = Space::Generic; ///< where the symbol lives
    bool entryParam = false;
  };
  Address address(const ast::Operand &o);
  /// Offset of an arena constant that holds `value` in all lanes.
  u32 constant(u64 value, u32 laneBytes);
  u32 temporary(u32 laneBytes);
  /// 64-bit lanes with the end of the free stack, 0 before the first alloca;
  /// the program gets room for such memory.
  u32 stackRegister();
  const u32 *list(std::vector<u32> offsets);

  // ---- the operation ----
  Op op;
  OpInfo info;
  /// Appends `op` with the instruction's guard. Fails if modifiers are left.
  void emit(Handler handler);
  /// Appends a helper operation without the guard.
  void emitHelper(const Op &helper, std::vector<u32> reads = {},
                  std::vector<u32> writes = {});
  Program &program() { return prog; }
  const ast::Module &module() const { return mod; }
  u32 lookup() { return prog.lookups++; }
  void useStrongGlobal() { prog.strongGlobal = true; }

  // ---- control flow ----
  void branchTo(const std::string &label);
  u32 branchTable(const std::string &name);
  FunctionInfo *functionNamed(const std::string &name);
  const ast::Prototype *prototypeNamed(const std::string &name) const;
  FunctionInfo &function() { return *currentInfo; }
  u32 frameOffset(const std::string &name);
  u64 symbolAddress(const std::string &name, bool &found) const;
  u64 functionAddress(const std::string &name) const;

  // ---- driving ----
  /// Places the shared variables that `entry` and what it reaches refer to.
  void layoutShared(const ast::Function &entry);
  void begin(FunctionInfo &info);
  void placeRegisterParameters(FunctionInfo &info);
  void instructionAt(u32 index, const OpTable &table);
  void endFunction();
  std::vector<std::string> *errors = nullptr; ///< collect instead of throwing
  bool indirectCalls = false;
  std::vector<FunctionInfo *> pending; ///< functions to decode
  u32 allocate(u32 bytes, u32 align);

private:
  struct SymbolInfo {
    Space space;
    u64 address;
    bool frame; ///< relative to the frame register
    bool entryParam;
  };
  SymbolInfo symbol(const std::string &name, u32 line) const;
  const SymbolInfo *localSymbol(const std::string &name) const;
  u32 special(const std::string &name, Type type);

  const ast::Module &mod;
  const Symbols &syms;
  Program &prog;
  const ast::Instruction *instruction = nullptr;
  const ast::Function *fn = nullptr;
  FunctionInfo *currentInfo = nullptr;
  u32 stackTop = kNoRegister;
  std::vector<std::string> left;
  std::vector<u32> registerOffsets;
  std::map<std::pair<u64, u32>, u32> constants;
  std::map<std::string, u32> specialOffsets;
  std::map<std::pair<u32, std::string>, SymbolInfo> locals;
  std::map<std::string, u64> sharedOffsets; ///< module-level .shared
  std::map<const ast::Variable *, u32> sharedLocals;
  struct Fixup {
    u32 op;
    std::string label;
    u32 scope, line;
  };
  std::vector<Fixup> fixups;
  struct TableFixup {
    u32 table;
    std::vector<std::string> labels;
    u32 scope, line;
  };
  std::vector<TableFixup> tableFixups;
  std::vector<u32> firstOp; ///< by instruction of the current function
  std::map<std::string, FunctionInfo *> functionsByName;
  u32 sharedEnd = 0;

public:
  u32 sharedTop() const { return sharedEnd; }
};

} // namespace hamlet::emu
