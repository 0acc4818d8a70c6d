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
/// what LLVM's reader says of it, with the line's text if need be.
template <typename T>
llvm::Expected<T> readYaml(llvm::StringRef text, llvm::StringRef path) {
  std::string message;
  auto handler = [](const llvm::SMDiagnostic &diagnostic, void *to) {
    auto &text = *static_cast<std::string *>(to);
    if (!text.empty())
      return;
    llvm::StringRef what = diagnostic.getMessage();
    text = std::to_string(diagnostic.getLineNo()) + ": " + what.str();
    // The reader's own words ("invalid number") name no key.
    if (!what.contains(": ") && !what.contains('\''))
      text += " in '" + diagnostic.getLineContents().trim().str() + "'";
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
