//===- Copy.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Asynchronous copies: what their sources share.
#pragma once

#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN

/// cp.async, once those words are read.
void decodeCopy(Decode &d);
/// All of cp: tells the generations apart.
void decodeCp(Decode &d);
/// Completes the copies of lanes `m` but those of the last `keep` groups; ~0:
/// all, committed or not.
void finishCopies(Warp &w, u32 m, u32 keep);

/// cp.async.bulk and cp.reduce.async.bulk, once those words are read.
void decodeBulk(Decode &d, bool reduce);
void decodeBulkTensor(Decode &d, bool reduce);
/// cp.async.bulk.prefetch.tensor.
void decodeTensorPrefetch(Decode &d);
/// cp.async.mbarrier.arrive.
void decodeCopyArrive(Decode &d);
/// st.async and red.async.
void decodeAsyncStore(Decode &d, bool reduce);
void registerMbarrier(OpTable &t);
void registerWgmma(OpTable &t);
void registerTensor(OpTable &t);

/// Runs `work` now (eager) or when the mode says so.
inline void schedule(Warp &w, std::function<void()> work) {
  Engine &e = *w.engine;
  if (e.config->async == AsyncMode::Eager) {
    work();
    ++e.events;
    return;
  }
  u64 due = e.config->async == AsyncMode::Lazy
                ? ~u64(0)
                : w.cluster->round + 1 + e.rng() % 12;
  Engine *engine = &e;
  w.cluster->queue.items.push_back({due, [work = std::move(work), engine] {
                                      work();
                                      ++engine->events;
                                    }});
}
/// Puts `work` into the thread's bulk group, or runs it.
void inBulkGroup(Warp &w, u32 lane, std::function<void()> work);

/// An mbarrier as it lies in its 8 bytes of shared memory.
struct Mbarrier {
  u64 word;
  u32 expected() const { return word & 0xfffff; }
  u32 pending() const { return word >> 20 & 0xfffff; }
  s32 transactions() const { return s32(u32(word >> 40 & 0x7fffff) << 9) >> 9; }
  bool phase() const { return word >> 63; }
  static u64 make(bool phase, u32 pending, u32 expected, s32 tx) {
    return u64(phase) << 63 | u64(u32(tx) & 0x7fffff) << 40 |
           u64(pending & 0xfffff) << 20 | (expected & 0xfffff);
  }
};
/// The barrier at shared address `address` (maybe with a rank); faults unless
/// it is aligned and in bounds.
struct BarrierRef {
  Cta *cta;
  u64 address;
  u8 *host;
  Mbarrier read() const {
    Mbarrier m;
    std::memcpy(&m.word, host, 8);
    return m;
  }
};
BarrierRef barrierAt(Warp &w, const Op &o, Space space, u64 address, u32 lane);
/// Subtracts finished bytes and ends the phase if nothing is outstanding.
void completeTransactions(Engine &e, const BarrierRef &b, u32 bytes);
void settle(Engine &e, const BarrierRef &b, Mbarrier m);

HAMLET_SIMD_END
