//===- Loading.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// From what a program hands over, an image or a file, to a loaded module: the
// way that modules and libraries share.
#pragma once

#include "emulator/driver/Image.h"
#include "emulator/driver/State.h"

namespace hamlet::emu::driver {
/// Managed variables of a module or library, registered as managed memory.
class Managed : public ManagedVariables {
public:
  ~Managed() override;
  u64 place(const std::string &name, u64 bytes, bool &fresh) override;
  /// Whether there is such a variable; its address.
  bool find(const std::string &name, u64 &address) const;
  /// The module or library goes; what runs may still hold the memory.
  void unregister();

private:
  std::map<std::string, u64> addresses;
};

/// One call that loads: what it was given, and where it wants to read what is
/// wrong.
struct LoadRequest {
  const char *call; ///< for messages where there is no file
  const void *image = nullptr;
  const char *path = nullptr; ///< read instead of `image`
  unsigned optionCount = 0;   ///< CUjit_options
  const int *options = nullptr;
  void **values = nullptr;
};
/// The PTX of the request that this driver's devices run.
CUresult readRequest(const LoadRequest &request, std::string &text,
                     std::string &log);
/// Says what `log` has, to the options' buffer or on standard error.
void tell(const LoadRequest &request, const std::string &log);

/// Parses and decodes `text` with its variables in `memory` and `managed`.
CUresult loadPtx(const std::string &text, DeviceMemory &memory,
                 std::shared_ptr<Managed> managed,
                 std::shared_ptr<LoadedModule> &module, std::string &log);
} // namespace hamlet::emu::driver
