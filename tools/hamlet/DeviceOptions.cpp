//===- DeviceOptions.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device.h"
#include "tools/command/Options.h"
#include "tools/hamlet/Commands.h"

namespace hamlet::tools {

void addDeviceOptions(CLI::App &app, unsigned &threads, std::string &device) {
  addCount(app, "--threads", threads, "Default: HAMLET_THREADS, else the cores",
           1, 4096)
      ->default_str("");
  app.add_option("--device", device, "cpu, cuda:N or emulated")
      ->check([](const std::string &name) {
        return runtime::parseDevice(name).message();
      });
}

} // namespace hamlet::tools
