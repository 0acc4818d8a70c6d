//===- Configuration.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Configuration.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace hamlet {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMaxFileBytes = 16 << 20;
constexpr size_t kShownBytes = 80;

std::string shown(const json &value) {
  std::string text = value.dump(-1, ' ', true);
  if (text.size() > kShownBytes)
    text = text.substr(0, kShownBytes) + "...";
  return text;
}

/// Null for what is no JSON; without what is nested deeper than any value that
/// matters.
json parsed(std::string_view text) {
  constexpr int kMaxDepth = 64;
  auto shallow = [](int depth, json::parse_event_t, json &) {
    return depth < kMaxDepth;
  };
  json value = json::parse(text, shallow, /*allow_exceptions=*/false);
  return value.is_discarded() ? json() : value;
}

bool isOneOf(char c, std::string_view characters) {
  return characters.find(c) != std::string_view::npos;
}

/// The value at "a.b"; null if nothing is there.
const json *find(const json &root, std::string_view key) {
  const json *value = &root;
  while (!key.empty()) {
    size_t dot = std::min(key.find('.'), key.size());
    if (!value->is_object())
      return nullptr;
    // A name may have dots of its own.
    if (auto whole = value->find(key); whole != value->end())
      return &*whole;
    auto member = value->find(key.substr(0, dot));
    if (member == value->end())
      return nullptr;
    value = &*member;
    key.remove_prefix(std::min(dot + 1, key.size()));
  }
  return value;
}

/// One spelling of what means the same: a list of one for one for all layers.
json canonical(const json &value, const Setting &setting) {
  if (value.is_array() && value.size() == 1)
    return canonical(value.front(), setting);
  json result = value;
  auto respell = [&](json &entry) {
    if (entry.is_structured())
      return;
    auto other = setting.spelling.find(
        entry.is_string() ? entry.get<std::string>() : entry.dump());
    if (other != setting.spelling.end())
      entry = other->second;
  };
  if (result.is_array())
    std::ranges::for_each(result, respell);
  else
    respell(result);
  return result;
}

/// A line if `config` says otherwise, else "".
std::string difference(const Setting &setting, const json &config) {
  json found = parsed(setting.absent);
  std::string key = setting.keys.front();
  bool present = false;
  for (const std::string &name : setting.keys) {
    const json *candidate = find(config, name);
    if (!candidate || (present && candidate->is_null()))
      continue;
    found = candidate->is_null() ? parsed(setting.null) : *candidate;
    key = name;
    present = true;
    if (!candidate->is_null())
      break;
  }
  json compiled = parsed(setting.value);
  auto same = [&](const json &other) {
    return canonical(found, setting) == canonical(other, setting);
  };
  if (same(compiled) || std::ranges::any_of(setting.alike, [&](const auto &o) {
        return same(parsed(o));
      }))
    return "";
  return key + ": compiled with " + shown(compiled) + ", found " +
         (present ? shown(found) : "none, which means " + shown(found));
}

/// Adds keys of `object` that the model was compiled without and that might
/// matter. `names` are the keys of settings.
void addUnknown(const json &object, const std::string &prefix,
                const std::set<std::string> &names,
                const HarmlessKeys &harmless, std::vector<std::string> &lines) {
  for (const auto &[name, value] : object.items()) {
    std::string key = prefix + name;
    bool none = value.is_null() || value == false ||
                (value.is_structured() && value.empty());
    if (none || names.contains(key) || matchesAny(harmless.patterns, key))
      continue;
    auto below = names.lower_bound(key + ".");
    if (value.is_object() && below != names.end() &&
        below->starts_with(key + "."))
      addUnknown(value, key + ".", names, harmless, lines);
    else
      lines.push_back(key + ": compiled without it, found " + shown(value));
  }
}

/// A JSON file; nothing if it is not there. What is no object is a line.
std::optional<json> readConfig(const std::filesystem::path &path,
                               std::vector<std::string> &lines) {
  std::error_code code;
  uint64_t size = std::filesystem::file_size(path, code);
  std::ifstream in(path, std::ios::binary);
  if (code || !in)
    return std::nullopt;
  std::string text;
  if (size <= kMaxFileBytes)
    text.assign(std::istreambuf_iterator<char>(in), {});
  json config = parsed(quoteNonFinite(text));
  if (config.is_object())
    return config;
  lines.push_back(path.string() + " is not a JSON object");
  return std::nullopt;
}

} // namespace

std::string entryText(const Setting &setting) {
  ordered_json entry;
  entry["setting"] = setting.keys;
  entry["file"] = setting.file;
  for (const auto &[name, text] :
       {std::pair{"value", &setting.value},
        std::pair{"absent", &setting.absent}, std::pair{"null", &setting.null}})
    if (json value = parsed(*text); !value.is_null())
      entry[name] = value;
  if (!setting.alike.empty()) {
    ordered_json &list = entry["alike"] = ordered_json::array();
    for (const std::string &text : setting.alike)
      list.push_back(ordered_json(parsed(text)));
  }
  if (!setting.spelling.empty())
    entry["spelling"] = setting.spelling;
  return entry.dump(-1, ' ', true);
}

std::string entryText(const IgnoredTensors &ignored) {
  return ordered_json{{"ignored_tensors", ignored.pattern},
                      {"reason", ignored.reason}}
      .dump(-1, ' ', true);
}

std::string entryText(const HarmlessKeys &keys) {
  return ordered_json{{"harmless_keys", keys.patterns}}.dump(-1, ' ', true);
}

ConfigurationEntries readEntries(const std::vector<std::string> &entries) {
  ConfigurationEntries result;
  for (const std::string &text : entries) {
    json entry = parsed(text);
    auto string = [&](const char *key) {
      const json *value = find(entry, key);
      return value && value->is_string() ? value->get<std::string>() : "";
    };
    auto fragment = [&](const char *key) {
      const json *value = find(entry, key);
      return value ? value->dump() : std::string("null");
    };
    auto isTexts = [](const json *list) {
      return list && list->is_array() &&
             std::ranges::all_of(
                 *list, [](const json &text) { return text.is_string(); });
    };
    const json *keys = find(entry, "setting");
    if (const json *harmless = find(entry, "harmless_keys");
        isTexts(harmless)) {
      result.harmless.patterns = harmless->get<std::vector<std::string>>();
    } else if (std::string pattern = string("ignored_tensors");
               !pattern.empty()) {
      result.ignored.push_back({pattern, string("reason")});
    } else if (isTexts(keys) && !keys->empty()) {
      Setting setting;
      setting.file = string("file");
      setting.keys = keys->get<std::vector<std::string>>();
      setting.value = fragment("value");
      setting.absent = fragment("absent");
      setting.null = fragment("null");
      if (const json *list = find(entry, "alike"); list && list->is_array())
        for (const json &value : *list)
          setting.alike.push_back(value.dump());
      if (const json *table = find(entry, "spelling"))
        for (const auto &[from, to] : table->items())
          if (to.is_string())
            setting.spelling[from] = to.get<std::string>();
      // The file stands beside the weights, nowhere else.
      if (!setting.file.empty() &&
          std::filesystem::path(setting.file).filename() == setting.file)
        result.settings.push_back(std::move(setting));
    }
  }
  return result;
}

std::vector<std::string> differences(const ConfigurationEntries &entries,
                                     const std::string &directory) {
  std::vector<std::string> lines;
  std::map<std::string, std::optional<json>> files;
  std::set<std::string> names;
  for (const Setting &setting : entries.settings) {
    auto [place, isNew] = files.try_emplace(setting.file);
    if (isNew)
      place->second =
          readConfig(std::filesystem::path(directory) / setting.file, lines);
    if (!place->second)
      continue;
    if (std::string line = difference(setting, *place->second); !line.empty())
      lines.push_back(line);
    if (setting.file == kConfigFile)
      names.insert(setting.keys.begin(), setting.keys.end());
  }
  auto config = files.find(kConfigFile);
  if (config != files.end() && config->second &&
      !entries.harmless.patterns.empty())
    addUnknown(*config->second, "", names, entries.harmless, lines);
  return lines;
}

bool matchesPattern(std::string_view pattern, std::string_view name) {
  size_t star = std::string_view::npos, resume = 0, p = 0, n = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool matchesAny(const std::vector<std::string> &patterns,
                std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a')
                                : static_cast<char>(c);
  });
  return std::ranges::any_of(patterns, [&](const std::string &pattern) {
    return matchesPattern(pattern, lower);
  });
}

const IgnoredTensors *findIgnored(const std::vector<IgnoredTensors> &ignored,
                                  std::string_view name) {
  auto found = std::ranges::find_if(ignored, [&](const IgnoredTensors &entry) {
    return matchesPattern(entry.pattern, name);
  });
  return found == ignored.end() ? nullptr : &*found;
}

std::string quoteNonFinite(std::string_view json) {
  constexpr std::string_view kWords[] = {"-Infinity", "Infinity", "NaN"};
  std::string result;
  bool inString = false, inWord = false;
  for (size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (inString) {
      result += c;
      if (c == '\\' && i + 1 < json.size())
        result += json[++i];
      else if (c == '"')
        inString = false;
      continue;
    }
    // Not in the middle of another word.
    const auto *word = std::ranges::find_if(kWords, [&](std::string_view w) {
      return !inWord && json.substr(i).starts_with(w) &&
             (i + w.size() == json.size() ||
              isOneOf(json[i + w.size()], ",]} \t\r\n"));
    });
    if (word != std::end(kWords)) {
      result.append("\"").append(*word).append("\"");
      i += word->size() - 1;
      continue;
    }
    result += c;
    inString = c == '"';
    inWord = !isOneOf(c, ",:[{ \t\r\n");
  }
  return result;
}

} // namespace hamlet
