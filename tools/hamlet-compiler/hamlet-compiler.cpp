//===- hamlet-compiler.cpp - `hamlet compile` and `hamlet plan` -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `hamlet` starts this program, so that what runs models links no LLVM. Exit
// status: 0 done, 1 bad input, 2 wrong usage.

#include "container/AtomicFile.h"
#include "container/OutOfMemory.h"
#include "tools/hamlet-compiler/Commands.h"

#include "llvm/Support/ErrorHandling.h"

using namespace hamlet;
using namespace hamlet::tools;

int main(int argc, char **argv) {
  AtomicFile::handleSignals();
  endWhenMemoryRunsOut();
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { endOutOfMemory(); });
  llvm::install_fatal_error_handler(
      [](void *, const char *reason, bool) { endAtOnce(reason); });
  const std::vector<Command> commands = {
      {"compile",
       "Compile a checkpoint, a config.json or a .mlir file to a container",
       addCompileCommand,
       {"hamlet compile CHECKPOINT -o model.hmlt",
        "hamlet compile CHECKPOINT -o model.hmlt --target native,sm_90a",
        "hamlet compile CHECKPOINT --compile-to=tile --kernel linear_2"}},
      {"plan",
       "Whether a model fits, its memory and work",
       addPlanCommand,
       {"hamlet plan CHECKPOINT --gpu H200 --context 65536 --sequences 8",
        "hamlet plan config.json --device-memory 80GB --dtype bf16",
        "hamlet plan config.json --tp 8 --json"}},
      {"program", "", addProgramCommand, {}, /*hidden=*/true},
      {"facts",
       "",
       [](CLI::App &) { return printFacts; },
       {},
       /*hidden=*/true},
  };
  try {
    return runCommand(commands, argc, argv, printFacts);
  } catch (const std::exception &error) {
    sayError(error.what());
    return kFailed;
  }
}
