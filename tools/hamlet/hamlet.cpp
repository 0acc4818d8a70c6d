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
#include "runtime/Device.h"
#include "tools/hamlet/Commands.h"
#include "tools/hamlet/Version.h"

#include <cstdio>
#include <cstring>
#include <vector>

namespace hamlet {
namespace {

using namespace tools;

int start(int argc, char **argv) {
  AtomicFile::handleSignals();
  endWhenMemoryRunsOut();
  const std::vector<Command> commands = {
      {"compile",
       "Compile a checkpoint, a config.json or a .mlir file",
       {},
       {}},
      {"plan", "Whether a model fits, its memory and work", {}, {}},
      {"run",
       "Generate with a compiled model",
       addRunCommand,
       {"hamlet run model.hmlt --prompt 'Once upon a time' --max-tokens 64",
        "hamlet run model.hmlt --weights CHECKPOINT --prompt-ids 1,2,3",
        "hamlet run model.hmlt --batch in.jsonl --output out.jsonl",
        "echo '{\"id\": \"a\", \"prompt\": \"Hello\"}' | hamlet run "
        "model.hmlt --batch - --output -"}},
      {"call",
       "Run one function of a compiled .mlir file",
       addCallCommand,
       {"hamlet call f.hmlt --function f --input x.npy --output y.npy"}},
      {"inspect",
       "What is in a container: model, targets, weights, kernels",
       addInspectCommand,
       {"hamlet inspect model.hmlt", "hamlet inspect model.hmlt --full",
        "hamlet inspect model.hmlt --json",
        "hamlet inspect model.hmlt --program > program.mlir"}},
      {"explain",
       "Per kernel: schedule, bytes, FLOPs, why it was fused so",
       addExplainCommand,
       {"hamlet explain model.hmlt",
        "hamlet explain model.hmlt --kernel linear --target x86-64-v4"}},
      {"chat",
       "Talk with a compiled model",
       addChatCommand,
       {"hamlet chat model.hmlt", "hamlet chat model.hmlt --system 'Be brief.' "
                                  "--temperature 0.7"}},
      {"grad",
       "Loss and gradients of one batch",
       addGradCommand,
       {"hamlet grad CHECKPOINT --data batch.safetensors --output "
        "gradients.safetensors",
        "hamlet grad CHECKPOINT --data batch.safetensors --output "
        "gradients.safetensors --loss cispo --set algorithm.is_high=5"}},
  };
  // The compiler knows the options of its commands; 'help' of them too.
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() > 1 && words[0] == "help")
    words = {words[1], "--help"};
  for (const Command &command : commands)
    if (!command.add && !words.empty() && words[0] == command.name)
      return finish(startCompiler(words));
  return runCommand(commands, argc, argv, printVersion);
}

} // namespace

} // namespace hamlet

int main(int argc, char **argv) {
  try {
    return hamlet::start(argc, argv);
  } catch (const std::exception &error) {
    hamlet::tools::sayError(error.what());
    return hamlet::tools::kFailed;
  }
}
