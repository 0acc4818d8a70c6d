//===- Version.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_VERSION_H
#define HAMLET_TOOLS_HAMLET_VERSION_H

namespace hamlet::tools {

/// What this program was built from and what it finds on this machine; the
/// compiler adds what it was built with. The exit status.
int printVersion();

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_VERSION_H
