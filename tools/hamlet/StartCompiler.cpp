//===- StartCompiler.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace hamlet::tools {

std::string compilerPath() {
  std::error_code error;
  std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "hamlet-compiler").string();
}

Status startCompiler(std::vector<std::string> words) {
  std::string compiler = compilerPath();
  std::vector<char *> arguments{compiler.data()};
  for (std::string &word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(compiler.c_str(), arguments.data());
  return failure("cannot start the compiler '", compiler,
                 "': ", std::strerror(errno), "; '", words[0],
                 "' needs it, running a container does not");
}

} // namespace hamlet::tools
