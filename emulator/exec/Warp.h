//===- Warp.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The state of a running launch: warps with their fragments, CTAs, clusters.
//
// A warp is a set of fragments {pc, lanes}. The deepest call with the smallest
// pc runs; fragments that meet at one pc merge. This reconverges structured
// code without post-dominators, and a fragment that polls or blocks hands over
// to the others, which is the progress that independent thread scheduling
// promises.
#pragma once

#include "emulator/exec/Async.h"
#include "emulator/exec/Launch.h"

#include <cstdlib>
#include <deque>
#include <random>

namespace hamlet::emu {

struct Cta;
struct Cluster;
struct Engine;
class Checker;

/// Ends a launch; thrown by handlers.
struct KernelFault {
  LaunchStatus status;
  std::string message;
};

struct CallFrame {
  std::shared_ptr<CallFrame> up;
  const FunctionInfo *callee = nullptr;
  const Callsite *site = nullptr;
  u32 returnPc = 0, depth = 0;
  std::vector<u8> saved; ///< registers of a recursive callee
};

struct Fragment {
  u32 pc = 0, mask = 0;
  std::shared_ptr<CallFrame> frame;
  bool blocked = false;
  u32 depth() const { return frame ? frame->depth : 0; }
};

struct LookupCache {
  u64 begin = 1, end = 0;
  u8 *host = nullptr;
  Allocation *allocation = nullptr;
};

struct Warp {
  u8 *regs = nullptr;
  u32 pc = 0, mask = 0;
  u32 nextPc = ~0u; ///< where another fragment of this depth waits
  u32 lanes = 0;    ///< that exist
  u32 live = 0;     ///< that have not exited
  Cta *cta = nullptr;
  Cluster *cluster = nullptr;
  Engine *engine = nullptr;
  const Program *program = nullptr;
  LookupCache *caches = nullptr;
  Checker *check = nullptr;
  u32 index = 0;       ///< in the CTA
  u32 gridId = 0;      ///< in the grid, for the sanitizer
  u8 *local = nullptr; ///< [lane][localStride]
  u32 localStride = 0;
  std::shared_ptr<CallFrame> frame;
  std::vector<Fragment> others;
  bool done = false;
  u64 executed = 0;
  const char *waitingFor = ""; ///< of the last Block

  // Lanes that arrived at a barrier and have not passed it.
  u32 arrived = 0;
  u64 barrierPhase[32] = {};
  u32 carry = 0;                   ///< of add.cc and its like, by lane
  u64 clusterArrivePhase[32] = {}; ///< 1 + phase, 0: not arrived
  WarpAsync async;
  u64 polls[8] = {}; ///< what was polled lately
  u32 pollNext = 0;
  u32 checkSlot = 0; ///< the sanitizer's

  u64 clock() const;
  u64 globalTimer() const;
  u32 depth() const { return frame ? frame->depth : 0; }
  /// Chooses which fragment runs; call after fragments changed.
  void pick();
  /// Splits off `lanes` of the running fragment to `pc`.
  void split(u32 lanes, u32 pc);
  void recomputeNext();
  /// True if all live lanes in `members` run here; else the reason to block.
  bool converged(u32 members) const {
    return ((mask ^ live) & members & live) == 0;
  }
  [[noreturn]] void fault(const Op &op, LaunchStatus status,
                          const std::string &what, u32 lane = 0) const;
  u32 pcOf(const Op &op) const {
    return static_cast<u32>(&op - program->ops.data());
  }
};

/// A CTA or named barrier.
struct NamedBarrier {
  u32 arrivedThreads = 0;
  u32 expected = 0; ///< threads of the phase under way, 0: none yet
  u64 phase = 0;
  bool counted = false; ///< `expected` was written in the instruction
  u32 reduceAnd = 1, reduceOr = 0, reducePopc = 0;
  u32 lastAnd = 0, lastOr = 0, lastPopc = 0;
};

struct Cta {
  Cluster *cluster = nullptr;
  u32 rank = 0;         ///< in the cluster
  Dim id;               ///< %ctaid
  u64 linear = 0;       ///< in the grid
  u8 *shared = nullptr; ///< of address kSharedStart
  u32 sharedBytes = 0;
  u32 reservedBytes = 0; ///< at the end of them, for cooperative groups
  u64 sharedVersion = 1; ///< counts writes; caches of decoded operands use it
  std::vector<std::unique_ptr<Warp>> warps;
  NamedBarrier barriers[16];
  u32 threads = 0, liveThreads = 0;
  std::vector<std::pair<u64, u8 *>> mbarriers; ///< that were initialised
  s64 registerPool = 0;           ///< setmaxnreg: registers that are free
  std::vector<u32> warpRegisters; ///< a thread, by warp
};

struct Cluster {
  std::vector<std::unique_ptr<Cta>> ctas;
  std::vector<Warp *> order;
  u64 id = 0;
  Dim position; ///< %clusterid
  u64 barrierPhase = 0;
  u32 exitedArrived = 0; ///< threads that arrived in this phase and exited
  u32 barrierArrived = 0, threads = 0, liveThreads = 0;
  AsyncQueue queue;
  u64 completedAt = 0; ///< instructions when late work last completed
  u64 round = 0;
  struct Free {
    void operator()(u8 *p) const { std::free(p); }
  };
  std::unique_ptr<u8, Free> buffer; ///< arenas, shared and local memory
  bool finished = false;
};

/// What the running launch shares. One per host thread that executes CTAs.
struct Engine {
  const Program *program = nullptr;
  DeviceMemory *memory = nullptr;
  const LaunchConfig *config = nullptr;
  const u8 *params = nullptr;
  u64 events = 0; ///< progress that another warp may be waiting for
  u64 instructions = 0, threadInstructions = 0, budget = 0;
  u64 gridWorkspace = 0; ///< device address, 0: the program needs none
  u64 idleRounds = 0;
  std::mt19937_64 rng;
  std::vector<LookupCache> caches;
  std::vector<u64> hits;
  std::vector<u8> branches;
  std::unique_ptr<Checker> check;
  std::vector<std::unique_ptr<Cluster>> resident;
  std::vector<Finding> *findings = nullptr;
  std::atomic<bool> *stop = nullptr;
  u32 localStride = 0;
  u64 pendingClusters = 0;

  std::unique_ptr<Cluster> makeCluster(u64 index);
  /// One turn for each warp. Returns whether anything moved.
  bool round(Cluster &cluster);
  Step run(Warp &warp, u64 quantum);
  [[noreturn]] void deadlock();
};

/// Host memory of shared or global address `address`, or a fault. Generic
/// addresses are told apart by window; `space` becomes the one found. For
/// shared memory `cta` becomes the owner.
struct Resolved {
  u8 *host;
  Space space;
  Cta *cta;
  u64 address; ///< in `space`; a shared one without the rank
  Allocation *allocation;
};
Resolved resolve(Warp &w, const Op &op, Space space, u64 address, u32 bytes,
                 u32 lane, bool write);

} // namespace hamlet::emu
