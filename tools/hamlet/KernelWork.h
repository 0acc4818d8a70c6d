//===- KernelWork.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_KERNELWORK_H
#define HAMLET_TOOLS_HAMLET_KERNELWORK_H

#include "container/Container.h"
#include "runtime/Program.h"
#include "runtime/Work.h"

#include <set>
#include <string>
#include <vector>

namespace hamlet::tools {

/// A run of every function of a container, whose work is counted.
struct Workload {
  std::string name;               ///< "decode"
  std::string meaning;            ///< "one token of a sequence of 512"
  runtime::Quantities quantities; ///< of a step
  int64_t extent = 1;             ///< each extent of a call
};

/// One token of a sequence that has `context` tokens before it.
Workload decodeStep(int64_t context);
/// The first `tokens` of one sequence, of which the last row of logits is
/// wanted.
Workload prefillStep(int64_t tokens);

/// What a workload asks of one kernel, in all its launches.
struct KernelWork {
  runtime::Work work;
  size_t launches = 0;    ///< none where the grid would be empty
  std::set<int32_t> rows; ///< of the variants that run
  double bytes() const {
    return work.weightBytes + work.bufferBytes + work.cacheBytes;
  }
};

/// By kernel, for the first target of each; `runtime::workOf` says what counts.
std::vector<KernelWork> countWork(const hmlt::ContainerT &file,
                                  const Workload &load);

/// Workloads of a container and each kernel's part of them.
struct WorkOfKernels {
  std::vector<Workload> loads;
  std::vector<std::vector<KernelWork>> work; ///< by workload, then by kernel
  std::vector<KernelWork> total;             ///< by workload
  std::vector<size_t> launches;              ///< that stand in the functions
  std::vector<double>
      share; ///< of bytes and FLOPs of the workloads, on average
  std::vector<size_t> order; ///< kernels, the largest share first
};
WorkOfKernels workOfKernels(const hmlt::ContainerT &file,
                            std::vector<Workload> loads);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_KERNELWORK_H
