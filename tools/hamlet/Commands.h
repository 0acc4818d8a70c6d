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

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace hamlet::tools {

/// A subcommand: its options are registered with the parser, its action is
/// what runs once the command line is understood.
using Action = std::function<Status()>;

Action addRunCommand(CLI::App &app);
Action addCallCommand(CLI::App &app);
Action addInspectCommand(CLI::App &app);
Action addExplainCommand(CLI::App &app);

/// Replaces this process by the compiler, which stands beside this program;
/// comes back only with why it could not. `words` are its arguments.
Status startCompiler(std::vector<std::string> words);

/// Writes a Chrome trace (chrome://tracing, Perfetto) of `profile` to an open
/// output and commits it.
Status writeProfile(AtomicFile &output, const runtime::Profile &profile,
                    const hmlt::ContainerT &file);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_COMMANDS_H
