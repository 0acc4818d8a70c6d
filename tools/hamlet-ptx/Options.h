//===- Options.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The command line of hamlet-ptx; the contract fixes spelling and defaults.
#pragma once

#include "emulator/exec/Launch.h"

#include <optional>
#include <stdexcept>

namespace hamlet::ptx {

/// A wrong command line: exit status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string command, file, entry;
  emu::Dim grid, block, cluster;
  bool clusterGiven = false, gridGiven = false, blockGiven = false;
  uint32_t shared = 0;
  std::vector<std::string> args;
  std::vector<std::pair<size_t, std::string>> saves;
  uint64_t seed = 0;
  std::optional<emu::AsyncMode> async;
  bool check = false, coverage = false, json = false, help = false;
  std::string trace;
  uint64_t maxInstructions = 500'000'000;
};

const char *usage();
/// Throws UsageError.
Options parseOptions(int argc, char **argv);

} // namespace hamlet::ptx
