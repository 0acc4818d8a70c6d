//===- CudaDevice.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A GPU behind the driver interface, real or emulated.
#include "runtime/cuda/CudaDevice.h"

#include "container/Architecture.h"
#include "targets/GpuTable.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <tuple>
#include <vector>

namespace hamlet::runtime::cuda {
namespace {

constexpr int64_t kMaxGridX = INT32_MAX;
constexpr int64_t kMaxGridYZ = 65535;
constexpr int kStaticSharedBytes = 48 << 10; // more must be asked for

/// Whether a cubin for `code` runs on a GPU. A plain one serves its major
/// version from its minor on, but not between Tegra chips and others (CUDA C++
/// Programming Guide, "Binary Compatibility").
bool runsCubin(const Architecture &code, int capability) {
  constexpr int kTegra[] = {72, 87, 101};
  auto isTegra = [&](int number) {
    return std::find(std::begin(kTegra), std::end(kTegra), number) !=
           std::end(kTegra);
  };
  if (code.capability == capability)
    return true;
  return code.suffix != 'a' && code.capability < capability &&
         code.capability / 10 == capability / 10 && !isTegra(code.capability) &&
         !isTegra(capability);
}

/// Whether the driver can compile PTX for `code` to a GPU.
bool runsPtx(const Architecture &code, int capability) {
  if (code.suffix == 'a')
    return code.capability == capability;
  if (code.suffix == 'f' && code.capability / 10 != capability / 10)
    return false;
  return code.capability <= capability;
}

/// What a file has, for example "x86-64-v3, sm_90a (cubin and PTX)".
std::string codeOf(const hmlt::ContainerT &file) {
  std::string list;
  for (const auto &image : file.images) {
    list += (list.empty() ? "" : ", ") + image->target;
    std::optional<Architecture> architecture = architectureOf(*image);
    if (!architecture)
      continue;
    list += " (";
    if (architecture->name() != image->target)
      list += architecture->name() + ", ";
    list += image->cubin.empty()   ? "PTX"
            : image->bytes.empty() ? "cubin"
                                   : "cubin and PTX";
    list += ")";
  }
  return list.empty() ? "none" : list;
}

/// What to do about a file without code for a GPU.
std::string compileFor(int capability) {
  const targets::GpuRow *best = nullptr;
  for (const targets::GpuRow &row : targets::kGpus) {
    auto code = parseArchitecture(row.architecture);
    if (!code || !runsPtx(*code, capability))
      continue;
    if (row.capability == capability)
      return std::string("compile with --target cpu,") + row.name;
    if (!best || row.capability > best->capability)
      best = &row;
  }
  if (best)
    return std::string("compile with --target cpu,") + best->name +
           ", whose PTX later GPUs take";
  return std::string("the least GPU that there is a target for is ") +
         targets::kGpus[0].name;
}

class CudaDevice final : public Device {
public:
  CudaDevice(std::unique_ptr<Driver> driver, bool ptxOnly)
      : driver(std::move(driver)), ptxOnly(ptxOnly) {}

  ~CudaDevice() override {
    if (!context)
      return;
    driver->contextSetCurrent(context);
    for (CUstream stream : streams)
      driver->streamSynchronize(stream);
    scratch.clear();
    for (CUevent event : events)
      driver->eventDestroy(event);
    for (CUevent event : order)
      driver->eventDestroy(event);
    for (CUstream stream : streams)
      driver->streamDestroy(stream);
    if (module)
      driver->moduleUnload(module);
    driver->contextRelease(device);
  }

  Status open(int ordinal) {
    HAMLET_TRY(driver->check("cuInit", driver->init(0)));
    int count = 0;
    HAMLET_TRY(
        driver->check("cuDeviceGetCount", driver->deviceGetCount(&count)));
    if (ordinal >= count)
      return failure("there is no GPU ", ordinal, ", the driver has ", count);
    HAMLET_TRY(
        driver->check("cuDeviceGet", driver->deviceGet(&device, ordinal)));
    char text[256] = {};
    HAMLET_TRY(
        driver->check("cuDeviceGetName",
                      driver->deviceGetName(text, sizeof(text) - 1, device)));
    name = text;
    int major = 0, minor = 0;
    HAMLET_TRY(driver->check(
        "cuDeviceGetAttribute",
        driver->deviceGetAttribute(&major, kComputeCapabilityMajor, device)));
    HAMLET_TRY(driver->check(
        "cuDeviceGetAttribute",
        driver->deviceGetAttribute(&minor, kComputeCapabilityMinor, device)));
    capability = 10 * major + minor;
    HAMLET_TRY(driver->check(
        "cuDeviceGetAttribute",
        driver->deviceGetAttribute(&maxThreads, kMaxThreadsPerBlock, device)));
    HAMLET_TRY(driver->check("cuDeviceGetAttribute",
                             driver->deviceGetAttribute(
                                 &maxShared, kMaxSharedBytesPerBlock, device)));
    HAMLET_TRY(driver->check("cuDevicePrimaryCtxRetain",
                             driver->contextRetain(&context, device)));
    HAMLET_TRY(enter());
    return growStreams(1);
  }

  std::string describe() const override {
    return "cuda, " + name + ", " +
           (pickedTarget.empty() ? "no kernels" : pickedTarget);
  }

  Status load(const hmlt::ContainerT &container) override {
    if (container.kernels.empty())
      return {};
    auto [image, useCubin] = pickGpuImage(container, capability, ptxOnly);
    if (!image)
      return failure("the file has no code for ", gpu(), ", it has ",
                     codeOf(container), "; ", compileFor(capability));
    pickedTarget = image->target;
    // The driver takes PTX as a string with its end.
    std::vector<uint8_t> code = useCubin ? image->cubin : image->bytes;
    code.push_back(0);
    std::vector<char> log(8192);
    int options[] = {kJitErrorLogBuffer, kJitErrorLogBufferBytes};
    void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
    HAMLET_TRY(enter());
    Status status = driver->check(
        "cuModuleLoadDataEx",
        driver->moduleLoadData(&module, code.data(), 2, options, values));
    if (status.failed())
      return failure(status.message(), " for the ", pickedTarget,
                     useCubin ? " cubin" : " PTX", log[0] ? "\n" : "",
                     log.data());
    for (const auto &kernel : container.kernels)
      HAMLET_TRY(findVariants(*kernel).in("kernel '" + kernel->name + "'"));
    return {};
  }

  Result<DeviceAddress> allocate(uint64_t bytes) override {
    HAMLET_TRY(enter());
    CUdeviceptr address = 0;
    Status status =
        driver->check("cuMemAlloc", driver->memAlloc(&address, bytes));
    if (status.failed())
      return failure("cannot allocate ", bytes, " bytes: ", status.message());
    return address;
  }
  void free(DeviceAddress address, uint64_t) override {
    driver->contextSetCurrent(context);
    driver->memFree(address);
  }
  void *hostView(DeviceAddress) override { return nullptr; }

  Status copyIn(DeviceAddress to, const void *from, uint64_t bytes) override {
    if (!bytes)
      return {};
    HAMLET_TRY(enter());
    HAMLET_TRY(driver->check("cuMemcpyHtoDAsync",
                             driver->copyIn(to, from, bytes, streams[0])));
    return synchronizeFirst(); // `from` is the caller's again
  }
  Status copyOut(void *to, DeviceAddress from, uint64_t bytes) override {
    if (!bytes)
      return {};
    HAMLET_TRY(enter());
    HAMLET_TRY(driver->check("cuMemcpyDtoHAsync",
                             driver->copyOut(to, from, bytes, streams[0])));
    return synchronizeFirst();
  }
  Status copy(DeviceAddress to, DeviceAddress from, uint64_t bytes) override {
    if (!bytes)
      return {};
    HAMLET_TRY(enter());
    return driver->check("cuMemcpyDtoDAsync",
                         driver->copyWithin(to, from, bytes, streams[0]));
  }
  Status zero(DeviceAddress to, uint64_t bytes, int stream) override {
    if (!bytes)
      return {};
    HAMLET_TRY(enter());
    HAMLET_TRY(growStreams(stream + 1));
    return driver->check(
        "cuMemsetD8Async",
        driver->setBytes(to, 0, bytes, streams[static_cast<size_t>(stream)]));
  }

  Status forkStreams(int count) override {
    if (count < 2)
      return {};
    HAMLET_TRY(enter());
    HAMLET_TRY(growStreams(count));
    HAMLET_TRY(record(order[0], streams[0]));
    for (size_t i = 1; i < static_cast<size_t>(count); ++i)
      HAMLET_TRY(waitFor(streams[i], order[0]));
    return {};
  }
  Status joinStreams(int count) override {
    HAMLET_TRY(enter());
    for (size_t i = 1; i < static_cast<size_t>(count); ++i) {
      HAMLET_TRY(record(order[i], streams[i]));
      HAMLET_TRY(waitFor(streams[0], order[i]));
    }
    return {};
  }

  Status launch(const KernelLaunch &launch) override {
    auto k = static_cast<size_t>(launch.kernel);
    auto v = static_cast<size_t>(launch.variant);
    const hmlt::VariantT &variant = *realizations[k]->variants[v];
    auto [n0, n1, n2] = launch.grid;
    if (n0 > kMaxGridX || n1 > kMaxGridYZ || n2 > kMaxGridYZ)
      return failure("a grid of ", n0, " x ", n1, " x ", n2,
                     " is larger than a GPU's");
    HAMLET_TRY(enter());
    HAMLET_TRY(growStreams(launch.stream + 1));
    auto s = static_cast<size_t>(launch.stream);
    words.assign(launch.args.begin(), launch.args.end());
    if (variant.scratch_bytes) {
      HAMLET_TRY(growScratch(s, static_cast<uint64_t>(variant.scratch_bytes),
                             n0 * n1 * n2));
      words.push_back(scratch[s].address());
    }
    parameters.clear();
    for (uint64_t &word : words)
      parameters.push_back(&word);
    return driver->check(
        "cuLaunchKernel",
        driver->launch(kernels[k][v], static_cast<unsigned>(n0),
                       static_cast<unsigned>(n1), static_cast<unsigned>(n2),
                       static_cast<unsigned>(variant.block_threads), 1, 1,
                       static_cast<unsigned>(variant.shared_bytes), streams[s],
                       parameters.data(), nullptr));
  }

  Status wait(int stream, std::span<const int> waits) override {
    HAMLET_TRY(enter());
    HAMLET_TRY(growStreams(stream + 1));
    for (int event : waits) {
      HAMLET_TRY(growEvents(event + 1));
      HAMLET_TRY(waitFor(streams[static_cast<size_t>(stream)],
                         events[static_cast<size_t>(event)]));
    }
    return {};
  }
  Status signal(int stream, int event) override {
    HAMLET_TRY(enter());
    HAMLET_TRY(growStreams(stream + 1));
    HAMLET_TRY(growEvents(event + 1));
    return record(events[static_cast<size_t>(event)],
                  streams[static_cast<size_t>(stream)]);
  }

  Status synchronize() override {
    HAMLET_TRY(enter());
    for (CUstream stream : streams)
      HAMLET_TRY(driver->check("cuStreamSynchronize",
                               driver->streamSynchronize(stream)));
    return {};
  }
  const std::string &target() const override { return pickedTarget; }

private:
  /// The context belongs to a thread; calls may come from different ones.
  Status enter() {
    return driver->check("cuCtxSetCurrent", driver->contextSetCurrent(context));
  }

  /// Copies are ordered with stream 0, which joins the others after a run.
  Status synchronizeFirst() {
    return driver->check("cuStreamSynchronize",
                         driver->streamSynchronize(streams[0]));
  }

  Status growStreams(int count) {
    while (streams.size() < static_cast<size_t>(count)) {
      CUstream stream = nullptr;
      HAMLET_TRY(driver->check(
          "cuStreamCreate",
          driver->streamCreate(&stream,
                               streams.empty() ? 0 : kStreamNonBlocking)));
      streams.push_back(stream);
      scratch.emplace_back();
      HAMLET_TRY(makeEvent(order));
    }
    return {};
  }
  Status growEvents(int count) {
    while (events.size() < static_cast<size_t>(count))
      HAMLET_TRY(makeEvent(events));
    return {};
  }
  Status makeEvent(std::vector<CUevent> &to) {
    CUevent event = nullptr;
    HAMLET_TRY(driver->check("cuEventCreate",
                             driver->eventCreate(&event, kEventDisableTiming)));
    to.push_back(event);
    return {};
  }
  Status record(CUevent event, CUstream stream) {
    return driver->check("cuEventRecord", driver->eventRecord(event, stream));
  }
  Status waitFor(CUstream stream, CUevent event) {
    return driver->check("cuStreamWaitEvent",
                         driver->streamWaitEvent(stream, event, 0));
  }

  /// For messages: "NVIDIA H200 (sm_90)".
  std::string gpu() const {
    return name + " (sm_" + std::to_string(capability) + ")";
  }

  /// The driver would say no more than that a value is wrong.
  Status checkLimits(const hmlt::VariantT &variant) const {
    if (variant.block_threads < 1)
      return failure("no block size for a GPU");
    if (variant.block_threads > maxThreads)
      return failure("its blocks have ", variant.block_threads,
                     " threads, those of ", gpu(), " at most ", maxThreads,
                     "; ", compileFor(capability));
    if (variant.shared_bytes > maxShared)
      return failure("its blocks share ", variant.shared_bytes,
                     " bytes of memory, those of ", gpu(), " at most ",
                     maxShared, "; ", compileFor(capability));
    return {};
  }

  Status findVariants(const hmlt::KernelT &kernel) {
    const hmlt::RealizationT *realization =
        findRealization(kernel, pickedTarget);
    if (!realization)
      return failure("is not made for ", pickedTarget);
    realizations.push_back(realization);
    std::vector<CUfunction> &variants = kernels.emplace_back();
    for (const auto &variant : realization->variants) {
      HAMLET_TRY(checkLimits(*variant).in(
          "variant of " + std::to_string(variant->rows) + " rows"));
      CUfunction function = nullptr;
      HAMLET_TRY(driver
                     ->check("cuModuleGetFunction",
                             driver->moduleGetFunction(&function, module,
                                                       variant->symbol.c_str()))
                     .in("'" + variant->symbol + "'"));
      if (variant->shared_bytes > kStaticSharedBytes)
        HAMLET_TRY(driver->check(
            "cuFuncSetAttribute",
            driver->functionSetAttribute(function, kMaxDynamicSharedBytes,
                                         variant->shared_bytes)));
      variants.push_back(function);
    }
    return {};
  }

  /// Kernels of different streams run at once, each with scratch of its own.
  Status growScratch(size_t stream, uint64_t bytesPerBlock, int64_t blocks) {
    uint64_t bytes;
    if (__builtin_mul_overflow(bytesPerBlock, static_cast<uint64_t>(blocks),
                               &bytes))
      return failure("the scratch memory of ", blocks, " blocks is too large");
    if (bytes <= scratch[stream].size())
      return {};
    HAMLET_TRY(synchronize()); // launches before still use it
    scratch[stream] = DeviceMemory();
    auto memory = DeviceMemory::allocate(*this, bytes);
    if (memory.failed())
      return memory.status().in("scratch memory");
    scratch[stream] = std::move(*memory);
    return {};
  }

  std::unique_ptr<Driver> driver;
  bool ptxOnly;
  CUdevice device = 0;
  CUcontext context = nullptr;
  std::vector<CUstream> streams;
  std::vector<CUevent> events; // of launches, by number
  std::vector<CUevent> order;  // of forks and joins, by stream
  CUmodule module = nullptr;
  int capability = 0;
  int maxThreads = 0, maxShared = 0; // of a block; shared memory in bytes
  std::string name, pickedTarget;
  std::vector<std::vector<CUfunction>> kernels;         // by kernel, variant
  std::vector<const hmlt::RealizationT *> realizations; // by kernel
  std::vector<DeviceMemory> scratch;                    // by stream
  std::vector<uint64_t> words; // arguments of one launch
  std::vector<void *> parameters;
};

} // namespace

GpuImage pickGpuImage(const hmlt::ContainerT &file, int capability,
                      bool ptxOnly) {
  GpuImage best;
  // Whether it is for this very GPU, and by its suffix; a cubin; how new.
  std::tuple<bool, bool, bool, int, bool> bestRank;
  for (const auto &image : file.images) {
    std::optional<Architecture> code = architectureOf(*image);
    if (!code)
      continue;
    bool cubin =
        !ptxOnly && !image->cubin.empty() && runsCubin(*code, capability);
    if (!cubin && (image->bytes.empty() || !runsPtx(*code, capability)))
      continue;
    std::tuple rank(code->capability == capability, code->suffix == 'a', cubin,
                    code->capability, code->suffix == 'f');
    if (best.image && rank <= bestRank)
      continue;
    best = {image.get(), cubin};
    bestRank = rank;
  }
  return best;
}

Result<std::unique_ptr<Device>> openCudaDevice(std::unique_ptr<Driver> driver,
                                               int ordinal, bool ptxOnly) {
  auto device = std::make_unique<CudaDevice>(std::move(driver), ptxOnly);
  HAMLET_TRY(device->open(ordinal));
  return std::unique_ptr<Device>(std::move(device));
}

} // namespace hamlet::runtime::cuda
