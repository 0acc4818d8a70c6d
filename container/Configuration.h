//===- Configuration.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_CONFIGURATION_H
#define HAMLET_CONTAINER_CONFIGURATION_H

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What a container keeps of the configuration that it was compiled from: one
/// JSON object a line in the entries of its provenance. The compiler writes
/// them; the loader compares them with the checkpoint that it is given. Without
/// LLVM; nothing here throws or prints.
namespace hamlet {

constexpr const char *kConfigFile = "config.json";

/// A value that the model was compiled with, and how a configuration says it.
struct Setting {
  std::string file = kConfigFile; ///< Beside the weights.
  /// Names of the value, "a.b" being b in object a; the first that is neither
  /// absent nor null counts.
  std::vector<std::string> keys;
  /// JSON texts: the value compiled, and what an absent key and a null one
  /// mean.
  std::string value = "null", absent = "null", null = "null";
  /// If there are any, each of them is as good as `value`.
  std::vector<std::string> alike;
  /// Other spellings of values, or of the entries of a list.
  std::map<std::string, std::string> spelling;
};

/// Tensors that the model computes or does without.
struct IgnoredTensors {
  std::string pattern; ///< * is any text.
  std::string reason;
};

/// Keys of a configuration that change no result, as patterns in lower case.
struct HarmlessKeys {
  std::vector<std::string> patterns;
};

std::string entryText(const Setting &setting);
std::string entryText(const IgnoredTensors &ignored);
std::string entryText(const HarmlessKeys &keys);

struct ConfigurationEntries {
  std::vector<Setting> settings;
  std::vector<IgnoredTensors> ignored;
  HarmlessKeys harmless; ///< Empty: nothing is known of them.
};
/// Entries that are none of these are skipped.
ConfigurationEntries readEntries(const std::vector<std::string> &entries);

/// What the files in `directory` say otherwise, one line a setting:
/// "rope_theta: compiled with 10000000, found 10000", and keys of `config.json`
/// that are neither a setting's nor harmless. A folder without a file says
/// nothing of it; a file that cannot be read is a line.
std::vector<std::string> differences(const ConfigurationEntries &entries,
                                     const std::string &directory);

/// True if `name` is `pattern` with any text for each *.
bool matchesPattern(std::string_view pattern, std::string_view name);
/// The same of any pattern, whatever the case of `name`.
bool matchesAny(const std::vector<std::string> &patterns,
                std::string_view name);
/// The first whose pattern has `name`; null if there is none.
const IgnoredTensors *findIgnored(const std::vector<IgnoredTensors> &ignored,
                                  std::string_view name);

/// JSON as Python writes it, with `NaN`, `Infinity` and `-Infinity` for
/// numbers, made valid: they become texts.
std::string quoteNonFinite(std::string_view json);

} // namespace hamlet

#endif // HAMLET_CONTAINER_CONFIGURATION_H
