//===- Options.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/command/Options.h"

namespace hamlet::tools {

CLI::Option *addList(CLI::App &app, const std::string &name,
                     std::vector<std::string> &values,
                     const std::string &description) {
  // A vector would take the words that follow as well, the source among them.
  return app.add_option(name, values, description)
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->default_str("");
}

void checkOutputs(
    const std::vector<std::pair<std::string, std::string>> &outputs) {
  for (size_t i = 0; i < outputs.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (!outputs[i].second.empty() && !outputs[j].second.empty() &&
          sameOutput(outputs[i].second, outputs[j].second))
        throw CLI::ValidationError(outputs[j].first + " " + outputs[j].second +
                                       " and " + outputs[i].first + " " +
                                       outputs[i].second,
                                   "expected two files, these are one");
}

Status openOutput(AtomicFile &file, const std::string &option,
                  const std::string &path) {
  return path.empty() ? Status() : file.open(path).in(option);
}

} // namespace hamlet::tools
