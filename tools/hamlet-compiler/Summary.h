//===- Summary.h - what a compilation tells its user ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLETCOMPILER_SUMMARY_H
#define HAMLET_TOOLS_HAMLETCOMPILER_SUMMARY_H

#include "codegen/driver/Compile.h"
#include "container/Container.h"

namespace hamlet::tools {

/// What was imported, fused and written, on standard output.
void printSummary(const CompileSummary &summary, const std::string &imported,
                  const std::string &output, const hmlt::ContainerT &container,
                  uint64_t bytes, double seconds);

/// Measures a compilation for `--time-passes`, if it is wanted.
class PassTimes {
public:
  explicit PassTimes(bool wanted);
  /// What passes are measured under; null: not wanted.
  mlir::TimingScope *scope() { return wanted ? &root : nullptr; }
  /// One table on standard error, the longest first. `scope` is used no more.
  void print(const CompileSummary &summary);

private:
  bool wanted;
  mlir::DefaultTimingManager manager;
  mlir::TimingScope root;
};

} // namespace hamlet::tools

#endif
