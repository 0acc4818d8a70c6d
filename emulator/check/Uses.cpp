#include "emulator/check/Uses.h"

#include "emulator/exec/Warp.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace hamlet::emu {
namespace {
using OperandKind = ast::Operand::Kind;

bool registersOnly(const OpInfo &i) {
  static const std::unordered_set<std::string_view> names = {
      "abs",      "add",  "addc", "and",   "bfe",      "bfi",   "bfind",
      "bmsk",     "brev", "clz",  "cnot",  "copysign", "cos",   "cvt",
      "cvta",     "div",  "dp2a", "dp4a",  "ex2",      "fma",   "fns",
      "isspacep", "lg2",  "lop3", "mad",   "mad24",    "madc",  "max",
      "min",      "mov",  "mul",  "mul24", "neg",      "not",   "or",
      "popc",     "prmt", "rcp",  "rem",   "rsqrt",    "sad",   "selp",
      "set",      "setp", "shf",  "shl",   "shr",      "sin",   "slct",
      "sqrt",     "sub",  "subc", "szext", "tanh",     "testp", "xor"};
  if (!i.inst)
    return !i.writes.empty(); // a helper of the decoder
  // The carry is a register that the lists leave out.
  return names.count(i.inst->opcode) && i.inst->opcode != "addc" &&
         i.inst->opcode != "subc" && i.inst->opcode != "madc" &&
         std::ranges::find(i.inst->modifiers, "cc") == i.inst->modifiers.end();
}
} // namespace

Uses::Uses(const Program &p)
    : program(p), kinds(p.ops.size(), Other), effects(p.ops.size(), kNone),
      quietAt(p.ops.size(), -1) {
  for (u32 pc = 0; pc < p.ops.size(); ++pc) {
    const OpInfo &i = p.info[pc];
    if (registersOnly(i)) {
      kinds[pc] = Pure;
    } else if (i.inst) {
      const std::string &o = i.inst->opcode;
      if (o == "shfl")
        kinds[pc] = Exchange;
      else if (o == "ld")
        kinds[pc] = Load;
      else if (o == "st" || o == "red" || o == "atom")
        kinds[pc] = Effect;
    }
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
