//===- DecodeProgram.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Programs: where variables lie, one function after the other.
#include "emulator/core/Decode.h"

#include "emulator/exec/Warp.h"

#include <algorithm>
#include <cstring>

namespace hamlet::emu {
using Kind = ast::Operand::Kind;

namespace {
/// d: the register of a parameter, imm: its place in the frame.
Step loadParameter(Warp &w, const Op &o, u32 mask) {
  const u64 *frame = reinterpret_cast<const u64 *>(w.regs + o.a);
  u32 bytes = o.bytes <= 4 ? 4 : o.bytes;
  for (u32 l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    const u8 *from = w.local + u64(l) * w.localStride +
                     (frame[l] + static_cast<u64>(o.imm) - kLocalStart);
    if (o.flags) {
      u32 &p = *reinterpret_cast<u32 *>(w.regs + o.d);
      p = *from ? p | 1u << l : p & ~(1u << l);
      continue;
    }
    std::memset(w.regs + o.d + bytes * l, 0, bytes);
    std::memcpy(w.regs + o.d + bytes * l, from, o.bytes);
  }
  return Step::Next;
}
} // namespace

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
      if (v.reg < 0)
        locals[{0, v.name}] = {Space::Param, fi.paramOffsets.back(), true,
                               false};
    }
    for (const ast::Variable &v : fn->results) {
      fi.resultOffsets.push_back(place(v));
      if (v.reg < 0)
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
  if (!fn->isEntry)
    placeRegisterParameters(fi);
}

/// Parameters in .reg space come in the frame as the others do.
void Decode::placeRegisterParameters(FunctionInfo &fi) {
  for (size_t i = 0; i < fn->params.size(); ++i) {
    const ast::Variable &v = fn->params[i];
    if (v.reg < 0)
      continue;
    Op h;
    h.imm = fi.paramOffsets[i];
    h.a = prog.frameRegister;
    h.d = registerOffsets[static_cast<size_t>(v.reg)];
    h.bytes = static_cast<u8>(v.bytes);
    h.flags = v.type == Type::Pred;
    emitHelper(h, {}, {h.d});
    prog.ops.back().run = loadParameter;
  }
  for (const ast::Variable &v : fn->results)
    fi.resultRegisters.push_back(
        v.reg < 0 ? FunctionInfo::Slot{kNoRegister, 0}
                  : fi.registers[static_cast<size_t>(v.reg)]);
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
