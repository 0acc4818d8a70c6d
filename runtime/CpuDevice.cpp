//===- CpuDevice.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The CPU as a device: kernels come as shared objects inside the container,
// are mapped from memory and run over the pool.
#include "container/CpuLevels.h"
#include "runtime/Device.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace hamlet::runtime {
namespace {

/// `args`: one word per argument. Called once per point of the grid; instances
/// do not depend on each other. `scratch` belongs to the thread.
using KernelFunction = void (*)(const uint64_t *args, int64_t p0, int64_t p1,
                                int64_t p2, char *scratch);

constexpr uint64_t kPage = 4096, kHugePage = uint64_t(2) << 20;
/// Bytes from one allocation's place in its page to the next one's, and how
/// many there are: an odd number of lines, more than a row of 64 floats.
constexpr uint64_t kStagger = 320, kStaggers = 12;
static_assert(kStagger * kStaggers < kPage);
/// Pieces of a grid that each thread gets, so that uneven ones even out.
constexpr int64_t kPiecesPerThread = 8;

const hmlt::ImageT *findImage(const hmlt::ContainerT &file,
                              const char *target) {
  for (const auto &image : file.images)
    if (image->target == target)
      return image.get();
  return nullptr;
}

std::string targetsOf(const hmlt::ContainerT &file) {
  std::string list;
  for (const auto &image : file.images)
    list += (list.empty() ? "" : ", ") + image->target;
  return list.empty() ? "none" : list;
}

Result<const hmlt::ImageT *> pickImage(const hmlt::ContainerT &file) {
  if (const char *forced = std::getenv("HAMLET_CPU"); forced && *forced) {
    std::vector<CpuLevel> known = cpuLevels();
    auto level = std::find_if(known.begin(), known.end(),
                              [&](const CpuLevel &candidate) {
                                return !strcmp(candidate.name, forced);
                              });
    if (level == known.end())
      return failure("HAMLET_CPU is '", forced,
                     "', expected avx2, avx512 or avx512bf16");
    if (!level->present)
      return failure("HAMLET_CPU is '", forced,
                     "', which this machine does not have");
    // A level's code is left out where the level below has the same.
    for (auto at = level + 1; at-- != known.begin();)
      if (const hmlt::ImageT *image = findImage(file, at->target))
        return image;
    return failure("HAMLET_CPU is '", forced, "', but the file has no ",
                   level->target, " code; it has: ", targetsOf(file));
  }
  for (const CpuLevel &level : cpuLevelsBySpeed())
    if (const hmlt::ImageT *image = findImage(file, level.target))
      return image;
  return failure("the file has no code that this CPU can run; it has: ",
                 targetsOf(file));
}

/// A shared object mapped from memory. Its file stays open: the loader takes an
/// equal name, which has the file's number, for the same object.
class SharedObject {
public:
  SharedObject() = default;
  SharedObject(const SharedObject &) = delete;
  SharedObject &operator=(const SharedObject &) = delete;
  ~SharedObject() {
    if (handle)
      dlclose(handle);
    if (fd >= 0)
      close(fd);
  }

  Status open(const std::vector<uint8_t> &bytes) {
    fd = memfd_create("hamlet-kernels", MFD_CLOEXEC);
    if (fd < 0)
      return failure("memfd_create: ", std::strerror(errno));
    for (size_t done = 0; done < bytes.size();) {
      ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
      if (n <= 0)
        return failure("write of ", bytes.size(),
                       " bytes of kernels: ", std::strerror(errno));
      done += static_cast<size_t>(n);
    }
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      const char *why = dlerror();
      return failure("dlopen: ", why ? why : "unknown error");
    }
    return {};
  }
  void *find(const char *symbol) const { return dlsym(handle, symbol); }

private:
  int fd = -1;
  void *handle = nullptr;
};

class CpuDevice final : public Device {
public:
  explicit CpuDevice(ThreadPool &pool) : pool(pool), scratch(pool.size()) {}

  std::string describe() const override {
    std::ostringstream out;
    out << "cpu, " << (pickedTarget.empty() ? "no kernels" : pickedTarget)
        << ", " << pool.size() << (pool.size() == 1 ? " thread" : " threads");
    return out.str();
  }

  Status load(const hmlt::ContainerT &file) override {
    if (file.kernels.empty())
      return {};
    Result<const hmlt::ImageT *> image = pickImage(file);
    if (image.failed())
      return image.status();
    pickedTarget = (*image)->target;
    HAMLET_TRY(object.open((*image)->bytes).in("kernels for " + pickedTarget));
    uint64_t scratchBytes = 0;
    for (const auto &kernel : file.kernels) {
      std::vector<KernelFunction> &variants = kernels.emplace_back();
      const hmlt::RealizationT *realization =
          findRealization(*kernel, pickedTarget);
      if (!realization)
        return failure("kernel '", kernel->name, "' is not made for ",
                       pickedTarget);
      for (const auto &variant : realization->variants) {
        void *symbol = object.find(variant->symbol.c_str());
        if (!symbol)
          return failure("kernel '", kernel->name, "': no symbol '",
                         variant->symbol, "' in the code for ", pickedTarget);
        variants.push_back(reinterpret_cast<KernelFunction>(symbol));
        scratchBytes = std::max(scratchBytes,
                                static_cast<uint64_t>(variant->scratch_bytes));
      }
    }
    for (DeviceMemory &memory : scratch) {
      auto allocated = DeviceMemory::allocate(*this, scratchBytes);
      if (allocated.failed())
        return allocated.status().in("scratch memory");
      memory = std::move(*allocated);
    }
    return {};
  }

  // Mapped, not from the heap: pages that no step touches cost nothing, and
  // large ones can be huge pages. Each begins at another line of its page:
  // rows of one stride would else share the sets of a cache in all of them.
  Result<DeviceAddress> allocate(uint64_t bytes) override {
    uint64_t begin = allocations++ % kStaggers * kStagger, mapped;
    void *map = MAP_FAILED;
    errno = ENOMEM; // of a sum that overflows
    if (!__builtin_add_overflow(begin, bytes, &mapped))
      map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
      return failure("cannot allocate ", bytes,
                     " bytes: ", std::strerror(errno));
    if (bytes >= 2 * kHugePage)
      madvise(map, bytes, MADV_HUGEPAGE);
    return static_cast<DeviceAddress>(reinterpret_cast<uintptr_t>(map)) + begin;
  }
  void free(DeviceAddress address, uint64_t bytes) override {
    uint64_t begin = address % kPage;
    munmap(hostView(address - begin), begin + bytes);
  }
  void *hostView(DeviceAddress address) override {
    return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
  }
  // The host's side of an empty array may be null, which memcpy never takes.
  Status copyIn(DeviceAddress to, const void *from, uint64_t bytes) override {
    if (bytes)
      std::memcpy(hostView(to), from, bytes);
    return {};
  }
  Status copyOut(void *to, DeviceAddress from, uint64_t bytes) override {
    if (bytes)
      std::memcpy(to, hostView(from), bytes);
    return {};
  }
  Status copy(DeviceAddress to, DeviceAddress from, uint64_t bytes) override {
    return copyIn(to, hostView(from), bytes);
  }
  Status zero(DeviceAddress to, uint64_t bytes, int) override {
    // What is mapped costs nothing until it is written.
    static const auto memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                               static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    if (bytes > memory)
      return failure("cannot fill ", bytes, " bytes: the machine has ", memory);
    std::memset(hostView(to), 0, bytes);
    return {};
  }

  Status launch(const KernelLaunch &launch) override {
    KernelFunction kernel = kernels[launch.kernel][launch.variant];
    auto [n0, n1, n2] = launch.grid;
    int64_t count, threads = pool.size();
    if (__builtin_mul_overflow(n0, n1, &count) ||
        __builtin_mul_overflow(count, n2, &count))
      return failure("a grid of ", n0, " x ", n1, " x ", n2, " is too large");
    int64_t grain = std::max<int64_t>(1, count / (threads * kPiecesPerThread));
    pool.forEach(
        count, grain, [&](int64_t begin, int64_t end, unsigned thread) {
          auto *mine = static_cast<char *>(hostView(scratch[thread].address()));
          int64_t p0 = begin % n0, p1 = begin / n0 % n1, p2 = begin / n0 / n1;
          for (int64_t i = begin; i < end; ++i) {
            kernel(launch.args.data(), p0, p1, p2, mine);
            if (++p0 < n0)
              continue;
            p0 = 0;
            if (++p1 < n1)
              continue;
            p1 = 0;
            ++p2;
          }
        });
    return {};
  }
  // One thing after another: a launch stands after those that it waits for.
  Status synchronize() override { return {}; }
  const std::string &target() const override { return pickedTarget; }
  uint64_t barriers() const override { return pool.dispatches(); }

private:
  ThreadPool &pool;
  SharedObject object;
  std::string pickedTarget;
  std::vector<std::vector<KernelFunction>> kernels; // by kernel, variant
  std::vector<DeviceMemory> scratch;                // by thread
  std::atomic<uint64_t> allocations = 0;
};

} // namespace

std::unique_ptr<Device> makeCpuDevice(ThreadPool &pool) {
  return std::make_unique<CpuDevice>(pool);
}

} // namespace hamlet::runtime
