//===- Commands.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLETCOMPILER_COMMANDS_H
#define HAMLET_TOOLS_HAMLETCOMPILER_COMMANDS_H

#include "tools/command/CommandLine.h"

namespace hamlet::tools {

/// The subcommands: each adds its options and gives its action.
Action addCompileCommand(CLI::App &app);
Action addPlanCommand(CLI::App &app);
/// Prints the program of a container as IR; `hamlet inspect --program`.
Action addProgramCommand(CLI::App &app);
/// Prints what the compiler was built with and finds; the exit status.
int printFacts();

} // namespace hamlet::tools

#endif
