//===- Undefined.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/check/Undefined.h"

#include "emulator/core/Decode.h"

#include <bit>
#include <set>

namespace hamlet::emu {
namespace {
using Bits = std::vector<u64>;

bool test(const Bits &b, u32 i) { return b[i >> 6] >> (i & 63) & 1; }
void set(Bits &b, u32 i) { b[i >> 6] |= u64(1) << (i & 63); }
void reset(Bits &b, u32 i) { b[i >> 6] &= ~(u64(1) << (i & 63)); }

bool ends(const OpInfo &i, const char *opcode) {
  return i.inst && i.inst->opcode == opcode;
}
using Kind = ast::Operand::Kind;
bool permutes(const OpInfo &i) {
  return ends(i, "prmt") && i.inst->operands.size() == 4 &&
         i.inst->operands[3].kind == Kind::Immediate &&
         i.inst->modifiers.size() == 1;
}
/// Whether a store goes to the stack: parameters, local memory.
bool toStack(const Warp &w, const Op &op, const OpInfo &i, u32 mask) {
  for (const std::string &m : i.inst->modifiers) {
    if (m == "local" || m.starts_with("param"))
      return true;
    if (m.starts_with("global") || m.starts_with("shared"))
      return false;
  }
  const ast::Operand &to = i.inst->operands[0];
  if (to.elems.empty() || to.elems[0].kind != Kind::Register || !mask)
    return false;
  const u64 *address = reinterpret_cast<const u64 *>(w.regs + op.a);
  u64 at = address[std::countr_zero(mask)] + static_cast<u64>(op.imm);
  return at >= kLocalWindow && at < kLocalWindow + (u64(1) << 32);
}
Undefined::Pieces every(u32 mask) { return {{mask, mask, mask, mask}}; }
} // namespace

Undefined::Undefined(const Program &p) : program(p), touched(p.ops.size()) {
  u32 count = static_cast<u32>(p.ops.size());
  // Registers only: constants and specials are always written.
  std::unordered_map<u32, u32> index;
  for (const FunctionInfo &f : p.functions)
    for (const FunctionInfo::Slot &s : f.registers)
      index.emplace(s.offset, static_cast<u32>(index.size()));
  for (const OpInfo &i : p.info)
    if (!i.inst) // temporaries of the decoder
      for (u32 r : i.writes)
        index.emplace(r, static_cast<u32>(index.size()));
  if (index.empty() || u64(index.size()) * count > (u64(1) << 34))
    return;
  auto isReturn = [&](u32 pc) {
    const OpInfo &i = p.info[pc];
    return p.ops[pc].guard == kNoRegister &&
           (!i.inst ? pc + 1 == count || p.info[pc + 1].function != i.function
                    : ends(i, "ret") || ends(i, "exit") || ends(i, "trap"));
  };
  // Blocks.
  std::set<u32> leaders;
  for (const FunctionInfo &f : p.functions)
    leaders.insert(f.entryPc);
  auto successors = [&](u32 pc) {
    std::vector<u32> next;
    const OpInfo &i = p.info[pc];
    const Op &o = p.ops[pc];
    if (isReturn(pc))
      return next;
    if (ends(i, "bra")) {
      next.push_back(o.target);
      if (o.guard == kNoRegister)
        return next;
    } else if (ends(i, "brx")) {
      next = p.branchTables[o.target];
      if (o.guard == kNoRegister)
        return next;
    }
    if (pc + 1 < count)
      next.push_back(pc + 1);
    return next;
  };
  for (u32 pc = 0; pc < count; ++pc)
    if (isReturn(pc) || ends(p.info[pc], "bra") || ends(p.info[pc], "brx")) {
      for (u32 s : successors(pc))
        leaders.insert(s);
      if (pc + 1 < count)
        leaders.insert(pc + 1);
    }
  std::vector<u32> starts(leaders.begin(), leaders.end());
  std::unordered_map<u32, u32> blockAt;
  for (u32 b = 0; b < starts.size(); ++b)
    blockAt[starts[b]] = b;
  size_t words = (index.size() + 63) / 64;
  std::vector<Bits> in(starts.size(), Bits(words, ~u64(0)));
  for (const FunctionInfo &f : p.functions)
    in[blockAt[f.entryPc]] = Bits(words, 0);
  std::unordered_map<u32, bool> maybe;
  auto transfer = [&](u32 pc, Bits &b, bool collect) {
    const OpInfo &i = p.info[pc];
    const Op &o = p.ops[pc];
    bool all = true;
    auto use = [&](u32 r) {
      auto it = index.find(r);
      if (it == index.end() || test(b, it->second))
        return;
      all = false;
      if (collect)
        maybe[r] = true;
    };
    for (u32 r : i.reads)
      use(r);
    bool passes = i.moves || i.selects || i.packed || permutes(i);
    if (o.guard != kNoRegister) {
      bool before = all;
      use(o.guard);
      all = before;
    }
    for (u32 r : i.writes) {
      auto it = index.find(r);
      if (it == index.end())
        continue;
      if (passes && !all) {
        reset(b, it->second);
        if (collect)
          maybe[r] = true;
      } else if (o.guard == kNoRegister) {
        set(b, it->second);
      }
    }
  };
  auto endOf = [&](u32 b) {
    return b + 1 < starts.size() ? starts[b + 1] : count;
  };
  std::vector<u32> work;
  for (u32 b = static_cast<u32>(starts.size()); b-- > 0;)
    work.push_back(b);
  std::vector<bool> queued(starts.size(), true);
  while (!work.empty()) {
    u32 b = work.back();
    work.pop_back();
    queued[b] = false;
    Bits state = in[b];
    for (u32 pc = starts[b]; pc < endOf(b); ++pc)
      transfer(pc, state, false);
    for (u32 s : successors(endOf(b) - 1)) {
      auto it = blockAt.find(s);
      if (it == blockAt.end())
        continue;
      Bits &to = in[it->second];
      bool changed = false;
      for (size_t k = 0; k < words; ++k) {
        u64 v = to[k] & state[k];
        changed |= v != to[k];
        to[k] = v;
      }
      if (changed && !queued[it->second]) {
        queued[it->second] = true;
        work.push_back(it->second);
      }
    }
  }
  for (u32 b = 0; b < starts.size(); ++b) {
    Bits state = in[b];
    for (u32 pc = starts[b]; pc < endOf(b); ++pc)
      transfer(pc, state, true);
  }
  for (auto &[r, yes] : maybe)
    followed.emplace(r, static_cast<u32>(followed.size()));
  if (followed.empty())
    return;
  for (u32 pc = 0; pc < count; ++pc) {
    bool t = p.ops[pc].guard != kNoRegister && followed.count(p.ops[pc].guard);
    for (u32 r : p.info[pc].reads)
      t |= followed.count(r) != 0;
    for (u32 r : p.info[pc].writes)
      t |= followed.count(r) != 0;
    touched[pc] = t;
  }
}

Undefined::Pieces Undefined::moved(const Op &op, const OpInfo &i, u32 write,
                                   const std::vector<Pieces> &from) const {
  Pieces both = every(~0u);
  for (const Pieces &f : from)
    for (u32 q = 0; q < 4; ++q)
      both.part[q] &= f.part[q];
  if (!i.inst)
    return both;
  if (i.inst->opcode == "shfl")
    return every(~0u);
  if (i.inst->opcode != "mov" || i.inst->operands.size() != 2)
    return from.size() == 1 ? both : every(both.all());
  const ast::Operand &to = i.inst->operands[0], &source = i.inst->operands[1];
  u32 bits = op.flags;
  auto elements = [](const ast::Operand &o) {
    return o.kind == Kind::Vector ? o.elems.size() : 1;
  };
  if (elements(source) > 1) {
    if (bits < 16)
      return every(both.all());
    u32 pieces = bits / 16, next = 0, read = 0;
    Pieces out = every(~0u);
    for (const ast::Operand &e : source.elems) {
      Pieces p = every(~0u);
      if (e.kind == Kind::Register && read < from.size())
        p = from[read++];
      for (u32 k = 0; k < pieces && next < 4; ++k)
        out.part[next++] = p.part[k];
    }
    for (u32 k = next; next && k < 4; ++k)
      out.part[k] = out.part[k % next];
    return out;
  }
  if (elements(to) > 1) {
    if (bits < 16 || from.empty())
      return every(both.all());
    u32 pieces = bits / 16, element = 0, seen = 0;
    for (; element < to.elems.size(); ++element)
      if (to.elems[element].kind == Kind::Register && seen++ == write)
        break;
    Pieces out;
    for (u32 k = 0; k < 4; ++k)
      out.part[k] = from[0].part[(element * pieces + k % pieces) & 3];
    return out;
  }
  return both;
}

void Undefined::step(const Warp &w, const Op &op, u32 pc, u32 mask,
                     Lanes &lanes, std::vector<Use> &uses) const {
  const OpInfo &i = program.info[pc];
  auto written = [&](u32 r) {
    if (!followed.count(r))
      return every(~0u);
    auto it = lanes.find(r);
    return it == lanes.end() ? Pieces{} : it->second;
  };
  auto use = [&](u32 reg, u32 bad) {
    if (bad)
      uses.push_back({reg, bad});
  };
  // A stack slot is as undefined as before.
  bool keeps = ends(i, "st") && toStack(w, op, i, mask);
  if (op.guard != kNoRegister)
    use(op.guard, w.mask & ~written(op.guard).any());
  std::vector<Pieces> from;
  from.reserve(i.reads.size());
  for (u32 r : i.reads)
    from.push_back(written(r));
  Pieces result = every(~0u);
  if (i.selects && from.size() == 3) {
    u32 p = *reinterpret_cast<const u32 *>(w.regs + op.c);
    use(i.reads[2], mask & ~from[2].any());
    for (u32 q = 0; q < 4; ++q)
      result.part[q] = (p & from[0].part[q]) | (~p & from[1].part[q]);
  } else if (i.selects) {
    // A constant is among the operands: which is which is not kept.
  } else if (permutes(i)) {
    u64 selector = i.inst->operands[3].imm;
    Pieces sources[2] = {every(~0u), every(~0u)};
    u32 read = 0;
    for (u32 k = 0; k < 2; ++k)
      if (i.inst->operands[1 + k].kind == Kind::Register && read < from.size())
        sources[k] = from[read++];
    for (u32 b = 0; b < 4; ++b) {
      u32 s = selector >> (4 * b) & 7;
      result.part[b >> 1] &= sources[s >> 2].part[s >> 1 & 1];
    }
    result.part[2] = result.part[0];
    result.part[3] = result.part[1];
  } else if (i.packed) {
    for (u32 k = 0; k < from.size(); ++k) {
      use(i.reads[k], mask & ~from[k].any());
      for (u32 q = 0; q < 4; ++q)
        result.part[q] &= from[k].part[q];
    }
  } else if (!i.moves && !keeps) {
    for (u32 k = 0; k < from.size(); ++k)
      use(i.reads[k], mask & ~from[k].any());
  }
  for (u32 k = 0; k < i.writes.size(); ++k)
    if (followed.count(i.writes[k])) {
      Pieces &l = lanes[i.writes[k]];
      Pieces r = i.moves ? moved(op, i, k, from) : result;
      for (u32 q = 0; q < 4; ++q)
        l.part[q] = (l.part[q] & ~mask) | (r.part[q] & mask);
    }
}

} // namespace hamlet::emu
