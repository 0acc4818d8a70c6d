//===- RunStats.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_RUNSTATS_H
#define HAMLET_TOOLS_HAMLET_RUNSTATS_H

#include "container/AtomicFile.h"
#include "runtime/Generate.h"

#include <chrono>

namespace hamlet::tools {

/// Writes what `--stats` promises and commits the file.
Status writeStats(AtomicFile &file, double loadSeconds,
                  const runtime::GenerateStats &stats,
                  const runtime::Device &device);

/// One line on standard error: tokens and tokens a second.
void printRates(const runtime::GenerateStats &stats);

/// A bar on standard error while weights load, if that is a terminal.
class ProgressBar {
public:
  ProgressBar();
  ~ProgressBar() { clear(); }
  void update(uint64_t done, uint64_t total);
  void clear();

private:
  bool shown, drawn = false;
  std::chrono::steady_clock::time_point last;
};

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_RUNSTATS_H
