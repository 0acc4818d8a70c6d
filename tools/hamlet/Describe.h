//===- Describe.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_DESCRIBE_H
#define HAMLET_TOOLS_HAMLET_DESCRIBE_H

#include "container/Container.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace hamlet::tools {

using Json = nlohmann::ordered_json;

/// "ceil(tokens / 64) + 1"; `sizes` are the names of a kernel's sizes.
std::string shown(const hmlt::Expr &expr,
                  const std::vector<std::string> *sizes = nullptr);

/// Everything in the container; code and constants by their size. Outside
/// tools rely on the keys.
Json describe(const hmlt::ContainerT &file);
/// The kernels of it, as a list.
Json describeKernels(const hmlt::ContainerT &file);
/// What one target makes of a kernel, its variants apart.
Json describe(const hmlt::KernelT &kernel,
              const hmlt::RealizationT &realization);
/// The products of a variant and their register blocks.
Json describe(const hmlt::ScheduleT &schedule, const std::string &target);

/// As text. Names come from outside and may not be UTF-8, which `Json::dump`
/// alone rejects. `indent` -1: in one line.
std::string jsonText(const Json &json, int indent = -1);

/// The layouts in which the kernels of `target` take each weight.
std::vector<std::set<hmlt::Layout>> layoutsFor(const hmlt::ContainerT &file,
                                               const std::string &target);
/// Bytes of a weight that is there once in each layout.
int64_t bytesFor(const hmlt::ContainerT &file, size_t weight,
                 const std::set<hmlt::Layout> &layouts);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_DESCRIBE_H
