//===- ConfigScope.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_CONFIGSCOPE_H
#define HAMLET_FRONTEND_CONFIGSCOPE_H

#include "container/Configuration.h"
#include "frontend/Document.h"

#include "llvm/ADT/StringMap.h"

#include <limits>
#include <optional>
#include <set>

namespace hamlet::frontend {

/// A text as it is, anything else as compact JSON: how keys of a `values` table
/// are spelt.
std::string scalarText(const llvm::json::Value &value);

/// The values that a description's `config` section takes from a configuration,
/// and the expressions over them.
///
/// A value is a number, true or false, a text, a list (one entry per layer, or
/// one for all) or none. An expression has numbers, names, + - * / (exact), //
/// (rounded down), parentheses, int(x) (towards zero), first(a, b, ...) (the
/// first that is not none) and same(a, b, ...) (likewise, and all that are not
/// none must be equal); arithmetic with none gives none.
class ConfigScope {
public:
  /// `config` is the configuration at `path`; both nodes must outlive the
  /// scope.
  ConfigScope(Node section, const llvm::json::Value &config, std::string path,
              Problem &problem)
      : section(std::move(section)), config(&config), path(std::move(path)),
        problem(&problem) {}

  /// A field of the description, at `layer` (-1: none in particular): a literal
  /// or an expression. `fallback` is for an absent field; without one it is
  /// required. Reports values outside [min, max] and returns one inside.
  int64_t integer(const Node &field, int layer, int64_t min, int64_t max,
                  std::optional<int64_t> fallback = std::nullopt);
  /// Same; none is allowed and is the answer for an absent field.
  std::optional<int64_t> optionalInteger(const Node &field, int layer,
                                         int64_t min, int64_t max);
  double real(const Node &field, int layer, double min, double max,
              std::optional<double> fallback = std::nullopt);
  bool boolean(const Node &field, int layer,
               std::optional<bool> fallback = std::nullopt);
  /// A list of integers, one integer or none.
  std::vector<int64_t> integers(const Node &field, int64_t min, int64_t max);

  /// False if the expression is none, false, 0 or a list of those; true for an
  /// absent field.
  bool nonzero(const Node &field);

  /// One of `choices`: its name, or {of: name, values: {<text in the
  /// configuration>: <its name>}}. `fallback` is the index for an absent field.
  size_t choice(const Node &field, int layer,
                llvm::ArrayRef<llvm::StringRef> choices,
                std::optional<size_t> fallback = std::nullopt);

  /// The value at a key of the configuration, "a.b" being b in object a; null
  /// if absent.
  const llvm::json::Value *lookup(llvm::StringRef key) const;
  /// The first of `keys` that the configuration has, and its name in `found`;
  /// one that is null only if all are that are there. Reports two that
  /// disagree.
  const llvm::json::Value *lookupFirst(llvm::ArrayRef<std::string> keys,
                                       std::string &found);

  /// True if the configuration itself has the value of the field, not only a
  /// default for it.
  bool isGiven(const Node &field);

  /// Says that the description knows the key, whatever its value.
  void markKnown(llvm::StringRef key) { known.insert(key.str()); }
  /// Those keys, and all for which the `config` section has names.
  std::set<std::string> knownKeys() const;
  /// The keys of the configuration that the description does not know, with
  /// their values: within an object of which it knows members, "a.b".
  std::vector<std::pair<std::string, const llvm::json::Value *>>
  unknown() const;

  /// The values that were taken, for the container. After everything was
  /// resolved without a problem.
  std::vector<Setting> settings();

  void setLayers(int64_t count) { layers = count; }
  int64_t layerCount() const { return layers; }
  const std::string &file() const { return path; }
  /// "<path>: <keys>: expected <what>, found <value>".
  void mismatch(const std::string &keys, const llvm::Twine &what,
                const llvm::json::Value *found);

private:
  /// A value and the configuration keys that it came from.
  struct Result {
    llvm::json::Value value = nullptr;
    std::set<std::string> keys;
  };
  struct Parser;

  static constexpr int kWholeList =
      -2; ///< In place of a layer: a list stays one.

  Result evaluate(const Node &field, int layer);
  Result evaluateWhole(const Node &field) {
    return evaluate(field, kWholeList);
  }
  Result parameter(const std::string &name, int layer, const Node &user);
  Result resolve(const std::string &name, const Node &definition);
  /// False if the definition's `only_if` is.
  bool applies(const Node &definition);
  Result evaluateText(llvm::StringRef expression, const Node &field, int layer);
  std::string describe(const Result &result, const Node &field) const;

  Node section;
  const llvm::json::Value *config;
  std::string path;
  Problem *problem;
  int64_t layers = -1;
  llvm::StringMap<Result> resolved;
  std::set<std::string> resolving;
  std::set<std::string> known; ///< Keys, as descriptions spell them.
};

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_CONFIGSCOPE_H
