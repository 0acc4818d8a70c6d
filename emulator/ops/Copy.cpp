//===- Copy.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// cp.async of sm_80: copies of 4, 8 or 16 bytes a thread, their groups.
#include "emulator/ops/Copy.h"
#include "emulator/ops/Access.h"
#include "emulator/ops/Families.h"

HAMLET_SIMD_BEGIN
namespace {

// a, imm: destination; b, target: source register and offset; c: source size
// (0: `bytes`); regs[0], if any: ignore-src predicate.
Step copy(Warp &w, const Op &o, u32 m) {
  Vec<u64> to = addressesOf(w, o);
  const u64 *from = lane<u64>(w, o.b);
  u32 size = o.bytes;
  bool lazy = w.engine->config->async != AsyncMode::Eager;
  checkAligned(w, o, to, size, m);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 source = from[l] +
                 static_cast<u64>(static_cast<s64>(static_cast<s32>(o.target)));
    u32 n = o.c ? lane<u32>(w, o.c)[l] : size;
    if (n > size)
      w.fault(o, LaunchStatus::IllegalInstruction,
              "source size " + std::to_string(n) + " exceeds " +
                  std::to_string(size),
              l);
    if (o.regCount && (pred(w, o.regs[0]) >> l & 1))
      n = 0;
    Resolved d = resolve(w, o, spaceOf(o), to[l], size, l, true), s{};
    if (n) {
      if (source & (size - 1))
        misaligned(w, o, source, size, l);
      s = resolve(w, o, Space::Global, source, n, l, false);
    }
    if (w.check)
      w.check->copyIssued(w, o, l, d, n ? &s : nullptr, size, n);
    u8 *dst = d.host;
    const u8 *src = s.host;
    Cta *cta = d.cta;
    auto run = [=] {
      if (n)
        std::memcpy(dst, src, n);
      std::memset(dst + n, 0, size - n);
      ++cta->sharedVersion;
    };
    if (lazy)
      w.async.copies.items.push_back({l, w.async.copies.open[l], run});
    else
      run();
  }
  return Step::Next;
}

Step commit(Warp &w, const Op &, u32 m) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      ++w.async.copies.open[l];
  if (w.check)
    w.check->copyCommit(w, m);
  return Step::Next;
}

/// target: groups that may stay in flight; flags bit 0: wait_all.
Step wait(Warp &w, const Op &o, u32 m) {
  finishCopies(w, m, o.flags ? ~0u : o.target);
  if (w.check)
    w.check->copyWait(w, m, o.flags ? ~0u : o.target);
  return Step::Next;
}
} // namespace

void decodeCopy(Decode &d) {
  // `cp.async` is read.
  if (d.take("commit_group"))
    return d.emit(commit);
  if (d.take("wait_all")) {
    d.op.flags = 1;
    return d.emit(wait);
  }
  if (d.take("wait_group")) {
    d.expectCount(1);
    if (d.operand(0).kind != ast::Operand::Kind::Immediate)
      d.fail("the number of groups is a constant");
    d.op.target = static_cast<u32>(d.operand(0).imm);
    return d.emit(wait);
  }
  int level = d.takeOf({"ca", "cg"});
  int space = d.takeOf({"shared", "shared::cta"});
  if (level < 0 || space < 0 || !d.take("global"))
    d.fail("expected cp.async.{ca,cg}.shared.global");
  bool hint = d.takeCacheHints();
  size_t n = d.count() - (hint ? 1 : 0);
  if (n < 3 || n > 4)
    d.fail("expected 3 or 4 operands");
  Decode::Address from = d.address(d.operand(1));
  if (from.narrow)
    d.fail("global address needs 64 bits");
  d.op.b = from.base;
  d.op.target = static_cast<u32>(from.offset);
  if (from.offset != static_cast<s32>(from.offset))
    d.op.b = d.constant(static_cast<u64>(from.offset), 8), d.op.target = 0;
  d.op.flags = static_cast<u32>(Space::Shared);
  setAddress(d, d.operand(0), Space::Shared);
  if (d.operand(2).kind != ast::Operand::Kind::Immediate)
    d.fail("the size is a constant");
  u64 size = d.operand(2).imm;
  if (size != 16 && (level == 1 || (size != 4 && size != 8)))
    d.fail("the size is 4, 8 or 16 bytes, 16 with .cg");
  d.op.bytes = static_cast<u8>(size);
  if (n == 4) {
    const ast::Operand &o = d.operand(3);
    if (o.kind == ast::Operand::Kind::Register && d.registerBytes(o) == 0)
      d.list({d.predicate(o)});
    else
      d.op.c = d.source(3, Type::B32);
  }
  d.emit(copy);
}

void finishCopies(Warp &w, u32 m, u32 keep) {
  auto &items = w.async.copies.items;
  for (size_t i = 0; i < items.size();) {
    auto &it = items[i];
    bool all = keep == ~0u;
    bool due = (m >> it.lane & 1) &&
               (all || it.group + keep < w.async.copies.open[it.lane]);
    if (!due) {
      ++i;
      continue;
    }
    it.run();
    items.erase(items.begin() + static_cast<long>(i));
    ++w.engine->events;
  }
}

void registerCopy(OpTable &t) { t["cp"] = decodeCp; }

HAMLET_SIMD_END
