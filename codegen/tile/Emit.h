//===- Emit.h - what every target's emission needs ------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_TILE_EMIT_H
#define HAMLET_CODEGEN_TILE_EMIT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <chrono>
#include <string>

namespace hamlet {

/// Seconds of one thread.
struct EmitTimes {
  double lower = 0;    ///< tile to LLVM IR
  double optimize = 0; ///< LLVM's passes
  double generate = 0; ///< LLVM's back end

  EmitTimes &operator+=(const EmitTimes &other) {
    lower += other.lower;
    optimize += other.optimize;
    generate += other.generate;
    return *this;
  }
};

/// Adds the time of its life to a sum.
class Stopwatch {
public:
  explicit Stopwatch(double &sum)
      : sum(sum), start(std::chrono::steady_clock::now()) {}
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;
  ~Stopwatch() {
    sum +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  }

private:
  double &sum;
  std::chrono::steady_clock::time_point start;
};

/// LLVM's back ends, x86 and NVPTX, are registered when this returns. Safe on
/// any number of threads, as LLVM's own functions are not: two threads that
/// register one target together can tie its list of targets to a ring, in which
/// a look-up never ends.
void initializeBackEnds();

namespace tile {
/// The text of a module with this kernel alone. With `locations`, what is made
/// of the text can name the place of the original.
std::string kernelText(mlir::func::FuncOp kernel, bool locations = false);
} // namespace tile

} // namespace hamlet

#endif
