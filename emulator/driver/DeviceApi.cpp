//===- DeviceApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Initialisation, devices and contexts.
#include "emulator/driver/State.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
constexpr int kVersion = 13000;

bool validDevice(int d) {
  return d >= 0 && d < static_cast<int>(state().devices.size());
}

int attribute(int id) {
  int sm = state().architecture;
  const GpuRow &gpu = *state().limits;
  switch (id) {
  case 1: // threads of a block
  case 2:
  case 3:
    return gpu.threadsPerBlock;
  case 4:
    return 64;
  case 5:
    return 2147483647;
  case 6:
  case 7:
    return 65535;
  case 8:
    return 49152;
  case 9:
    return 65536;
  case 10:
    return 32;
  case 11:
    return 2147483647;
  case 12:
  case 82:
    return gpu.registersPerMultiprocessor;
  case 13:
    return gpu.clockKhz;
  case 16:
    return gpu.multiprocessors;
  case 31:
  case 40:
  case 41: // unified addressing
  case 90:
  case 95:  // cooperative launch
  case 115: // memory pools
    return 1;
  case 36:
    return gpu.memoryClockKhz;
  case 37:
    return gpu.memoryBusBits;
  case 38:
    return gpu.l2Bytes;
  case 39:
    return gpu.threadsPerMultiprocessor;
  case 75:
    return sm / 10;
  case 76:
    return sm % 10;
  case 81:
    return gpu.sharedBytesPerMultiprocessor;
  case 97:
    return gpu.sharedBytesPerBlock;
  case 106:
    return gpu.blocksPerMultiprocessor;
  case 111:
    return 1024;
  case 120: // cluster launch
    return gpu.largestCluster > 1;
  default:
    return 0;
  }
}

/// What the driver can do on any device, by CUdevice_attribute.
bool isFeature(int id) {
  switch (id) {
  case 19:  // host memory can be mapped
  case 78:  // stream priorities
  case 79:  // caches of global
  case 80:  // and of local memory
  case 83:  // managed memory
  case 86:  // atomics of the host and of kernels
  case 89:  // managed memory while kernels run
  case 91:  // registered memory at the host's address
  case 99:  // host memory can be registered
  case 113: // as read-only, too
  case 122: // 64-bit waits of streams for values
  case 123: // their "nor"
    return true;
  default:
    return false;
  }
}
} // namespace
int hamlet::emu::driver::deviceAttribute(int id) { return attribute(id); }
namespace {
CUcontext newContext(Device *d, bool primary) {
  auto *c = new CUctx_st;
  c->device = d;
  c->primary = primary;
  c->legacy = std::make_shared<Queue>();
  c->legacy->context = c;
  c->queues.push_back(c->legacy);
  state().contexts.insert(c);
  return c;
}
/// The GPU of targets/ with this compute capability, else the nearest below it
/// (above it for the first), which is said.
const GpuRow &limitsOf(int architecture) {
  const GpuRow *best = nullptr;
  for (const GpuRow &row : hamlet::targets::kGpus)
    if (!best ||
        (row.capability <= architecture ? row.capability > best->capability ||
                                              best->capability > architecture
                                        : row.capability < best->capability))
      best = &row;
  if (best->capability != architecture)
    std::fprintf(stderr,
                 "libcuda (emulated): EMU_SM is %d, which no file of targets/ "
                 "describes; the limits are those of %s\n",
                 architecture, best->name);
  return *best;
}

/// `value` from the environment where it is set; says so where it is wrong.
bool fromEnvironment(const char *name, u64 least, u64 most, u64 &value) {
  const char *text = std::getenv(name);
  if (!text || readNumber(text, least, most, value))
    return true;
  std::fprintf(stderr,
               "libcuda (emulated): %s is '%s', expected a number from %llu to "
               "%llu\n",
               name, text, static_cast<unsigned long long>(least),
               static_cast<unsigned long long>(most));
  return false;
}
} // namespace

HAMLET_CUDA cuInit(unsigned flags) {
  HAMLET_ENTER(cuInit, false);
  State &s = state();
  if (flags)
    return kInvalidValue;
  if (s.initialised)
    return kSuccess;
  u64 count = 1, architecture = static_cast<u64>(s.architecture);
  if (!fromEnvironment("EMU_DEVICES", 1, 64, count) ||
      !fromEnvironment("EMU_SM", 50, 999, architecture))
    return kInvalidValue;
  s.architecture = static_cast<int>(architecture);
  s.limits = &limitsOf(s.architecture);
  u64 bytes = static_cast<u64>(s.limits->memoryBytes);
  if (!fromEnvironment("EMU_MEMORY", 1, u64(1) << 46, bytes))
    return kInvalidValue;
  const char *faults = std::getenv("EMU_FAULT");
  for (u64 i = 0; i < count; ++i) {
    auto d = std::make_unique<Device>();
    d->ordinal = static_cast<int>(i);
    d->memory = std::make_unique<DeviceMemory>(static_cast<u32>(i), bytes);
    d->memory->reach(s.host);
    s.devices.push_back(std::move(d));
  }
  s.initialised = true;
  // The call that reads them is not counted.
  if (faults && !addFaults(faults))
    return kInvalidValue;
  return kSuccess;
}
HAMLET_CUDA cuDriverGetVersion(int *version) {
  HAMLET_ENTER(cuDriverGetVersion, false);
  if (!version)
    return kInvalidValue;
  *version = kVersion;
  return kSuccess;
}

#define HAMLET_NEED_INIT                                                       \
  if (!state().initialised)                                                    \
  return kNotInitialized

HAMLET_CUDA cuDeviceGetCount(int *n) {
  HAMLET_ENTER(cuDeviceGetCount, false);
  HAMLET_NEED_INIT;
  if (!n)
    return kInvalidValue;
  *n = static_cast<int>(state().devices.size());
  return kSuccess;
}
HAMLET_CUDA cuDeviceGet(CUdevice *d, int ordinal) {
  HAMLET_ENTER(cuDeviceGet, false);
  HAMLET_NEED_INIT;
  if (!d)
    return kInvalidValue;
  if (!validDevice(ordinal))
    return kInvalidDevice;
  *d = ordinal;
  return kSuccess;
}
HAMLET_CUDA cuDeviceGetName(char *name, int length, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetName, false);
  HAMLET_NEED_INIT;
  if (!name || length < 1)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  std::string text =
      "Hamlet emulated sm_" + std::to_string(state().architecture);
  std::strncpy(name, text.c_str(), static_cast<size_t>(length));
  name[length - 1] = 0;
  return kSuccess;
}
static CUresult deviceUuid(CUuuid *uuid, CUdevice d) {
  if (!uuid)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  std::memset(uuid->bytes, 0, 16);
  std::memcpy(uuid->bytes, "hamlet-emulated", 15);
  uuid->bytes[15] = static_cast<char>(d);
  return kSuccess;
}
HAMLET_CUDA cuDeviceGetUuid(CUuuid *uuid, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetUuid, false);
  return deviceUuid(uuid, d);
}
HAMLET_CUDA cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetUuid_v2, false);
  return deviceUuid(uuid, d);
}
HAMLET_CUDA cuDeviceTotalMem_v2(size_t *bytes, CUdevice d) {
  HAMLET_ENTER(cuDeviceTotalMem_v2, false);
  HAMLET_NEED_INIT;
  if (!bytes)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  *bytes = state().devices[static_cast<size_t>(d)]->memory->limit();
  return kSuccess;
}
HAMLET_CUDA cuDeviceGetAttribute(int *value, int id, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetAttribute, false);
  HAMLET_NEED_INIT;
  if (!value || id < 1 || id > 200)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  *value = id == 33        ? 1 + d // PCI bus
           : isFeature(id) ? 1
                           : attribute(id);
  return kSuccess;
}
HAMLET_CUDA cuDeviceGetPCIBusId(char *text, int length, CUdevice d) {
  HAMLET_ENTER(cuDeviceGetPCIBusId, false);
  if (!text || length < 13)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  std::snprintf(text, static_cast<size_t>(length), "0000:%02x:00.0", 1 + d);
  return kSuccess;
}
HAMLET_CUDA cuDeviceGetByPCIBusId(CUdevice *d, const char *text) {
  HAMLET_ENTER(cuDeviceGetByPCIBusId, false);
  // domain:bus:device.function, bus:device.function or domain:bus:device
  unsigned domain = 0, bus, device, function = 0;
  if (!d || !text ||
      (std::sscanf(text, "%x:%x:%x.%x", &domain, &bus, &device, &function) <
           3 &&
       (domain = 0,
        std::sscanf(text, "%x:%x.%x", &bus, &device, &function) < 3)))
    return kInvalidValue;
  if (domain || device || function || !validDevice(static_cast<int>(bus) - 1))
    return kInvalidDevice;
  *d = static_cast<int>(bus) - 1;
  return kSuccess;
}
HAMLET_CUDA cuDeviceCanAccessPeer(int *can, CUdevice a, CUdevice b) {
  HAMLET_ENTER(cuDeviceCanAccessPeer, false);
  if (!can)
    return kInvalidValue;
  if (!validDevice(a) || !validDevice(b))
    return kInvalidDevice;
  *can = a != b;
  return kSuccess;
}

// ---- contexts ----
HAMLET_CUDA cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
  HAMLET_ENTER(cuDevicePrimaryCtxRetain, false);
  HAMLET_NEED_INIT;
  if (!c)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  Device &dev = *state().devices[static_cast<size_t>(d)];
  if (!dev.primary)
    dev.primary = newContext(&dev, true);
  ++dev.primaryUses;
  *c = dev.primary;
  return kSuccess;
}
static CUresult releasePrimary(Call &call, CUdevice d, bool all) {
  if (!validDevice(d))
    return kInvalidDevice;
  Device &dev = *state().devices[static_cast<size_t>(d)];
  if (!dev.primary)
    return all ? kSuccess : kInvalidContext;
  if (!all && --dev.primaryUses > 0)
    return kSuccess;
  dev.primaryUses = 0;
  CUcontext c = std::exchange(dev.primary, nullptr);
  call.end(c);
  destroy(c);
  return kSuccess;
}
HAMLET_CUDA cuDevicePrimaryCtxRelease_v2(CUdevice d) {
  HAMLET_ENTER(cuDevicePrimaryCtxRelease_v2, false);
  return releasePrimary(call, d, false);
}
HAMLET_CUDA cuDevicePrimaryCtxReset_v2(CUdevice d) {
  HAMLET_ENTER(cuDevicePrimaryCtxReset_v2, false);
  return releasePrimary(call, d, true);
}
HAMLET_CUDA cuDevicePrimaryCtxGetState(CUdevice d, unsigned *flags,
                                       int *active) {
  HAMLET_ENTER(cuDevicePrimaryCtxGetState, false);
  if (!validDevice(d))
    return kInvalidDevice;
  if (flags)
    *flags = 0;
  if (active)
    *active = state().devices[static_cast<size_t>(d)]->primary != nullptr;
  return kSuccess;
}
HAMLET_CUDA cuDevicePrimaryCtxSetFlags_v2(CUdevice d, unsigned) {
  HAMLET_ENTER(cuDevicePrimaryCtxSetFlags_v2, false);
  return validDevice(d) ? kSuccess : kInvalidDevice;
}
static CUresult create(CUcontext *c, CUdevice d) {
  if (!state().initialised)
    return kNotInitialized;
  if (!c)
    return kInvalidValue;
  if (!validDevice(d))
    return kInvalidDevice;
  *c = newContext(state().devices[static_cast<size_t>(d)].get(), false);
  contextStack().push_back(*c);
  return kSuccess;
}
HAMLET_CUDA cuCtxCreate_v2(CUcontext *c, unsigned, CUdevice d) {
  HAMLET_ENTER(cuCtxCreate_v2, false);
  return create(c, d);
}
HAMLET_CUDA cuCtxCreate_v3(CUcontext *c, void *, int, unsigned, CUdevice d) {
  HAMLET_ENTER(cuCtxCreate_v3, false);
  return create(c, d);
}
HAMLET_CUDA cuCtxCreate_v4(CUcontext *c, void *, unsigned, CUdevice d) {
  HAMLET_ENTER(cuCtxCreate_v4, false);
  return create(c, d);
}
HAMLET_CUDA cuCtxDestroy_v2(CUcontext c) {
  HAMLET_ENTER(cuCtxDestroy_v2, false);
  if (!state().contexts.count(c) || c->primary)
    return kInvalidContext;
  std::erase(contextStack(), c);
  call.end(c);
  if (state().contexts.count(c)) // unless another thread was as quick
    destroy(c);
  return kSuccess;
}
HAMLET_CUDA cuCtxPushCurrent_v2(CUcontext c) {
  HAMLET_ENTER(cuCtxPushCurrent_v2, false);
  if (!state().contexts.count(c))
    return kInvalidContext;
  contextStack().push_back(c);
  return kSuccess;
}
HAMLET_CUDA cuCtxPopCurrent_v2(CUcontext *c) {
  HAMLET_ENTER(cuCtxPopCurrent_v2, false);
  if (contextStack().empty())
    return kInvalidContext;
  if (c)
    *c = contextStack().back();
  contextStack().pop_back();
  return kSuccess;
}
HAMLET_CUDA cuCtxSetCurrent(CUcontext c) {
  HAMLET_ENTER(cuCtxSetCurrent, false);
  if (c && !state().contexts.count(c))
    return kInvalidContext;
  if (c || !contextStack().empty())
    setCurrentContext(c);
  return kSuccess;
}
HAMLET_CUDA cuCtxGetCurrent(CUcontext *c) {
  HAMLET_ENTER(cuCtxGetCurrent, false);
  if (!c)
    return kInvalidValue;
  *c = currentContext();
  return kSuccess;
}
static CUresult contextDevice(CUdevice *d, CUcontext c) {
  if (!d)
    return kInvalidValue;
  if (!c)
    c = currentContext();
  if (!c || !state().contexts.count(c))
    return kInvalidContext;
  *d = c->device->ordinal;
  return kSuccess;
}
HAMLET_CUDA cuCtxGetDevice(CUdevice *d) {
  HAMLET_ENTER(cuCtxGetDevice, false);
  return contextDevice(d, nullptr);
}
HAMLET_CUDA cuCtxGetDevice_v2(CUdevice *d, CUcontext c) {
  HAMLET_ENTER(cuCtxGetDevice_v2, false);
  return contextDevice(d, c);
}
HAMLET_CUDA cuCtxSynchronize() {
  HAMLET_ENTER(cuCtxSynchronize, true);
  return call.finish(currentContext());
}
HAMLET_CUDA cuCtxSynchronize_v2(CUcontext c) {
  HAMLET_ENTER(cuCtxSynchronize_v2, false);
  if (!c)
    c = currentContext();
  if (!c || !state().contexts.count(c))
    return kInvalidContext;
  call.finish(c);
  return state().contexts.count(c) ? c->sticky : int(kContextDestroyed);
}
// ---- limits: kept, and given back; what they bound is larger here ----
namespace {
enum Limit {
  kStackSize,
  kPrintfFifo,
  kMallocHeap,
  kSyncDepth,
  kPendingLaunches,
  kL2Granularity,
  kPersistingL2,
};
struct LimitRange {
  Limit id;
  size_t usual, most;
};
constexpr LimitRange kLimits[] = {{kStackSize, 1024, 512 << 10},
                                  {kPrintfFifo, 1 << 20, size_t(1) << 40},
                                  {kMallocHeap, 8 << 20, size_t(1) << 40},
                                  {kSyncDepth, 2, 24},
                                  {kPendingLaunches, 2048, 1 << 20},
                                  {kL2Granularity, 64, 128},
                                  {kPersistingL2, 0, size_t(1) << 40}};
const LimitRange *limitNumbered(int id) {
  for (const LimitRange &l : kLimits)
    if (l.id == id)
      return &l;
  return nullptr;
}
} // namespace
HAMLET_CUDA cuCtxSetLimit(int id, size_t value) {
  HAMLET_ENTER(cuCtxSetLimit, true);
  const LimitRange *limit = limitNumbered(id);
  if (!limit)
    return id < 0 ? kInvalidValue : kUnsupportedLimit;
  if (value > limit->most)
    return kInvalidValue;
  currentContext()->limits[id] = value;
  if (id == kMallocHeap)
    currentContext()->device->memory->setHeapLimit(value);
  return kSuccess;
}
HAMLET_CUDA cuCtxGetLimit(size_t *value, int id) {
  HAMLET_ENTER(cuCtxGetLimit, true);
  if (!value)
    return kInvalidValue;
  const LimitRange *limit = limitNumbered(id);
  if (!limit)
    return id < 0 ? kInvalidValue : kUnsupportedLimit;
  auto &set = currentContext()->limits;
  auto it = set.find(id);
  *value = it == set.end() ? limit->usual : it->second;
  return kSuccess;
}
HAMLET_CUDA cuCtxGetFlags(unsigned *flags) {
  HAMLET_ENTER(cuCtxGetFlags, true);
  if (!flags)
    return kInvalidValue;
  *flags = 0; // how a call waits is not the program's to choose here
  return kSuccess;
}
// No profiler looks.
HAMLET_CUDA cuProfilerStart() {
  HAMLET_ENTER(cuProfilerStart, true);
  return kSuccess;
}
HAMLET_CUDA cuProfilerStop() {
  HAMLET_ENTER(cuProfilerStop, true);
  return kSuccess;
}
HAMLET_CUDA cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  HAMLET_ENTER(cuCtxGetStreamPriorityRange, true);
  if (least)
    *least = 0;
  if (greatest)
    *greatest = -5;
  return kSuccess;
}
HAMLET_CUDA cuCtxGetApiVersion(CUcontext, unsigned *version) {
  HAMLET_ENTER(cuCtxGetApiVersion, false);
  if (!version)
    return kInvalidValue;
  *version = 3020;
  return kSuccess;
}
HAMLET_CUDA cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  HAMLET_ENTER(cuCtxEnablePeerAccess, true);
  if (flags)
    return kInvalidValue;
  if (!state().contexts.count(peer))
    return kInvalidContext;
  CUcontext c = currentContext();
  if (peer->device == c->device)
    return kInvalidDevice;
  if (!c->peers.insert(peer).second)
    return kPeerAlreadyEnabled;
  c->device->memory->reach(*peer->device->memory);
  return kSuccess;
}
HAMLET_CUDA cuCtxDisablePeerAccess(CUcontext peer) {
  HAMLET_ENTER(cuCtxDisablePeerAccess, true);
  if (!state().contexts.count(peer))
    return kInvalidContext;
  CUcontext c = currentContext();
  if (!c->peers.count(peer))
    return kPeerNotEnabled;
  call.finish(c); // kernels may be using it
  if (state().contexts.count(c) && c->peers.erase(peer))
    c->device->memory->unreach(*peer->device->memory);
  return kSuccess;
}
