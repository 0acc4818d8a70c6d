//===- Yaml.h - a YAML document as a struct ---------------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_SCHEDULE_YAML_H
#define HAMLET_CODEGEN_SCHEDULE_YAML_H

#include "llvm/Support/Error.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLTraits.h"

namespace hamlet::schedule {

/// The document as its MappingTraits read it; the error has the file, the line
/// and what LLVM's reader says of it.
template <typename T>
llvm::Expected<T> readYaml(llvm::StringRef text, llvm::StringRef path) {
  std::string message;
  auto handler = [](const llvm::SMDiagnostic &diagnostic, void *to) {
    auto &text = *static_cast<std::string *>(to);
    if (text.empty())
      text = std::to_string(diagnostic.getLineNo()) + ": " +
             diagnostic.getMessage().str();
  };
  T result;
  llvm::yaml::Input input(text, nullptr, handler, &message);
  input >> result;
  if (std::error_code code = input.error())
    return llvm::createStringError(
        code, path + ":" + (message.empty() ? code.message() : message));
  return result;
}

} // namespace hamlet::schedule

#endif
