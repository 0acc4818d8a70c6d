//===- LaunchApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Launches of kernels and host functions.
#include "emulator/driver/Graph.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
enum LaunchAttribute { kCooperative = 2, kClusterDimension = 4 };
constexpr unsigned kPortableCluster = 8, kLargestCluster = 16; // CTAs

CUresult resultOf(const LaunchResult &r) {
  switch (r.status) {
  case LaunchStatus::Ok:
    return kSuccess;
  case LaunchStatus::IllegalAddress:
    return kIllegalAddress;
  case LaunchStatus::Misaligned:
    return kMisaligned;
  case LaunchStatus::Assert:
    return kAssert;
  case LaunchStatus::Trap:
  case LaunchStatus::InvalidConfiguration:
    return kLaunchFailed;
  case LaunchStatus::IllegalInstruction:
    return kIllegalInstruction;
  case LaunchStatus::Deadlock:
  case LaunchStatus::Budget:
    return kLaunchTimeout;
  }
  return kLaunchFailed;
}

/// The parameters as one piece. False: some are missing.
bool gather(const Program &p, void **params, void **extra,
            std::vector<u8> &bytes) {
  bytes.assign(p.paramBytes, 0);
  if (params) {
    for (size_t i = 0; i < p.params.size(); ++i) {
      if (!params[i])
        return false;
      std::memcpy(bytes.data() + p.params[i].offset, params[i],
                  p.params[i].bytes);
    }
    return true;
  }
  if (extra) {
    // CU_LAUNCH_PARAM_BUFFER_POINTER (1), _SIZE (2), END (0).
    const void *buffer = nullptr;
    size_t size = 0;
    for (size_t i = 0; extra[i]; i += 2) {
      if (extra[i] == reinterpret_cast<void *>(1))
        buffer = extra[i + 1];
      else if (extra[i] == reinterpret_cast<void *>(2))
        size = *static_cast<size_t *>(extra[i + 1]);
      else
        return false;
    }
    if (!buffer || size > bytes.size())
      return p.paramBytes == 0;
    std::memcpy(bytes.data(), buffer, size);
    return true;
  }
  return p.params.empty();
}

u64 limit(DeviceLimit id) { return static_cast<u64>(deviceAttribute(id)); }

/// What a real driver refuses before anything runs.
CUresult checkLimits(const Program &p, const FunctionSettings &settings,
                     const LaunchConfig &c, bool cooperative) {
  const ast::Function &f = *p.entry;
  u64 threads = c.block.total();
  if (!threads || !c.grid.total() || c.block.x > limit(kBlockX) ||
      c.block.y > limit(kBlockY) || c.block.z > limit(kBlockZ) ||
      threads > limit(kBlockThreads) || c.grid.x > limit(kGridX) ||
      c.grid.y > limit(kGridY) || c.grid.z > limit(kGridZ))
    return kInvalidValue;
  if (c.sharedBytes > maxDynamicShared(p, settings))
    return kInvalidValue;
  auto differs = [](const u32 *wanted, const Dim &d) {
    return wanted[0] &&
           (d.x != wanted[0] || d.y != wanted[1] || d.z != wanted[2]);
  };
  if (differs(f.reqntid, c.block) ||
      (f.maxntid[0] &&
       threads > u64(f.maxntid[0]) * f.maxntid[1] * f.maxntid[2]))
    return kInvalidValue;
  if (threads > maxThreadsOf(p)) // more registers than there are
    return kOutOfResources;
  u64 size = c.cluster.total();
  if (size != 1 && !limit(kClusterLaunch))
    return kInvalidClusterSize;
  u64 most = f.maxclusterrank              ? f.maxclusterrank
             : settings.nonPortableCluster ? kLargestCluster
                                           : kPortableCluster;
  if (!size || size > most || c.grid.x % c.cluster.x ||
      c.grid.y % c.cluster.y || c.grid.z % c.cluster.z ||
      differs(f.reqnctapercluster, c.cluster))
    return kInvalidClusterSize;
  if (cooperative &&
      c.grid.total() > limit(kMultiprocessors) *
                           blocksPerMultiprocessor(p, threads, c.sharedBytes))
    return kCooperativeTooLarge;
  return kSuccess;
}
} // namespace

namespace hamlet::emu::driver {
CUresult prepare(const LaunchRequest &request, Kernel &k) {
  CUfunction f;
  if (CUresult r = functionOf(request.function, f))
    return r;
  const Program &p = *f->program;
  k.owner = f->module->module;
  k.program = &p;
  k.memory = f->module->context->device->memory.get();
  k.device = f->module->context->device;
  k.config = request.config;
  if (!gather(p, request.params, request.extra, k.config.params))
    return kInvalidValue;
  const u32 *required = p.entry->reqnctapercluster;
  const int *chosen = f->settings->cluster;
  if (!request.clusterGiven) {
    if (required[0])
      k.config.cluster = {required[0], required[1], required[2]};
    else if (chosen[0] > 0 && chosen[1] > 0 && chosen[2] > 0)
      k.config.cluster = {static_cast<u32>(chosen[0]),
                          static_cast<u32>(chosen[1]),
                          static_cast<u32>(chosen[2])};
    else if (p.entry->explicitCluster)
      return kInvalidClusterSize;
  }
  k.config.multiprocessors = static_cast<u32>(limit(kMultiprocessors));
  k.config.sharedPerMultiprocessor =
      static_cast<u32>(limit(kMultiprocessorShared));
  return checkLimits(p, *f->settings, k.config, request.cooperative);
}

/// EMU_CHECK=1 runs the sanitizer on every launch and prints what it finds;
/// EMU_LEDGER names a file that gets one JSON line a launch.
CUresult execute(const Kernel &k, Running &running) {
  LaunchConfig c = k.config;
  Scheduler &scheduler = state().scheduler;
  Patience patience{std::chrono::steady_clock::now()};
  c.cancel = &scheduler.cancelled();
  c.outside = [&](u64 rounds) { return scheduler.handOver(rounds, patience); };
  const char *check = std::getenv("EMU_CHECK"),
             *ledger = std::getenv("EMU_LEDGER");
  const char *mode = std::getenv("EMU_ASYNC"), *seed = std::getenv("EMU_SEED");
  c.check = check && *check && *check != '0';
  c.coverage = ledger != nullptr;
  c.seed = seed ? std::strtoull(seed, nullptr, 0) : 0;
  if (mode)
    c.async = std::string(mode) == "lazy"     ? AsyncMode::Lazy
              : std::string(mode) == "random" ? AsyncMode::Random
                                              : AsyncMode::Eager;
  if (const char *limit = std::getenv("EMU_MAX_INSTRUCTIONS"))
    c.maxInstructions = std::strtoull(limit, nullptr, 0);
  else
    c.maxInstructions = ~u64(0) >> 1;
  LaunchResult r;
  const Program &p = *k.program;
  try {
    r = launch(p, *k.memory, c);
  } catch (const PtxError &e) {
    std::fprintf(stderr, "[emulator] %s: %s\n", p.name.c_str(), e.what());
    return kInvalidValue;
  }
  running.nanoseconds += 2000 + static_cast<double>(r.instructions) / 50;
  u64 errors = 0;
  for (const Finding &x : r.findings) {
    errors += x.severity == Severity::Error;
    std::fprintf(
        stderr, "[emulator] %s: %s: %s (line %u%s)\n", p.name.c_str(),
        x.kind.c_str(), x.message.c_str(), x.first.line,
        x.count > 1 ? (", " + std::to_string(x.count) + " times").c_str() : "");
  }
  if (r.status != LaunchStatus::Ok)
    std::fprintf(stderr, "[emulator] %s: %s: %s\n", p.name.c_str(),
                 launchStatusName(r.status), r.message.c_str());
  if (ledger) {
    std::map<u32, u64> lines;
    for (size_t i = 0; i < r.hits.size(); ++i)
      if (p.info[i].inst)
        lines[p.info[i].line] += r.hits[i];
    size_t hit = 0;
    for (auto &[line, n] : lines)
      hit += n != 0;
    std::ofstream(ledger, std::ios::app)
        << "{\"kernel\": \"" << p.name
        << "\", \"instructions\": " << lines.size() << ", \"executed\": " << hit
        << ", \"errors\": " << errors << "}\n";
  }
  return resultOf(r);
}

} // namespace hamlet::emu::driver

static CUresult submit(Call &call, const LaunchRequest &request,
                       CUstream stream) {
  auto k = std::make_shared<Kernel>();
  if (CUresult r = prepare(request, *k))
    return r;
  if (k->device != deviceOf(currentContext()))
    return kInvalidContext;
  return enqueue(call, stream, contentsOf(std::move(k), request.function));
}

static LaunchRequest plain(CUfunction f, Dim grid, Dim block, unsigned shared,
                           void **params, void **extra) {
  LaunchRequest r;
  r.function = f;
  r.config.grid = grid;
  r.config.block = block;
  r.config.sharedBytes = shared;
  r.params = params;
  r.extra = extra;
  return r;
}

HAMLET_CUDA cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
                           unsigned bx, unsigned by, unsigned bz,
                           unsigned shared, CUstream stream, void **params,
                           void **extra) {
  HAMLET_ENTER(cuLaunchKernel, true);
  return submit(call,
                plain(f, {gx, gy, gz}, {bx, by, bz}, shared, params, extra),
                stream);
}
HAMLET_CUDA cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy,
                                      unsigned gz, unsigned bx, unsigned by,
                                      unsigned bz, unsigned shared,
                                      CUstream stream, void **params) {
  HAMLET_ENTER(cuLaunchCooperativeKernel, true);
  LaunchRequest r =
      plain(f, {gx, gy, gz}, {bx, by, bz}, shared, params, nullptr);
  r.cooperative = true;
  return submit(call, r, stream);
}
HAMLET_CUDA cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction f,
                             void **params, void **extra) {
  HAMLET_ENTER(cuLaunchKernelEx, true);
  if (!config || (config->numAttrs && !config->attrs))
    return kInvalidValue;
  LaunchRequest r =
      plain(f, {config->gridDimX, config->gridDimY, config->gridDimZ},
            {config->blockDimX, config->blockDimY, config->blockDimZ},
            config->sharedMemBytes, params, extra);
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute &a = config->attrs[i];
    if (a.id == kCooperative)
      r.cooperative = a.value != 0;
    if (a.id == kClusterDimension) {
      r.config.cluster = {a.cluster.x, a.cluster.y, a.cluster.z};
      r.clusterGiven = true;
    }
  }
  return submit(call, r, config->hStream);
}
HAMLET_CUDA cuLaunchHostFunc(CUstream stream, CUhostFn fn, void *data) {
  HAMLET_ENTER(cuLaunchHostFunc, true);
  if (!fn)
    return kInvalidValue;
  Contents c;
  CUDA_HOST_NODE_PARAMS params{fn, data};
  CUresult r = describeHost(params, c);
  return r ? r : enqueue(call, stream, std::move(c));
}
