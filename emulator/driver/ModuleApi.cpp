// Modules, functions and launches.
#include "emulator/driver/State.h"

#include "emulator/exec/Launch.h"
#include "emulator/hopper/TensorMap.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
enum Option {
  kInfoLog = 3,
  kInfoLogBytes = 4,
  kErrorLog = 5,
  kErrorLogBytes = 6
};

/// Whether code for `target` (sm_80, sm_90a) runs on a device of `sm`.
bool runsOn(const std::string &target, int sm) {
  int number = 0;
  if (target.starts_with("sm_"))
    std::from_chars(target.data() + 3, target.data() + target.size(), number);
  bool exact = !target.empty() && target.back() == 'a';
  if (!target.empty() && target.back() == 'f')
    return number / 10 == sm / 10 && number <= sm;
  return exact ? number == sm : number <= sm;
}

CUresult load(CUmodule *out, const void *image, std::string &log) {
  if (!out || !image)
    return kInvalidValue;
  auto begins = [&](const char *magic) { // a text may have fewer characters
    return !std::strncmp(static_cast<const char *>(image), magic, 4);
  };
  if (begins("\x7f\x45LF") || begins("\x50\xed\x55\xba")) {
    log = "the image is a cubin or fat binary; the emulator executes PTX text";
    return kNoBinaryForGpu;
  }
  Device *d = deviceOf(currentContext());
  auto m = std::make_unique<CUmod_st>();
  m->device = d;
  m->context = currentContext();
  try {
    m->module = std::make_unique<LoadedModule>(
        static_cast<const char *>(image), *d->memory,
        std::getenv("EMU_CHECK") != nullptr);
    if (!runsOn(m->module->ast().target, state().architecture)) {
      log = "the code is for " + m->module->ast().target +
            ", the device is sm_" + std::to_string(state().architecture);
      return kNoBinaryForGpu;
    }
    // Unknown forms are errors of the load, as with a real compiler.
    for (const std::string &e : m->module->entries())
      m->module->program(e);
  } catch (const PtxError &e) {
    log = e.what();
    return kInvalidPtx;
  }
  *out = m.release();
  state().modules.insert(*out);
  return kSuccess;
}

void writeLog(const std::string &log, unsigned n, const int *options,
              void **values) {
  char *buffer = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < n; ++i) {
    if (options[i] == kErrorLog)
      buffer = static_cast<char *>(values[i]);
    if (options[i] == kErrorLogBytes)
      bytes = reinterpret_cast<size_t>(values[i]);
  }
  if (!buffer || !bytes)
    return;
  std::strncpy(buffer, log.c_str(), bytes);
  buffer[bytes - 1] = 0;
}

CUresult resultOf(LaunchStatus s) {
  switch (s) {
  case LaunchStatus::Ok:
    return kSuccess;
  case LaunchStatus::IllegalAddress:
    return kIllegalAddress;
  case LaunchStatus::Misaligned:
    return kMisaligned;
  case LaunchStatus::Trap:
  case LaunchStatus::InvalidConfiguration:
    return kLaunchFailed;
  case LaunchStatus::IllegalInstruction:
    return kIllegalInstruction;
  default:
    return kLaunchTimeout;
  }
}

/// EMU_CHECK=1 runs the sanitizer on every launch and prints what it finds;
/// EMU_LEDGER names a file that gets one JSON line a launch.
CUresult execute(CUfunction f, const LaunchConfig &given) {
  LaunchConfig c = given;
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
  const Program &p = f->module->module->program(f->name);
  try {
    r = launch(p, *f->module->device->memory, c);
  } catch (const PtxError &e) {
    std::fprintf(stderr, "[emulator] %s: %s\n", f->name.c_str(), e.what());
    return kInvalidValue;
  }
  state().nanoseconds += 2000 + static_cast<double>(r.instructions) / 50;
  u64 errors = 0;
  for (const Finding &x : r.findings) {
    errors += x.severity == Severity::Error;
    std::fprintf(stderr, "[emulator] %s: %s: %s (line %u)\n", f->name.c_str(),
                 x.kind.c_str(), x.message.c_str(), x.first.line);
  }
  if (r.status != LaunchStatus::Ok)
    std::fprintf(stderr, "[emulator] %s: %s: %s\n", f->name.c_str(),
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
        << "{\"kernel\": \"" << f->name
        << "\", \"instructions\": " << lines.size() << ", \"executed\": " << hit
        << ", \"errors\": " << errors << "}\n";
  }
  return resultOf(r.status);
}

bool gather(CUfunction f, void **params, void **extra, std::vector<u8> &bytes) {
  const Program &p = f->module->module->program(f->name);
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

CUresult submit(CUfunction f, LaunchConfig c, CUstream stream, void **params,
                void **extra, bool cooperative) {
  if (!state().functions.count(f))
    return kInvalidHandle;
  if (f->module->device != deviceOf(currentContext()))
    return kInvalidContext;
  if (!gather(f, params, extra, c.params))
    return kInvalidValue;
  const Program &p = f->module->module->program(f->name);
  u64 threads = c.block.total();
  if (!threads || !c.grid.total() || threads > 1024 || c.block.z > 64 ||
      c.grid.y > 65535 || c.grid.z > 65535 ||
      c.sharedBytes > static_cast<u32>(f->maxDynamicShared))
    return kInvalidValue;
  const u32 *bound = p.entry->maxntid;
  if (bound[0] && threads > u64(bound[0]) * bound[1] * bound[2])
    return kInvalidValue;
  const u32 *req = p.entry->reqnctapercluster;
  if (req[0] && c.cluster.total() == 1)
    c.cluster = {req[0], req[1], req[2]};
  if (cooperative) {
    u64 perSm = std::min<u64>(32, 2048 / ((threads + 31) / 32 * 32));
    perSm = std::min<u64>(perSm, c.sharedPerMultiprocessor /
                                     (p.staticShared + c.sharedBytes + 1024));
    if (c.grid.total() > perSm * c.multiprocessors)
      return kCooperativeTooLarge;
  }
  return enqueue(stream, [f, c]() -> CUresult {
    // A graph may outlive the module.
    return state().functions.count(f) ? execute(f, c) : int(kInvalidHandle);
  });
}
} // namespace

HAMLET_CUDA cuModuleLoadData(CUmodule *m, const void *image) {
  HAMLET_ENTER(cuModuleLoadData, true);
  std::string log;
  CUresult r = load(m, image, log);
  if (!log.empty())
    std::fprintf(stderr, "[emulator] cuModuleLoadData: %s\n", log.c_str());
  return r;
}
HAMLET_CUDA cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n,
                               int *options, void **values) {
  HAMLET_ENTER(cuModuleLoadDataEx, true);
  std::string log;
  CUresult r = load(m, image, log);
  if (!log.empty() && options && values)
    writeLog(log, n, options, values);
  else if (!log.empty())
    std::fprintf(stderr, "[emulator] cuModuleLoadDataEx: %s\n", log.c_str());
  return r;
}
HAMLET_CUDA cuModuleLoad(CUmodule *m, const char *path) {
  HAMLET_ENTER(cuModuleLoad, true);
  if (!m || !path)
    return kInvalidValue;
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return kFileNotFound;
  std::string text((std::istreambuf_iterator<char>(in)),
                   std::istreambuf_iterator<char>());
  std::string log;
  if (text.size() < 4)
    return kInvalidImage;
  CUresult r = load(m, text.c_str(), log);
  if (!log.empty())
    std::fprintf(stderr, "[emulator] %s: %s\n", path, log.c_str());
  return r;
}
HAMLET_CUDA cuModuleUnload(CUmodule m) {
  HAMLET_ENTER(cuModuleUnload, true);
  if (!state().modules.count(m))
    return kInvalidHandle;
  CUresult r = drain();
  destroy(m);
  return r;
}
HAMLET_CUDA cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
  HAMLET_ENTER(cuModuleGetFunction, true);
  if (!f || !name)
    return kInvalidValue;
  if (!state().modules.count(m))
    return kInvalidHandle;
  if (!m->module->hasEntry(name))
    return kNotFound;
  CUfunction &known = m->functions[name];
  if (!known) {
    known = new CUfunc_st;
    known->module = m;
    known->name = name;
    state().functions.insert(known);
  }
  *f = known;
  return kSuccess;
}
HAMLET_CUDA cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                                 CUmodule m, const char *name) {
  HAMLET_ENTER(cuModuleGetGlobal_v2, true);
  if (!name)
    return kInvalidValue;
  if (!state().modules.count(m))
    return kInvalidHandle;
  u64 a, n;
  if (!m->module->global(name, a, n))
    return kNotFound;
  if (address)
    *address = a;
  if (bytes)
    *bytes = n;
  return kSuccess;
}
HAMLET_CUDA cuFuncSetAttribute(CUfunction f, int id, int value) {
  HAMLET_ENTER(cuFuncSetAttribute, true);
  if (!state().functions.count(f))
    return kInvalidHandle;
  if (id == 8) { // dynamic shared memory
    u32 fixed = f->module->module->program(f->name).staticShared;
    if (value < 0 || static_cast<u32>(value) + fixed > 232448)
      return kInvalidValue;
    f->maxDynamicShared = value;
  }
  return kSuccess;
}
HAMLET_CUDA cuFuncGetAttribute(int *value, int id, CUfunction f) {
  HAMLET_ENTER(cuFuncGetAttribute, true);
  if (!value)
    return kInvalidValue;
  if (!state().functions.count(f))
    return kInvalidHandle;
  const Program &p = f->module->module->program(f->name);
  const u32 *bound = p.entry->maxntid;
  switch (id) {
  case 0:
    *value = bound[0] ? static_cast<int>(bound[0] * bound[1] * bound[2]) : 1024;
    break;
  case 1:
    *value = static_cast<int>(p.staticShared);
    break;
  case 3:
    *value = static_cast<int>(p.localBytes);
    break;
  case 4:
    *value = p.entry->maxnreg ? static_cast<int>(p.entry->maxnreg) : 64;
    break;
  case 5:
  case 6:
    *value = state().architecture;
    break;
  case 8:
    *value = f->maxDynamicShared;
    break;
  default:
    *value = 0;
  }
  return kSuccess;
}
HAMLET_CUDA cuFuncSetCacheConfig(CUfunction f, int) {
  HAMLET_ENTER(cuFuncSetCacheConfig, true);
  return state().functions.count(f) ? kSuccess : kInvalidHandle;
}
static CUresult occupancy(int *blocks, CUfunction f, int threads,
                          size_t shared) {
  if (!blocks || threads < 1)
    return kInvalidValue;
  if (!state().functions.count(f))
    return kInvalidHandle;
  const Program &p = f->module->module->program(f->name);
  u64 n =
      std::min<u64>(32, 2048 / ((static_cast<u64>(threads) + 31) / 32 * 32));
  *blocks = static_cast<int>(
      std::min<u64>(n, 233472 / (p.staticShared + shared + 1024)));
  return kSuccess;
}
HAMLET_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                        CUfunction f,
                                                        int threads,
                                                        size_t shared) {
  HAMLET_ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor, true);
  return occupancy(blocks, f, threads, shared);
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
  if (threads > 1024)
    return kInvalidValue;
  if (CUresult r = occupancy(&blocks, f, static_cast<int>(threads),
                             config->sharedMemBytes))
    return r;
  *clusters = blocks * 132 / static_cast<int>(size);
  return kSuccess;
}
HAMLET_CUDA cuOccupancyMaxPotentialBlockSize(int *grid, int *block,
                                             CUfunction f,
                                             size_t (*sharedOf)(int),
                                             size_t shared, int limit) {
  HAMLET_ENTER(cuOccupancyMaxPotentialBlockSize, true);
  if (!grid || !block)
    return kInvalidValue;
  if (!state().functions.count(f))
    return kInvalidHandle;
  const u32 *bound = f->module->module->program(f->name).entry->maxntid;
  int threads =
      bound[0] ? static_cast<int>(bound[0] * bound[1] * bound[2]) : 1024;
  if (limit > 0)
    threads = std::min(threads, limit);
  int blocks = 0;
  CUresult r =
      occupancy(&blocks, f, threads, sharedOf ? sharedOf(threads) : shared);
  *block = threads;
  *grid = blocks * 132;
  return r;
}

HAMLET_CUDA cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
                           unsigned bx, unsigned by, unsigned bz,
                           unsigned shared, CUstream stream, void **params,
                           void **extra) {
  HAMLET_ENTER(cuLaunchKernel, true);
  LaunchConfig c;
  c.grid = {gx, gy, gz};
  c.block = {bx, by, bz};
  c.sharedBytes = shared;
  return submit(f, c, stream, params, extra, false);
}
HAMLET_CUDA cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy,
                                      unsigned gz, unsigned bx, unsigned by,
                                      unsigned bz, unsigned shared,
                                      CUstream stream, void **params) {
  HAMLET_ENTER(cuLaunchCooperativeKernel, true);
  LaunchConfig c;
  c.grid = {gx, gy, gz};
  c.block = {bx, by, bz};
  c.sharedBytes = shared;
  return submit(f, c, stream, params, nullptr, true);
}
HAMLET_CUDA cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction f,
                             void **params, void **extra) {
  HAMLET_ENTER(cuLaunchKernelEx, true);
  if (!config || (config->numAttrs && !config->attrs))
    return kInvalidValue;
  LaunchConfig c;
  c.grid = {config->gridDimX, config->gridDimY, config->gridDimZ};
  c.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  c.sharedBytes = config->sharedMemBytes;
  bool cooperative = false;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute &a = config->attrs[i];
    if (a.id == 2)
      cooperative = a.value != 0;
    if (a.id == 4)
      c.cluster = {a.cluster.x, a.cluster.y, a.cluster.z};
  }
  if (!c.cluster.total() || c.cluster.total() > 16 || c.grid.x % c.cluster.x ||
      c.grid.y % c.cluster.y || c.grid.z % c.cluster.z)
    return kInvalidValue;
  return submit(f, c, config->hStream, params, extra, cooperative);
}
HAMLET_CUDA cuLaunchHostFunc(CUstream stream, CUhostFn fn, void *data) {
  HAMLET_ENTER(cuLaunchHostFunc, true);
  if (!fn)
    return kInvalidValue;
  return enqueue(stream, [fn, data] {
    fn(data);
    return kSuccess;
  });
}

namespace {
/// What both kinds of tensor map have. False: a number is out of range.
bool encodeMap(TensorMap &m, int type, unsigned rank, void *address,
               const uint64_t *dims, const uint64_t *strides,
               const uint32_t *elementStrides, int interleave, int swizzle,
               int fill) {
  auto byte = [](int v) { return v >= 0 && v < 256; };
  if (!dims || !elementStrides || rank < 1 || rank > 5 ||
      (rank > 1 && !strides) || !byte(type) || !byte(swizzle) ||
      !byte(interleave) || fill < 0 || fill > 1)
    return false;
  m.base = reinterpret_cast<u64>(address);
  m.rankMinusOne = static_cast<u8>(rank - 1);
  m.type = static_cast<u8>(type);
  m.swizzle = static_cast<u8>(swizzle);
  m.interleave = static_cast<u8>(interleave);
  m.nanFill = static_cast<u8>(fill);
  for (unsigned i = 0; i < rank; ++i) {
    if (dims[i] > 0xffffffff || elementStrides[i] < 1 || elementStrides[i] > 8)
      return false;
    m.dim[i] = static_cast<u32>(dims[i]);
    m.elementStride[i] = static_cast<u8>(elementStrides[i]);
    if (i)
      m.stride[i - 1] = strides[i - 1];
  }
  return true;
}

CUresult writeMap(void *to, const TensorMap &m) {
  if (!to || (reinterpret_cast<uintptr_t>(to) & 63) || !validate(m).empty())
    return kInvalidValue;
  std::memcpy(to, &m, sizeof m);
  return kSuccess;
}
} // namespace

HAMLET_CUDA cuTensorMapEncodeTiled(void *map, int type, unsigned rank,
                                   void *address, const uint64_t *dims,
                                   const uint64_t *strides, const uint32_t *box,
                                   const uint32_t *elementStrides,
                                   int interleave, int swizzle, int, int fill) {
  HAMLET_ENTER(cuTensorMapEncodeTiled, false);
  TensorMap m;
  if (!box || !encodeMap(m, type, rank, address, dims, strides, elementStrides,
                         interleave, swizzle, fill))
    return kInvalidValue;
  for (unsigned i = 0; i < rank; ++i) {
    if (box[i] > 256)
      return kInvalidValue;
    m.box[i] = static_cast<u16>(box[i]);
  }
  return writeMap(map, m);
}

HAMLET_CUDA
cuTensorMapEncodeIm2col(void *map, int type, unsigned rank, void *address,
                        const uint64_t *dims, const uint64_t *strides,
                        const int *lower, const int *upper, unsigned channels,
                        unsigned pixels, const uint32_t *elementStrides,
                        int interleave, int swizzle, int, int fill) {
  HAMLET_ENTER(cuTensorMapEncodeIm2col, false);
  TensorMap m;
  if (!lower || !upper || rank < 3 || channels > 256 || pixels > 1024 ||
      !encodeMap(m, type, rank, address, dims, strides, elementStrides,
                 interleave, swizzle, fill))
    return kInvalidValue;
  m.im2col = 1;
  m.channels = static_cast<u16>(channels);
  m.pixels = static_cast<u16>(pixels);
  for (unsigned i = 0; i + 2 < rank; ++i) {
    if (lower[i] != s16(lower[i]) || upper[i] != s16(upper[i]))
      return kInvalidValue;
    m.lower[i] = static_cast<s16>(lower[i]);
    m.upper[i] = static_cast<s16>(upper[i]);
  }
  return writeMap(map, m);
}
