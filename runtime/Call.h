//===- Call.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_CALL_H
#define HAMLET_RUNTIME_CALL_H

#include "runtime/Executor.h"
#include "runtime/Npy.h"

#include <string>
#include <vector>

namespace hamlet::runtime {

/// How often a call's program runs, and how long each run took.
struct CallTimes {
  unsigned repeats = 1;
  /// Seconds of each run, first to last: operands are on the device before it,
  /// results are read after it.
  std::vector<double> seconds;
};

/// The names of the container's functions, separated by commas; else "none".
std::string functionNames(const hmlt::ContainerT &file);

/// The function of that name; the failure says which there are.
Result<const hmlt::FunctionT *> findFunction(const hmlt::ContainerT &file,
                                             const std::string &name);

/// Runs the function `name` of `model` on `operands`, in order, and returns its
/// results. Dtypes, ranks and static dimensions must be those of the function;
/// a bf16 operand takes f32, rounded to nearest even, and a bf16 result comes
/// back as f32. Dynamic dimensions come from the operands, which must agree.
/// With `times` the program runs `repeats` times on the same operands (at least
/// once).
Result<std::vector<NpyArray>>
callFunction(LoadedModel &model, const std::string &name,
             const std::vector<NpyArray> &operands, Profile *profile = nullptr,
             CallTimes *times = nullptr);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_CALL_H
