//===- ConfigScope.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/ConfigScope.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <utility>

using namespace llvm;

namespace hamlet::frontend {

static constexpr int kMaxExpressionDepth = 32;

/// Recursive descent over one expression; the grammar is in the header.
struct ConfigScope::Parser {
  ConfigScope &scope;
  StringRef rest;
  const Node &field;
  int layer;
  std::set<std::string> keys;
  int depth = 0;

  json::Value fail(const Twine &message) {
    scope.problem->report(field.where() + ": " + message.str());
    rest = "";
    return nullptr;
  }
  bool take(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  json::Value sum() {
    if (++depth > kMaxExpressionDepth)
      return fail("the expression is nested too deep");
    json::Value left = product();
    while (!scope.problem->failed()) {
      if (take("+"))
        left = apply('+', left, product());
      else if (take("-"))
        left = apply('-', left, product());
      else
        break;
    }
    --depth;
    return left;
  }

  json::Value product() {
    json::Value left = primary();
    while (!scope.problem->failed()) {
      if (take("*"))
        left = apply('*', left, primary());
      else if (take("//"))
        left = apply('d', left, primary());
      else if (take("/"))
        left = apply('/', left, primary());
      else
        break;
    }
    return left;
  }

  json::Value primary() {
    if (take("(")) {
      json::Value inner = sum();
      if (!take(")"))
        return fail("expected ')' in the expression");
      return inner;
    }
    rest = rest.ltrim();
    if (!rest.empty() && (isDigit(rest[0]) || rest[0] == '.')) {
      StringRef digits =
          rest.take_while([](char c) { return isAlnum(c) || c == '.'; });
      rest = rest.drop_front(digits.size());
      int64_t integer = 0;
      double real = 0;
      if (!digits.getAsInteger(10, integer))
        return integer;
      if (!digits.getAsDouble(real) && std::isfinite(real))
        return real;
      return fail("'" + digits + "' is no number");
    }
    StringRef name =
        rest.take_while([](char c) { return isAlnum(c) || c == '_'; });
    if (name.empty())
      return fail("expected a number or a name in the expression, found '" +
                  rest.take_front(20) + "'");
    rest = rest.drop_front(name.size());
    if (name == "int" || name == "first" || name == "same")
      return call(name);
    Result result = scope.parameter(name.str(), layer, field);
    keys.insert(result.keys.begin(), result.keys.end());
    return result.value;
  }

  json::Value call(StringRef function) {
    bool isInt = function == "int";
    if (!take("("))
      return fail("expected '(' in the expression");
    json::Value chosen = nullptr;
    do {
      // Keys of what is not chosen are not to blame.
      std::set<std::string> before = keys;
      json::Value argument = sum();
      if (chosen.getAsNull())
        chosen = std::move(argument);
      else if (function == "same" && !argument.getAsNull() &&
               argument != chosen)
        return outside(chosen, argument, "values that should be one");
      else
        keys = before;
    } while (!isInt && !scope.problem->failed() && take(","));
    if (!take(")"))
      return fail("expected ')' in the expression");
    if (!isInt || chosen.getAsNull() || chosen.getAsInteger())
      return chosen;
    std::optional<double> number = chosen.getAsNumber();
    if (!number || std::fabs(*number) > 1e15)
      return fail("int(): expected a number, found " + shown(chosen));
    return static_cast<int64_t>(*number);
  }

  json::Value apply(char op, const json::Value &left,
                    const json::Value &right) {
    if (scope.problem->failed() || left.getAsNull() || right.getAsNull())
      return nullptr;
    std::optional<int64_t> a = left.getAsInteger(), b = right.getAsInteger();
    if (a && b && op != '/') {
      int64_t value = 0;
      bool overflow = false;
      if (op == '+')
        overflow = __builtin_add_overflow(*a, *b, &value);
      else if (op == '-')
        overflow = __builtin_sub_overflow(*a, *b, &value);
      else if (op == '*')
        overflow = __builtin_mul_overflow(*a, *b, &value);
      else if (*b <= 0)
        return outside(left, right,
                       "division by a number that is not positive");
      else
        value = *a / *b - (*a % *b < 0 ? 1 : 0);
      return overflow ? outside(left, right, "a result that is too large")
                      : json::Value(value);
    }
    std::optional<double> x = left.getAsNumber(), y = right.getAsNumber();
    if (!x || !y)
      return outside(left, right,
                     "arithmetic with something that is no number");
    double value = op == '+'   ? *x + *y
                   : op == '-' ? *x - *y
                   : op == '*' ? *x * *y
                               : *x / *y;
    if (op == 'd')
      value = std::floor(value);
    return std::isfinite(value)
               ? json::Value(value)
               : outside(left, right, "a result that is not finite");
  }

  json::Value outside(const json::Value &left, const json::Value &right,
                      StringRef what) {
    scope.problem->report(scope.path + ": " + join(keys, ", ") + ": " +
                          what.str() + " (" + shown(left) + ", " +
                          shown(right) + ") in " + field.where());
    return nullptr;
  }
};

const json::Value *ConfigScope::lookup(StringRef key) const {
  const json::Value *value = config;
  StringRef parent = "configuration";
  while (!key.empty()) {
    auto [head, tail] = key.split('.');
    const json::Object *object = value->getAsObject();
    if (!object && !value->getAsNull())
      problem->report((Twine(path) + ": " + parent +
                       ": expected an object, found " + shown(*value))
                          .str());
    value = object ? object->get(head) : nullptr;
    parent = head;
    if (!value)
      return nullptr;
    key = tail;
  }
  return value;
}

const json::Value *ConfigScope::lookupFirst(ArrayRef<std::string> keys,
                                            std::string &found) {
  const json::Value *value = nullptr;
  found = keys.empty() ? "" : keys.front();
  for (const std::string &key : keys) {
    const json::Value *candidate = lookup(key);
    markKnown(key);
    // A null says that there is none under this name.
    if (!candidate || (value && candidate->getAsNull()))
      continue;
    if (!value || value->getAsNull()) {
      value = candidate;
      found = key;
    } else if (*value != *candidate) {
      problem->report(
          (Twine(path) + ": " + found + ", " + key +
           ": two names of one thing disagree: expected equal values, found " +
           shown(*value) + " and " + shown(*candidate))
              .str());
    }
  }
  return value;
}

void ConfigScope::mismatch(const std::string &keys, const Twine &what,
                           const json::Value *found) {
  problem->report(path + ": " + keys + ": expected " + what.str() + ", found " +
                  (found ? shown(*found) : std::string("nothing")));
}

bool ConfigScope::applies(const Node &definition) {
  Node condition = definition.member("only_if");
  return !condition || boolean(condition, -1);
}

ConfigScope::Result ConfigScope::resolve(const std::string &name,
                                         const Node &definition) {
  definition.onlyKeys({"key", "default", "on_null", "only_if"});
  if (problem->failed())
    return {};
  std::vector<std::string> keys = definition.required("key").texts();
  if (!applies(definition)) {
    Result none;
    none.keys = {keys.empty() ? name : keys.front()};
    return none;
  }
  std::string found;
  const json::Value *value = lookupFirst(keys, found);
  Result result;
  Node substitute = definition.member(value ? "on_null" : "default");
  if (value && !value->getAsNull()) {
    result.value = *value;
  } else if (substitute) {
    result = evaluate(substitute, -1);
  } else if (!value) {
    problem->report(path + ": " + join(keys, " or ") + ": is missing");
  }
  // A substitute's own keys are where to look, beside this one.
  result.keys.insert(found);
  return result;
}

ConfigScope::Result ConfigScope::parameter(const std::string &name, int layer,
                                           const Node &user) {
  Result result;
  if (auto place = resolved.find(name); place != resolved.end()) {
    result = place->second;
  } else {
    Node definition = section.member(name);
    if (!definition) {
      problem->report(user.where() + ": '" + name +
                      "' is not defined in the config section");
      return {};
    }
    if (!resolving.insert(name).second) {
      problem->report(definition.where() + ": is defined by itself");
      return {};
    }
    result = resolve(name, definition);
    resolving.erase(name);
    resolved[name] = result;
  }
  // A list holds one entry per layer, or one for all.
  if (const json::Array *list = result.value.getAsArray();
      list && layer != kWholeList) {
    if (list->size() == 1) {
      json::Value only = list->front();
      result.value = std::move(only);
    } else if (layer >= 0 && static_cast<int64_t>(list->size()) == layers) {
      json::Value mine = (*list)[layer];
      result.value = std::move(mine);
    } else {
      mismatch(join(result.keys, ", "),
               layer >= 0 ? "one entry or one per layer (" + Twine(layers) + ")"
                          : Twine("one value"),
               &result.value);
      result.value = nullptr;
    }
  }
  return result;
}

ConfigScope::Result ConfigScope::evaluateText(StringRef expression,
                                              const Node &field, int layer) {
  Parser parser{*this, expression, field, layer, {}};
  Result result;
  result.value = parser.sum();
  result.keys = std::move(parser.keys);
  if (!problem->failed() && !parser.rest.trim().empty())
    parser.fail("unexpected '" + parser.rest.trim().take_front(20) +
                "' in the expression");
  return result;
}

ConfigScope::Result ConfigScope::evaluate(const Node &field, int layer) {
  if (problem->failed())
    return {};
  if (std::optional<StringRef> expression = field.get().getAsString())
    return evaluateText(*expression, field, layer);
  if (field.get().getAsObject()) { // {text: silu}: a text, not an expression
    field.onlyKeys({"text"});
    return {field.required("text").text(), {}};
  }
  return {field.get(), {}};
}

std::string ConfigScope::describe(const Result &result,
                                  const Node &field) const {
  return result.keys.empty() ? field.where()
                             : path + ": " + join(result.keys, ", ");
}

int64_t ConfigScope::integer(const Node &field, int layer, int64_t min,
                             int64_t max, std::optional<int64_t> fallback) {
  if (!field && fallback)
    return *fallback;
  std::optional<int64_t> value;
  if (!field) {
    problem->report(field.where() + ": is missing");
    return min;
  }
  Result result = evaluate(field, layer);
  if (!problem->failed()) {
    value = result.value.getAsInteger();
    if (!value || *value < min || *value > max) {
      problem->report(describe(result, field) +
                      ": expected a whole number from " + std::to_string(min) +
                      " to " + std::to_string(max) + ", found " +
                      shown(result.value));
      return min;
    }
  }
  return value.value_or(min);
}

std::optional<int64_t> ConfigScope::optionalInteger(const Node &field,
                                                    int layer, int64_t min,
                                                    int64_t max) {
  if (!field || evaluate(field, layer).value.getAsNull())
    return std::nullopt;
  return integer(field, layer, min, max);
}

double ConfigScope::real(const Node &field, int layer, double min, double max,
                         std::optional<double> fallback) {
  if (!field && fallback)
    return *fallback;
  if (!field) {
    problem->report(field.where() + ": is missing");
    return min;
  }
  Result result = evaluate(field, layer);
  if (problem->failed())
    return min;
  std::optional<double> value = result.value.getAsNumber();
  if (!value || !(*value >= min && *value <= max)) {
    std::string range;
    raw_string_ostream(range) << format("%g to %g", min, max);
    problem->report(describe(result, field) + ": expected a number from " +
                    range + ", found " + shown(result.value));
    return min;
  }
  return *value;
}

bool ConfigScope::boolean(const Node &field, int layer,
                          std::optional<bool> fallback) {
  if (!field && fallback)
    return *fallback;
  if (!field) {
    problem->report(field.where() + ": is missing");
    return false;
  }
  Result result = evaluate(field, layer);
  if (problem->failed())
    return false;
  if (std::optional<bool> value = result.value.getAsBoolean())
    return *value;
  problem->report(describe(result, field) + ": expected true or false, found " +
                  shown(result.value));
  return false;
}

bool ConfigScope::nonzero(const Node &field) {
  if (!field)
    return true;
  json::Value value = evaluateWhole(field).value;
  auto isSet = [](const json::Value &entry) {
    return !entry.getAsNull() && entry != json::Value(false) &&
           entry.getAsNumber().value_or(1) != 0;
  };
  if (const json::Array *list = value.getAsArray())
    return any_of(*list, isSet);
  return isSet(value);
}

bool ConfigScope::isGiven(const Node &field) {
  if (!field)
    return false;
  std::set<std::string> keys = evaluateWhole(field).keys;
  return any_of(keys, [&](const std::string &key) {
    const json::Value *value = lookup(key);
    return value && !value->getAsNull();
  });
}

std::set<std::string> ConfigScope::knownKeys() const {
  std::set<std::string> names = known;
  if (const json::Object *definitions = section.object())
    for (const auto &entry : *definitions)
      for (const std::string &key :
           section.member(entry.first).member("key").texts())
        names.insert(key);
  return names;
}

std::vector<std::pair<std::string, const json::Value *>>
ConfigScope::unknown() const {
  std::set<std::string> names = knownKeys();
  std::vector<std::pair<std::string, const json::Value *>> result;
  auto walk = [&](const json::Object &object, const std::string &prefix,
                  auto &self) -> void {
    for (const auto &entry : object) {
      std::string key = prefix + entry.first.str();
      if (names.count(key))
        continue;
      auto below = names.lower_bound(key + ".");
      const json::Object *members = entry.second.getAsObject();
      if (members && below != names.end() &&
          StringRef(*below).starts_with(key + "."))
        self(*members, key + ".", self);
      else
        result.emplace_back(key, &entry.second);
    }
  };
  if (const json::Object *object = config->getAsObject())
    walk(*object, "", walk);
  // The object's own order differs between runs.
  llvm::sort(result, llvm::less_first());
  return result;
}

std::vector<Setting> ConfigScope::settings() {
  std::vector<Setting> result;
  // Defaults that this model does not need may not be computable.
  Problem unneeded;
  Problem *problems = std::exchange(problem, &unneeded);
  std::set<std::string> names;
  for (const auto &entry : resolved)
    names.insert(entry.getKey().str());
  for (const std::string &name : names) {
    Node definition = section.member(name);
    if (!applies(definition))
      continue;
    Setting setting;
    setting.keys = definition.member("key").texts();
    setting.value = formatv("{0}", resolved.find(name)->second.value);
    for (auto [text, part] : {std::pair{&setting.absent, "default"},
                              std::pair{&setting.null, "on_null"}})
      if (Node substitute = definition.member(part))
        *text = formatv("{0}", evaluate(substitute, -1).value);
    unneeded = Problem();
    result.push_back(std::move(setting));
  }
  problem = problems;
  return result;
}

std::vector<int64_t> ConfigScope::integers(const Node &field, int64_t min,
                                           int64_t max) {
  std::vector<int64_t> values;
  if (!field)
    return values;
  Result result = evaluateWhole(field);
  if (problem->failed() || result.value.getAsNull())
    return values;
  auto add = [&](const json::Value &entry) {
    std::optional<int64_t> value = entry.getAsInteger();
    if (value && *value >= min && *value <= max)
      values.push_back(*value);
    else
      problem->report(describe(result, field) +
                      ": expected whole numbers from " + std::to_string(min) +
                      " to " + std::to_string(max) + ", found " +
                      shown(result.value));
  };
  if (const json::Array *list = result.value.getAsArray())
    for (const json::Value &entry : *list)
      add(entry);
  else
    add(result.value);
  return values;
}

size_t ConfigScope::choice(const Node &field, int layer,
                           ArrayRef<StringRef> choices,
                           std::optional<size_t> fallback) {
  if (!field && fallback)
    return *fallback;
  if (!field) {
    problem->report(field.where() + ": is missing");
    return 0;
  }
  auto indexOf = [&](const Node &node) -> size_t {
    std::string name = node.text();
    const auto *place = find(choices, StringRef(name));
    if (place == choices.end()) {
      node.expected("one of " + join(choices, ", "));
      return 0;
    }
    return place - choices.begin();
  };
  if (!field.get().getAsObject())
    return indexOf(field);
  field.onlyKeys({"of", "values"});
  Node of = field.required("of"), values = field.required("values");
  const json::Object *table = values.object();
  if (problem->failed() || !table)
    return 0;
  Result result = evaluate(of, layer);
  if (problem->failed())
    return 0;
  std::string key = scalarText(result.value);
  if (!table->get(key)) {
    std::set<std::string> known; // Sorted: an object's own order is not stable.
    for (const auto &entry : *table)
      known.insert(entry.first.str());
    problem->report(describe(result, of) + ": expected one of " +
                    join(known, ", ") + ", found " + shown(result.value));
    return 0;
  }
  return indexOf(values.member(key));
}

std::string scalarText(const json::Value &value) {
  if (std::optional<StringRef> text = value.getAsString())
    return text->str();
  return shown(value);
}

} // namespace hamlet::frontend
