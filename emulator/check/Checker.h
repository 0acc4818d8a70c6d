//===- Checker.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the sanitizer is told. Handlers call these only where `Warp::check` is
// set, so that unchecked runs pay one test a memory access.
#pragma once

#include "emulator/check/Clocks.h"
#include "emulator/exec/Warp.h"

namespace hamlet::emu {

enum class Access : u8 { Read, Write, Atomic };
/// Memory-order bits of an access.
enum Order : u8 { kWeak = 0, kStrong = 1, kAcquire = 2, kRelease = 4 };
enum class Proxy : u8 { Generic, Async };

struct AccessInfo {
  Access access = Access::Read;
  u8 order = kWeak;
  Scope scope = Scope::None;
};

class Checker {
public:
  virtual ~Checker() = default;
  virtual void clusterStarts(Cluster &cluster) = 0;
  virtual void clusterEnds(Cluster &cluster) = 0;
  /// The launch is over, or ends with a fault: clusters may still be resident.
  virtual void launchEnds() = 0;
  virtual void laneExits(Warp &w, u32 mask) = 0;

  /// One lane's access, before memory changes. `data`: the bytes to be stored,
  /// null for reads and atomics.
  virtual void access(Warp &w, const Op &op, u32 lane, const Resolved &where,
                      u32 bytes, AccessInfo info, const u8 *data) = 0;
  /// A warp's access of consecutive equal elements: lane l at address + l *
  /// bytes, in one allocation or CTA.
  virtual void accessRow(Warp &w, const Op &op, u32 mask, const Resolved &first,
                         u32 bytes, AccessInfo info, const u8 *data) = 0;
  virtual void warpSync(Warp &w, u32 mask) = 0;
  /// Arrival at and passing of CTA barrier `id` by `mask`; `phase`: which one
  /// they waited for.
  virtual void barrierArrive(Warp &w, u32 id, u32 mask, bool waits) = 0;
  virtual void barrierComplete(Cta &cta, u32 id) = 0;
  virtual void barrierPass(Warp &w, u32 id, u32 mask, u64 phase) = 0;
  virtual void clusterArrive(Warp &w, u32 mask, bool release) = 0;
  virtual void clusterComplete(Cluster &c) = 0;
  virtual void clusterPass(Warp &w, u32 mask, bool acquire) = 0;
  virtual void fence(Warp &w, u32 mask, u8 order, Scope scope) = 0;

  // Asynchronous copies of the generic proxy (cp.async).
  virtual void copyIssued(Warp &w, const Op &op, u32 lane, const Resolved &to,
                          const Resolved *from, u32 bytes, u32 sourceBytes) = 0;
  virtual void copyCommit(Warp &w, u32 mask) = 0;
  virtual void copyWait(Warp &w, u32 mask, u32 pending) = 0;

  // mbarriers; `address` is without the rank.
  virtual void mbarrierInit(Warp &w, const Op &op, u32 lane, Cta &cta,
                            u64 address) = 0;
  virtual void mbarrierInvalidate(Cta &cta, u64 address) = 0;
  virtual void mbarrierUse(Warp &w, const Op &op, u32 lane, Cta &cta,
                           u64 address) = 0;
  /// One arrival; `mask`: all lanes that execute the instruction.
  virtual void mbarrierArrive(Warp &w, u32 mask, Cta &cta, u64 address,
                              bool release) = 0;
  virtual void mbarrierComplete(Cta &cta, u64 address) = 0;
  virtual void mbarrierPass(Warp &w, u32 mask, Cta &cta, u64 address,
                            bool acquire) = 0;
  /// Arrival of a thread's earlier cp.async operations.
  virtual void copiesArrive(Warp &w, u32 lane, Cta &cta, u64 address) = 0;

  /// Access of the async proxy, issued by `lane`, complete with a bulk group of
  /// the thread (`barrierCta` null) or with the phase of an mbarrier.
  virtual void bulkAccess(Warp &w, const Op &op, u32 lane,
                          const Resolved &where, u32 bytes, bool write,
                          Cta *barrierCta, u64 barrier) = 0;
  virtual void bulkCommit(Warp &w, u32 mask) = 0;
  virtual void bulkWait(Warp &w, u32 mask, u32 pending, bool readOnly) = 0;
  /// spaces: bit 0 shared, bit 1 global.
  virtual void proxyFence(Warp &w, u32 mask, u32 spaces) = 0;

  /// A tensor map that the kernel wrote: published in global memory, acquired
  /// by fence.proxy.tensormap, used by a copy.
  virtual void mapPublished(Warp &w, u32 lane, u64 address) = 0;
  virtual void mapsAcquired(Warp &w, u32 mask) = 0;
  virtual void mapUsed(Warp &w, const Op &op, u32 lane, u64 address) = 0;

  virtual void wgmmaFence(Warp &w) = 0;
  virtual void wgmmaRead(Warp &w, const Op &op, Cta &cta, u64 address,
                         u32 bytes) = 0;
  virtual void wgmmaIssue(Warp &w, const Op &op,
                          const std::vector<u32> &accumulators,
                          const std::vector<u32> &fragments) = 0;
  virtual void wgmmaCommit(Warp &w) = 0;
  virtual void wgmmaWait(Warp &w, u32 pending) = 0;

  /// A register of `op` is not defined in these lanes.
  virtual void beforeOp(Warp &w, const Op &op, u32 mask) = 0;
  virtual void report(Finding finding) = 0;
  u64 accesses = 0; ///< of shared and global memory, a thread's or a copy's
  Site site(const Warp &w, const Op &op, u32 lane) const;
};

std::unique_ptr<Checker> makeChecker(Engine &engine);
Site siteOf(const Program &program, u32 pc, u64 cta, u32 warp, u32 lane);

} // namespace hamlet::emu
