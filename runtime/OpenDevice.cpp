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

Result<std::unique_ptr<Device>> openDevice(const std::string &name,
                                           ThreadPool &pool) {
  if (name == "cpu")
    return makeCpuDevice(pool);
  std::string where = "device '" + name + "'";
  if (name == "emulated") {
    auto device = openCuda(emulatorPath(), 0, /*emulated=*/true);
    return device.ok() ? std::move(device) : device.status().in(where);
  }
  constexpr std::string_view kPrefix = "cuda:";
  if (name == "cuda" || name.starts_with(kPrefix)) {
    int ordinal = 0;
    const char *begin = name.data() + std::min(kPrefix.size(), name.size());
    const char *end = name.data() + name.size();
    auto [stop, error] = std::from_chars(begin, end, ordinal);
    if (name == "cuda" ||
        (error == std::errc() && stop == end && ordinal >= 0)) {
      auto device = openCuda(kDriver, ordinal, /*emulated=*/false);
      return device.ok() ? std::move(device) : device.status().in(where);
    }
  }
  return failure("unknown device '", name,
                 "', expected cpu, cuda:N or emulated");
}

} // namespace hamlet::runtime
