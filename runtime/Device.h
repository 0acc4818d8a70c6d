//===- Device.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_DEVICE_H
#define HAMLET_RUNTIME_DEVICE_H

#include "container/Container.h"
#include "runtime/ThreadPool.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace hamlet::runtime {

/// An address in a device's memory; 0 is none.
using DeviceAddress = uint64_t;

/// Where a weight lies, by layout; 0: not in this one.
using WeightAddresses =
    std::array<DeviceAddress, static_cast<size_t>(hmlt::Layout::MAX) + 1>;

/// One launch: kernel and variant as indices into the loaded container.
struct KernelLaunch {
  int kernel = 0;
  int variant = 0;
  std::array<int64_t, 3> grid = {1, 1, 1}; ///< All >= 1; [0] is fastest.
  std::span<const uint64_t> args; ///< One word each, in parameters' order.
  int stream = 0;
};

/// Where kernels run. Launches and zeroing of one stream keep their order, and
/// copies that of stream 0; all but
/// `copyOut` and `synchronize` may return before they are done, so errors of a
/// launch can show up in a later call. Used by one thread at a time. Memory is
/// given back before the device is destroyed.
class Device {
public:
  virtual ~Device() = default;

  /// For messages and `--stats`, for example "cpu, x86-64-v4, 2 threads".
  virtual std::string describe() const = 0;
  /// Makes the kernels of `file` ready; called once, before `launch`. `file`
  /// must outlive the device.
  virtual Status load(const hmlt::ContainerT &file) = 0;
  /// The target of the image that was loaded; empty: none.
  virtual const std::string &target() const = 0;

  /// 64-byte aligned or better; contents are unspecified.
  virtual Result<DeviceAddress> allocate(uint64_t bytes) = 0;
  virtual void free(DeviceAddress address, uint64_t bytes) = 0;
  /// The memory itself where the host can reach it, else null.
  virtual void *hostView(DeviceAddress address) = 0;
  /// `from` may be reused when this returns.
  virtual Status copyIn(DeviceAddress to, const void *from, uint64_t bytes) = 0;
  /// Waits for everything before it.
  virtual Status copyOut(void *to, DeviceAddress from, uint64_t bytes) = 0;
  /// Within the device; the two do not overlap.
  virtual Status copy(DeviceAddress to, DeviceAddress from, uint64_t bytes) = 0;
  virtual Status zero(DeviceAddress to, uint64_t bytes, int stream = 0) = 0;
  /// What follows on a stream waits for these events.
  virtual Status wait(int /*stream*/, std::span<const int> /*events*/) {
    return {};
  }
  /// An event is there when what a stream has is done.
  virtual Status signal(int /*stream*/, int /*event*/) { return {}; }
  /// Streams 1 to count - 1 go on after what stream 0 has before.
  virtual Status forkStreams(int /*count*/) { return {}; }
  /// Stream 0 goes on after what the others have before.
  virtual Status joinStreams(int /*count*/) { return {}; }
  virtual Status launch(const KernelLaunch &launch) = 0;
  virtual Status synchronize() = 0;
  /// Launches so far after which threads of the host waited for one another; 0
  /// where the host does not compute.
  virtual uint64_t barriers() const { return 0; }
};

/// What a device's name says: `cpu`, `cuda`, `cuda:N` or `emulated`.
struct DeviceName {
  enum class Kind { Cpu, Cuda, Emulated } kind = Kind::Cpu;
  int ordinal = 0; ///< of a GPU
};
Result<DeviceName> parseDevice(const std::string &name);

/// Opens the device of that name. `pool` must outlive it.
Result<std::unique_ptr<Device>> openDevice(const std::string &name,
                                           ThreadPool &pool);

/// The CPU. HAMLET_CPU (avx2, avx512, avx512bf16) forces the level of code.
std::unique_ptr<Device> makeCpuDevice(ThreadPool &pool);

/// One allocation. Move-only; the device must outlive it.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory &&other) noexcept
      : device(other.device), start(std::exchange(other.start, 0)),
        bytes(std::exchange(other.bytes, 0)) {}
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    std::swap(device, other.device);
    std::swap(start, other.start);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~DeviceMemory() {
    if (start)
      device->free(start, bytes);
  }

  static Result<DeviceMemory> allocate(Device &device, uint64_t bytes) {
    DeviceMemory memory;
    if (!bytes)
      return memory;
    Result<DeviceAddress> start = device.allocate(bytes);
    if (start.failed())
      return start.status();
    memory.device = &device;
    memory.start = *start;
    memory.bytes = bytes;
    return memory;
  }
  DeviceAddress address() const { return start; }
  uint64_t size() const { return bytes; }

private:
  Device *device = nullptr;
  DeviceAddress start = 0;
  uint64_t bytes = 0;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_DEVICE_H
