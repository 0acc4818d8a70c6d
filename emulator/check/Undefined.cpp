#include "emulator/check/Undefined.h"

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
    bool passes = i.moves || i.selects;
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

u32 Undefined::step(const Warp &w, const Op &op, u32 pc, u32 mask,
                    Lanes &lanes) const {
  const OpInfo &i = program.info[pc];
  auto written = [&](u32 r) -> u32 {
    if (!followed.count(r))
      return ~0u;
    auto it = lanes.find(r);
    return it == lanes.end() ? 0 : it->second;
  };
  u32 bad = 0;
  if (op.guard != kNoRegister)
    bad |= w.mask & ~written(op.guard);
  bool shuffles = i.inst && i.inst->opcode == "shfl";
  u32 result = mask;
  if (i.selects && i.reads.size() == 3) {
    u32 p = *reinterpret_cast<const u32 *>(w.regs + op.c);
    bad |= mask & ~written(i.reads[2]);
    result = (p & written(i.reads[0])) | (~p & written(i.reads[1]));
  } else if (i.selects) {
    // A constant is among the operands: which is which is not kept.
  } else if (i.moves) {
    for (u32 r : i.reads)
      result &= written(r);
    if (shuffles)
      result = mask;
  } else {
    for (u32 r : i.reads)
      bad |= mask & ~written(r);
  }
  for (u32 r : i.writes)
    if (followed.count(r)) {
      u32 &l = lanes[r];
      l = (l & ~mask) | (result & mask);
    }
  return bad;
}

} // namespace hamlet::emu
