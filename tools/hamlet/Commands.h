//===- Commands.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_COMMANDS_H
#define HAMLET_TOOLS_HAMLET_COMMANDS_H

#include "container/AtomicFile.h"
#include "container/Container.h"
#include "container/Status.h"
#include "runtime/Program.h"
#include "tools/command/CommandLine.h"

#include <string>
#include <vector>

namespace hamlet::tools {

/// The subcommands: each adds its options and gives its action.
Action addRunCommand(CLI::App &app);
Action addChatCommand(CLI::App &app);
Action addCallCommand(CLI::App &app);
Action addInspectCommand(CLI::App &app);
Action addExplainCommand(CLI::App &app);
Action addGradCommand(CLI::App &app);

/// `--threads` and `--device`.
void addDeviceOptions(CLI::App &app, unsigned &threads, std::string &device);

/// Where the compiler should be: beside this program.
std::string compilerPath();

/// Replaces this process by the compiler; `words` are a command and its
/// options. Comes back only with why it could not.
Status startCompiler(std::vector<std::string> words);

/// Writes a Chrome trace (chrome://tracing, Perfetto) of `profile` to an open
/// output and commits it.
Status writeProfile(AtomicFile &output, const runtime::Profile &profile,
                    const hmlt::ContainerT &file);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_COMMANDS_H
