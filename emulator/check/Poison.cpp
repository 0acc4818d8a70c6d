//===- Poison.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/check/Poison.h"

#include "emulator/core/Decode.h"

#include <algorithm>
#include <cstring>

namespace hamlet::emu {
namespace {
using Kind = ast::Operand::Kind;
using Bytes = Poison::Bytes;

const Bytes *find(const Poison::Registers &r, u32 reg) {
  auto it = r.find(reg);
  return it == r.end() ? nullptr : &it->second;
}
Bytes whole(u32 lanes, u32 origin) {
  Bytes b;
  std::ranges::fill(b.lanes, lanes);
  b.origin = origin;
  return b;
}
void join(Bytes &to, const Bytes &from) {
  for (u32 k = 0; k < 8; ++k)
    to.lanes[k] |= from.lanes[k];
  if (from.any())
    to.origin = from.origin;
}
Type lastType(const OpInfo &i) {
  for (auto it = i.inst->modifiers.rbegin(); it != i.inst->modifiers.rend();
       ++it)
    if (Type t = typeNamed(*it); t != Type::None)
      return t;
  return Type::None;
}
u32 lane32(const Warp &w, u32 reg, u32 lane) {
  return reinterpret_cast<const u32 *>(w.regs + reg)[lane];
}
u64 laneOf(const Warp &w, u32 reg, u32 lane, u32 bytes) {
  return bytes == 8 ? reinterpret_cast<const u64 *>(w.regs + reg)[lane]
                    : lane32(w, reg, lane);
}
u64 bitsOf(const Bytes &b, u32 lane) {
  u64 r = 0;
  for (u32 k = 0; k < 8; ++k)
    if (b.lanes[k] >> lane & 1)
      r |= u64(0xff) << (8 * k);
  return r;
}
void setBits(Bytes &b, u32 lane, u64 bits) {
  for (u32 k = 0; k < 8; ++k)
    if (bits >> (8 * k) & 0xff)
      b.lanes[k] |= 1u << lane;
}

/// and, or: an operand that decides the result alone hides the other.
Bytes logic(const Warp &w, const Op &op, const OpInfo &i, const Bytes *a,
            const Bytes *b) {
  Bytes none, r;
  const Bytes &p = a ? *a : none, &q = b ? *b : none;
  bool conjunction = i.inst->opcode == "and";
  r.origin = a ? a->origin : q.origin;
  Type t = lastType(i);
  if (t == Type::Pred) {
    u32 x = *reinterpret_cast<const u32 *>(w.regs + op.a);
    u32 y = *reinterpret_cast<const u32 *>(w.regs + op.b);
    if (conjunction) {
      x = ~x;
      y = ~y;
    }
    u32 decidedByX = x & ~p.lanes[0], decidedByY = y & ~q.lanes[0];
    std::ranges::fill(r.lanes,
                      (p.lanes[0] | q.lanes[0]) & ~decidedByX & ~decidedByY);
    return r;
  }
  u32 size = laneBytes(t);
  for (u32 lane = 0; lane < 32; ++lane) {
    u64 x = laneOf(w, op.a, lane, size), y = laneOf(w, op.b, lane, size);
    if (conjunction) {
      x = ~x;
      y = ~y;
    }
    u64 u = bitsOf(p, lane), v = bitsOf(q, lane);
    setBits(r, lane, (u | v) & ~(x & ~u) & ~(y & ~v));
  }
  return r;
}

/// shl, shr, bfe by a defined amount.
Bytes shifted(const Warp &w, const Op &op, const OpInfo &i, const Bytes &a) {
  Bytes r;
  r.origin = a.origin;
  Type t = lastType(i);
  u32 size = 8 * typeBytes(t);
  bool sign = t == Type::S16 || t == Type::S32 || t == Type::S64;
  u64 field = size == 64 ? ~u64(0) : (u64(1) << size) - 1;
  for (u32 lane = 0; lane < 32; ++lane) {
    u64 bits = bitsOf(a, lane) & field;
    if (!bits)
      continue;
    u64 n = lane32(w, op.b, lane), out = 0;
    if (i.inst->opcode == "shl") {
      out = n < size ? bits << n & field : 0;
    } else if (i.inst->opcode == "shr") {
      out = n < size ? bits >> n : 0;
      if (sign && bits >> (size - 1) & 1)
        out = ~u64(0);
    } else {
      u64 length = lane32(w, op.c, lane) & 255;
      n &= 255;
      out = n < size ? bits >> n : 0;
      if (length < 64)
        out &= (u64(1) << length) - 1;
      if (sign && out)
        out = ~u64(0);
    }
    setBits(r, lane, out);
  }
  return r;
}

/// mov between a register and a vector of its parts.
Bytes packed(const OpInfo &i, const Poison::Registers &registers) {
  const ast::Operand &from = i.inst->operands[1];
  Bytes r;
  u32 part = typeBytes(lastType(i)) / static_cast<u32>(from.elems.size());
  u32 at = 0, read = 0;
  for (const ast::Operand &e : from.elems) {
    const Bytes *b = nullptr;
    if (e.kind == Kind::Register && read < i.reads.size())
      b = find(registers, i.reads[read++]);
    for (u32 k = 0; k < part && at < 8; ++k, ++at)
      r.lanes[at] = b ? b->lanes[k] : 0;
    if (b && b->any())
      r.origin = b->origin;
  }
  return r;
}
} // namespace

bool Poison::defers(u32 pc) const {
  const OpInfo &i = program.info[pc];
  if (uses.kind(pc) != Uses::Load || i.writes.empty())
    return false;
  return lastType(i) != Type::B128;
}

void Poison::loaded(u32 pc, u32 lane, u32 bytes, u32 missing, u32 origin,
                    Registers &registers) const {
  const OpInfo &i = program.info[pc];
  const ast::Operand &to = i.inst->operands[0];
  u32 n = to.kind == Kind::Vector ? static_cast<u32>(to.elems.size()) : 1;
  u32 size = bytes / n, next = 0;
  Type t = lastType(i);
  bool sign = t == Type::S8 || t == Type::S16 || t == Type::S32;
  for (u32 e = 0; e < n; ++e) {
    const ast::Operand &o = n == 1 && to.elems.empty() ? to : to.elems[e];
    if (o.kind != Kind::Register || next >= i.writes.size())
      continue;
    u32 reg = i.writes[next++];
    u32 part = e * size < 32 ? missing >> (e * size) : 0;
    if (size < 32)
      part &= (1u << size) - 1;
    if (!part)
      continue;
    Bytes &b = registers[reg];
    b.origin = origin;
    for (u32 k = 0; k < 8; ++k)
      if (part >> k & 1 || (sign && k >= size && part >> (size - 1) & 1))
        b.lanes[k] |= 1u << lane;
  }
}

/// Which lane's value each lane of a shuffle gets.
Bytes Poison::exchange(const Warp &w, const Op &op, const OpInfo &i,
                       const Bytes &from) {
  Bytes to;
  to.origin = from.origin;
  for (u32 l = 0; l < 32; ++l)
    setBits(to, l, bitsOf(from, shuffledFrom(w, op, i, l)));
  return to;
}

Bytes Poison::result(const Warp &w, const Op &op, const OpInfo &i,
                     const Registers &registers) {
  Bytes r;
  auto every = [&] {
    for (u32 reg : i.reads)
      if (const Bytes *b = find(registers, reg))
        join(r, whole(b->any(), b->origin));
  };
  if (!i.inst) {
    every();
    return r;
  }
  const std::string &o = i.inst->opcode;
  if (i.selects) {
    u32 p = *reinterpret_cast<const u32 *>(w.regs + op.c);
    if (const Bytes *c = find(registers, op.c))
      r = whole(c->any(), c->origin);
    const Bytes *side[2] = {find(registers, op.a), find(registers, op.b)};
    for (u32 s = 0; s < 2; ++s)
      if (side[s]) {
        Bytes b = *side[s];
        for (u32 &l : b.lanes)
          l &= s ? ~p : p;
        join(r, b);
      }
    return r;
  }
  if (o == "and" || o == "or")
    return logic(w, op, i, find(registers, op.a), find(registers, op.b));
  if (o == "shl" || o == "shr" || o == "bfe") {
    const Bytes *a = find(registers, op.a);
    if (a && !find(registers, op.b) && !find(registers, op.c))
      return shifted(w, op, i, *a);
  }
  if (o == "mov" && i.inst->operands.size() == 2 &&
      i.inst->operands[0].kind != Kind::Vector) {
    if (i.inst->operands[1].kind == Kind::Vector &&
        i.inst->operands[1].elems.size() > 1)
      return packed(i, registers);
    for (u32 reg : i.reads)
      if (const Bytes *b = find(registers, reg))
        join(r, *b);
    return r;
  }
  if (o == "prmt" && i.inst->operands.size() == 4 &&
      i.inst->operands[3].kind == Kind::Immediate &&
      i.inst->modifiers.size() == 1) {
    u64 selector = i.inst->operands[3].imm;
    const Bytes *side[2] = {find(registers, op.a), find(registers, op.b)};
    for (u32 k = 0; k < 4; ++k) {
      u32 s = selector >> (4 * k) & 7;
      if (const Bytes *b = side[s >> 2]) {
        r.lanes[k] = b->lanes[s & 3];
        r.origin = b->origin;
      }
    }
    return r;
  }
  if (o == "cvt" && i.reads.size() == 1) {
    // Only the bytes of the source type count.
    if (const Bytes *b = find(registers, i.reads[0])) {
      u32 lanes = 0, size = typeBytes(lastType(i));
      for (u32 k = 0; k < std::min(size, 8u); ++k)
        lanes |= b->lanes[k];
      r = whole(lanes, b->origin);
    }
    return r;
  }
  every();
  if (o == "setp" && op.flags >> 2 & 3 && !find(registers, op.c)) {
    // ... .and c, .or c
    u32 c = *reinterpret_cast<const u32 *>(w.regs + op.c);
    u32 how = op.flags >> 2 & 3;
    for (u32 &l : r.lanes)
      l &= how == 1 ? c : how == 2 ? ~c : ~0u;
  }
  return r;
}

Poison::Used Poison::step(const Warp &w, const Op &op, u32 pc, u32 mask,
                          Registers &registers, Stored &stored) const {
  const OpInfo &i = program.info[pc];
  Used used;
  auto use = [&](const Bytes *b, u32 lanes) {
    if (b && (b->any() & lanes)) {
      used.lanes |= b->any() & lanes;
      used.origin = b->origin;
    }
  };
  const Bytes *guard =
      op.guard == kNoRegister ? nullptr : find(registers, op.guard);
  if (guard && !(guard->any() & w.mask))
    guard = nullptr;
  Uses::Kind kind = uses.kind(pc);
  bool reads = false;
  for (u32 reg : i.reads)
    if (const Bytes *b = find(registers, reg))
      reads |= kind == Uses::Exchange || b->any() & mask;
  if (guard && kind != Uses::Pure)
    use(guard, w.mask);
  std::vector<Bytes> writes(i.writes.size());
  if (reads) {
    if (kind == Uses::Pure) {
      const ast::Operand *to =
          i.inst && i.inst->opcode == "mov" && i.inst->operands.size() == 2
              ? &i.inst->operands[0]
              : nullptr;
      if (to && to->kind == Kind::Vector && to->elems.size() > 1) {
        const Bytes *b = find(registers, i.reads[0]);
        u32 part = typeBytes(lastType(i)) / static_cast<u32>(to->elems.size());
        u32 at = 0, k = 0;
        for (const ast::Operand &e : to->elems) {
          if (e.kind == Kind::Register && k < writes.size()) {
            writes[k].origin = b->origin;
            for (u32 q = 0; q < part && at + q < 8; ++q)
              writes[k].lanes[q] = b->lanes[at + q];
            ++k;
          }
          at += part;
        }
      } else {
        Bytes r = result(w, op, i, registers);
        std::ranges::fill(writes, r);
      }
    } else if (kind == Uses::Exchange) {
      const Bytes *from = find(registers, op.a);
      for (u32 reg : i.reads)
        if (reg != op.a)
          use(find(registers, reg), mask);
      if (from && !writes.empty())
        writes[0] = exchange(w, op, i, *from);
    } else if (kind == Uses::Effect && i.inst->opcode == "st" &&
               i.inst->operands.size() == 2) {
      bool addressed = false;
      std::vector<u32> data = storedRegisters(op, i, &addressed);
      u32 size = typeBytes(lastType(i));
      if (addressed)
        use(find(registers, op.a), mask);
      bool stack =
          std::ranges::any_of(i.inst->modifiers, [](const std::string &m) {
            return m == "local" || m.starts_with("param");
          });
      if (stack || data.empty() || size > 8) {
        for (u32 reg : i.reads)
          use(find(registers, reg), mask);
      } else {
        for (u32 e = 0; e < data.size(); ++e) {
          const Bytes *b =
              data[e] == kNoRegister ? nullptr : find(registers, data[e]);
          if (!b)
            continue;
          for (u32 k = 0; k < size; ++k)
            for (u32 l = 0; l < 32; ++l)
              if (b->lanes[k] & mask & (1u << l)) {
                stored.bytes[l] |= 1u << (e * size + k);
                stored.any = true;
                stored.origin = b->origin;
              }
        }
      }
    } else {
      for (u32 reg : i.reads)
        use(find(registers, reg), mask);
    }
  }
  for (u32 k = 0; k < i.writes.size(); ++k) {
    auto it = registers.find(i.writes[k]);
    u32 other = guard && kind == Uses::Pure ? guard->any() & w.mask : 0;
    if (it == registers.end()) {
      if (!(writes[k].any() & mask) && !other)
        continue;
      it = registers.try_emplace(i.writes[k]).first;
      // The element `guard` points to stays where it is.
    }
    Bytes &b = it->second;
    for (u32 q = 0; q < 8; ++q)
      b.lanes[q] = (b.lanes[q] & ~mask) | (writes[k].lanes[q] & mask) | other;
    if (other)
      b.origin = guard->origin;
    if (writes[k].any() & mask)
      b.origin = writes[k].origin;
    if (!b.any())
      registers.erase(it);
  }
  return used;
}

} // namespace hamlet::emu
