//===- FunctionApi.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Functions: attributes, occupancy.
#include "emulator/driver/Functions.h"

#include <algorithm>
#include <cstdlib>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
u64 alignUp(u64 v, u64 a) { return (v + a - 1) / a * a; }
u64 limit(DeviceLimit id) { return static_cast<u64>(deviceAttribute(id)); }
bool set(const u32 *triple) { return triple[0] != 0; }
u64 product(const u32 *triple) {
  return u64(triple[0]) * triple[1] * triple[2];
}

/// Bytes of the variables of `space` one after another.
u64 bytesIn(const std::vector<ast::Variable> &variables, Space space) {
  u64 bytes = 0;
  for (const ast::Variable &v : variables)
    if (v.space == space)
      bytes = alignUp(bytes, std::max(v.align, 1u)) + v.bytes;
  return bytes;
}

/// Without ptxas: .maxnreg, else at most 64 and what the bounds leave.
u64 registersOf(const Program &p) {
  const ast::Function &f = *p.entry;
  if (f.maxnreg)
    return f.maxnreg;
  u64 threads = set(f.reqntid)   ? product(f.reqntid)
                : set(f.maxntid) ? product(f.maxntid)
                                 : limit(kBlockThreads);
  u64 share =
      limit(kBlockRegisters) /
      (alignUp(std::max<u64>(threads, 1), 32) * std::max(1u, f.minnctapersm)) /
      8 * 8;
  return std::clamp<u64>(share, 16, 64);
}

CUresult occupancy(int *blocks, CUfunction handle, int threads, size_t shared) {
  if (!blocks || threads < 1)
    return kInvalidValue;
  CUfunction f;
  if (CUresult r = functionOf(handle, f))
    return r;
  *blocks = static_cast<int>(
      blocksPerMultiprocessor(*f->program, static_cast<u64>(threads), shared));
  return kSuccess;
}
} // namespace

namespace hamlet::emu::driver {
u64 maxThreadsOf(const Program &p) {
  const ast::Function &f = *p.entry;
  u64 most = limit(kBlockThreads);
  if (set(f.reqntid))
    most = std::min(most, product(f.reqntid));
  if (set(f.maxntid))
    most = std::min(most, product(f.maxntid));
  u64 byRegisters = limit(kBlockRegisters) / (registersOf(p) * 32) * 32;
  return std::min(most, byRegisters);
}

u64 maxDynamicShared(const Program &p, const FunctionSettings &settings) {
  if (settings.maxDynamicShared)
    return static_cast<u64>(*settings.maxDynamicShared);
  u64 most = limit(kBlockShared);
  return most > p.staticShared ? most - p.staticShared : 0;
}

u64 blocksPerMultiprocessor(const Program &p, u64 threads, u64 shared) {
  threads = alignUp(threads, 32);
  u64 bytes = p.staticShared + shared + limit(kReservedShared);
  return std::min(
      {limit(kMultiprocessorBlocks), limit(kMultiprocessorThreads) / threads,
       limit(kMultiprocessorShared) / bytes,
       limit(kMultiprocessorRegisters) / (registersOf(p) * threads)});
}

CUresult attributeOf(const LoadedModule &module, const Program &p,
                     const FunctionSettings &settings, int id, int &value) {
  const ast::Function &f = *p.entry;
  auto number = [&](u64 v) { value = static_cast<int>(v); };
  switch (id) {
  case kMaxThreads:
    number(maxThreadsOf(p));
    break;
  case kSharedBytes:
    number(p.staticShared);
    break;
  case kConstBytes:
    number(bytesIn(module.ast().globals, Space::Const));
    break;
  case kLocalBytes:
    number(bytesIn(f.locals, Space::Local));
    break;
  case kRegisters:
    number(registersOf(p));
    break;
  case kPtxVersion:
    value = std::atoi(module.ast().target.c_str() + sizeof "sm_" - 1);
    break;
  case kBinaryVersion:
    value = state().architecture;
    break;
  case kCacheMode:
    value = 0;
    break;
  case kMaxDynamicShared:
    number(maxDynamicShared(p, settings));
    break;
  case kCarveout:
    value = settings.carveout;
    break;
  case kClusterMustBeSet:
    value = f.explicitCluster;
    break;
  case kClusterWidth:
  case kClusterHeight:
  case kClusterDepth:
    value = set(f.reqnctapercluster)
                ? static_cast<int>(f.reqnctapercluster[id - kClusterWidth])
                : settings.cluster[id - kClusterWidth];
    break;
  case kNonPortableCluster:
    value = settings.nonPortableCluster;
    break;
  case kClusterPolicy:
    value = settings.clusterPolicy;
    break;
  default:
    return kInvalidValue;
  }
  return kSuccess;
}

CUresult setAttribute(const Program &p, FunctionSettings &settings, int id,
                      int value) {
  switch (id) {
  case kMaxDynamicShared:
    if (value < 0 ||
        static_cast<u64>(value) + p.staticShared > limit(kBlockSharedOptIn))
      return kInvalidValue;
    settings.maxDynamicShared = value;
    return kSuccess;
  case kCarveout: // percent, -1: the driver's choice
    if (value < -1 || value > 100)
      return kInvalidValue;
    settings.carveout = value;
    return kSuccess;
  case kClusterWidth:
  case kClusterHeight:
  case kClusterDepth:
    if (set(p.entry->reqnctapercluster))
      return kNotPermitted; // it was set when it was compiled
    if (value < 0)
      return kInvalidValue;
    settings.cluster[id - kClusterWidth] = value;
    return kSuccess;
  case kNonPortableCluster:
    if (value < 0 || value > 1)
      return kInvalidValue;
    settings.nonPortableCluster = value != 0;
    return kSuccess;
  case kClusterPolicy: // default, spread, load balancing
    if (value < 0 || value > 2)
      return kInvalidValue;
    settings.clusterPolicy = value;
    return kSuccess;
  default:
    return kInvalidValue;
  }
}

CUresult paramInfo(const Program &p, size_t index, size_t *offset,
                   size_t *bytes) {
  if (!offset || index >= p.params.size())
    return kInvalidValue;
  *offset = p.params[index].offset;
  if (bytes)
    *bytes = p.params[index].bytes;
  return kSuccess;
}
} // namespace hamlet::emu::driver

#define HAMLET_FUNCTION(handle)                                                \
  CUfunction f;                                                                \
  if (CUresult missing = functionOf(handle, f))                                \
  return missing

HAMLET_CUDA cuFuncSetAttribute(CUfunction handle, int id, int value) {
  HAMLET_ENTER(cuFuncSetAttribute, true);
  HAMLET_FUNCTION(handle);
  return setAttribute(*f->program, *f->settings, id, value);
}
HAMLET_CUDA cuFuncGetAttribute(int *value, int id, CUfunction handle) {
  HAMLET_ENTER(cuFuncGetAttribute, true);
  if (!value)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  return attributeOf(*f->module->module, *f->program, *f->settings, id, *value);
}
HAMLET_CUDA cuFuncSetCacheConfig(CUfunction handle, int) {
  HAMLET_ENTER(cuFuncSetCacheConfig, true);
  HAMLET_FUNCTION(handle);
  return kSuccess;
}
HAMLET_CUDA cuFuncGetModule(CUmodule *m, CUfunction handle) {
  HAMLET_ENTER(cuFuncGetModule, true);
  if (!m)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  *m = f->module;
  return kSuccess;
}
HAMLET_CUDA cuFuncGetName(const char **name, CUfunction handle) {
  HAMLET_ENTER(cuFuncGetName, true);
  if (!name)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  *name = f->name.c_str();
  return kSuccess;
}
HAMLET_CUDA cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset,
                               size_t *bytes) {
  HAMLET_ENTER(cuFuncGetParamInfo, true);
  HAMLET_FUNCTION(handle);
  return paramInfo(*f->program, index, offset, bytes);
}
HAMLET_CUDA cuFuncIsLoaded(int *loaded, CUfunction handle) {
  HAMLET_ENTER(cuFuncIsLoaded, true);
  if (!loaded)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  *loaded = 1;
  return kSuccess;
}
HAMLET_CUDA cuFuncLoad(CUfunction handle) {
  HAMLET_ENTER(cuFuncLoad, true);
  HAMLET_FUNCTION(handle);
  return kSuccess;
}

HAMLET_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                        CUfunction f,
                                                        int threads,
                                                        size_t shared) {
  HAMLET_ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor, true);
  return occupancy(blocks, f, threads, shared);
}
HAMLET_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, CUfunction f, int threads, size_t shared, unsigned) {
  HAMLET_ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, true);
  return occupancy(blocks, f, threads, shared);
}
HAMLET_CUDA cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes,
                                                    CUfunction handle,
                                                    int blocks, int threads) {
  HAMLET_ENTER(cuOccupancyAvailableDynamicSMemPerBlock, true);
  if (!bytes || blocks < 1 || threads < 1)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  u64 share = limit(kMultiprocessorShared) / static_cast<u64>(blocks),
      fixed = limit(kReservedShared) + f->program->staticShared;
  share = share > fixed ? share - fixed : 0;
  *bytes = std::min(share, limit(kBlockSharedOptIn) - f->program->staticShared);
  return kSuccess;
}
HAMLET_CUDA cuOccupancyMaxActiveClusters(int *clusters, CUfunction f,
                                         const CUlaunchConfig *config) {
  HAMLET_ENTER(cuOccupancyMaxActiveClusters, true);
  if (!clusters || !config || (config->numAttrs && !config->attrs))
    return kInvalidValue;
  unsigned size = 1;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (const CUlaunchAttribute &a = config->attrs[i]; a.id == 4)
      size = a.cluster.x * a.cluster.y * a.cluster.z;
  if (!size || size > 16)
    return kInvalidValue;
  u64 threads = u64(config->blockDimX) * config->blockDimY * config->blockDimZ;
  int blocks = 0;
  if (threads > limit(kBlockThreads))
    return kInvalidValue;
  if (CUresult r = occupancy(&blocks, f, static_cast<int>(threads),
                             config->sharedMemBytes))
    return r;
  *clusters = blocks * static_cast<int>(limit(kMultiprocessors)) /
              static_cast<int>(size);
  return kSuccess;
}
HAMLET_CUDA cuOccupancyMaxPotentialClusterSize(int *size, CUfunction handle,
                                               const CUlaunchConfig *config) {
  HAMLET_ENTER(cuOccupancyMaxPotentialClusterSize, true);
  if (!size || !config)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  *size = f->settings->nonPortableCluster ? 16 : 8;
  return kSuccess;
}
static CUresult blockSize(int *grid, int *block, CUfunction handle,
                          size_t (*sharedOf)(int), size_t shared, int most) {
  if (!grid || !block)
    return kInvalidValue;
  HAMLET_FUNCTION(handle);
  int threads = static_cast<int>(maxThreadsOf(*f->program));
  if (most > 0)
    threads = std::min(threads, most);
  int blocks = 0;
  CUresult r = occupancy(&blocks, handle, threads,
                         sharedOf ? sharedOf(threads) : shared);
  *block = threads;
  *grid = blocks * static_cast<int>(limit(kMultiprocessors));
  return r;
}
HAMLET_CUDA cuOccupancyMaxPotentialBlockSize(int *grid, int *block,
                                             CUfunction f,
                                             size_t (*sharedOf)(int),
                                             size_t shared, int most) {
  HAMLET_ENTER(cuOccupancyMaxPotentialBlockSize, true);
  return blockSize(grid, block, f, sharedOf, shared, most);
}
HAMLET_CUDA cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block,
                                                      CUfunction f,
                                                      size_t (*sharedOf)(int),
                                                      size_t shared, int most,
                                                      unsigned) {
  HAMLET_ENTER(cuOccupancyMaxPotentialBlockSizeWithFlags, true);
  return blockSize(grid, block, f, sharedOf, shared, most);
}
