//===- HappensBefore.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The sanitizer: races by happens-before, uninitialised memory, proxy fences,
// misuse of mbarriers and of registers in flight.
#pragma once

#include "emulator/check/Checker.h"
#include "emulator/check/Clocks.h"
#include "emulator/check/Exact.h"
#include "emulator/check/Poison.h"
#include "emulator/check/Shadow.h"
#include "emulator/check/Undefined.h"

#include <array>
#include <set>
#include <unordered_set>

namespace hamlet::emu {

/// Whether a scope, as Touch has it, takes in another thread.
inline bool scopeIncludes(u8 scope, bool sameCta, bool sameCluster) {
  switch (static_cast<Scope>(scope)) {
  case Scope::None:
    return false;
  case Scope::Cta:
    return sameCta;
  case Scope::Cluster:
    return sameCluster;
  default:
    return true;
  }
}

class HappensBefore final : public Checker {
public:
  explicit HappensBefore(Engine &engine);

  void clusterStarts(Cluster &cluster) override;
  void clusterEnds(Cluster &cluster) override;
  void launchEnds() override;
  void laneExits(Warp &w, u32 mask) override;
  void access(Warp &w, const Op &op, u32 lane, const Resolved &where, u32 bytes,
              AccessInfo info, const u8 *data) override;
  void accessRow(Warp &w, const Op &op, u32 mask, const Resolved &first,
                 u32 bytes, AccessInfo info, const u8 *data) override;
  void warpSync(Warp &w, u32 mask) override;
  void barrierArrive(Warp &w, u32 id, u32 mask, bool waits) override;
  void barrierComplete(Cta &cta, u32 id) override;
  void barrierPass(Warp &w, u32 id, u32 mask, u64 phase) override;
  void clusterArrive(Warp &w, u32 mask, bool release) override;
  void clusterComplete(Cluster &c) override;
  void clusterPass(Warp &w, u32 mask, bool acquire) override;
  void fence(Warp &w, u32 mask, u8 order, Scope scope) override;
  void copyIssued(Warp &w, const Op &op, u32 lane, const Resolved &to,
                  const Resolved *from, u32 bytes, u32 sourceBytes) override;
  void copyCommit(Warp &w, u32 mask) override;
  void copyWait(Warp &w, u32 mask, u32 pending) override;
  void mbarrierInit(Warp &w, const Op &op, u32 lane, Cta &cta,
                    u64 address) override;
  void mbarrierInvalidate(Cta &cta, u64 address) override;
  void mbarrierUse(Warp &w, const Op &op, u32 lane, Cta &cta,
                   u64 address) override;
  void mbarrierArrive(Warp &w, u32 mask, Cta &cta, u64 address,
                      bool release) override;
  void mbarrierComplete(Cta &cta, u64 address) override;
  void mbarrierPass(Warp &w, u32 mask, Cta &cta, u64 address,
                    bool acquire) override;
  void copiesArrive(Warp &w, u32 lane, Cta &cta, u64 address) override;
  void bulkAccess(Warp &w, const Op &op, u32 lane, const Resolved &where,
                  u32 bytes, bool write, Cta *barrierCta, u64 barrier) override;
  void bulkCommit(Warp &w, u32 mask) override;
  void bulkWait(Warp &w, u32 mask, u32 pending, bool readOnly) override;
  void proxyFence(Warp &w, u32 mask, u32 spaces) override;
  void mapPublished(Warp &w, u32 lane, u64 address) override;
  void mapsAcquired(Warp &w, u32 mask) override;
  void mapUsed(Warp &w, const Op &op, u32 lane, u64 address) override;
  void wgmmaFence(Warp &w) override;
  void wgmmaRead(Warp &w, const Op &op, Cta &cta, u64 address,
                 u32 bytes) override;
  void wgmmaIssue(Warp &w, const Op &op, const std::vector<u32> &accumulators,
                  const std::vector<u32> &fragments) override;
  void wgmmaCommit(Warp &w) override;
  void wgmmaWait(Warp &w, u32 pending) override;
  void beforeOp(Warp &w, const Op &op, u32 mask) override;
  void report(Finding finding) override;

private:
  /// Lanes of a warp that know the same.
  struct View {
    u32 lanes = ~0u;
    Knowledge knows; ///< beyond what each lane did itself
  };
  struct WarpState {
    std::vector<View> views = std::vector<View>(1);
    u32 clock = 1;    ///< of all lanes: a lane's accesses before it published
                      ///< something have smaller clocks than those after
    u32 accessed = 0; ///< lanes that touched memory
    u32 idle = 0;     ///< lanes that never did and never will
    // What a lane knows by itself: what it fenced, groups that it waited for.
    LaneClocks fencedAt{}, copyDone{}, bulkRead{}, bulkWritten{};
    u32 copyParts[32] = {}; ///< groups that an mbarrier closed, not a commit
    u32 bulkIssued[32] = {};
    bool copies = false, bulks = false;      ///< any of those
    std::map<u32, u32> inFlight;             ///< wgmma registers to group
    std::set<u32> dirty;                     ///< written since wgmma.fence
    bool fenced = false, freshFence = false; ///< fresh: no commit since
    Clock reached;            ///< Gathering::reached of barriers it passed
    Undefined::Lanes written; ///< of registers that may be undefined
    Poison::Registers poison; ///< from memory that nothing had written
    std::vector<u32> effects; ///< lanes that wrote memory, by Uses::effect
    u32 groups = 0;
    bool openProducts = false;
  };
  struct Gathering {
    Knowledge arriving, done;
    Clock reached; ///< by relaxed arrivals too: they order no memory
  };
  /// A barrier of the CTA. Lanes may pass a phase when the next is complete.
  struct NamedBarrierState {
    Knowledge arriving;
    u32 waiting = 0;
    struct Done {
      Knowledge knows;
      u32 waiting = 0; ///< threads that have not passed
    };
    std::map<u64, Done> done; ///< by phase
  };
  struct Barrier : Gathering {
    bool live = false;
    u32 phase = 0, agent = 0, initAgent = 0, initClock = 0, initOp = 0;
    u32 useAgent = 0, useClock = 0; ///< of the first arrival, clock 0: none
    u32 initLane = 0, useLane = 0;  ///< as masks
  };
  struct Map {
    u32 agent = 0, clock = 0;       ///< that published it
    u32 acquirer = 0, acquired = 0; ///< agent and clock, clock 0: none
    u32 lane = 0, acquirerLane = 0; ///< as masks
  };
  struct CtaState {
    Shadow shadow;
    std::vector<u8> written; ///< by byte
    NamedBarrierState named[16];
    /// By agent: what every thread of the only CTA of a cluster knows. Nothing
    /// can race with it.
    std::vector<u32> floor;
    std::map<u64, Barrier> barriers;
    std::map<u64, Map> maps;     ///< tensor maps that the CTA published
    std::vector<bool> live;      ///< words of live mbarriers; empty: none
    std::map<u32, Touch> remote; ///< by agent: the last access of a peer
    u32 nextAgent = 0;
  };
  struct ClusterState {
    Gathering barrier;
    u32 nextAgent = 0;
  };
  /// What release operations left at an address.
  struct Published {
    Clock clock;
    u32 cluster = 0;
    u64 cta = 0;
    Scope scope = Scope::None;
  };

  static bool isCopy(const OpInfo &i) {
    return i.inst && i.inst->opcode == "mov" && i.reads.size() == 1 &&
           i.writes.size() == 1;
  }
  static bool isConstant(const OpInfo &i) {
    return i.inst && i.inst->opcode == "mov" && i.reads.empty();
  }
  WarpState &of(Warp &w) { return *warps[w.checkSlot]; }
  CtaState &of(const Cta &cta) {
    if (recent.first != &cta)
      recent = {&cta, ctas[&cta].get()};
    return *recent.second;
  }
  u32 agentOf(const Warp &w, AgentKind k) const;
  u32 key(const Warp &w, u32 agent) const {
    return static_cast<u32>(w.cluster->id) * kAgents + agent;
  }
  // Views.
  const Knowledge &knows(const Warp &w, u32 lane) const;
  /// Applies `f` to what the lanes of `mask` know.
  template <class F> void learn(Warp &w, u32 mask, F f);
  /// What lanes did themselves.
  void addOwn(Warp &w, u32 mask, Clock &to);
  /// What lanes may publish of everything, and of what they fenced.
  Clock allOf(Warp &w, u32 mask);
  Clock releasedOf(Warp &w, u32 lane);
  Knowledge knowledgeOf(Warp &w, u32 mask);
  /// The lanes of `mask` know the same from now on.
  void unite(Warp &w, u32 mask, Knowledge k);
  void tick(Warp &w) { ++of(w).clock; }

  // Cells.
  u32 othersOf(Warp &w, u32 lane, const Touch &t);
  bool ordered(Warp &w, u32 lane, const Touch &t);
  /// The lanes of `t` that `lane` is not ordered after.
  u32 unordered(Warp &w, u32 lane, const Touch &t);
  bool conflicts(Warp &w, u32 lane, const Touch &before, const Touch &now);
  bool unfenced(Warp &w, u32 lane, const Touch &written, const Touch &now,
                Space space);
  bool settled(const Touch &t) const;
  const std::vector<u32> *floorOf(Warp &w, const Resolved &where);
  /// What is written to a cell: `data` null for what is not a store.
  struct Bytes {
    const u8 *data = nullptr, *memory = nullptr;
    u32 words = 1;
  };
  enum class Differs { Nowhere, Everywhere, Partly };
  static Differs differs(const Touch &before, const Touch &now, const Bytes &b);
  /// What `t`, the last write of a word, stored.
  u32 valueOf(const Touch &t, const Bytes &b) const;
  bool stillTells(Warp &w, u32 lane, const Overwritten &e, const Touch &now,
                  const Bytes &b);
  /// Records an access that nothing stands against; else does nothing, and
  /// `touchWord` says what is wrong.
  bool touchQuietly(Warp &w, u32 lane, Cell &cell, const Touch &now, bool write,
                    Space space, const Bytes &bytes);
  /// Checks and records one access to part of a word.
  void touchWord(Warp &w, const Op &op, u32 lane, Cell &cell, const Touch &now,
                 bool write, Space space, u64 address, const Bytes &bytes);
  void reportUnfenced(Warp &w, const Op &op, u32 lane, const Touch &written,
                      Space space, u64 address);
  /// The same for a row of whole words, 128 bytes of it; false: the words must
  /// be looked at one by one.
  bool touchOwn(Cell &cell, Touch now, bool write, const Bytes &bytes);
  bool touchGroup(Warp &w, Cell &cell, Touch now, bool write,
                  const Bytes &bytes);
  bool orderedRow(Warp &w, const Touch &t, u8 rowLane);
  template <class Ordered>
  void rememberRead(Cell &cell, const Touch &now, Ordered ordered);
  /// False, and nothing done: the words must be looked at one by one.
  template <class Ordered>
  bool rememberWrite(Warp &w, u32 lane, Cell &cell, Touch now,
                     const Bytes &bytes, Ordered ordered);
  void touchRange(Warp &w, const Op &op, u32 lane, const Resolved &where,
                  u32 bytes, Touch now, bool write, const u8 *data);
  void race(Warp &w, const Op &op, u32 lane, const Touch &before, bool write,
            bool beforeWrite, Space space, u64 address);
  Finding describeRace(Warp &w, const Op &op, u32 lane, const Touch &before,
                       bool write, bool beforeWrite, Space space, u64 address);
  bool holdBack(Warp &w, u32 readerPc, u32 readerAgent, u32 lanes,
                const Finding &f);
  void overwritten(Warp &w, const Op &op, u32 lane, Cell &cell,
                   const Touch &before, u8 racedBytes, const Touch &now,
                   u64 address, const Bytes &bytes);
  void readsOverwritten(Warp &w, const Op &op, u32 lane, Cell &cell,
                        const Touch &now);
  void settle(const Cluster &c);
  bool matters(const WarpState &s, u32 pc, u32 lanes);
  void uninitialised(Warp &w, const Op &op, u32 lane, const Resolved &where,
                     u32 bytes);
  void followUnwritten(Warp &w, const Op &op, u32 pc, u32 mask);
  void usesUnwritten(Warp &w, const Op &op, u32 lane, u32 origin);
  void roundingDiffers(Warp &w, const Op &op, u32 lane, Space space,
                       u64 address);
  bool allWritten(const Resolved &where, u32 bytes);
  u64 ctaOf(const Touch &t) const;
  Warp *threadsOf(Warp &w, const Touch &t) const;
  void markWritten(const Resolved &where, u32 bytes);
  void synchronise(Warp &w, u32 lane, const Resolved &where, AccessInfo info);
  void noteRemote(Warp &w, Cta &cta, const Touch &now);
  void overBarrier(Warp &w, const Op &op, u32 lane, const Resolved &where,
                   u32 bytes);
  void checkLifetime(Cluster &c);
  Barrier *barrier(Cta &cta, u64 address);
  Shadow &shadowOf(const Resolved &where);

  Engine &engine;
  std::vector<std::unique_ptr<WarpState>> warps;
  std::vector<u32> freeSlots;
  std::unordered_map<const Cta *, std::unique_ptr<CtaState>> ctas;
  std::pair<const Cta *, CtaState *> recent; ///< of `ctas`
  std::unordered_map<const Cluster *, std::unique_ptr<ClusterState>> clusters;
  Shadow global;
  std::unordered_map<u64, Published> published; ///< by address of a word
  std::map<std::string, size_t> known;          ///< finding to its index
  std::unordered_set<u32> productRegisters;     ///< that wgmma uses
  std::unordered_set<u32> copiedToProducts; ///< those, and what is moved there
  std::vector<bool> guesses; ///< by pc: a load for a compare-and-swap
  std::vector<bool> touches; ///< by pc: any of those
  u32 warpsPerCta = 1;
  Undefined undefined;
  std::vector<Undefined::Use> undefinedUses; ///< by the operation under way
  Uses uses;
  Poison poison;
  Exact exact;
  u64 operations = 0;                  ///< seen so far
  Poison::Stored stored;               ///< by the operation under way
  std::vector<Finding> unwrittenLoads; ///< origins of poison
  std::vector<Finding> overwrites; ///< races of writes, Rest::raced names one
  std::unordered_map<u64, u32> overwriteOf;  ///< both pcs to its index
  std::map<std::pair<u32, u32>, u32> loadOf; ///< pc and space to its index
  /// Races of loads whose value has had no effect so far.
  struct Held {
    u32 slot, pc, lanes;
    Finding finding;
  };
  std::map<std::tuple<u32, u32, u32, u32>, Held> held; ///< by slot, pcs, kind
  /// The store under way: memory does not hold its values yet.
  struct Store {
    u64 operation = ~u64(0);
    u32 lanes = 0; ///< seen so far
    u32 bytes = 0; ///< of a lane
    const u8 *data[32] = {}, *to[32] = {};
  } storing;
  const std::vector<u32> *floor = nullptr; ///< of the memory under way
};

} // namespace hamlet::emu
