//===- Decode.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/core/Decode.h"

#include "emulator/exec/Warp.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hamlet::emu {
using Kind = ast::Operand::Kind;

namespace {
constexpr u32 kMaxArena = 1u << 30; // bytes of one warp's registers

// Special registers whose value changes while a warp runs.
bool isDynamic(const std::string &n) {
  return n == "%clock" || n == "%clock64" || n == "%clock_hi" ||
         n == "%globaltimer" || n == "%globaltimer_lo" ||
         n == "%globaltimer_hi";
}
bool isSpecial(const std::string &n) {
  static const std::set<std::string> names = [] {
    std::set<std::string> s = {"%laneid",
                               "%warpid",
                               "%nwarpid",
                               "%smid",
                               "%nsmid",
                               "%gridid",
                               "%lanemask_eq",
                               "%lanemask_le",
                               "%lanemask_lt",
                               "%lanemask_ge",
                               "%lanemask_gt",
                               "%cluster_ctarank",
                               "%cluster_nctarank",
                               "%dynamic_smem_size",
                               "%total_smem_size",
                               "%aggr_smem_size",
                               "%is_explicit_cluster",
                               "%current_graph_exec",
                               "%reserved_smem_offset_begin",
                               "%reserved_smem_offset_end",
                               "%reserved_smem_offset_cap",
                               "%reserved_smem_offset_0",
                               "%reserved_smem_offset_1"};
    for (const char *v : {"%tid", "%ntid", "%ctaid", "%nctaid", "%clusterid",
                          "%nclusterid", "%cluster_ctaid", "%cluster_nctaid"})
      for (const char *d : {".x", ".y", ".z"})
        s.insert(std::string(v) + d);
    return s;
  }();
  return names.count(n) != 0;
}

Step readDynamic(Warp &w, const Op &o, u32 mask) {
  u64 v = o.flags & 2 ? w.globalTimer() : w.clock();
  if (o.flags & 4)
    v >>= 32;
  for (u32 l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      if (o.flags & 1)
        reinterpret_cast<u64 *>(w.regs + o.d)[l] = v;
      else
        reinterpret_cast<u32 *>(w.regs + o.d)[l] = static_cast<u32>(v);
    }
  return o.flags & 2 ? Step::Yield : Step::Next;
}

Step invertPredicate(Warp &w, const Op &o, u32) {
  *reinterpret_cast<u32 *>(w.regs + o.d) =
      ~*reinterpret_cast<u32 *>(w.regs + o.a);
  return Step::Next;
}

Step addFrame(Warp &w, const Op &o, u32) {
  const u64 *a = reinterpret_cast<const u64 *>(w.regs + o.a);
  for (u32 l = 0; l < 32; ++l) {
    u64 v = a[l] + static_cast<u64>(o.imm);
    if (o.flags)
      reinterpret_cast<u32 *>(w.regs + o.d)[l] = static_cast<u32>(v);
    else
      reinterpret_cast<u64 *>(w.regs + o.d)[l] = v;
  }
  return Step::Next;
}
} // namespace

Decode::Decode(const ast::Module &module, const Symbols &symbols,
               Program &program)
    : mod(module), syms(symbols), prog(program) {
  allocate(512, 64); // what `_` writes to
  prog.frameRegister = allocate(256, 64);
  for (u32 l = 0; l < 32; ++l)
    reinterpret_cast<u64 *>(prog.image.data() + prog.frameRegister)[l] =
        kLocalStart;
}

u32 Decode::allocate(u32 bytes, u32 align) {
  u64 at = alignUp(prog.arenaBytes, align);
  if (at + bytes > kMaxArena)
    throw PtxError(0, "registers of '" + prog.name + "' exceed 1 GiB a warp");
  prog.arenaBytes = static_cast<u32>(at + bytes);
  prog.image.resize(prog.arenaBytes);
  return static_cast<u32>(at);
}

void Decode::fail(const std::string &what) const {
  throw PtxError(
      instruction ? instruction->line : 0,
      what + (instruction ? " in '" + instruction->spelling() + "'" : ""));
}

bool Decode::take(std::string_view modifier) {
  auto it = std::find(left.begin(), left.end(), modifier);
  if (it == left.end())
    return false;
  left.erase(it);
  return true;
}

bool Decode::has(std::string_view modifier) const {
  return std::find(left.begin(), left.end(), modifier) != left.end();
}

bool Decode::hasType() const {
  for (const std::string &m : left)
    if (typeNamed(m) != Type::None)
      return true;
  return false;
}

Type Decode::takeType() {
  for (size_t i = left.size(); i-- > 0;)
    if (Type t = typeNamed(left[i]); t != Type::None) {
      left.erase(left.begin() + static_cast<long>(i));
      return t;
    }
  fail("no type");
}

int Decode::takeOf(std::initializer_list<const char *> names) {
  for (size_t i = 0; i < left.size(); ++i) {
    int k = 0;
    for (const char *n : names) {
      if (left[i] == n) {
        left.erase(left.begin() + static_cast<long>(i));
        return k;
      }
      ++k;
    }
  }
  return -1;
}

std::string Decode::takeAny() {
  if (left.empty())
    return "";
  std::string s = left.front();
  left.erase(left.begin());
  return s;
}

bool Decode::takeCacheHints() {
  static const std::set<std::string> hints = {"ca",
                                              "cg",
                                              "cs",
                                              "lu",
                                              "cv",
                                              "wb",
                                              "wt",
                                              "L1::evict_normal",
                                              "L1::evict_unchanged",
                                              "L1::evict_first",
                                              "L1::evict_last",
                                              "L1::no_allocate",
                                              "L2::64B",
                                              "L2::128B",
                                              "L2::256B",
                                              "L2::evict_last",
                                              "L2::evict_normal",
                                              "L2::evict_first",
                                              "level::eviction_priority"};
  for (size_t i = 0; i < left.size();)
    if (hints.count(left[i]))
      left.erase(left.begin() + static_cast<long>(i));
    else
      ++i;
  return take("L2::cache_hint");
}

const ast::Operand &Decode::operand(size_t i) const {
  if (i >= instruction->operands.size())
    fail("operand " + std::to_string(i + 1) + " is missing");
  return instruction->operands[i];
}

void Decode::expectCount(size_t low, size_t high) const {
  if (count() < low || count() > high)
    fail("expected " + std::to_string(low) +
         (high > low ? " to " + std::to_string(high) : "") + " operands, got " +
         std::to_string(count()));
}

void Decode::needTarget(u32 number) const {
  u32 have = 0;
  if (mod.target.starts_with("sm_"))
    std::from_chars(mod.target.data() + 3,
                    mod.target.data() + mod.target.size(), have);
  if (have < number)
    fail("needs .target sm_" + std::to_string(number) + " or higher, got " +
         mod.target);
}

u32 Decode::registerBytes(const ast::Operand &o) const {
  if (o.kind != Kind::Register)
    return 0;
  Type t = fn->registers[o.reg].type;
  return t == Type::Pred ? 0 : laneBytes(t);
}

u32 Decode::source(const ast::Operand &o, Type type) {
  if (!o.part.empty() || o.minus)
    fail("register '" + o.name + "' is used whole here");
  u32 bytes = laneBytes(type);
  switch (o.kind) {
  case Kind::Register: {
    Type declared = fn->registers[o.reg].type;
    if (type == Type::Pred || declared == Type::Pred) {
      if (type != declared)
        fail("register '" + o.name + "' is ." + typeName(declared) +
             ", expected ." + typeName(type));
      return predicate(o);
    }
    if (o.negated)
      fail("only predicates can be negated");
    if (laneBytes(declared) < bytes)
      fail("register '" + o.name + "' is ." + typeName(declared) +
           ", too narrow for ." + typeName(type));
    u32 offset = registerOffsets[o.reg];
    info.reads.push_back(offset);
    info.readBytes.push_back(static_cast<u8>(laneBytes(declared)));
    if (laneBytes(declared) > bytes) {
      if (bytes == 4 && laneBytes(declared) == 8) {
        // Wider than needed: the low half through a temporary.
        Op h;
        h.a = offset;
        h.d = temporary(4);
        h.flags = 1;
        emitHelper(h, {offset}, {h.d});
        prog.ops.back().run = addFrame;
        return h.d;
      }
      fail("register '" + o.name + "' is ." + typeName(declared) +
           ", wider than ." + typeName(type));
    }
    return offset;
  }
  case Kind::Immediate: {
    if (type == Type::Pred)
      return constant(o.imm ? ~0u : 0, 4);
    u64 v = o.imm;
    if (o.floatBytes == 8 && bytes == 4 && isFloat(type)) {
      double d;
      std::memcpy(&d, &v, 8);
      float f = static_cast<float>(d);
      u32 b;
      std::memcpy(&b, &f, 4);
      v = b;
    } else if (o.floatBytes == 4 && type == Type::F64) {
      u32 b = static_cast<u32>(v);
      float f;
      std::memcpy(&f, &b, 4);
      double d = f;
      std::memcpy(&v, &d, 8);
    }
    if (typeBytes(type) < 4)
      v &= (u64(1) << (8 * typeBytes(type))) - 1;
    return constant(v, bytes);
  }
  case Kind::Special:
    return type == Type::Pred ? predicate(o) : special(o.name, type);
  case Kind::Symbol: {
    SymbolInfo s = symbol(o.name, instruction->line);
    u64 v = s.address + o.imm;
    if (s.frame) {
      Op h;
      h.a = prog.frameRegister;
      h.imm = static_cast<s64>(v);
      h.d = temporary(bytes);
      h.flags = bytes == 4;
      emitHelper(h);
      prog.ops.back().run = addFrame;
      return h.d;
    }
    return constant(v, bytes);
  }
  case Kind::Sink:
    fail("'_' cannot be read");
  default:
    fail("operand is not a value");
  }
}

u32 Decode::sink(const ast::Operand &o, Type type) {
  if (o.kind == Kind::Sink)
    return 0;
  if (o.kind != Kind::Register)
    fail("destination is not a register");
  if (!o.part.empty() || o.minus)
    fail("register '" + o.name + "' is used whole here");
  Type declared = fn->registers[o.reg].type;
  if ((type == Type::Pred) != (declared == Type::Pred) ||
      laneBytes(declared) != laneBytes(type))
    fail("register '" + o.name + "' is ." + typeName(declared) +
         ", does not fit ." + typeName(type));
  info.writes.push_back(registerOffsets[o.reg]);
  return registerOffsets[o.reg];
}

u32 Decode::predicate(const ast::Operand &o) {
  if (o.kind == Kind::Immediate)
    return constant(o.imm ? ~0u : 0, 4);
  if (o.kind == Kind::Special && o.name == "%is_explicit_cluster")
    return special(o.name, Type::B32); // all ones or zeros
  if (o.kind != Kind::Register || fn->registers[o.reg].type != Type::Pred ||
      !o.part.empty() || o.minus)
    fail("expected a predicate");
  u32 offset = registerOffsets[o.reg];
  info.reads.push_back(offset);
  info.readBytes.push_back(0);
  if (!o.negated)
    return offset;
  Op h;
  h.a = offset;
  h.d = temporary(4);
  emitHelper(h, {offset}, {h.d});
  prog.ops.back().run = invertPredicate;
  return h.d;
}

u32 Decode::stackRegister() {
  if (stackTop == kNoRegister)
    stackTop = allocate(256, 64);
  prog.usesRecursion = true;
  return stackTop;
}

u32 Decode::constant(u64 value, u32 bytes) {
  if (bytes == 4)
    value = static_cast<u32>(value);
  auto [it, fresh] = constants.try_emplace({value, bytes}, 0);
  if (!fresh)
    return it->second;
  u32 at = allocate(32 * bytes, 64);
  it->second = at;
  for (u32 l = 0; l < 32; ++l)
    if (bytes == 4) {
      u32 v = static_cast<u32>(value);
      std::memcpy(prog.image.data() + at + 4 * l, &v, 4);
    } else {
      std::memcpy(prog.image.data() + at + bytes * l, &value, 8);
    }
  return at;
}

u32 Decode::temporary(u32 bytes) { return allocate(32 * bytes, 64); }

const u32 *Decode::list(std::vector<u32> offsets) {
  prog.regLists.push_back(std::move(offsets));
  op.regCount = static_cast<u16>(prog.regLists.back().size());
  op.regs = prog.regLists.back().data();
  return op.regs;
}

u32 Decode::special(const std::string &name, Type type) {
  u32 bytes = laneBytes(type);
  if (isDynamic(name)) {
    prog.usesClock = true;
    Op h;
    h.flags = (bytes == 8 ? 1 : 0) | (name.rfind("%global", 0) == 0 ? 2 : 0) |
              (name.ends_with("_hi") ? 4 : 0);
    h.d = temporary(bytes);
    emitHelper(h);
    prog.ops.back().run = readDynamic;
    return h.d;
  }
  if (!isSpecial(name)) {
    if (name.ends_with(".w") &&
        isSpecial(name.substr(0, name.size() - 1) + "x"))
      return constant(0, bytes); // unused
    bool workspace = name == "%envreg1" || name == "%envreg2";
    if (!workspace &&
        (name.rfind("%envreg", 0) == 0 || name.rfind("%pm", 0) == 0))
      return constant(0, bytes);
    if (!workspace)
      fail("'" + name +
           "' is neither a declared register nor a known special register");
  }
  std::string key = name + (bytes == 8 ? "@8" : "");
  auto [it, fresh] = specialOffsets.try_emplace(key, 0);
  if (fresh) {
    it->second = allocate(32 * bytes, 64);
    prog.specials.push_back({key, it->second});
  }
  return it->second;
}

Decode::SymbolInfo Decode::symbol(const std::string &name, u32 line) const {
  // Locals of the innermost scope outwards.
  if (fn) {
    for (u32 s = instruction ? instruction->scope : 0;;
         s = fn->scopeParent[s]) {
      if (auto it = locals.find({s, name}); it != locals.end())
        return it->second;
      if (s == 0)
        break;
    }
  }
  if (auto it = sharedOffsets.find(name); it != sharedOffsets.end())
    return {Space::Shared, it->second, false, false};
  bool found = false;
  u64 a = symbolAddress(name, found);
  if (found) {
    auto v = syms.variables.find(name);
    Space space = v != syms.variables.end() ? v->second->space : Space::Global;
    return {space, a, false, false};
  }
  throw PtxError(line, "'" + name + "' is not declared");
}

u64 Decode::functionAddress(const std::string &name) const {
  std::string n = name;
  if (auto it = mod.aliases.find(n); it != mod.aliases.end())
    n = it->second;
  for (size_t i = 0; i < mod.functions.size(); ++i)
    if (mod.functions[i].name == n)
      return kFunctionBase + 16 * (i + 1);
  return 0;
}

u64 Decode::symbolAddress(const std::string &name, bool &found) const {
  found = true;
  if (auto it = syms.address.find(name); it != syms.address.end())
    return it->second;
  if (u64 f = functionAddress(name)) {
    return f;
  }
  found = false;
  return 0;
}

Decode::Address Decode::address(const ast::Operand &o) {
  if (o.kind != Kind::Address)
    fail("expected an address in brackets");
  Address a;
  a.offset = static_cast<s64>(o.imm);
  const ast::Operand &base = o.elems[0];
  switch (base.kind) {
  case Kind::Register: {
    u32 bytes = registerBytes(base);
    if (!base.part.empty() || base.minus)
      fail("register '" + base.name + "' is used whole here");
    if (bytes != 4 && bytes != 8)
      fail("address register '" + base.name +
           "' is neither 32 nor 64 bits wide");
    a.narrow = bytes == 4;
    a.base = registerOffsets[base.reg];
    info.reads.push_back(a.base);
    info.readBytes.push_back(static_cast<u8>(bytes));
    return a;
  }
  case Kind::Symbol: {
    SymbolInfo s = symbol(base.name, instruction->line);
    a.offset += static_cast<s64>(s.address + base.imm);
    a.symbolSpace = s.space;
    a.entryParam = s.entryParam;
    if (s.frame) {
      a.base = prog.frameRegister;
    } else {
      a.uniform = true;
      a.base = constant(0, 8);
    }
    return a;
  }
  case Kind::Immediate:
    a.offset += static_cast<s64>(base.imm);
    a.uniform = true;
    a.base = constant(0, 8);
    return a;
  default:
    fail("address is neither a register, a symbol nor a constant");
  }
}

void Decode::emit(Handler handler) {
  if (!left.empty())
    fail("unknown modifier '." + left.front() + "'");
  op.run = handler;
  if (instruction->guard >= 0) {
    op.guard = registerOffsets[instruction->guard];
    op.guardNegated = instruction->guardNegated;
  }
  info.inst = instruction;
  info.function = fn;
  info.line = instruction->line;
  info.source = instruction->source;
  prog.ops.push_back(op);
  prog.info.push_back(info);
}

void Decode::emitHelper(const Op &helper, std::vector<u32> reads,
                        std::vector<u32> writes) {
  prog.ops.push_back(helper);
  OpInfo i;
  i.function = fn;
  i.line = instruction ? instruction->line : 0;
  i.moves = true;
  i.readBytes.resize(reads.size(), 4);
  i.reads = std::move(reads);
  i.writes = std::move(writes);
  prog.info.push_back(std::move(i));
}

void Decode::branchTo(const std::string &label) {
  fixups.push_back({static_cast<u32>(prog.ops.size()), label,
                    instruction->scope, instruction->line});
}

u32 Decode::branchTable(const std::string &name) {
  for (u32 s = instruction->scope;; s = fn->scopeParent[s]) {
    if (auto it = fn->branchTables.find({s, name});
        it != fn->branchTables.end()) {
      prog.branchTables.emplace_back();
      u32 index = static_cast<u32>(prog.branchTables.size() - 1);
      tableFixups.push_back({index, it->second, s, instruction->line});
      return index;
    }
    if (s == 0)
      break;
  }
  fail("'" + name + "' is not a .branchtargets list");
}

FunctionInfo *Decode::functionNamed(const std::string &name) {
  std::string n = name;
  if (auto it = mod.aliases.find(n); it != mod.aliases.end())
    n = it->second;
  if (auto it = functionsByName.find(n); it != functionsByName.end())
    return it->second;
  for (const ast::Function &f : mod.functions)
    if (f.name == n) {
      prog.functions.emplace_back();
      FunctionInfo &i = prog.functions.back();
      i.ast = &f;
      functionsByName[n] = &i;
      prog.byAddress[functionAddress(n)] = &i;
      pending.push_back(&i);
      return &i;
    }
  return nullptr;
}

const ast::Prototype *Decode::prototypeNamed(const std::string &name) const {
  auto it = fn->prototypes.find(name);
  return it == fn->prototypes.end() ? nullptr : &it->second;
}

u32 Decode::frameOffset(const std::string &name) {
  SymbolInfo s = symbol(name, instruction->line);
  if (s.space != Space::Param || s.entryParam)
    fail("'" + name + "' is not a .param variable of this function");
  return static_cast<u32>(s.address);
}

} // namespace hamlet::emu
