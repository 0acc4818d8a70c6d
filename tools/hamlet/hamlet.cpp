//===- hamlet.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The command `hamlet`. Exit status: 0 done, 1 bad input or a failed run, 2
// wrong usage.
#include "container/AtomicFile.h"
#include "container/OutOfMemory.h"
#include "tools/hamlet/Commands.h"

#include <cstdio>
#include <cstring>
#include <vector>

namespace hamlet {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

/// The exit status; a failure is said.
int told(const Status &status) {
  if (status.ok())
    return 0;
  std::fprintf(stderr, "hamlet: %s\n", status.message().c_str());
  return kFailed;
}

int start(int argc, char **argv) {
  AtomicFile::handleSignals();
  endWhenMemoryRunsOut();
  if (argc > 1 &&
      (!std::strcmp(argv[1], "compile") || !std::strcmp(argv[1], "plan")))
    return told(tools::startCompiler({argv + 1, argv + argc}));

  CLI::App app("Compiles hybrid-attention mixture-of-experts models and runs "
               "what was compiled.",
               "hamlet");
  app.require_subcommand(1);
  app.add_subcommand("compile", "Compile a checkpoint, a config.json or a "
                                ".mlir file to a container");
  app.add_subcommand("plan", "Memory and work per rank of a configuration");
  tools::Action run = tools::addRunCommand(
      *app.add_subcommand("run", "Generate with a compiled model"));
  tools::Action call = tools::addCallCommand(
      *app.add_subcommand("call", "Run one function of a compiled .mlir file"));

  tools::Action inspect = tools::addInspectCommand(
      *app.add_subcommand("inspect", "Show what is in a container"));
  tools::Action explain = tools::addExplainCommand(*app.add_subcommand(
      "explain", "Per kernel: schedule, bytes, FLOPs, why it was fused so"));

  if (argc > 1 && argv[1][0] != '-') {
    std::string known;
    bool isKnown = false;
    for (const CLI::App *command : app.get_subcommands({})) {
      known += (known.empty() ? "" : ", ") + command->get_name();
      isKnown |= command->get_name() == argv[1];
    }
    if (!isKnown) {
      std::fprintf(stderr, "hamlet: unknown command '%s', expected one of %s\n",
                   argv[1], known.c_str());
      return kWrongUsage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (app.exit(error))
      return kWrongUsage;
    return told(flushStandardOutput()); // help was asked for
  }

  Status status = app.got_subcommand("run")       ? run()
                  : app.got_subcommand("call")    ? call()
                  : app.got_subcommand("inspect") ? inspect()
                                                  : explain();
  if (Status said = flushStandardOutput(); status.ok())
    status = said;
  return told(status);
}

} // namespace
} // namespace hamlet

int main(int argc, char **argv) {
  try {
    return hamlet::start(argc, argv);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "hamlet: %s\n", error.what());
    return 1;
  }
}
