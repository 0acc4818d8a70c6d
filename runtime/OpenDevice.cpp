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
#include <dlfcn.h>
#include <filesystem>
#include <vector>

namespace hamlet::runtime {
namespace {

constexpr char kDriver[] = "libcuda.so.1";

/// The stand-in for the CUDA driver: HAMLET_EMULATOR, else where it is
/// installed, from the program's place or that of the shared library that this
/// code is in, else where the build has it, from the program's.
std::string emulatorPath() {
  namespace fs = std::filesystem;
  if (const char *path = std::getenv("HAMLET_EMULATOR"); path && *path)
    return path;
  std::error_code error;
  fs::path prefix =
      fs::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  std::vector<fs::path> places = {prefix / HAMLET_LIBDIR / "hamlet"};
  Dl_info here = {};
  if (dladdr(kDriver, &here) && here.dli_fname)
    places.push_back(fs::canonical(here.dli_fname, error).parent_path() /
                     "hamlet");
  places.push_back(prefix / "lib");
  for (const fs::path &place : places)
    if (fs::path path = place / "emulated" / kDriver; fs::exists(path, error))
      return path.string();
  return (places.back() / "emulated" / kDriver).string();
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
