//===- Loading.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/driver/Loading.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace hamlet::emu::driver {
namespace {
enum JitOption { kErrorLog = 5, kErrorLogBytes = 6 };

bool readFile(const char *path, std::string &bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return false;
  bytes.assign(std::istreambuf_iterator<char>(in),
               std::istreambuf_iterator<char>());
  return true;
}
} // namespace

// Launches that run keep their module, and so these, without the lock: what
// needs the lock is unregister().
Managed::~Managed() {
  for (auto &[name, address] : addresses)
    state().host.free(address);
}
void Managed::unregister() {
  for (auto &[name, address] : addresses)
    state().pinned.erase(reinterpret_cast<void *>(address));
}
u64 Managed::place(const std::string &name, u64 bytes, bool &fresh) {
  auto [it, isNew] = addresses.try_emplace(name, 0);
  fresh = isNew;
  if (!isNew)
    return it->second;
  void *p = state().host.allocateHost(bytes);
  if (!p) {
    addresses.erase(it);
    return 0;
  }
  state().pinned[p] = {bytes, Pinned::Kind::Managed, 0, currentContext()};
  return it->second = reinterpret_cast<u64>(p);
}
bool Managed::find(const std::string &name, u64 &address) const {
  auto it = addresses.find(name);
  if (it != addresses.end())
    address = it->second;
  return it != addresses.end();
}

CUresult readRequest(const LoadRequest &request, std::string &text,
                     std::string &log) {
  if (!request.path)
    return request.image ? readImage(request.image, SIZE_MAX,
                                     state().architecture, text, log)
                         : int(kInvalidValue);
  std::string bytes;
  if (!readFile(request.path, bytes))
    return kFileNotFound;
  if (bytes.size() < 4)
    return kInvalidImage;
  return readImage(bytes.c_str(), bytes.size(), state().architecture, text,
                   log);
}

void tell(const LoadRequest &request, const std::string &log) {
  if (log.empty())
    return;
  char *buffer = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0;
       request.options && request.values && i < request.optionCount; ++i) {
    if (request.options[i] == kErrorLog)
      buffer = static_cast<char *>(request.values[i]);
    if (request.options[i] == kErrorLogBytes)
      bytes = reinterpret_cast<size_t>(request.values[i]) & 0xffffffff;
  }
  if (!buffer || !bytes) {
    std::fprintf(stderr, "[emulator] %s: %s\n",
                 request.path ? request.path : request.call, log.c_str());
    return;
  }
  std::strncpy(buffer, log.c_str(), bytes);
  buffer[bytes - 1] = 0;
}

CUresult loadPtx(const std::string &text, DeviceMemory &memory,
                 std::shared_ptr<Managed> managed,
                 std::shared_ptr<LoadedModule> &module, std::string &log) {
  try {
    auto m = std::make_shared<LoadedModule>(
        text, memory, std::getenv("EMU_CHECK") != nullptr, std::move(managed));
    if (!runsOn(m->ast().target, state().architecture)) {
      log = "the code is for " + m->ast().target + ", the device is sm_" +
            std::to_string(state().architecture);
      return kNoBinaryForGpu;
    }
    // Unknown forms are errors of the load, as with a real compiler.
    for (const std::string &e : m->entries())
      m->program(e);
    module = std::move(m);
    // Kernels use tables that the first module made.
    static const bool first = (endWithProcess(), true);
    (void)first;
    return kSuccess;
  } catch (const PtxError &e) {
    log = e.what();
    return kInvalidPtx;
  }
}
} // namespace hamlet::emu::driver
