//===- Builtins.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Builtins.h"

#include "text/chat/Interpreter.h"

#include <algorithm>
#include <unordered_map>

namespace hamlet::text::chat {

namespace {

template <typename Each>
void forEachWord(std::string_view words, const Each &each) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    each(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

using ByName = std::unordered_map<std::string_view, Builtin>;

ByName byName(std::initializer_list<Builtins> tables) {
  ByName all;
  for (const Builtins &table : tables)
    for (const Builtin &builtin : table)
      all.emplace(builtin.name, builtin);
  return all;
}

const Builtin *find(const ByName &all, std::string_view name) {
  auto found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

const ByName &methodsOfKind(Kind kind) {
  static const ByName text = byName({methodsOfText()});
  static const ByName lists = byName({methodsOfLists()});
  static const ByName dicts = byName({methodsOfDicts()});
  static const ByName loops = byName({methodsOfLoops()});
  static const ByName none;
  switch (kind) {
  case Kind::String:
    return text;
  case Kind::List:
  case Kind::Tuple:
  case Kind::Range:
    return lists;
  case Kind::Dict:
    return dicts;
  case Kind::Loop:
    return loops;
  default:
    return none;
  }
}

} // namespace

Builtin::Builtin(std::string_view name, std::string_view words, Call call)
    : name(name), call(call) {
  forEachWord(words, [&](std::string_view word) {
    if (word == "*" || word == "**") {
      variadic = true;
      anyName = word == "**";
    } else if (word == "/") {
      withoutName = parameters.size();
    } else {
      if (word.back() == '?')
        word.remove_suffix(1);
      else
        required = parameters.size() + 1;
      parameters.push_back(word);
    }
  });
}

void checkCall(const Builtin &builtin, const std::string &what, size_t values,
               const std::vector<std::string_view> &names) {
  const std::vector<std::string_view> &parameters = builtin.parameters;
  if (values > parameters.size() && !builtin.variadic)
    fail(what, " takes at most ", std::to_string(parameters.size()),
         " values, and is given ", std::to_string(values));
  std::vector<bool> given(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i)
    given[i] = i < values;
  for (std::string_view name : names) {
    auto found = std::find(parameters.begin() +
                               static_cast<ptrdiff_t>(builtin.withoutName),
                           parameters.end(), name);
    if (found == parameters.end()) {
      if (builtin.anyName)
        continue;
      fail(what, " has no parameter '", std::string(name), "'");
    }
    const size_t at = found - parameters.begin();
    if (given[at])
      fail(what, " is given '", std::string(name), "' twice");
    given[at] = true;
  }
  for (size_t i = 0; i < builtin.required; ++i)
    if (!given[i])
      fail(what, " needs '", std::string(parameters[i]), "'");
}

void bindArguments(const Builtin &builtin, const std::string &what,
                   Arguments &arguments) {
  std::vector<std::string_view> names;
  names.reserve(arguments.named.size());
  for (const auto &named : arguments.named)
    names.push_back(named.first->text);
  checkCall(builtin, what, arguments.values.size(), names);
  const std::vector<std::string_view> &parameters = builtin.parameters;
  if (arguments.values.size() < parameters.size())
    arguments.values.resize(parameters.size(), Value::absent());
  NamedValues others;
  for (const auto &[name, value] : arguments.named) {
    auto found = std::find(parameters.begin() +
                               static_cast<ptrdiff_t>(builtin.withoutName),
                           parameters.end(), name->text);
    if (found == parameters.end())
      others.emplace_back(name, value);
    else
      arguments.values[found - parameters.begin()] = value;
  }
  arguments.named = std::move(others);
}

const Builtin *findFilter(std::string_view name) {
  static const ByName all =
      byName({filtersOfText(), filtersOfLists(), filtersOfItems()});
  return find(all, name);
}

const Builtin *findTest(std::string_view name) {
  static const ByName all = byName({tests()});
  return find(all, name);
}

const Builtin *findMethod(Kind kind, std::string_view name) {
  return find(methodsOfKind(kind), name);
}

bool isMethodOfAny(std::string_view name) {
  for (Kind kind : {Kind::String, Kind::List, Kind::Dict, Kind::Loop})
    if (findMethod(kind, name))
      return true;
  return false;
}

const char *whyNoMethod(std::string_view name) {
  struct Reason {
    std::string_view names;
    const char *why;
  };
  static constexpr Reason kReasons[] = {
      {"append clear pop reverse insert sort extend remove popitem setdefault "
       "update",
       "it changes a value, which transformers' sandbox forbids; use a "
       "namespace, and '+' for lists"},
      {"format_map", "use format"},
      {"encode translate maketrans casefold expandtabs isidentifier",
       "no published template needs it; use another method or a filter"}};
  for (const Reason &reason : kReasons) {
    bool listed = false;
    forEachWord(reason.names,
                [&](std::string_view word) { listed |= word == name; });
    if (listed)
      return reason.why;
  }
  return nullptr;
}

bool hasPythonAttribute(Kind kind, std::string_view name) {
  auto listed = [&](std::string_view names) {
    bool found = false;
    forEachWord(names, [&](std::string_view word) { found |= word == name; });
    return found;
  };
  constexpr std::string_view kInt =
      "as_integer_ratio bit_count bit_length conjugate denominator from_bytes "
      "imag numerator real to_bytes";
  switch (kind) {
  case Kind::String:
    return findMethod(kind, name) ||
           listed("encode translate maketrans casefold expandtabs isidentifier "
                  "format_map");
  case Kind::List:
    return listed("append clear copy count extend index insert pop remove "
                  "reverse sort");
  case Kind::Tuple:
    return listed("count index");
  case Kind::Range:
    return listed("count index start step stop");
  case Kind::Dict:
    return listed("clear copy fromkeys get items keys pop popitem setdefault "
                  "update values");
  case Kind::View:
    return listed("isdisjoint mapping");
  case Kind::Bool:
  case Kind::Int:
    return listed(kInt);
  case Kind::Float:
    return listed(
        "as_integer_ratio conjugate fromhex hex imag is_integer real");
  case Kind::Loop:
    return findMethod(kind, name);
  case Kind::Macro:
    return listed("arguments catch_kwargs catch_varargs caller "
                  "explicit_caller name");
  default:
    return false;
  }
}

std::string textOf(Interpreter &in, const Value &value) {
  if (value.isString())
    in.values().workOnText(value.text().size());
  return toText(in.values(), value);
}

const std::string &mustBeText(Interpreter &in, const Value &value,
                              const char *what) {
  mustBeDefined(value);
  if (!value.isString())
    fail(what, " is a string, not ", typeName(value));
  in.values().workOnText(value.text().size());
  return value.text();
}

int64_t mustBeInt(const Value &value, const char *what) {
  mustBeDefined(value);
  if (!value.isInteger())
    fail(what, " is an int, not ", typeName(value));
  return value.asInt();
}

} // namespace hamlet::text::chat
