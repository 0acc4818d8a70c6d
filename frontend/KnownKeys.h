//===- KnownKeys.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_KNOWNKEYS_H
#define HAMLET_FRONTEND_KNOWNKEYS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <string>
#include <vector>

namespace hamlet::frontend {

/// What keys and tensors mean that no description reads: which are harmless and
/// which change results (models/common/keys.yaml; the schema is in
/// models/README.md).
class KnownKeys {
public:
  static llvm::Expected<KnownKeys> parse(llvm::StringRef yaml,
                                         llvm::StringRef path);
  /// Those of the file that is built into the program.
  static const KnownKeys &builtin();

  /// Patterns of keys that change no result.
  const std::vector<std::string> &harmlessKeys() const { return harmless; }
  /// What the key would change with this value, "a bias"; empty if with this
  /// value it changes nothing, none if the key is not known.
  std::optional<llvm::StringRef> kindOf(llvm::StringRef key,
                                        const llvm::json::Value &value) const;
  /// The part of a layer that a tensor of this name is; empty if the name does
  /// not tell.
  llvm::StringRef kindOfTensor(llvm::StringRef name) const;

private:
  struct Kind {
    std::string name;
    std::vector<std::string> patterns;
    std::vector<llvm::json::Value> off;
  };
  std::vector<std::string> harmless;
  std::vector<Kind> kinds, tensors;
};

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_KNOWNKEYS_H
