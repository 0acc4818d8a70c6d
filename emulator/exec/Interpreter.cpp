//===- Interpreter.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The inner loop: one warp for a number of operations.
#include "emulator/check/Checker.h"
#include "emulator/exec/Warp.h"

namespace hamlet::emu {
namespace {

// Puts the running fragment aside as blocked. Merges it with one that waits at
// the same place for lanes to come, in which case it runs again at once.
bool blockFragment(Warp &w) {
  bool merged = false;
  if (!(w.mask & w.arrived))
    for (size_t i = 0; i < w.others.size();) {
      Fragment &f = w.others[i];
      if (f.pc == w.pc && f.frame == w.frame && !(f.mask & w.arrived)) {
        w.mask |= f.mask;
        w.others.erase(w.others.begin() + static_cast<long>(i));
        merged = true;
      } else {
        ++i;
      }
    }
  if (merged) {
    w.recomputeNext();
    if (w.nextPc == 0)
      w.nextPc = w.pc + 1;
    return true;
  }
  w.others.push_back({w.pc, w.mask, std::move(w.frame), true});
  w.frame = nullptr;
  w.mask = 0;
  w.pick();
  return w.mask != 0;
}

// After a poll the next fragment runs, whatever its pc.
void rotate(Warp &w) {
  if (w.others.empty())
    return;
  w.others.push_back({w.pc, w.mask, std::move(w.frame), false});
  Fragment f = std::move(w.others.front());
  w.others.erase(w.others.begin());
  w.pc = f.pc;
  w.mask = f.mask;
  w.frame = std::move(f.frame);
  w.recomputeNext();
  // It must be left alone until it polls, blocks or meets another.
  if (w.nextPc == 0) {
    w.nextPc = ~0u;
    for (const Fragment &g : w.others)
      if (!g.blocked && g.depth() == w.depth() && g.pc > w.pc)
        w.nextPc = std::min(w.nextPc, g.pc);
  }
}

void observe(Engine &e, Warp &w, const Op &op, u32 mask) {
  u32 pc = w.pcOf(op);
  if (!e.hits.empty()) {
    ++e.hits[pc];
    if (w.program->info[pc].branch)
      e.branches[pc] |= (mask ? 1 : 0) | ((w.mask & ~mask) ? 2 : 0);
  }
  if (e.config->trace) {
    char line[256];
    const OpInfo &i = w.program->info[pc];
    std::snprintf(line, sizeof line, "cta %llu warp %u mask %08x line %u %s",
                  static_cast<unsigned long long>(w.cta->linear), w.index, mask,
                  i.line, i.inst ? i.inst->spelling().c_str() : "-");
    e.config->trace(line);
  }
  if (w.check)
    w.check->beforeOp(w, op, mask);
}

template <bool Observed> Step runWarp(Engine &e, Warp &w, u64 quantum) {
  const Op *ops = w.program->ops.data();
  u64 executed = 0, threads = 0;
  Step last = Step::Next;
  while (executed < quantum) {
    const Op &op = ops[w.pc];
    u32 mask = w.mask;
    if (op.guard != kNoRegister) {
      u32 g = *reinterpret_cast<const u32 *>(w.regs + op.guard);
      mask &= op.guardNegated ? ~g : g;
    }
    if constexpr (Observed)
      observe(e, w, op, mask);
    ++executed;
    threads += static_cast<u64>(__builtin_popcount(mask));
    Step s = mask ? op.run(w, op, mask) : Step::Next;
    if (__builtin_expect(s == Step::Next, 1)) {
      ++w.pc;
      if (__builtin_expect(w.pc >= w.nextPc, 0))
        w.pick();
      continue;
    }
    if (s == Step::Jumped) {
      if (!w.mask || w.pc >= w.nextPc || !w.others.empty())
        w.pick();
      if (w.done)
        break;
      if (!w.mask) { // only blocked fragments are left
        last = Step::Block;
        break;
      }
      continue;
    }
    if (s == Step::Yield) {
      ++w.pc;
      rotate(w);
      last = Step::Yield;
      break;
    }
    // Block: nothing was done.
    --executed;
    if (!blockFragment(w)) {
      last = Step::Block;
      break;
    }
  }
  w.executed += executed;
  e.instructions += executed;
  e.threadInstructions += threads;
  return last;
}
} // namespace

Step Engine::run(Warp &w, u64 quantum) {
  if (!w.others.empty()) {
    bool blocked = false;
    for (Fragment &f : w.others) {
      blocked |= f.blocked;
      f.blocked = false;
    }
    if (blocked || !w.mask)
      w.pick();
  }
  if (w.done)
    return Step::Next;
  bool observed = !hits.empty() || config->trace || w.check;
  return observed ? runWarp<true>(*this, w, quantum)
                  : runWarp<false>(*this, w, quantum);
}

} // namespace hamlet::emu
