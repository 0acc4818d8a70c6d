//===- OpenDevice.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device.h"
#include "runtime/cuda/CudaDevice.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>

namespace hamlet::runtime {
namespace {

constexpr char kDriver[] = "libcuda.so.1";

/// The stand-in for the CUDA driver, ../lib/emulated beside the program's
/// folder; HAMLET_EMULATOR names another.
std::string emulatorPath() {
  if (const char *path = std::getenv("HAMLET_EMULATOR"); path && *path)
    return path;
  std::error_code error;
  std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path().parent_path() / "lib" / "emulated" / kDriver)
      .string();
}

Result<std::unique_ptr<Device>> openCuda(const std::string &library,
                                         int ordinal, bool emulated) {
  auto driver = cuda::Driver::open(library);
  if (driver.failed())
    return driver.status();
  return cuda::openCudaDevice(std::move(*driver), ordinal, emulated);
}

} // namespace

Result<DeviceName> parseDevice(const std::string &name) {
  using Kind = DeviceName::Kind;
  if (name == "cpu")
    return DeviceName{Kind::Cpu};
  if (name == "emulated")
    return DeviceName{Kind::Emulated};
  if (name == "cuda")
    return DeviceName{Kind::Cuda};
  constexpr std::string_view kPrefix = "cuda:";
  if (name.starts_with(kPrefix)) {
    DeviceName device{Kind::Cuda};
    const char *end = name.data() + name.size();
    auto [stop, error] =
        std::from_chars(name.data() + kPrefix.size(), end, device.ordinal);
    if (error == std::errc() && stop == end && device.ordinal >= 0)
      return device;
  }
  return failure("unknown device '", name,
                 "', expected cpu, cuda:N or emulated");
}

Result<std::unique_ptr<Device>> openDevice(const std::string &name,
                                           ThreadPool &pool) {
  auto parsed = parseDevice(name);
  if (parsed.failed())
    return parsed.status();
  if (parsed->kind == DeviceName::Kind::Cpu)
    return makeCpuDevice(pool);
  bool emulated = parsed->kind == DeviceName::Kind::Emulated;
  auto device =
      openCuda(emulated ? emulatorPath() : kDriver, parsed->ordinal, emulated);
  return device.ok() ? std::move(device)
                     : device.status().in("device '" + name + "'");
}

} // namespace hamlet::runtime
