//===- HappensBefore.h - which launches are over when another begins -----===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_HAPPENSBEFORE_H
#define HAMLET_CODEGEN_PROGRAM_HAPPENSBEFORE_H

#include "dialects/Program/ProgramOps.h"

namespace hamlet::codegen {

/// The order of a function's launches that streams and events give.
class HappensBefore {
public:
  explicit HappensBefore(program::FuncOp func);

  int64_t launches() const { return static_cast<int64_t>(stream.size()); }
  /// Whether launch `first` is over when launch `second` begins.
  bool isOver(int64_t first, int64_t second) const {
    return over[static_cast<size_t>(second)]
               [static_cast<size_t>(stream[static_cast<size_t>(first)])] >=
           first;
  }

private:
  std::vector<int64_t> stream;            ///< of each launch, densely numbered
  std::vector<std::vector<int64_t>> over; ///< last of each stream; -1: none
};

} // namespace hamlet::codegen

#endif
