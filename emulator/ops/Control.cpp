//===- Control.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Branches, calls, exits and what only costs time.
#include "emulator/check/Checker.h"
#include "emulator/exec/Barriers.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Simd.h"

#include <algorithm>

HAMLET_SIMD_BEGIN
namespace {
using Kind = ast::Operand::Kind;

Step bra(Warp &w, const Op &o, u32 m) {
  if (m == w.mask) {
    w.pc = o.target;
    if (__builtin_expect(w.others.empty(), 1))
      return Step::Jumped;
    w.recomputeNext();
    return Step::Jumped;
  }
  u32 next = w.pc + 1;
  w.split(m, o.target);
  w.pc = next;
  return Step::Jumped;
}
void decodeBra(Decode &d) {
  d.take("uni");
  d.expectCount(1);
  if (d.operand(0).kind != Kind::Symbol)
    d.fail("expected a label");
  d.branchTo(d.operand(0).name);
  d.info.branch = true;
  d.emit(bra);
}

Step brx(Warp &w, const Op &o, u32 m) {
  const std::vector<u32> &table = w.program->branchTables[o.target];
  u32 left = m, next = w.pc + 1;
  const u32 *index = lane<u32>(w, o.a);
  while (left) {
    u32 l = static_cast<u32>(std::countr_zero(left)), i = index[l];
    if (i >= table.size())
      w.fault(o, LaunchStatus::IllegalInstruction,
              "branch index " + std::to_string(i) + " is beyond the " +
                  std::to_string(table.size()) + " targets",
              l);
    u32 same = 0;
    for (u32 k = l; k < 32; ++k)
      if (left >> k & 1 && index[k] == i)
        same |= 1u << k;
    left &= ~same;
    w.split(same, table[i]);
  }
  w.pc = next;
  return Step::Jumped;
}
void decodeBrx(Decode &d) {
  d.take("idx");
  d.take("uni");
  d.expectCount(2);
  d.op.a = d.source(0, Type::U32);
  d.op.target = d.branchTable(d.operand(1).name);
  d.info.branch = true;
  d.emit(brx);
}

// ---- leaving ----
void exitLanes(Warp &w, u32 m) {
  w.live &= ~m;
  u32 n = static_cast<u32>(std::popcount(m));
  w.cta->liveThreads -= n;
  w.cluster->liveThreads -= n;
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1 && w.clusterArrivePhase[l] > w.cluster->barrierPhase)
      ++w.cluster->exitedArrived;
  ++w.engine->events;
  if (w.check)
    w.check->laneExits(w, m);
  afterExit(w);
}
Step exitOp(Warp &w, const Op &, u32 m) {
  u32 next = w.pc + 1;
  exitLanes(w, m);
  w.mask &= ~m;
  w.pc = next;
  return Step::Jumped;
}

u64 &frameBase(Warp &w, u32 l) {
  return lane<u64>(w, w.program->frameRegister)[l];
}
u8 *localMemory(Warp &w, u32 l, u64 address, u32 bytes, const Op &o) {
  u64 at = address - kLocalStart;
  if (at + bytes > w.localStride)
    w.fault(o, LaunchStatus::IllegalAddress, "call stack is exhausted", l);
  return w.local + u64(l) * w.localStride + at;
}

void toRegister(Warp &w, u32 l, const Callsite::Value &v, const u8 *from) {
  if (v.isPredicate)
    return putPred(w, v.where, *from ? ~0u : 0, 1u << l);
  u32 bytes = v.bytes <= 4 ? 4 : v.bytes;
  u8 *to = w.regs + v.where + bytes * l;
  std::memset(to, 0, bytes);
  std::memcpy(to, from, v.bytes);
}
void fromRegister(Warp &w, u32 l, const Callsite::Value &v, u8 *to) {
  if (v.isPredicate)
    *to = pred(w, v.where) >> l & 1;
  else
    std::memcpy(to, w.regs + v.where + (v.bytes <= 4 ? 4 : v.bytes) * l,
                v.bytes);
}

/// Gives a caller of the same function its registers back.
void restoreRegisters(Warp &w, const CallFrame &f, u32 l) {
  if (f.saved.empty())
    return;
  size_t at = 0;
  for (const FunctionInfo::Slot &s : f.callee->registers) {
    if (s.laneBytes) {
      std::memcpy(w.regs + s.offset + s.laneBytes * l,
                  f.saved.data() + at + s.laneBytes * l, s.laneBytes);
      at += 32 * s.laneBytes;
    } else {
      u32 old;
      std::memcpy(&old, f.saved.data() + at, 4);
      putPred(w, s.offset, old, 1u << l);
      at += 4;
    }
  }
}

Step ret(Warp &w, const Op &o, u32 m) {
  if (!w.frame)
    return exitOp(w, o, m);
  const CallFrame &f = *w.frame;
  const Callsite &site = *f.site;
  const FunctionInfo &callee = *f.callee;
  size_t results = std::min(site.results.size(), callee.resultOffsets.size());
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 base = frameBase(w, l), caller = base - site.frameBytes;
    auto slot = [&](size_t i) {
      return localMemory(w, l, base + callee.resultOffsets[i],
                         site.results[i].bytes, o);
    };
    for (size_t i = 0; i < results; ++i)
      if (u32 reg = callee.resultRegisters[i].offset; reg != kNoRegister)
        fromRegister(w, l,
                     {true, reg, site.results[i].bytes,
                      callee.resultRegisters[i].laneBytes == 0},
                     slot(i));
    restoreRegisters(w, f, l);
    for (size_t i = 0; i < results; ++i) {
      const Callsite::Value &v = site.results[i];
      if (!v.isRegister)
        std::memcpy(localMemory(w, l, caller + v.where, v.bytes, o), slot(i),
                    v.bytes);
      else if (v.where)
        toRegister(w, l, v, slot(i));
    }
    frameBase(w, l) = caller;
  }
  u32 next = w.pc + 1, back = f.returnPc;
  auto up = f.up;
  if (m == w.mask) {
    w.frame = up;
    w.pc = back;
    if (!w.others.empty())
      w.recomputeNext();
    return Step::Jumped;
  }
  w.mask &= ~m;
  w.others.push_back({back, m, up, false});
  w.pc = next;
  return Step::Jumped;
}
void decodeRet(Decode &d) {
  d.take("uni");
  d.info.branch = d.inst().guard >= 0;
  d.emit(ret);
}
void decodeExit(Decode &d) {
  d.info.branch = d.inst().guard >= 0;
  d.emit(exitOp);
}

Step trap(Warp &w, const Op &o, u32 m) {
  w.fault(o, LaunchStatus::Trap, "trap", static_cast<u32>(std::countr_zero(m)));
}

// ---- calls ----
void enter(Warp &w, const Op &o, const Callsite &site,
           const FunctionInfo &callee, u32 m) {
  auto f = std::make_shared<CallFrame>();
  f->up = w.frame;
  f->callee = &callee;
  f->site = &site;
  f->returnPc = w.pc + 1;
  f->depth = w.depth() + 1;
  if (f->depth > 4096)
    w.fault(o, LaunchStatus::IllegalAddress,
            "calls are nested more than 4096 deep",
            static_cast<u32>(std::countr_zero(m)));
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 caller = frameBase(w, l), base = caller + site.frameBytes;
    for (size_t i = 0; i < site.args.size() && i < callee.paramOffsets.size();
         ++i) {
      const Callsite::Value &v = site.args[i];
      u8 *to = localMemory(w, l, base + callee.paramOffsets[i], v.bytes, o);
      if (v.isRegister)
        fromRegister(w, l, v, to);
      else
        std::memcpy(to, localMemory(w, l, caller + v.where, v.bytes, o),
                    v.bytes);
    }
    localMemory(w, l, base, callee.frameBytes, o);
    frameBase(w, l) = base;
  }
  if (callee.recursive) {
    size_t bytes = 0;
    for (const FunctionInfo::Slot &s : callee.registers)
      bytes += s.laneBytes ? 32 * s.laneBytes : 4;
    f->saved.resize(bytes);
    size_t at = 0;
    for (const FunctionInfo::Slot &s : callee.registers) {
      u32 n = s.laneBytes ? 32 * s.laneBytes : 4;
      std::memcpy(f->saved.data() + at, w.regs + s.offset, n);
      at += n;
    }
  }
  u32 rest = w.mask & ~m;
  if (rest)
    w.others.push_back({w.pc + 1, rest, w.frame, false});
  w.mask = m;
  w.frame = std::move(f);
  w.pc = callee.entryPc;
}

Step call(Warp &w, const Op &o, u32 m) {
  const Callsite &site = w.program->calls[o.target];
  if (site.callee) {
    enter(w, o, site, *site.callee, m);
    return Step::Jumped;
  }
  const u64 *pointer = lane<u64>(w, site.pointer);
  u32 first = static_cast<u32>(std::countr_zero(m)), same = 0;
  for (u32 l = first; l < 32; ++l)
    if (m >> l & 1 && pointer[l] == pointer[first])
      same |= 1u << l;
  auto it = w.program->byAddress.find(pointer[first]);
  if (it == w.program->byAddress.end() || it->second->ast->isEntry)
    w.fault(o, LaunchStatus::IllegalInstruction,
            "call through a pointer that is no function of this module", first);
  const FunctionInfo &callee = *it->second;
  if (callee.paramOffsets.size() != site.args.size())
    w.fault(o, LaunchStatus::IllegalInstruction,
            "call passes " + std::to_string(site.args.size()) +
                " arguments to '" + callee.ast->name + "'",
            first);
  // Lanes with another target call it when they come to run.
  if (u32 later = m & ~same)
    w.split(later, w.pc);
  if (u32 rest = w.mask & ~m & ~same)
    w.split(rest, w.pc + 1);
  w.mask = same;
  enter(w, o, site, callee, same);
  return Step::Jumped;
}

Callsite::Value value(Decode &d, const ast::Operand &o, u32 bytes, Type type,
                      bool result) {
  Callsite::Value v{};
  v.bytes = bytes;
  if (o.kind == Kind::Symbol) {
    v.isRegister = false;
    v.where = d.frameOffset(o.name);
    return v;
  }
  v.isRegister = true;
  v.isPredicate = type == Type::Pred;
  v.where = result ? d.sink(o, type) : d.source(o, type);
  return v;
}

// ---- functions of the system ----
// regs: arguments, then results, each as where and whether it is a register.
u64 argument(Warp &w, const Op &o, u32 i, u32 bytes, u32 l) {
  u8 value[8] = {};
  Callsite::Value v{o.regs[2 * i + 1] != 0, o.regs[2 * i], bytes};
  if (v.isRegister)
    fromRegister(w, l, v, value);
  else
    std::memcpy(value, localMemory(w, l, frameBase(w, l) + v.where, bytes, o),
                bytes);
  u64 r;
  std::memcpy(&r, value, 8);
  return r;
}
void giveBack(Warp &w, const Op &o, u32 i, u32 bytes, u32 l, u64 result) {
  if (2 * i >= o.regCount)
    return;
  u8 value[8];
  std::memcpy(value, &result, 8);
  Callsite::Value v{o.regs[2 * i + 1] != 0, o.regs[2 * i], bytes};
  if (!v.isRegister)
    std::memcpy(localMemory(w, l, frameBase(w, l) + v.where, bytes, o), value,
                bytes);
  else if (v.where)
    toRegister(w, l, v, value);
}

/// Accepted and silent: nothing was printed.
Step silentPrintf(Warp &w, const Op &o, u32 m) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      giveBack(w, o, 2, 4, l, 0);
  return Step::Next;
}
Step assertFail(Warp &w, const Op &o, u32 m) {
  u32 l = firstLane(m);
  auto text = [&](u32 i) {
    std::string s;
    u64 at = argument(w, o, i, 8, l);
    for (const u8 *p;
         s.size() < 200 && (p = w.engine->memory->host(at, 1)) && *p; ++at)
      s += static_cast<char>(*p);
    return s;
  };
  w.fault(o, LaunchStatus::Assert,
          "assertion '" + text(0) + "' of the kernel failed, " + text(1) + ":" +
              std::to_string(argument(w, o, 2, 4, l)),
          l);
}
Step mallocHeap(Warp &w, const Op &o, u32 m) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      giveBack(w, o, 1, 8, l,
               w.engine->memory->heapAllocate(argument(w, o, 0, 8, l),
                                              w.check != nullptr));
  return Step::Next;
}
Step freeHeap(Warp &w, const Op &o, u32 m) {
  for (u32 l = 0; l < 32; ++l) {
    u64 at = m >> l & 1 ? argument(w, o, 0, 8, l) : 0;
    if (at && !w.engine->memory->heapFree(at))
      w.fault(o, LaunchStatus::IllegalAddress,
              "free of a pointer that malloc did not return", l);
  }
  // They may hold what is gone.
  std::ranges::fill(w.engine->caches, LookupCache());
  return Step::Next;
}

/// Functions that every device has, by name.
struct SystemFunction {
  const char *name;
  size_t args, results;
  Handler run;
  bool heap;
};
const SystemFunction kSystem[] = {{"vprintf", 2, 1, silentPrintf, false},
                                  {"__assertfail", 5, 0, assertFail, false},
                                  {"malloc", 1, 1, mallocHeap, true},
                                  {"free", 1, 0, freeHeap, true}};

const SystemFunction *systemFunction(const Decode &d, const std::string &name) {
  for (const ast::Function &f : d.module().functions)
    if (f.name == name && f.hasBody)
      return nullptr; // the module's own
  for (const SystemFunction &s : kSystem)
    if (name == s.name)
      return &s;
  return nullptr;
}

void decodeSystemCall(Decode &d, const SystemFunction &s,
                      const std::vector<ast::Operand> &args,
                      const std::vector<ast::Operand> &results) {
  if (args.size() != s.args || results.size() > s.results)
    d.fail("'" + std::string(s.name) + "' takes " + std::to_string(s.args) +
           " arguments and gives " + std::to_string(s.results) + " results");
  std::vector<u32> regs;
  auto add = [&](const ast::Operand &o, u32 bytes, bool result) {
    Callsite::Value v =
        value(d, o, bytes, bytes == 8 ? Type::B64 : Type::B32, result);
    regs.push_back(v.where);
    regs.push_back(v.isRegister);
  };
  bool assertion = s.run == assertFail;
  for (size_t i = 0; i < args.size(); ++i)
    add(args[i], assertion && i == 2 ? 4 : 8, false);
  for (const ast::Operand &o : results)
    add(o, s.heap ? 8 : 4, true);
  d.list(regs);
  d.op.target = ~0u;
  if (s.heap)
    d.useStrongGlobal(); // one thread of the host
  d.emit(s.run);
}

// ---- stack memory of run-time size ----
// It grows down from the end of a thread's local memory; stackrestore gives it
// back.
template <class T> Step stackSave(Warp &w, const Op &o, u32 m) {
  put<T>(w, o.d, __builtin_convertvector(get<u64>(w, o.target), Vec<T>), m);
  return Step::Next;
}
template <class T> Step stackRestore(Warp &w, const Op &o, u32 m) {
  put<u64>(w, o.target, __builtin_convertvector(get<T>(w, o.a), Vec<u64>), m);
  return Step::Next;
}
template <class T> Step stackAlloc(Warp &w, const Op &o, u32 m) {
  u64 *top = lane<u64>(w, o.target);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 bytes = lane<T>(w, o.a)[l], end = top[l] ? top[l] : w.localStride;
    if (bytes > end || kLocalStart + end - bytes < frameBase(w, l))
      w.fault(o, LaunchStatus::IllegalAddress,
              "alloca of " + std::to_string(bytes) +
                  " bytes exhausts the stack",
              l);
    top[l] = (end - bytes) & ~static_cast<u64>(o.imm - 1);
    lane<T>(w, o.d)[l] = static_cast<T>(kLocalStart + top[l]);
  }
  return Step::Next;
}
void decodeAlloca(Decode &d) {
  Type t = d.takeType();
  if (d.count() < 2 || d.count() > 3)
    d.fail("expected 2 or 3 operands");
  d.op.d = d.sink(0, t);
  d.op.a = d.source(1, t);
  d.op.imm = d.count() > 2 ? static_cast<s64>(d.operand(2).imm) : 8;
  if (d.op.imm <= 0 || (d.op.imm & (d.op.imm - 1)))
    d.fail("the alignment is a power of two");
  d.op.target = d.stackRegister();
  d.emit(laneBytes(t) == 8 ? stackAlloc<u64> : stackAlloc<u32>);
}
void decodeStackSave(Decode &d) {
  Type t = d.takeType();
  d.expectCount(1);
  d.op.d = d.sink(0, t);
  d.op.target = d.stackRegister();
  d.emit(laneBytes(t) == 8 ? stackSave<u64> : stackSave<u32>);
}
void decodeStackRestore(Decode &d) {
  Type t = d.takeType();
  d.expectCount(1);
  d.op.a = d.source(0, t);
  d.op.target = d.stackRegister();
  d.emit(laneBytes(t) == 8 ? stackRestore<u64> : stackRestore<u32>);
}

void decodeCall(Decode &d) {
  d.take("uni");
  size_t i = 0;
  std::vector<ast::Operand> none;
  const std::vector<ast::Operand> *results = &none, *args = &none;
  if (d.count() && d.operand(0).kind == Kind::List) {
    results = &d.operand(0).elems;
    i = 1;
  }
  const ast::Operand &target = d.operand(i++);
  if (i < d.count() && d.operand(i).kind == Kind::List)
    args = &d.operand(i++).elems;
  Callsite site;
  site.frameBytes = d.function().frameBytes;
  const std::vector<ast::Variable> *params, *outs;
  if (target.kind == Kind::Register) {
    site.pointer = d.source(target, Type::U64);
    if (i >= d.count())
      d.fail("a call through a pointer needs a prototype");
    const ast::Prototype *p = d.prototypeNamed(d.operand(i).name);
    if (!p)
      d.fail("'" + d.operand(i).name + "' is not a .callprototype");
    params = &p->params;
    outs = &p->results;
    d.indirectCalls = true;
    d.program().usesRecursion = true;
  } else {
    if (target.kind != Kind::Symbol)
      d.fail("expected a function");
    if (const SystemFunction *f = systemFunction(d, target.name))
      return decodeSystemCall(d, *f, *args, *results);
    FunctionInfo *f = d.functionNamed(target.name);
    if (!f)
      d.fail("function '" + target.name + "' is not declared");
    site.callee = f;
    params = &f->ast->params;
    outs = &f->ast->results;
  }
  if (args->size() != params->size() || results->size() != outs->size())
    d.fail("expected " + std::to_string(params->size()) + " arguments and " +
           std::to_string(outs->size()) + " results, got " +
           std::to_string(args->size()) + " and " +
           std::to_string(results->size()));
  for (size_t k = 0; k < args->size(); ++k)
    site.args.push_back(value(d, (*args)[k],
                              static_cast<u32>((*params)[k].bytes),
                              (*params)[k].type, false));
  for (size_t k = 0; k < results->size(); ++k)
    site.results.push_back(value(d, (*results)[k],
                                 static_cast<u32>((*outs)[k].bytes),
                                 (*outs)[k].type, true));
  d.program().calls.push_back(site);
  d.op.target = static_cast<u32>(d.program().calls.size() - 1);
  d.emit(call);
}

// ---- timing only ----
Step nothing(Warp &, const Op &, u32) { return Step::Next; }
Step yield(Warp &, const Op &, u32) { return Step::Yield; }

void decodeNanosleep(Decode &d) {
  Type t = d.takeType();
  d.expectCount(1);
  d.op.a = d.source(0, t);
  d.emit(yield);
}
/// What steers caches or profilers and changes no value. Addresses are not
/// looked at: the hardware ignores bad ones, too.
void hint(Decode &d, size_t operands, bool address) {
  d.expectCount(operands);
  if (address)
    d.address(d.operand(0));
  d.emit(nothing);
}
void decodePrefetch(Decode &d) {
  if (d.take("tensormap")) {
    d.takeOf({"const", "param"});
    return hint(d, 1, true);
  }
  d.takeOf({"global", "local"});
  if (d.takeOf({"L1", "L2", "L2::evict_last", "L2::evict_normal"}) < 0)
    d.fail("expected .L1, .L2 or .tensormap");
  hint(d, 1, true);
}
void decodePrefetchUniform(Decode &d) {
  if (!d.take("L1"))
    d.fail("expected .L1");
  hint(d, 1, true);
}
/// applypriority and discard: 128 bytes of global memory.
void decodeLine(Decode &d) {
  bool discard = d.inst().opcode == "discard";
  d.take("global");
  if (!d.take(discard ? "L2" : "L2::evict_normal"))
    d.fail(discard ? "expected .L2" : "expected .L2::evict_normal");
  if (d.count() == 2 &&
      (d.operand(1).kind != Kind::Immediate || d.operand(1).imm != 128))
    d.fail("the size is 128");
  hint(d, 2, true);
}
void decodeEvent(Decode &d) {
  d.take("mask");
  hint(d, 1, false);
}

void decodeCreatePolicy(Decode &d) {
  int kind = d.takeOf({"fractional", "range", "cvt"});
  if (kind < 0)
    d.fail("expected .fractional, .range or .cvt");
  if (kind == 2) {
    if (!d.take("L2"))
      d.fail("expected .L2");
  } else {
    if (kind == 1)
      d.take("global");
    if (d.takeOf({"L2::evict_last", "L2::evict_normal", "L2::evict_first",
                  "L2::evict_unchanged"}) < 0)
      d.fail("expected a priority, for example .L2::evict_last");
    d.takeOf({"L2::evict_first", "L2::evict_unchanged"});
  }
  if (d.takeType() != Type::B64)
    d.fail("expected .b64");
  // A policy steers caches only; its bits are not documented.
  d.op.d = d.sink(0, Type::B64);
  d.op.a = d.constant(0x14f0000000000000, 8);
  if (kind == 0) {
    d.expectCount(1, 2);
    if (d.count() == 2)
      d.source(1, Type::F32);
  } else if (kind == 1) {
    d.expectCount(4);
    d.address(d.operand(1));
    d.source(2, Type::B32);
    d.source(3, Type::B32);
  } else {
    d.expectCount(2);
    d.source(1, Type::B64);
  }
  d.emit([](Warp &w, const Op &o, u32 m) {
    put<u64>(w, o.d, get<u64>(w, o.a), m);
    return Step::Next;
  });
}
} // namespace

void registerControl(OpTable &t) {
  t["bra"] = decodeBra;
  t["brx"] = decodeBrx;
  t["ret"] = decodeRet;
  t["exit"] = decodeExit;
  t["trap"] = [](Decode &d) { d.emit(trap); };
  t["brkpt"] = [](Decode &d) { d.emit(trap); };
  t["call"] = decodeCall;
  t["alloca"] = decodeAlloca;
  t["stacksave"] = decodeStackSave;
  t["stackrestore"] = decodeStackRestore;
  t["nanosleep"] = decodeNanosleep;
  t["prefetch"] = decodePrefetch;
  t["prefetchu"] = decodePrefetchUniform;
  t["applypriority"] = t["discard"] = decodeLine;
  t["pmevent"] = decodeEvent;
  t["createpolicy"] = decodeCreatePolicy;
}

HAMLET_SIMD_END
