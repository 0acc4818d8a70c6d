//===- Engine.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Grids: which clusters are resident, whose turn it is, when nothing can move.
#include "emulator/check/Checker.h"
#include "emulator/core/Decode.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace hamlet::emu {
namespace {
constexpr u64 kQuantum = 4096;   // operations of one warp's turn
constexpr u64 kIdleLimit = 3000; // rounds without progress until a deadlock
/// Warp instructions after which another cluster becomes resident, and late
/// asynchronous work completes, though something else still runs.
constexpr u64 kPatience = 300000;
constexpr u32 kRecursionBytes =
    32768; // local memory a thread of recursive code

[[noreturn]] void invalid(const std::string &what) { throw PtxError(0, what); }

void checkConfig(const Program &p, const LaunchConfig &c) {
  const ast::Function &f = *p.entry;
  u64 threads = c.block.total();
  if (threads == 0 || c.grid.total() == 0)
    invalid("grid and block need at least one CTA and one thread");
  if (threads > 1024 || c.block.x > 1024 || c.block.y > 1024 || c.block.z > 64)
    invalid("a block has at most 1024 threads (z at most 64), got " +
            std::to_string(threads));
  if (c.grid.x > 0x7fffffff || c.grid.y > 65535 || c.grid.z > 65535)
    invalid("the grid is larger than 2147483647 x 65535 x 65535");
  if (f.reqntid[0] && (c.block.x != f.reqntid[0] || c.block.y != f.reqntid[1] ||
                       c.block.z != f.reqntid[2]))
    invalid("'" + p.name + "' requires a block of " +
            std::to_string(f.reqntid[0]) + "x" + std::to_string(f.reqntid[1]) +
            "x" + std::to_string(f.reqntid[2]) + " threads (.reqntid)");
  if (f.maxntid[0] && threads > u64(f.maxntid[0]) * f.maxntid[1] * f.maxntid[2])
    invalid("'" + p.name + "' allows at most " +
            std::to_string(u64(f.maxntid[0]) * f.maxntid[1] * f.maxntid[2]) +
            " threads (.maxntid), got " + std::to_string(threads));
  if (c.cluster.total() == 0 || c.cluster.total() > 16)
    invalid("a cluster has 1 to 16 CTAs, got " +
            std::to_string(c.cluster.total()));
  if (c.grid.x % c.cluster.x || c.grid.y % c.cluster.y ||
      c.grid.z % c.cluster.z)
    invalid("the grid is no multiple of the cluster");
  if (f.reqnctapercluster[0] && (c.cluster.x != f.reqnctapercluster[0] ||
                                 c.cluster.y != f.reqnctapercluster[1] ||
                                 c.cluster.z != f.reqnctapercluster[2]))
    invalid("'" + p.name + "' requires clusters of " +
            std::to_string(f.reqnctapercluster[0]) + "x" +
            std::to_string(f.reqnctapercluster[1]) + "x" +
            std::to_string(f.reqnctapercluster[2]) + " CTAs");
  if (u64(p.staticShared) + c.sharedBytes > 232448)
    invalid("static and dynamic shared memory, " +
            std::to_string(u64(p.staticShared) + c.sharedBytes) +
            " bytes, exceed 232448");
  if (c.params.size() != p.paramBytes)
    invalid("parameters have " + std::to_string(p.paramBytes) + " bytes, got " +
            std::to_string(c.params.size()));
}

u64 residentClusters(const Program &p, const LaunchConfig &c) {
  u64 shared = p.staticShared + c.sharedBytes + 1024;
  u64 perSm = std::min<u64>(32, 2048 / alignUp(c.block.total(), 32));
  perSm = std::min(perSm, std::max<u64>(1, c.sharedPerMultiprocessor / shared));
  if (u32 regs = p.entry->maxnreg)
    perSm = std::min(
        perSm, std::max<u64>(1, 65536 / (alignUp(c.block.total(), 32) * regs)));
  return std::max<u64>(1, perSm * c.multiprocessors / c.cluster.total());
}

u32 specialValue(const std::string &name, const Cta &cta, u32 warp, u32 lane,
                 const LaunchConfig &c) {
  u32 t = warp * 32 + lane;
  auto dim = [&](const Dim &d, char k) {
    return k == 'x' ? d.x : k == 'y' ? d.y : d.z;
  };
  char k = name.back();
  auto is = [&](const char *prefix) {
    return name.size() > 2 && name.compare(0, name.size() - 2, prefix) == 0;
  };
  if (is("%tid"))
    return k == 'x'   ? t % c.block.x
           : k == 'y' ? t / c.block.x % c.block.y
                      : t / c.block.x / c.block.y;
  if (is("%ntid"))
    return dim(c.block, k);
  if (is("%ctaid"))
    return dim(cta.id, k);
  if (is("%nctaid"))
    return dim(c.grid, k);
  if (is("%clusterid"))
    return dim(cta.cluster->position, k);
  if (is("%nclusterid"))
    return dim(c.grid, k) / dim(c.cluster, k);
  if (is("%cluster_ctaid"))
    return k == 'x'   ? cta.rank % c.cluster.x
           : k == 'y' ? cta.rank / c.cluster.x % c.cluster.y
                      : cta.rank / c.cluster.x / c.cluster.y;
  if (is("%cluster_nctaid"))
    return dim(c.cluster, k);
  if (name == "%laneid")
    return lane;
  if (name == "%warpid")
    return warp;
  if (name == "%nwarpid")
    return 64;
  if (name == "%smid")
    return static_cast<u32>((cta.linear * 7 + c.seed) % c.multiprocessors);
  if (name == "%nsmid")
    return c.multiprocessors;
  if (name == "%lanemask_eq")
    return 1u << lane;
  if (name == "%lanemask_lt")
    return (1u << lane) - 1;
  if (name == "%lanemask_le")
    return (2u << lane) - 1;
  if (name == "%lanemask_gt")
    return ~((2u << lane) - 1);
  if (name == "%lanemask_ge")
    return ~((1u << lane) - 1);
  if (name == "%cluster_ctarank")
    return cta.rank;
  if (name == "%cluster_nctarank")
    return static_cast<u32>(c.cluster.total());
  if (name == "%is_explicit_cluster")
    return c.cluster.total() > 1 ? ~0u : 0;
  if (name == "%dynamic_smem_size")
    return c.sharedBytes;
  if (name == "%total_smem_size" || name == "%aggr_smem_size")
    return cta.sharedBytes - cta.reservedBytes;
  if (name == "%reserved_smem_offset_0" || name == "%reserved_smem_offset_1")
    return kSharedStart + cta.sharedBytes - cta.reservedBytes;
  if (name == "%reserved_smem_offset_end" ||
      name == "%reserved_smem_offset_cap")
    return kSharedStart;
  return 0;
}
} // namespace

const char *launchStatusName(LaunchStatus s) {
  static const char *const names[] = {
      "ok",       "illegal address",    "misaligned address",
      "trap",     "assertion",          "illegal instruction",
      "deadlock", "instruction budget", "invalid configuration"};
  return names[static_cast<u8>(s)];
}

std::unique_ptr<Cluster> Engine::makeCluster(u64 index) {
  const LaunchConfig &c = *config;
  auto cluster = std::make_unique<Cluster>();
  cluster->id = index;
  u64 nx = c.grid.x / c.cluster.x, ny = c.grid.y / c.cluster.y;
  cluster->position = {static_cast<u32>(index % nx),
                       static_cast<u32>(index / nx % ny),
                       static_cast<u32>(index / nx / ny)};
  u32 threads = static_cast<u32>(c.block.total()), warps = (threads + 31) / 32;
  u32 ctas = static_cast<u32>(c.cluster.total());
  u64 arena = alignUp(program->arenaBytes + 64, 256);
  // What the driver reserves for groups of several warps lies behind.
  bool reserved = std::ranges::any_of(program->specials, [](const auto &s) {
    return s.name.starts_with("%reserved_smem_offset_");
  });
  u32 sharedBytes = program->staticShared + c.sharedBytes;
  if (reserved)
    sharedBytes = static_cast<u32>(alignUp(sharedBytes, 128)) + 1024;
  u64 shared = alignUp(sharedBytes + 256, 256);
  u64 local = alignUp(u64(localStride) * 32, 256);
  u64 total = ctas * (shared + warps * (arena + local)) + 2048;
  cluster->buffer.reset(
      static_cast<u8 *>(std::aligned_alloc(1024, alignUp(total, 1024))));
  if (!cluster->buffer)
    throw KernelFault{LaunchStatus::InvalidConfiguration,
                      "out of host memory for registers and shared memory"};
  u8 *at = cluster->buffer.get();
  for (u32 r = 0; r < ctas; ++r) {
    auto cta = std::make_unique<Cta>();
    cta->cluster = cluster.get();
    cta->rank = r;
    cta->id = {
        cluster->position.x * c.cluster.x + r % c.cluster.x,
        cluster->position.y * c.cluster.y + r / c.cluster.x % c.cluster.y,
        cluster->position.z * c.cluster.z + r / c.cluster.x / c.cluster.y};
    cta->linear =
        cta->id.x + u64(c.grid.x) * (cta->id.y + u64(c.grid.y) * cta->id.z);
    cta->shared = at;
    cta->sharedBytes = sharedBytes;
    cta->reservedBytes = reserved ? 1024 : 0;
    std::memset(at, 0xff, shared);
    std::memset(at + sharedBytes - cta->reservedBytes, 0, cta->reservedBytes);
    at += shared;
    cta->threads = cta->liveThreads = threads;
    cluster->threads += threads;
    for (u32 i = 0; i < warps; ++i) {
      auto w = std::make_unique<Warp>();
      w->regs = at;
      std::memcpy(at, program->image.data(), program->arenaBytes);
      at += arena;
      w->local = at;
      w->localStride = localStride;
      std::memset(at, 0xff, local);
      at += local;
      w->cta = cta.get();
      w->cluster = cluster.get();
      w->engine = this;
      w->program = program;
      w->caches = caches.data();
      w->check = check.get();
      w->index = i;
      w->gridId = static_cast<u32>((index * ctas + r) * warps + i);
      u32 lanes = threads - i * 32;
      w->lanes = w->live = w->mask = lanes >= 32 ? ~0u : (1u << lanes) - 1;
      w->pc = program->functions.front().entryPc;
      for (const SpecialSlot &s : program->specials) {
        bool wide = s.name.ends_with("@8");
        std::string name = wide ? s.name.substr(0, s.name.size() - 2) : s.name;
        for (u32 l = 0; l < 32; ++l) {
          u32 v = specialValue(name, *cta, i, l, c);
          // What cooperative groups synchronise the grid with.
          if (name == "%envreg1")
            v = static_cast<u32>(gridWorkspace >> 32);
          if (name == "%envreg2")
            v = static_cast<u32>(gridWorkspace);
          if (wide)
            reinterpret_cast<u64 *>(w->regs + s.offset)[l] = v;
          else
            reinterpret_cast<u32 *>(w->regs + s.offset)[l] = v;
        }
      }
      cluster->order.push_back(w.get());
      cta->warps.push_back(std::move(w));
    }
    cluster->ctas.push_back(std::move(cta));
  }
  cluster->liveThreads = cluster->threads;
  for (auto &cta : cluster->ctas) {
    // setmaxnreg without ptxas: what the launch bounds leave.
    const ast::Function &f = *program->entry;
    u64 blocks = std::max(1u, f.minnctapersm);
    u64 bound =
        f.maxnreg ? f.maxnreg
                  : std::min<u64>(
                        255, 65536 / (alignUp(threads, 128) * blocks) / 8 * 8);
    if (!f.maxnreg && bound > 8)
      bound = bound / 8 * 8;
    cta->registerPool = 0;
    cta->warpRegisters.assign(warps, static_cast<u32>(bound));
  }
  if (check)
    check->clusterStarts(*cluster);
  return cluster;
}

bool Engine::round(Cluster &cluster) {
  ++cluster.round;
  bool moved = false;
  if (config->seed)
    std::shuffle(cluster.order.begin(), cluster.order.end(), rng);
  for (size_t i = 0; i < cluster.queue.items.size();) {
    auto &item = cluster.queue.items[i];
    if (item.due > cluster.round) {
      ++i;
      continue;
    }
    auto run = std::move(item.run);
    cluster.queue.items.erase(cluster.queue.items.begin() +
                              static_cast<long>(i));
    run();
    moved = true;
  }
  bool alive = false;
  for (Warp *w : cluster.order) {
    if (w->done)
      continue;
    u64 before = w->executed, seen = events;
    u64 quantum = config->seed ? 64 + rng() % kQuantum : kQuantum;
    Step s = run(*w, quantum);
    // A poll is progress only if something happened meanwhile.
    if (w->done || events != seen || (w->executed > before && s != Step::Yield))
      moved = true;
    alive |= !w->done;
    if (instructions > budget)
      throw KernelFault{LaunchStatus::Budget,
                        "more than " + std::to_string(config->maxInstructions) +
                            " warp instructions; raise --max-instructions if "
                            "the kernel is meant to run this long"};
  }
  if (!alive) {
    // What was left in flight completes before the CTA's memory goes.
    for (size_t i = 0; i < cluster.queue.items.size(); ++i)
      cluster.queue.items[i].run();
    cluster.queue.items.clear();
    cluster.finished = true;
    return true;
  }
  // A wait may poll in a way that looks like progress.
  bool late = instructions - cluster.completedAt > kPatience;
  if ((!moved || late) && !cluster.queue.items.empty()) {
    cluster.completedAt = instructions;
    size_t pick = config->async == AsyncMode::Random
                      ? rng() % cluster.queue.items.size()
                      : 0;
    auto run = std::move(cluster.queue.items[pick].run);
    cluster.queue.items.erase(cluster.queue.items.begin() +
                              static_cast<long>(pick));
    run();
    moved = true;
  }
  return moved;
}

void Engine::deadlock() {
  std::string s = "deadlock: no warp can move";
  std::map<std::string, u32> waiting;
  Finding f;
  f.kind = "deadlock";
  for (auto &cluster : resident)
    for (auto &cta : cluster->ctas) {
      for (auto &w : cta->warps) {
        if (w->done)
          continue;
        auto note = [&](u32 pc, u32 mask) {
          const OpInfo &i =
              program->info[std::min<size_t>(pc, program->info.size() - 1)];
          if (!f.first.line)
            f.first = siteOf(*program, pc, cta->linear, w->index,
                             static_cast<u32>(__builtin_ctz(mask ? mask : 1)));
          char m[64];
          std::snprintf(m, sizeof m, " (lanes %08x)", mask);
          waiting["CTA " + std::to_string(cta->linear) + " warp " +
                  std::to_string(w->index) + m + " at line " +
                  std::to_string(i.line) + " '" +
                  (i.inst ? i.inst->spelling() : "") + "'" +
                  (*w->waitingFor ? std::string(", ") + w->waitingFor : "")]++;
        };
        if (w->mask)
          note(w->pc, w->mask);
        for (const Fragment &g : w->others)
          note(g.pc, g.mask);
      }
      for (u32 b = 0; b < 16; ++b)
        if (cta->barriers[b].arrivedThreads)
          waiting["CTA " + std::to_string(cta->linear) + " barrier " +
                  std::to_string(b) + ": " +
                  std::to_string(cta->barriers[b].arrivedThreads) + " of " +
                  std::to_string(cta->barriers[b].counted
                                     ? cta->barriers[b].expected
                                     : cta->liveThreads) +
                  " threads arrived"]++;
      for (auto &[address, host] : cta->mbarriers) {
        u64 word;
        std::memcpy(&word, host, 8);
        s32 tx = s32(u32(word >> 40 & 0x7fffff) << 9) >> 9;
        u64 pending = word >> 20 & 0xfffff, expected = word & 0xfffff;
        if (tx || pending != expected)
          waiting["CTA " + std::to_string(cta->linear) + " mbarrier at " +
                  std::to_string(address) + " phase " +
                  std::to_string(word >> 63) + " pending " +
                  std::to_string(pending) + "/" + std::to_string(expected) +
                  " tx " + std::to_string(tx)]++;
      }
    }
  u32 shown = 0;
  for (auto &[text, count] : waiting)
    if (shown++ < 24)
      s += "; " + text;
  if (waiting.size() > 24)
    s += "; and " + std::to_string(waiting.size() - 24) + " more";
  if (pendingClusters)
    s += "; " + std::to_string(pendingClusters) +
         " clusters are not resident yet: a kernel that waits for other CTAs "
         "needs "
         "a cooperative launch that fits the device";
  f.message = s;
  findings->push_back(f);
  throw KernelFault{LaunchStatus::Deadlock, s};
}

namespace {
struct Shared {
  std::atomic<u64> next{0};
  std::atomic<bool> stop{false};
  std::vector<u64> order; ///< empty: natural
  u64 count = 0;
};

void setUp(Engine &e, const Program &p, DeviceMemory &m, const LaunchConfig &c,
           std::vector<Finding> *findings, Shared &shared) {
  e.program = &p;
  e.memory = &m;
  e.config = &c;
  e.params = c.params.data();
  e.budget = c.maxInstructions;
  e.rng.seed(c.seed * 0x9e3779b97f4a7c15ull + 1);
  e.caches.resize(p.lookups + 1);
  e.findings = findings;
  e.stop = &shared.stop;
  u64 local = p.localBytes;
  for (const FunctionInfo &f : p.functions)
    if (!f.ast->isEntry)
      local += f.frameBytes;
  if (p.usesRecursion)
    local += kRecursionBytes;
  e.localStride = static_cast<u32>(alignUp(local, 16));
  if (c.coverage) {
    e.hits.assign(p.ops.size(), 0);
    e.branches.assign(p.ops.size(), 0);
  }
}

void runClusters(Engine &e, Shared &shared, u64 limit) {
  u64 idle = 0, admitted = e.instructions;
  bool stuck = false;
  while (true) {
    // What polls in a way that looks like progress waits for others, too.
    stuck |= e.program->strongGlobal && e.instructions - admitted > kPatience;
    e.pendingClusters = shared.count - std::min<u64>(shared.count, shared.next);
    if (e.resident.empty() ||
        (stuck && e.resident.size() < limit && e.pendingClusters)) {
      u64 n = shared.next++;
      if (n >= shared.count) {
        if (e.resident.empty())
          return;
      } else {
        e.resident.push_back(
            e.makeCluster(shared.order.empty() ? n : shared.order[n]));
        idle = 0;
        admitted = e.instructions;
      }
    }
    bool moved = false;
    for (size_t i = 0; i < e.resident.size();) {
      Cluster &c = *e.resident[i];
      moved |= e.round(c);
      if (c.finished) {
        if (e.check)
          e.check->clusterEnds(c);
        e.resident.erase(e.resident.begin() + static_cast<long>(i));
      } else {
        ++i;
      }
    }
    if (shared.stop || (e.config->cancel && *e.config->cancel))
      return;
    // What polls in a way that looks like progress hands over, too.
    bool polls = stuck || !moved;
    stuck = !moved;
    idle = moved ? 0 : idle + 1;
    e.idleRounds = idle;
    if (polls && e.program->strongGlobal && e.config->outside &&
        e.config->outside(idle))
      continue;
    bool all = e.resident.size() >= limit || shared.next >= shared.count;
    if (idle > kIdleLimit && all)
      e.deadlock();
  }
}
} // namespace

LaunchResult launch(const Program &p, DeviceMemory &memory,
                    const LaunchConfig &config) {
  checkConfig(p, config);
  LaunchResult result;
  Shared shared;
  struct Workspace {
    DeviceMemory &memory;
    u64 address = 0;
    ~Workspace() {
      if (address)
        memory.free(address);
    }
  } workspace{memory};
  for (const SpecialSlot &s : p.specials)
    if (s.name.starts_with("%envreg") && !workspace.address) {
      workspace.address = memory.allocate(256);
      if (u8 *host = memory.host(workspace.address, 256))
        std::memset(host, 0, 256);
    }
  shared.count = config.grid.total() / config.cluster.total();
  if (config.seed) {
    shared.order.resize(shared.count);
    for (u64 i = 0; i < shared.count; ++i)
      shared.order[i] = i;
    std::mt19937_64 rng(config.seed);
    std::shuffle(shared.order.begin(), shared.order.end(), rng);
  }
  u32 threads = config.threads;
  if (!threads) {
    const char *env = std::getenv("HAMLET_EMULATOR_THREADS");
    threads = std::thread::hardware_concurrency();
    const char *end = env ? env + std::strlen(env) : nullptr;
    if (env && std::from_chars(env, end, threads).ptr != end) {
      result.status = LaunchStatus::InvalidConfiguration;
      result.message = std::string("HAMLET_EMULATOR_THREADS is '") + env +
                       "', expected a number of threads";
      return result;
    }
  }
  bool serial = config.check || config.trace || p.strongGlobal || p.usesClock ||
                shared.count < 4 || threads <= 1 || config.coverage ||
                config.async == AsyncMode::Random;
  u64 limit = serial ? residentClusters(p, config) : 1;

  std::mutex mutex;
  auto work = [&](Engine &e) {
    try {
      runClusters(e, shared, limit);
    } catch (const KernelFault &f) {
      std::lock_guard lock(mutex);
      shared.stop = true;
      if (result.status == LaunchStatus::Ok) {
        result.status = f.status;
        result.message = f.message;
      }
    }
    std::lock_guard lock(mutex);
    result.instructions += e.instructions;
    result.threadInstructions += e.threadInstructions;
  };
  Engine first;
  setUp(first, p, memory, config, &result.findings, shared);
  first.gridWorkspace = workspace.address;
  if (config.check)
    first.check = makeChecker(first);
  if (serial) {
    work(first);
    if (first.check) {
      first.check->launchEnds();
      result.accesses = first.check->accesses;
    }
    result.hits = std::move(first.hits);
    result.branches = std::move(first.branches);
    first.resident.clear();
    return result;
  }
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<std::thread> workers;
  for (u32 i = 1; i < std::min<u64>(threads, shared.count / 2); ++i) {
    engines.push_back(std::make_unique<Engine>());
    setUp(*engines.back(), p, memory, config, &result.findings, shared);
    engines.back()->gridWorkspace = workspace.address;
  }
  workers.reserve(engines.size());
  for (auto &e : engines)
    workers.emplace_back([&work, &e] { work(*e); });
  work(first);
  for (auto &t : workers)
    t.join();
  return result;
}

} // namespace hamlet::emu
