//===- OutOfMemory.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_OUTOFMEMORY_H
#define HAMLET_CONTAINER_OUTOFMEMORY_H

namespace hamlet {

/// For a command, at its start: an allocation that fails, on whatever thread,
/// ends the process with one line on standard error and exit status 1, and
/// leaves no temporary files.
void endWhenMemoryRunsOut();

/// What it then calls; for libraries that have a handler of their own.
[[noreturn]] void endOutOfMemory();

/// Ends the process the same way for another reason, without destructors: other
/// threads may be at work. `what` is one sentence.
[[noreturn]] void endAtOnce(const char *what);

} // namespace hamlet

#endif // HAMLET_CONTAINER_OUTOFMEMORY_H
