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

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <unistd.h>
#include <vector>

namespace hamlet {
namespace {

using namespace tools;

Action addInspectCommand(CLI::App &app) {
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(), program = std::make_shared<bool>();
  app.add_option("file", *path, "The container")->required();
  CLI::Option *asJson = app.add_flag("--json", *json, "As JSON");
  app.add_flag("--program", *program,
               "The host program as IR, which hamlet-opt parses and 'hamlet "
               "compile' takes again")
      ->excludes(asJson);
  return [=] {
    return *program ? startCompiler({"program", *path})
                    : finish(inspect(*path, *json));
  };
}

Action addExplainCommand(CLI::App &app) {
  auto path = std::make_shared<std::string>();
  app.add_option("file", *path, "The container")->required();
  return [=] { return finish(explain(*path)); };
}

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
       {"hamlet run model.hmlt --weights CHECKPOINT --prompt-ids 1,2,3",
        "hamlet run model.hmlt --weights CHECKPOINT --batch in.jsonl --output "
        "out.jsonl"}},
      {"call",
       "Run one function of a compiled .mlir file",
       addCallCommand,
       {"hamlet call f.hmlt --function f --input x.npy --output y.npy"}},
      {"inspect",
       "Print everything in a container",
       addInspectCommand,
       {"hamlet inspect model.hmlt", "hamlet inspect model.hmlt --json",
        "hamlet inspect model.hmlt --program > program.mlir"}},
      {"explain",
       "Per kernel: schedule, bytes, FLOPs, why it was fused so",
       addExplainCommand,
       {"hamlet explain model.hmlt"}},
  };
  // The compiler knows the options of its commands; 'help' of them too.
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() > 1 && words[0] == "help")
    words = {words[1], "--help"};
  for (const Command &command : commands)
    if (!command.add && !words.empty() && words[0] == command.name)
      return startCompiler(words);
  return runCommand(commands, argc, argv, printVersion);
}

} // namespace

std::string tools::compilerPath() {
  std::error_code error;
  std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "hamlet-compiler").string();
}

int tools::startCompiler(std::vector<std::string> words) {
  std::string compiler = compilerPath();
  std::vector<char *> arguments{compiler.data()};
  for (std::string &word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(compiler.c_str(), arguments.data());
  sayError("cannot start the compiler '" + compiler +
           "': " + std::strerror(errno) + "; '" + words[0] +
           "' needs it, running a container does not");
  return kFailed;
}

} // namespace hamlet

int main(int argc, char **argv) {
  try {
    return hamlet::start(argc, argv);
  } catch (const std::exception &error) {
    hamlet::tools::sayError(error.what());
    return hamlet::tools::kFailed;
  }
}
