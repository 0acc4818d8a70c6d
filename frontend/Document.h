//===- Document.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_DOCUMENT_H
#define HAMLET_FRONTEND_DOCUMENT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <utility>

namespace hamlet::frontend {

/// Keeps the first thing that went wrong; readers go on with defaults, and
/// their caller looks at the end.
class Problem {
public:
  void report(std::string message) {
    if (first.empty())
      first = std::move(message);
  }
  bool failed() const { return !first.empty(); }
  llvm::Error take() const {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), first);
  }

private:
  std::string first;
};

/// `value` as compact JSON, cut to what fits in a message.
std::string shown(const llvm::json::Value &value);

/// Reads JSON text; "<path>: ..." on failure. Nesting deeper than 64 is
/// refused: the parser is recursive. NaN and infinities, as Python writes them,
/// become texts: no number that counts is one.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text,
                                            llvm::StringRef path);

/// Reads one YAML document as a JSON value: plain scalars become null,
/// booleans, numbers or strings, quoted ones strings, keys their text. Anchors,
/// aliases, tags and equal keys are refused.
llvm::Expected<llvm::json::Value> parseYaml(llvm::StringRef text,
                                            llvm::StringRef path);

/// A place in a document, with its path for messages. A Node without a value
/// stands for an absent one.
class Node {
public:
  Node(const llvm::json::Value *value, std::string path, Problem &problem)
      : value(value), path(std::move(path)), problem(&problem) {}

  explicit operator bool() const { return value != nullptr; }
  const llvm::json::Value &get() const { return *value; }
  const std::string &where() const { return path; }
  Problem &problems() const { return *problem; }

  /// The member `key`; without a value if it is absent. Reports if this is no
  /// object.
  Node member(llvm::StringRef key) const;
  /// Same, but reports an absent member.
  Node required(llvm::StringRef key) const;
  /// Reports members that are not in `known`.
  void onlyKeys(llvm::ArrayRef<llvm::StringRef> known) const;
  const llvm::json::Object *object() const;
  /// A string; reports anything else and returns "".
  std::string text() const;
  /// A list of strings, or one string.
  std::vector<std::string> texts() const;
  void expected(const llvm::Twine &what) const;

private:
  const llvm::json::Value *value;
  std::string path;
  Problem *problem;
};

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_DOCUMENT_H
