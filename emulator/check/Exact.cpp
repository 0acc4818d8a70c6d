//===- Exact.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/check/Exact.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace hamlet::emu {
namespace {
using Operand = ast::Operand::Kind;
constexpr u32 kDepth = 256;

bool has(const OpInfo &i, const char *modifier) {
  return std::ranges::find(i.inst->modifiers, modifier) !=
         i.inst->modifiers.end();
}
u32 lane32(const Warp &w, u32 reg, u32 lane) {
  return reinterpret_cast<const u32 *>(w.regs + reg)[lane];
}
} // namespace

Exact::Format Exact::formatOf(const OpInfo &i) {
  for (auto it = i.inst->modifiers.rbegin(); it != i.inst->modifiers.rend();
       ++it)
    switch (typeNamed(*it)) {
    case Type::F16:
    case Type::F16x2:
      return Format::F16;
    case Type::BF16:
    case Type::BF16x2:
      return Format::BF16;
    case Type::F32:
      return Format::F32;
    case Type::F64:
      return Format::F64;
    case Type::None:
      break;
    default:
      return Format::Unknown;
    }
  return Format::Unknown;
}

double Exact::number(u64 bits, Format f) {
  switch (f) {
  case Format::F16:
    return static_cast<double>(std::bit_cast<_Float16>(static_cast<u16>(bits)));
  case Format::BF16:
    return std::bit_cast<float>(static_cast<u32>(bits & 0xffff) << 16);
  case Format::F32:
    return std::bit_cast<float>(static_cast<u32>(bits));
  default:
    return std::bit_cast<double>(bits);
  }
}

/// Where each register is written.
void Exact::define() {
  nodes.resize(1);
  for (const FunctionInfo &f : program.functions)
    for (const FunctionInfo::Slot &s : f.registers)
      registers[s.offset].bytes = s.laneBytes;
  std::unordered_map<u32, u32> writers;
  for (u32 pc = 0; pc < program.ops.size(); ++pc)
    for (u32 reg : program.info[pc].writes) {
      bool only = ++writers[reg] == 1 && program.info[pc].inst &&
                  program.ops[pc].guard == kNoRegister;
      registers[reg].pc = only ? pc : kSeveral;
    }
}

// ---- how a register is computed, once for each ----
u32 Exact::leaf(Source s, Format format, Kind kind) {
  if (format == Format::Unknown)
    return 0;
  auto it = registers.find(s.reg);
  Node n;
  n.kind = kind;
  n.format = format;
  n.source = s;
  n.wide =
      it == registers.end() ? format == Format::F64 : it->second.bytes == 8;
  nodes.push_back(n);
  return static_cast<u32>(nodes.size() - 1);
}

u32 Exact::node(Source s, Format format, u32 depth) {
  auto [it, fresh] = nodeOf.try_emplace(
      {s.reg, static_cast<u8>(s.part), static_cast<u8>(format)}, kSeveral);
  if (!fresh && it->second != kSeveral)
    return it->second;
  auto at = registers.find(s.reg);
  u32 n;
  if (at == registers.end()) // a constant
    n = leaf(s, format, Kind::Exactly);
  else if (!fresh || at->second.pc == kSeveral || depth >= kDepth)
    return leaf(s, format, Kind::Rounded); // a cycle, among others
  else
    n = defined(at->second.pc, s, format, depth + 1);
  return nodeOf[{s.reg, static_cast<u8>(s.part), static_cast<u8>(format)}] = n;
}

u32 Exact::pass(Source s, Format from, Format to, u32 depth) {
  u32 other = node(s, from, depth);
  if (!other || nodes[other].format == to || to == Format::Unknown)
    return other;
  Node n;
  n.kind = Kind::Pass;
  n.format = to;
  n.from[0] = other;
  nodes.push_back(n);
  return static_cast<u32>(nodes.size() - 1);
}

/// mov between a register and its halves, or another one.
u32 Exact::moved(u32 pc, Source s, Format format, u32 depth) {
  const OpInfo &i = program.info[pc];
  const ast::Operand &to = i.inst->operands[0], &from = i.inst->operands[1];
  auto stop = [&] { return leaf(s, format, Kind::Rounded); };
  if (from.kind == Operand::Vector && from.elems.size() == 2) {
    u32 reg[2] = {kNoRegister, kNoRegister}, next = 0;
    for (u32 k = 0; k < 2; ++k)
      if (from.elems[k].kind == Operand::Register && next < i.reads.size())
        reg[k] = i.reads[next++];
    if (s.part != All && reg[s.part] != kNoRegister)
      return node({reg[s.part], Low}, format, depth);
    // {0, x}: a bf16 that becomes an f32
    bool widens = s.part == All && format == Format::F32 &&
                  from.elems[0].kind == Operand::Immediate &&
                  !from.elems[0].imm && reg[1] != kNoRegister;
    return widens ? pass({reg[1], Low}, Format::BF16, format, depth) : stop();
  }
  if (i.reads.size() != 1)
    return leaf(s, format, Kind::Exactly);
  if (to.kind == Operand::Vector && to.elems.size() == 2) {
    for (u32 k = 0, next = 0; k < 2; ++k)
      if (to.elems[k].kind == Operand::Register && i.writes[next++] == s.reg &&
          has(i, "b32"))
        return node({i.reads[0], k ? High : Low}, format, depth);
    return stop();
  }
  return node({i.reads[0], s.part}, format, depth);
}

u32 Exact::converted(u32 pc, Source s, Format format, u32 depth) {
  const Op &op = program.ops[pc];
  const OpInfo &i = program.info[pc];
  auto stop = [&] { return leaf(s, format, Kind::Rounded); };
  Format from = formatOf(i);
  if (from == Format::Unknown) {
    // Between registers of two widths, as shuffles need them; else an integer.
    bool around = i.reads.size() == 1 && (has(i, "u16") || has(i, "b16")) &&
                  !has(i, "rn");
    return around && s.part != High ? node({op.a, Low}, format, depth)
                                    : leaf(s, format, Kind::Exactly);
  }
  Format to = Format::Unknown;
  bool pair = false;
  for (const std::string &m : i.inst->modifiers) {
    Type t = typeNamed(m);
    if (t == Type::None)
      continue;
    pair = t == Type::BF16x2 || t == Type::F16x2;
    to = pair              ? (t == Type::BF16x2 ? Format::BF16 : Format::F16)
         : t == Type::BF16 ? Format::BF16
         : t == Type::F16  ? Format::F16
         : t == Type::F32  ? Format::F32
         : t == Type::F64  ? Format::F64
                           : Format::Unknown;
    break;
  }
  bool integral =
      has(i, "rni") || has(i, "rzi") || has(i, "rmi") || has(i, "rpi");
  if (to == Format::Unknown || integral ||
      (format != Format::Unknown && format != to) || (pair && s.part == All))
    return stop();
  bool whole = from == Format::F32 || from == Format::F64;
  return pass({pair && s.part == Low ? op.b : op.a, whole ? All : Low}, from,
              to, depth);
}

u32 Exact::computed(u32 pc, Source s, Format format, u32 depth) {
  static const std::unordered_map<std::string_view, Kind> kinds = {
      {"add", Kind::Add},  {"sub", Kind::Sub},     {"mul", Kind::Mul},
      {"fma", Kind::Fma},  {"mad", Kind::Fma},     {"neg", Kind::Neg},
      {"abs", Kind::Abs},  {"max", Kind::Max},     {"min", Kind::Min},
      {"div", Kind::Div},  {"rcp", Kind::Rcp},     {"sqrt", Kind::Sqrt},
      {"ex2", Kind::Ex2},  {"rsqrt", Kind::Rsqrt}, {"lg2", Kind::Lg2},
      {"tanh", Kind::Tanh}};
  const Op &op = program.ops[pc];
  const OpInfo &i = program.info[pc];
  auto kind = kinds.find(i.inst->opcode);
  if (kind == kinds.end() && i.inst->opcode != "sin" && i.inst->opcode != "cos")
    return leaf(s, format, Kind::Exactly); // products of matrices among them
  Format type = formatOf(i);
  bool narrow = type == Format::F16 || type == Format::BF16;
  if (kind == kinds.end() || type == Format::Unknown ||
      (format != Format::Unknown && format != type) ||
      narrow == (s.part == All))
    return leaf(s, format, Kind::Rounded);
  Node n;
  n.kind = kind->second;
  n.format = type;
  const u32 operands[] = {op.a, op.b, op.c};
  u32 count = static_cast<u32>(i.inst->operands.size()) - 1;
  if (count > 3 || (count == 3) != (n.kind == Kind::Fma))
    return leaf(s, type, Kind::Rounded);
  for (u32 k = 0; k < count; ++k) {
    n.from[k] = node({operands[k], s.part}, type, depth);
    if (!n.from[k])
      return leaf(s, type, Kind::Rounded);
  }
  nodes.push_back(n);
  return static_cast<u32>(nodes.size() - 1);
}

u32 Exact::defined(u32 pc, Source s, Format format, u32 depth) {
  const Op &op = program.ops[pc];
  const OpInfo &i = program.info[pc];
  const std::string &o = i.inst->opcode;
  auto stop = [&] { return leaf(s, format, Kind::Rounded); };
  if (o == "ld")
    return leaf(s, format, Kind::Exactly);
  if (o == "mov" && i.inst->operands.size() == 2)
    return moved(pc, s, format, depth);
  if (o == "cvt")
    return converted(pc, s, format, depth);
  if ((o == "selp" && i.selects) || (o == "shfl" && i.writes[0] == s.reg)) {
    Node n;
    n.kind = o == "shfl" ? Kind::Shuffle : Kind::Select;
    n.pc = pc;
    n.from[0] = node({op.a, s.part}, format, depth);
    if (!n.from[0])
      return 0;
    n.format = nodes[n.from[0]].format;
    if (n.kind == Kind::Select) {
      n.from[1] = node({op.b, s.part}, n.format, depth);
      if (!n.from[1] || nodes[n.from[1]].format != n.format)
        return stop();
    }
    nodes.push_back(n);
    return static_cast<u32>(nodes.size() - 1);
  }
  if (o == "prmt" && i.inst->operands.size() == 4 &&
      i.inst->operands[3].kind == Operand::Immediate && s.part != All) {
    u32 selector = static_cast<u32>(i.inst->operands[3].imm) >> (8 * s.part);
    u32 low = selector & 15, high = selector >> 4 & 15;
    if (low & 1 || high != low + 1 || low > 6)
      return stop();
    return node({low < 4 ? op.a : op.b, low & 2 ? High : Low}, format, depth);
  }
  if ((o == "shl" || o == "shr" || o == "and") &&
      i.inst->operands[2].kind == Operand::Immediate) {
    bool widens = s.part == All && format == Format::F32;
    u32 by = static_cast<u32>(i.inst->operands[2].imm);
    if (o == "shr" && by == 16 && s.part == Low)
      return node({op.a, High}, format, depth);
    if (o == "shl" && by == 16 && widens)
      return pass({op.a, Low}, Format::BF16, format, depth);
    if (o == "and" && by == 0xffff0000 && widens)
      return pass({op.a, High}, Format::BF16, format, depth);
    return stop();
  }
  return computed(pc, s, format, depth);
}

// ---- its value in one lane ----
Exact::Value Exact::work(const Node &n, const Warp &w, u32 lane) {
  Value r;
  auto operand = [&](u32 k) { return eval(n.from[k], w, lane); };
  auto product = [](const Value &a, const Value &b) {
    Value p;
    p.x = a.x * b.x;
    p.scale = a.scale * b.scale;
    p.error = a.scale * b.error + b.scale * a.error;
    return p;
  };
  auto sum = [&](const Value &a, const Value &b, double sign) {
    r.x = a.x + sign * b.x;
    r.scale = a.scale + b.scale;
    r.error = a.error + b.error;
  };
  auto function = [&](double x, double slope, const Value &a) {
    r.x = x;
    r.error = std::fabs(slope) * a.error;
    r.scale = std::fabs(x) + std::fabs(slope) * a.scale;
  };
  switch (n.kind) {
  case Kind::Unknown:
    break;
  case Kind::Exactly:
  case Kind::Rounded: {
    u64 bits = n.wide
                   ? reinterpret_cast<const u64 *>(w.regs + n.source.reg)[lane]
                   : lane32(w, n.source.reg, lane);
    r.x = number(n.source.part == High ? bits >> 16 : bits, n.format);
    r.scale = std::fabs(r.x);
    static const double ulps[] = {0, 0x1p-9, 0x1p-6, 0x1p-22, 0x1p-51};
    if (n.kind == Kind::Rounded)
      r.error = r.scale * ulps[static_cast<u8>(n.format)];
    break;
  }
  case Kind::Pass:
    r = operand(0);
    break;
  case Kind::Select: {
    u32 p = *reinterpret_cast<const u32 *>(w.regs + program.ops[n.pc].c);
    r = operand(p >> lane & 1 ? 0 : 1);
    break;
  }
  case Kind::Shuffle:
    r = eval(n.from[0], w,
             shuffledFrom(w, program.ops[n.pc], program.info[n.pc], lane));
    break;
  case Kind::Add:
    sum(operand(0), operand(1), 1);
    break;
  case Kind::Sub:
    sum(operand(0), operand(1), -1);
    break;
  case Kind::Mul:
    r = product(operand(0), operand(1));
    break;
  case Kind::Fma:
    sum(product(operand(0), operand(1)), operand(2), 1);
    break;
  case Kind::Neg:
    r = operand(0);
    r.x = -r.x;
    break;
  case Kind::Abs:
    r = operand(0);
    r.x = std::fabs(r.x);
    break;
  case Kind::Max:
  case Kind::Min: {
    Value a = operand(0), b = operand(1);
    r = (n.kind == Kind::Max) == (a.x >= b.x) ? a : b;
    r.error = std::max(a.error, b.error);
    break;
  }
  case Kind::Div: {
    Value a = operand(0), b = operand(1);
    r.x = a.x / b.x;
    r.error = (a.error + std::fabs(r.x) * b.error) / std::fabs(b.x);
    r.scale = (a.scale + std::fabs(r.x) * b.scale) / std::fabs(b.x);
    break;
  }
  case Kind::Rcp: {
    Value a = operand(0);
    function(1 / a.x, 1 / (a.x * a.x), a);
    break;
  }
  case Kind::Sqrt: {
    Value a = operand(0);
    function(std::sqrt(a.x), 0.5 / std::sqrt(a.x), a);
    break;
  }
  case Kind::Rsqrt: {
    Value a = operand(0);
    function(1 / std::sqrt(a.x), 0.5 / (a.x * std::sqrt(a.x)), a);
    break;
  }
  case Kind::Ex2: {
    Value a = operand(0);
    function(std::exp2(a.x), std::exp2(a.x), a);
    break;
  }
  case Kind::Lg2: {
    Value a = operand(0);
    function(std::log2(a.x), 1 / a.x, a);
    break;
  }
  case Kind::Tanh: {
    Value a = operand(0);
    function(std::tanh(a.x), 1, a);
    break;
  }
  }
  return r;
}

const Exact::Value &Exact::eval(u32 n, const Warp &w, u32 lane) {
  u64 at = u64(n) * 64 + (&w == warps[0] ? 0 : 32) + lane;
  if (values[at].when != epoch) {
    Value v = work(nodes[n], w, lane);
    v.when = epoch;
    values[at] = v;
  }
  return values[at];
}

/// The register of which lane a store takes what it writes from.
bool Exact::find(const Stored &s, Part part, Source &source, u32 &lane) {
  const Op &op = program.ops[s.pc];
  const OpInfo &i = program.info[s.pc];
  lane = s.lane;
  if (i.inst->opcode == "stmatrix") {
    // Row r of matrix q: lanes 4r to 4r + 3, turned the other way by .trans.
    u32 row = s.lane % 8;
    source.reg = op.regs[s.lane / 8];
    if (has(i, "trans")) {
      lane = s.at / 2 * 4 + row / 2;
      source.part = row & 1 ? High : Low;
    } else {
      lane = 4 * row + s.at / 4;
      source.part = part;
    }
    return true;
  }
  auto [it, fresh] = stores.try_emplace(s.pc);
  if (fresh)
    it->second = storedRegisters(op, i);
  u32 element = op.bytes ? s.at / op.bytes : 0;
  if (element >= it->second.size() || it->second[element] == kNoRegister)
    return false;
  source = {it->second[element], part};
  return true;
}

/// Bytes of a register that each element of a store comes from.
u32 Exact::elementBytes(u32 pc) const {
  const OpInfo &i = program.info[pc];
  if (i.inst->opcode == "stmatrix")
    return has(i, "trans") ? 2 : 4;
  return program.ops[pc].bytes;
}

u32 Exact::stored(const Stored &s, Part part, Value &v) {
  Source source{};
  u32 lane = 0;
  if (!find(s, part, source, lane))
    return 0;
  u32 n = node(source, Format::Unknown, 0);
  if (!n)
    return 0;
  values.resize(nodes.size() * 64);
  v = eval(n, *s.w, lane);
  static const u32 widths[] = {0, 2, 2, 4, 8};
  static const double tolerance[] = {0, 0x1p-6, 0x1p-3, 0x1p-16, 0x1p-44};
  Format format = nodes[n].format;
  u32 f = static_cast<u32>(format);
  u64 bits = 0;
  std::memcpy(&bits,
              part == All ? s.bytes - s.at % elementBytes(s.pc) : s.bytes,
              widths[f]);
  bool current =
      std::fabs(number(bits, format) - v.x) <= tolerance[f] * v.scale + v.error;
  return current ? n : 0;
}

bool Exact::agree(const Stored &a, const Stored &b, Part part, bool &told) {
  Value x, y;
  told = stored(a, part, x) != 0;
  return told && stored(b, part, y) &&
         std::fabs(x.x - y.x) <=
             x.error + y.error + 0x1p-40 * std::max(x.scale, y.scale);
}

bool Exact::same(const Stored &a, const Stored &b, u32 size, u64 now) {
  if (nodes.empty())
    define();
  if (a.w != warps[0] || b.w != warps[1] || when != now)
    ++epoch;
  warps[0] = a.w;
  warps[1] = b.w;
  when = now;
  bool told = false;
  u32 bytes = elementBytes(a.pc);
  if (bytes >= 4) {
    bool yes = agree(a, b, All, told);
    if (told || size != 4)
      return yes;
  }
  // Halves, of one register or of two.
  for (u32 at = 0; at < size; at += 2) {
    Stored x = a, y = b;
    x.at += at;
    x.bytes += at;
    y.at += at;
    y.bytes += at;
    if (!agree(x, y, bytes == 4 && at ? High : Low, told))
      return false;
  }
  return true;
}

} // namespace hamlet::emu
