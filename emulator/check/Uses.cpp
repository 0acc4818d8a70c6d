//===- Uses.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/check/Uses.h"

#include "emulator/exec/Warp.h"

#include <algorithm>
#include <cassert>
#include <unordered_set>

namespace hamlet::emu {
namespace {
using OperandKind = ast::Operand::Kind;

struct OfKind {
  Uses::Kind kind;
  std::vector<std::string_view> opcodes;
};
const std::vector<OfKind> kOpcodes = {
    {Uses::Pure,
     {"abs",   "add",   "and",   "bfe",      "bfi",  "bfind", "bmsk",
      "brev",  "clz",   "cnot",  "copysign", "cos",  "cvt",   "cvta",
      "div",   "dp2a",  "dp4a",  "ex2",      "fma",  "fns",   "isspacep",
      "lg2",   "lop3",  "mad",   "mad24",    "max",  "min",   "mov",
      "mul",   "mul24", "neg",   "not",      "or",   "popc",  "prmt",
      "rcp",   "rem",   "rsqrt", "sad",      "selp", "set",   "setp",
      "shf",   "shl",   "shr",   "sin",      "slct", "sqrt",  "sub",
      "szext", "tanh",  "testp", "xor"}},
    {Uses::Exchange, {"shfl"}},
    {Uses::Load, {"ld"}},
    {Uses::Effect, {"st", "red", "atom"}},
    // addc and its like: the carry is a register that the lists leave out.
    {Uses::Other,
     {"activemask",
      "addc",
      "alloca",
      "applypriority",
      "bar",
      "barrier",
      "bra",
      "brkpt",
      "brx",
      "call",
      "clusterlaunchcontrol",
      "cp",
      "createpolicy",
      "discard",
      "elect",
      "exit",
      "fence",
      "getctarank",
      "griddepcontrol",
      "istypep",
      "ldmatrix",
      "ldu",
      "madc",
      "mapa",
      "match",
      "mbarrier",
      "membar",
      "mma",
      "movmatrix",
      "multimem",
      "nanosleep",
      "pmevent",
      "prefetch",
      "prefetchu",
      "redux",
      "ret",
      "setmaxnreg",
      "stackrestore",
      "stacksave",
      "stmatrix",
      "subc",
      "suld",
      "suq",
      "sured",
      "sust",
      "tcgen05",
      "tensormap",
      "tex",
      "tld4",
      "trap",
      "txq",
      "vabsdiff",
      "vabsdiff2",
      "vabsdiff4",
      "vadd",
      "vadd2",
      "vadd4",
      "vavrg2",
      "vavrg4",
      "vmad",
      "vmax",
      "vmax2",
      "vmax4",
      "vmin",
      "vmin2",
      "vmin4",
      "vote",
      "vset",
      "vset2",
      "vset4",
      "vshl",
      "vshr",
      "vsub",
      "vsub2",
      "vsub4",
      "wgmma",
      "wmma"}}};
} // namespace

const std::unordered_map<std::string_view, Uses::Kind> &Uses::byOpcode() {
  static const std::unordered_map<std::string_view, Kind> all = [] {
    std::unordered_map<std::string_view, Kind> m;
    for (const OfKind &k : kOpcodes)
      for (std::string_view name : k.opcodes)
        m.emplace(name, k.kind);
    return m;
  }();
  return all;
}

Uses::Uses(const Program &p)
    : program(p), kinds(p.ops.size(), Other), effects(p.ops.size(), kNone),
      quietAt(p.ops.size(), -1) {
  for (u32 pc = 0; pc < p.ops.size(); ++pc) {
    const OpInfo &i = p.info[pc];
    if (!i.inst) { // a helper of the decoder
      kinds[pc] = i.writes.empty() ? Other : Pure;
      continue;
    }
    auto it = byOpcode().find(i.inst->opcode);
    assert(it != byOpcode().end() && "an opcode that kOpcodes leaves out");
    kinds[pc] = it->second;
    if (kinds[pc] == Pure &&
        std::ranges::find(i.inst->modifiers, "cc") != i.inst->modifiers.end())
      kinds[pc] = Other;
    if (kinds[pc] == Effect)
      effects[pc] = count++;
  }
}

const Uses::Reach &Uses::reach(u32 pc) {
  auto [it, fresh] = known.try_emplace(pc);
  Reach &r = it->second;
  if (!fresh || kinds[pc] != Load)
    return r;
  if (consumers.empty())
    for (u32 k = 0; k < program.ops.size(); ++k) {
      for (u32 reg : program.info[k].reads)
        consumers[reg].push_back(k);
      if (program.ops[k].guard != kNoRegister)
        consumers[program.ops[k].guard].push_back(k);
    }
  std::unordered_set<u32> seen(program.info[pc].writes.begin(),
                               program.info[pc].writes.end());
  std::vector<u32> work(seen.begin(), seen.end());
  std::unordered_set<u32> reached;
  while (!work.empty()) {
    u32 reg = work.back();
    work.pop_back();
    for (u32 k : consumers[reg]) {
      const OpInfo &i = program.info[k];
      if (kinds[k] == Effect) {
        // One that a guard decides, or that brings a value back, tells more.
        if (program.ops[k].guard == reg || !i.writes.empty())
          return r;
        reached.insert(effects[k]);
        continue;
      }
      if (kinds[k] == Exchange) {
        const ast::Operand &by = i.inst->operands[2];
        bool fixed = by.kind == OperandKind::Immediate &&
                     std::ranges::find(i.inst->modifiers, "bfly") !=
                         i.inst->modifiers.end();
        if (program.ops[k].guard == reg)
          return r;
        if (fixed)
          r.butterflies |= static_cast<u32>(by.imm) & 31;
        else
          r.anyLane = true;
      } else if (kinds[k] != Pure) {
        return r;
      }
      for (u32 to : i.writes)
        if (seen.insert(to).second)
          work.push_back(to);
    }
  }
  r.everywhere = false;
  r.effects.assign(reached.begin(), reached.end());
  return r;
}

u32 Uses::spread(const Reach &r, u32 lanes) {
  if (r.anyLane && lanes)
    return ~0u;
  for (u32 b = 1; b < 32; b <<= 1)
    if (r.butterflies & b) {
      u32 moved = 0;
      for (u32 l = 0; l < 32; ++l)
        if (lanes >> l & 1)
          moved |= 1u << (l ^ b);
      lanes |= moved;
    }
  return lanes;
}

std::vector<u32> storedRegisters(const Op &op, const OpInfo &i,
                                 bool *addressed) {
  std::vector<u32> result;
  if (!i.inst || i.inst->operands.size() != 2)
    return result;
  const ast::Operand &to = i.inst->operands[0], &value = i.inst->operands[1];
  // The address stands first or last in the list.
  bool based = !to.elems.empty() && to.elems[0].kind == OperandKind::Register;
  bool found = false;
  std::vector<u32> data;
  for (u32 reg : i.reads)
    if (based && reg == op.a && !found)
      found = true;
    else
      data.push_back(reg);
  if (addressed)
    *addressed = found;
  u32 n = value.kind == OperandKind::Vector
              ? static_cast<u32>(value.elems.size())
              : 1;
  u32 next = 0;
  for (u32 e = 0; e < n; ++e) {
    const ast::Operand &o = value.elems.empty() ? value : value.elems[e];
    if (o.kind != OperandKind::Register) {
      result.push_back(kNoRegister);
    } else {
      if (next >= data.size())
        return {};
      result.push_back(data[next++]);
    }
  }
  return next == data.size() ? result : std::vector<u32>{};
}

u32 shuffledFrom(const Warp &w, const Op &op, const OpInfo &i, u32 lane) {
  auto is = [&](const char *m) {
    return std::ranges::find(i.inst->modifiers, m) != i.inst->modifiers.end();
  };
  auto operand = [&](u32 reg) {
    return reinterpret_cast<const u32 *>(w.regs + reg)[lane];
  };
  bool up = is("up"), down = is("down"), butterfly = is("bfly");
  u32 n = operand(op.b) & 31, c = operand(op.c);
  u32 bound = c & 31, segment = c >> 8 & 31;
  s32 most = static_cast<s32>((lane & segment) | (bound & ~segment));
  s32 j = static_cast<s32>(up          ? lane - n
                           : down      ? lane + n
                           : butterfly ? lane ^ n
                                       : (lane & segment) | (n & ~segment));
  bool in = up ? j >= most : j <= most;
  return in ? static_cast<u32>(j) & 31 : lane;
}

} // namespace hamlet::emu
