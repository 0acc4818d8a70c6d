//===- InspectPage.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_INSPECTPAGE_H
#define HAMLET_TOOLS_HAMLET_INSPECTPAGE_H

#include "container/Container.h"

#include <string>

namespace hamlet::tools {

/// What a person wants to know of a container first, in about two screens: the
/// model and where it came from, and tables of targets, weights, caches,
/// functions and kernels, the largest first. `path` and `fileBytes` are the
/// file's.
std::string inspectPage(const hmlt::ContainerT &file, const std::string &path,
                        uint64_t fileBytes, bool bold);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_INSPECTPAGE_H
