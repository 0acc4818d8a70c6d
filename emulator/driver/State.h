// What the stand-in driver keeps: devices, contexts, work that is queued and
// not yet run, faults to inject.
//
// Asynchronous calls only enqueue; work runs in the order of submission when
// something waits for it, asks for it, or the queue grows long. Errors of work
// surface then and stick to the context.
#pragma once

#include "emulator/driver/Api.h"
#include "emulator/module/Module.h"

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hamlet::emu::driver {

struct Device {
  int ordinal = 0;
  std::unique_ptr<DeviceMemory> memory;
  CUcontext primary = nullptr;
  int primaryUses = 0;
  std::set<int> peers;
};

using Work = std::function<CUresult()>;
struct Pending {
  CUcontext context;
  CUstream stream;
  Work run;
  size_t bytes;
};

struct State {
  std::recursive_mutex mutex;
  bool initialised = false;
  int architecture = 90;
  std::vector<std::unique_ptr<Device>> devices;
  std::deque<Pending> queue;
  size_t queuedBytes = 0;
  bool draining = false;
  double nanoseconds = 0;                                 ///< virtual time
  std::map<const void *, std::pair<size_t, bool>> pinned; ///< bytes, registered
  std::set<CUcontext> contexts;
  std::set<CUmodule> modules;
  std::set<CUfunction> functions;
  std::set<CUlibrary> libraries;
  std::set<CUkernel> kernels;
  std::set<CUstream> streams;
  std::set<CUevent> events;
  std::set<CUgraph> graphs;
  std::set<CUgraphExec> executables;

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

private:
  std::unique_lock<std::recursive_mutex> lock;
  CUresult code = kSuccess;
};

CUcontext currentContext();
void setCurrentContext(CUcontext context);
std::vector<CUcontext> &contextStack();
Device *deviceOf(CUcontext context);
DeviceMemory *memoryOf(CUdeviceptr address);

/// Queues `work` on `stream` of the current context, or records it where the
/// stream is being captured. `bytes`: host memory that it holds.
CUresult enqueue(CUstream stream, Work work, size_t bytes = 0);
/// Runs everything that is queued; the current context's sticky error, if any.
CUresult drain();
bool isPinned(const void *host, size_t bytes);
/// Frees an object and forgets its handle.
void destroy(CUmodule m);
void destroy(CUlibrary l);
void destroy(CUstream s);
/// Frees what was made in `c`, then `c`.
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
constexpr u32 kNoDevice = 64; ///< no device has this ordinal
/// All entry points, for cuGetProcAddress.
struct EntryPoint {
  const char *name;
  int version;
  void *function;
};
} // namespace hamlet::emu::driver

struct CUctx_st {
  hamlet::emu::driver::Device *device;
  CUresult sticky = 0;
  bool primary = false;
};
struct CUmod_st {
  CUcontext context = nullptr;
  CUlibrary library = nullptr; ///< that it belongs to
  /// Queued launches hold it, too.
  std::shared_ptr<hamlet::emu::LoadedModule> module;
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
struct CUgraph_st {
  std::vector<hamlet::emu::driver::Work> work;
};
struct CUgraphExec_st {
  std::vector<hamlet::emu::driver::Work> work;
};
struct CUstream_st {
  CUcontext context;
  unsigned flags = 0;
  int priority = 0;
  CUgraph capture = nullptr;
};
struct CUevent_st {
  CUcontext context;
  bool recorded = false, done = true;
  double time = 0;
  unsigned flags = 0;
  CUstream capturing = nullptr;
};

#define HAMLET_ENTER(name, needsContext)                                       \
  hamlet::emu::driver::Call call(#name, needsContext);                         \
  if (CUresult early = call.failed())                                          \
  return early
