#include "emulator/core/Decode.h"

#include "emulator/exec/Warp.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hamlet::emu {
using Kind = ast::Operand::Kind;

namespace {
constexpr u32 kMaxArena = 1u << 30; // bytes of one warp's registers
u64 alignUp(u64 v, u64 a) { return (v + a - 1) / a * a; }

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

namespace {
void collectSymbols(const ast::Operand &o, std::set<std::string> &into) {
  if (o.kind == Kind::Symbol)
    into.insert(o.name);
  for (const ast::Operand &e : o.elems)
    collectSymbols(e, into);
}
} // namespace

void Decode::layoutShared(const ast::Function &entry) {
  std::vector<const ast::Function *> reached = {&entry};
  std::set<std::string> used;
  bool indirect = false;
  for (size_t i = 0; i < reached.size(); ++i) {
    std::set<std::string> names;
    for (const ast::Instruction &inst : reached[i]->code)
      for (const ast::Operand &o : inst.operands) {
        collectSymbols(o, names);
        indirect |= inst.opcode == "call" && o.kind == Kind::Register;
      }
    for (const ast::Function &f : mod.functions)
      if (f.hasBody && !f.isEntry && (indirect || names.count(f.name)) &&
          std::find(reached.begin(), reached.end(), &f) == reached.end())
        reached.push_back(&f);
    used.insert(names.begin(), names.end());
  }
  u64 end = 0;
  auto place = [&](const ast::Variable &v) {
    end = alignUp(end, std::max(v.align, 1u));
    prog.sharedAlign = std::max(prog.sharedAlign, v.align);
    u64 at = kSharedStart + end;
    end += v.bytes;
    if (end > (1u << 23))
      throw PtxError(v.line, "shared variables exceed 8 MiB");
    return static_cast<u32>(at);
  };
  std::vector<const ast::Variable *> dynamic;
  for (const ast::Variable &v : mod.globals)
    if (v.space == Space::Shared && used.count(v.name)) {
      if (v.unsized || v.isExtern || v.bytes == 0)
        dynamic.push_back(&v);
      else
        sharedOffsets[v.name] = place(v);
    }
  for (const ast::Function *f : reached)
    for (const ast::Variable &v : f->locals)
      if (v.space == Space::Shared) {
        if (v.unsized || v.isExtern || v.bytes == 0)
          dynamic.push_back(&v);
        else
          sharedLocals[&v] = place(v);
      }
  u32 align = 16;
  for (const ast::Variable *v : dynamic)
    align = std::max(align, v->align);
  end = alignUp(end, align);
  for (const ast::Variable *v : dynamic) {
    sharedOffsets[v->name] = kSharedStart + end;
    sharedLocals[v] = static_cast<u32>(kSharedStart + end);
  }
  sharedEnd = static_cast<u32>(end);
}

void Decode::begin(FunctionInfo &fi) {
  instruction = nullptr;
  fn = fi.ast;
  currentInfo = &fi;
  locals.clear();
  fixups.clear();
  tableFixups.clear();
  firstOp.clear();
  // Frame: 32-bit offsets from the frame register, .local and .param together.
  u64 frame = 0;
  auto place = [&](const ast::Variable &v) {
    frame = alignUp(frame, std::max(v.align, 1u));
    u64 at = frame;
    frame += v.bytes;
    if (frame > (1u << 24))
      throw PtxError(v.line,
                     "local variables of '" + fn->name + "' exceed 16 MiB");
    return static_cast<u32>(at);
  };
  if (fn->isEntry) {
    u64 at = 0;
    for (const ast::Variable &v : fn->params) {
      at = alignUp(at, std::max(v.align, 1u));
      prog.params.push_back({v.name, v.type, static_cast<u32>(at),
                             static_cast<u32>(v.bytes), v.isArray});
      locals[{0, v.name}] = {Space::Param, at, false, true};
      at += v.bytes;
      if (at > (1 << 16))
        throw PtxError(v.line,
                       "parameters of '" + fn->name + "' exceed 64 KiB");
    }
    prog.paramBytes = static_cast<u32>(at);
  } else {
    for (const ast::Variable &v : fn->params) {
      fi.paramOffsets.push_back(place(v));
      locals[{0, v.name}] = {Space::Param, fi.paramOffsets.back(), true, false};
    }
    for (const ast::Variable &v : fn->results) {
      fi.resultOffsets.push_back(place(v));
      locals[{0, v.name}] = {Space::Param, fi.resultOffsets.back(), true,
                             false};
    }
  }
  for (const ast::Variable &v : fn->locals) {
    if (v.space == Space::Shared) {
      locals[{v.scope, v.name}] = {Space::Shared, sharedLocals[&v], false,
                                   false};
    } else {
      locals[{v.scope, v.name}] = {v.space, place(v), true, false};
    }
  }
  fi.frameBytes = static_cast<u32>(alignUp(frame, 128));
  if (fn->isEntry)
    prog.localBytes = fi.frameBytes;
  registerOffsets.assign(fn->registers.size(), 0);
  for (size_t i = 0; i < fn->registers.size(); ++i) {
    Type t = fn->registers[i].type;
    u32 bytes = t == Type::Pred ? 0 : laneBytes(t);
    registerOffsets[i] = bytes ? allocate(32 * bytes, 64) : allocate(4, 4);
    fi.registers.push_back({registerOffsets[i], static_cast<u8>(bytes)});
  }
  allocate(0, 64);
  fi.entryPc = static_cast<u32>(prog.ops.size());
}

void Decode::instructionAt(u32 index, const OpTable &table) {
  instruction = &fn->code[index];
  firstOp.push_back(static_cast<u32>(prog.ops.size()));
  op = Op();
  info = OpInfo();
  left = instruction->modifiers;
  auto decodeOne = [&] {
    auto it = table.find(instruction->opcode);
    if (it == table.end())
      throw PtxError(instruction->line,
                     "unknown opcode '" + instruction->spelling() + "'");
    it->second(*this);
  };
  if (!errors)
    return decodeOne();
  try {
    decodeOne();
  } catch (const PtxError &e) {
    errors->push_back(e.what());
  }
}

void Decode::endFunction() {
  // Falling off the end returns.
  firstOp.push_back(static_cast<u32>(prog.ops.size()));
  static ast::Instruction ret = [] {
    ast::Instruction r;
    r.opcode = "ret";
    return r;
  }();
  instruction = &ret;
  op = Op();
  info = OpInfo();
  left.clear();
  opTable().at("ret")(*this);
  prog.info.back().inst = nullptr;
  instruction = nullptr;
  auto resolve = [&](const std::string &label, u32 scope, u32 line) -> u32 {
    for (u32 s = scope;; s = fn->scopeParent[s]) {
      if (auto it = fn->labels.find({s, label}); it != fn->labels.end())
        return firstOp[it->second];
      if (s == 0)
        break;
    }
    // Labels of inner scopes are not visible, but nothing else can be meant.
    throw PtxError(line, "label '" + label + "' is not defined");
  };
  for (const Fixup &f : fixups)
    prog.ops[f.op].target = resolve(f.label, f.scope, f.line);
  for (const TableFixup &t : tableFixups)
    for (const std::string &l : t.labels)
      prog.branchTables[t.table].push_back(resolve(l, t.scope, t.line));
}

namespace {
// Functions on a cycle of calls, or callable through pointers, keep their
// registers on a stack.
void markRecursion(Program &p) {
  std::map<const FunctionInfo *, std::set<const FunctionInfo *>> calls;
  bool indirect = false;
  for (size_t pc = 0; pc < p.ops.size(); ++pc) {
    if (!p.info[pc].inst || p.info[pc].inst->opcode != "call")
      continue;
    if (p.ops[pc].target >= p.calls.size())
      continue; // printf and assertions
    const Callsite &c = p.calls[p.ops[pc].target];
    indirect |= !c.callee;
    for (FunctionInfo &f : p.functions)
      if (f.ast == p.info[pc].function && c.callee)
        calls[&f].insert(c.callee);
  }
  for (FunctionInfo &f : p.functions) {
    std::set<const FunctionInfo *> seen;
    std::vector<const FunctionInfo *> todo(calls[&f].begin(), calls[&f].end());
    while (!todo.empty()) {
      const FunctionInfo *g = todo.back();
      todo.pop_back();
      if (seen.insert(g).second)
        todo.insert(todo.end(), calls[g].begin(), calls[g].end());
    }
    f.recursive = !f.ast->isEntry && (indirect || seen.count(&f));
    p.usesRecursion |= f.recursive;
  }
}

void decodeInto(Decode &d, Program &p, const ast::Module &module) {
  const OpTable &table = opTable();
  FunctionInfo *entry = d.functionNamed(p.name);
  // Looking for unsupported forms may begin at a function.
  if (!entry || !(entry->ast->isEntry || d.errors) || !entry->ast->hasBody)
    throw PtxError(0, "no entry '" + p.name + "' in the module");
  p.entry = entry->ast;
  d.layoutShared(*p.entry);
  for (size_t i = 0; i < d.pending.size(); ++i) {
    FunctionInfo &f = *d.pending[i];
    if (!f.ast->hasBody) {
      PtxError missing(f.ast->line,
                       "function '" + f.ast->name +
                           "' is called but has no body in this module");
      if (!d.errors)
        throw missing;
      d.errors->push_back(missing.what());
      continue;
    }
    d.begin(f);
    for (u32 k = 0; k < f.ast->code.size(); ++k)
      d.instructionAt(k, table);
    d.endFunction();
    if (i + 1 == d.pending.size() && d.indirectCalls)
      for (const ast::Function &g : module.functions)
        if (!g.isEntry && g.hasBody)
          d.functionNamed(g.name);
  }
  p.staticShared = d.sharedTop();
}
} // namespace

std::unique_ptr<Program> decode(const ast::Module &module,
                                const Symbols &symbols,
                                const std::string &entry) {
  auto p = std::make_unique<Program>();
  p->name = entry;
  Decode d(module, symbols, *p);
  decodeInto(d, *p, module);
  markRecursion(*p);
  p->warnings = module.warnings;
  p->files = module.files;
  return p;
}

std::vector<std::string> unsupportedForms(const ast::Module &module,
                                          const Symbols &symbols,
                                          const std::string &entry) {
  std::vector<std::string> errors;
  Program p;
  p.name = entry;
  try {
    Decode d(module, symbols, p);
    d.errors = &errors;
    decodeInto(d, p, module);
  } catch (const PtxError &e) {
    errors.push_back(e.what());
  }
  return errors;
}

} // namespace hamlet::emu
