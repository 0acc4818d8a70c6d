//===- Options.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Options.h"

#include "runtime/Device.h"

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

void checkOutputs(
    const std::vector<std::pair<std::string, std::string>> &outputs) {
  for (size_t i = 0; i < outputs.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (!outputs[i].second.empty() && !outputs[j].second.empty() &&
          sameOutput(outputs[i].second, outputs[j].second))
        throw CLI::ValidationError(outputs[j].first + " " + outputs[j].second +
                                       " and " + outputs[i].first + " " +
                                       outputs[i].second,
                                   "expected two files, these are one");
}

Status openOutput(AtomicFile &file, const std::string &option,
                  const std::string &path) {
  return path.empty() ? Status() : file.open(path).in(option);
}

} // namespace hamlet::tools
