//===- Explain.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_EXPLAIN_H
#define HAMLET_TOOLS_HAMLET_EXPLAIN_H

#include "container/Container.h"
#include "tools/hamlet/Describe.h"
#include "tools/hamlet/KernelWork.h"

#include <optional>
#include <string>

namespace hamlet::tools {

/// Two tables: kernels by their share of the work, with totals, and their
/// variants, one a line, with what each target makes of them.
std::string explainPage(const hmlt::ContainerT &file, const WorkOfKernels &work,
                        bool bold);

/// Every product of every variant and target, in the order of the file; of
/// `only` that kernel, if there is one. Work is that of a step of one token.
std::string explainFull(const hmlt::ContainerT &file,
                        std::optional<size_t> only);

/// The same and more as JSON, the kernels in the order of their shares.
Json explainJson(const hmlt::ContainerT &file, const WorkOfKernels &work,
                 std::optional<size_t> only);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_EXPLAIN_H
