//===- State.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the stand-in driver keeps: devices, contexts, handles, faults to inject.
// Errors of asynchronous work stick to the context.
#pragma once

#include "emulator/driver/Scheduler.h"
#include "emulator/module/Module.h"
#include "targets/GpuTable.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hamlet::emu::driver {

using targets::GpuRow;

struct Capture;
class Managed;
struct Device {
  int ordinal = 0;
  CUmemoryPool ownPool = nullptr, pool = nullptr; ///< default, current
  std::unique_ptr<DeviceMemory> memory;
  CUcontext primary = nullptr;
  int primaryUses = 0;
};
/// Host memory that was allocated by the driver or registered with it.
struct Pinned {
  enum class Kind { Allocated, Registered, Managed };
  size_t bytes = 0;
  Kind kind = Kind::Allocated;
  unsigned flags = 0;
  CUcontext context = nullptr;
};
constexpr u32 kNoDevice = 64; ///< no device has this ordinal
constexpr u32 kHost = 65;

struct State {
  std::mutex mutex;
  Scheduler scheduler{mutex};
  bool initialised = false;
  int architecture = 90;          ///< compute capability, 90 is 9.0
  const GpuRow *limits = nullptr; ///< of every device, from targets/
  std::vector<std::unique_ptr<Device>> devices;
  std::map<const void *, Pinned> pinned;
  DeviceMemory host{kHost, ~u64(0)}; ///< what is pinned, at its own address
  std::set<CUcontext> contexts;
  std::set<CUmodule> modules;
  std::set<CUfunction> functions;
  std::set<CUlibrary> libraries;
  std::set<CUkernel> kernels;
  std::set<CUstream> streams;
  std::set<CUevent> events;
  std::set<CUgraph> graphs;
  std::set<CUgraphExec> executables;
  std::set<CUgraphNode> nodes; ///< of all graphs
  std::set<CUmemoryPool> pools;

  std::map<CUdeviceptr, CUcontext> owners; ///< of device memory
  /// Objects that were alive when their context went.
  uint64_t abandoned = 0;

  uint64_t calls = 0;
  struct Fault {
    std::string name; ///< any: every call counts
    uint64_t at;
    CUresult code;
    uint64_t seen = 0;
  };
  std::vector<Fault> faults;
};
State &state();

/// Holds the lock for one call and decides whether it goes on.
class Call {
public:
  /// `needsContext`: fails without a current context, or with its sticky error.
  Call(const char *name, bool needsContext);
  CUresult failed() const { return code; }

  // What waits lets go of the lock meanwhile: handles may be gone after it. The
  // result is the current context's error, if any.
  CUresult wait(const MarkPointer &mark);
  /// For what is in the context's queues now.
  CUresult finish(CUcontext context);
  CUresult finish(const std::vector<MarkPointer> &marks);
  /// As above; what cannot go on is dropped.
  void end(CUcontext context);
  /// Until the queue can take more.
  void throttle(const QueuePointer &queue);

private:
  CUresult result() const;
  std::unique_lock<std::mutex> lock;
  CUresult code = kSuccess;
};

/// Sees to it that tasks end before what was made until now goes with the
/// process. Takes no lock.
void endWithProcess();
CUcontext currentContext();
void setCurrentContext(CUcontext context);
std::vector<CUcontext> &contextStack();
Device *deviceOf(CUcontext context);
DeviceMemory *memoryOf(CUdeviceptr address);

/// The newest task of each queue of the context.
std::vector<MarkPointer> newestOf(CUcontext context);
/// The queue that `stream` names in the current context, null if none.
QueuePointer queueOf(CUstream stream);
/// While one lives, the null stream of this thread's calls is its own.
class PerThreadDefault {
public:
  PerThreadDefault();
  ~PerThreadDefault();
  PerThreadDefault(const PerThreadDefault &) = delete;
  PerThreadDefault &operator=(const PerThreadDefault &) = delete;

private:
  bool before;
};
/// Tasks that the next one of `queue` waits for by the legacy stream's rules.
std::vector<MarkPointer> implicitOrder(const Queue &queue);
/// The allocation of device or pinned host memory that holds `address`.
Allocation *allocationOf(CUdeviceptr address);
bool isCapturing(CUstream stream);
bool isPinned(const void *host, size_t bytes);
/// Frees or unregisters host memory of `kind` that begins at `p`, when what may
/// use it has ended; `missing` where there is none.
CUresult freeHost(Call &call, void *p, Pinned::Kind kind, CUresult missing);
/// Frees device or pinned host memory; tasks that run keep its bytes.
bool release(CUdeviceptr address);
/// Frees an object and forgets its handle.
void destroy(CUmodule m);
void destroy(CUlibrary l);
void destroy(CUstream s);
void destroy(CUgraph g);
/// Frees what was made in `c`, then `c`. Its tasks have ended.
void destroy(CUcontext c);
/// Everything that is alive, contexts apart.
uint64_t liveObjects();
bool validStream(CUstream stream);
/// Parses "name@n=code,...". False on nonsense.
bool addFaults(const std::string &text);

/// Whether all of `text` is a number (0x: hexadecimal) of `least` to `most`,
/// which it then puts into `value`.
bool readNumber(const char *text, u64 least, u64 most, u64 &value);
/// Some of CUdevice_attribute.
enum DeviceLimit {
  kBlockThreads = 1,
  kBlockX = 2,
  kBlockY = 3,
  kBlockZ = 4,
  kGridX = 5,
  kGridY = 6,
  kGridZ = 7,
  kBlockShared = 8, ///< without asking for more
  kBlockRegisters = 12,
  kMultiprocessors = 16,
  kMultiprocessorThreads = 39,
  kMultiprocessorShared = 81,
  kMultiprocessorRegisters = 82,
  kBlockSharedOptIn = 97,
  kMultiprocessorBlocks = 106,
  kReservedShared = 111, ///< of a block, by the driver
  kClusterLaunch = 120,
};
int deviceAttribute(int id);
/// What programs may set of a function.
struct FunctionSettings {
  std::optional<int> maxDynamicShared;
  int carveout = -1;
  int cluster[3] = {0, 0, 0};
  bool nonPortableCluster = false;
  int clusterPolicy = 0;
};
/// All entry points, for cuGetProcAddress.
struct EntryPoint {
  const char *name;
  int version;
  void *function, *perThread;
};
} // namespace hamlet::emu::driver

struct CUctx_st {
  hamlet::emu::driver::Device *device;
  CUresult sticky = 0;
  bool primary = false;
  hamlet::emu::driver::QueuePointer legacy; ///< of the null stream
  std::map<std::thread::id, hamlet::emu::driver::QueuePointer> perThread;
  /// All, those of streams that were destroyed while they have tasks.
  std::vector<hamlet::emu::driver::QueuePointer> queues;
  std::set<CUcontext> peers; ///< whose memory kernels reach
  std::map<int, size_t> limits;
};
struct CUmod_st {
  CUcontext context = nullptr;
  CUlibrary library = nullptr; ///< that it belongs to
  /// Queued launches hold it, too.
  std::shared_ptr<hamlet::emu::LoadedModule> module;
  /// Its own, null where it is a library's.
  std::shared_ptr<hamlet::emu::driver::Managed> managed;
  std::map<std::string, CUfunction> functions;
};
struct CUfunc_st {
  CUmodule module;
  std::string name;
  const hamlet::emu::Program *program = nullptr;
  std::shared_ptr<hamlet::emu::driver::FunctionSettings> settings;
};
struct CUlib_st {
  std::string text;
  std::shared_ptr<hamlet::emu::driver::Managed> managed; ///< of all contexts
  /// Loaded beside any device: what the kernels and their attributes are.
  std::unique_ptr<hamlet::emu::DeviceMemory> memory;
  std::shared_ptr<hamlet::emu::LoadedModule> reference;
  std::vector<std::unique_ptr<CUkern_st>> kernels;
  std::map<CUcontext, CUmodule> modules;
};
struct CUkern_st {
  CUlibrary library;
  std::string name;
  const hamlet::emu::Program *program = nullptr; ///< of the reference
  /// By device; shared with the functions made of it.
  std::vector<std::shared_ptr<hamlet::emu::driver::FunctionSettings>> settings;
};
struct CUstream_st {
  CUcontext context;
  unsigned flags = 0;
  hamlet::emu::driver::QueuePointer queue;
  std::shared_ptr<hamlet::emu::driver::Capture> capture; ///< that it is part of
  std::vector<CUgraphNode> frontier; ///< what its next node depends on
};
/// Keeps nothing back: what is freed is free.
struct CUmemPool_st {
  hamlet::emu::driver::Device *device;
  std::map<int, hamlet::emu::u64> attributes; ///< that were set
};
struct CUevent_st {
  CUcontext context;
  unsigned flags = 0;
  hamlet::emu::driver::MarkPointer mark; ///< null: never recorded
  /// Where it was last recorded in a capture.
  std::shared_ptr<hamlet::emu::driver::Capture> captured;
  std::vector<CUgraphNode> frontier;
};

#define HAMLET_ENTER(name, needsContext)                                       \
  hamlet::emu::driver::Call call(#name, needsContext);                         \
  if (CUresult early = call.failed())                                          \
  return early
