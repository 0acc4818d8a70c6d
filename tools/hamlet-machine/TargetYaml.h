//===- TargetYaml.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_MACHINE_TARGETYAML_H
#define HAMLET_TOOLS_HAMLET_MACHINE_TARGETYAML_H

#include "container/Status.h"

#include <string>

namespace hamlet::machine {

struct MeasureOptions {
  unsigned threads = 1;    ///< that read memory together
  int rounds = 7;          ///< of each loop, of which the best counts
  size_t megabytes = 1024; ///< of memory that is read
};

/// Measures this machine as a CPU target of `level` (`x86-64-v4`; empty: that
/// of `hamlet compile --target native`) and gives the description that `hamlet
/// compile
/// --targets` reads; the schema is in targets/README.md. Each value has where
/// it is from as a comment. Fails for a level that there is no code for, or
/// that the machine lacks, and without memory.
Result<std::string> measureTarget(const std::string &level,
                                  const MeasureOptions &options);

} // namespace hamlet::machine

#endif // HAMLET_TOOLS_HAMLET_MACHINE_TARGETYAML_H
