//===- CommandLine.h - what the commands of hamlet share ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_COMMAND_COMMANDLINE_H
#define HAMLET_TOOLS_COMMAND_COMMANDLINE_H

#include "container/Status.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::tools {

/// Exit statuses of every command.
constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

/// Lines on standard error, in the one style of all commands:
/// `hamlet: error: ...`, `hamlet: warning: ...`.
void sayError(std::string_view text);
void sayWarning(std::string_view text);

/// Says the failure, if there is one; the exit status.
int finish(const Status &status);

/// A subcommand: its options are registered with the parser, its action is
/// what runs once the command line is understood and gives the exit status.
using Action = std::function<int()>;

/// One of the commands that a program has.
struct Command {
  std::string name, description;
  /// Adds options and returns the action; none: another program's command.
  std::function<Action(CLI::App &)> add;
  /// Lines of examples for `--help`.
  std::vector<std::string> examples;
  bool hidden = false; ///< Not told of to users.
};

/// Understands `hamlet COMMAND ...`, `hamlet help [COMMAND]`, `--help` and
/// `--version` (what `version` does), and runs the command. Mistakes are told
/// with what was probably meant. Returns the exit status.
int runCommand(const std::vector<Command> &commands, int argc, char **argv,
               const std::function<int()> &version);

/// Of `known`, the name nearest to `word`, if it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string> &known);

/// ` (did you mean 'NAME'?)`, else nothing.
std::string suggestion(std::string_view word,
                       const std::vector<std::string> &known);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_COMMAND_COMMANDLINE_H
