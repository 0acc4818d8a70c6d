//===- Builtins.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_BUILTINS_H
#define HAMLET_TEXT_CHAT_BUILTINS_H

#include "text/chat/Value.h"

#include <string_view>
#include <utility>
#include <vector>

/// The filters, tests, methods and functions that templates may name, each with
/// its parameters, so that a wrong call is told when the template is read.
namespace hamlet::text::chat {

class Interpreter;

using NamedValues = std::vector<std::pair<const StringObject *, Value>>;

/// Of one call, after binding: a value for each parameter, Absent where none
/// was given, then what `variadic` takes. A filter's first is what is filtered,
/// a test's what is tested, a method's the value it belongs to.
struct Arguments {
  std::vector<Value> values;
  NamedValues named; ///< Only of those that take any name.

  const Value &operator[](size_t i) const { return values[i]; }
  bool has(size_t i) const {
    return i < values.size() && !values[i].isAbsent();
  }
  Value orElse(size_t i, const Value &preset) const {
    return has(i) ? values[i] : preset;
  }
};

struct Builtin {
  using Call = Value (*)(Interpreter &, Arguments &);

  /// `parameters` are names with spaces between, "old new count?"; a `?` may be
  /// left out, a last `*` is any number of values, `**` any names too, `/`
  /// makes those before it without names.
  Builtin(std::string_view name, std::string_view parameters, Call call);

  std::string_view name;
  std::vector<std::string_view> parameters;
  size_t required = 0;
  size_t withoutName = 0;
  bool variadic = false;
  bool anyName = false;
  Call call;
};

/// Fails if `builtin` cannot be called with so many values and these names.
/// `what` names it in errors: "filter 'join'".
void checkCall(const Builtin &builtin, const std::string &what, size_t values,
               const std::vector<std::string_view> &names);
/// The same, and puts the values where they belong.
void bindArguments(const Builtin &builtin, const std::string &what,
                   Arguments &arguments);

// Null if there is none of that name.
const Builtin *findFilter(std::string_view name);
const Builtin *findTest(std::string_view name);
const Builtin *findMethod(Kind kind, std::string_view name);
/// Whether values of some kind have a method of that name.
bool isMethodOfAny(std::string_view name);
/// Whether Python's type has a public attribute of that name, supported or not.
bool hasPythonAttribute(Kind kind, std::string_view name);
/// Why a method that Python has may not be called; null if it may, or Python
/// has none.
const char *whyNoMethod(std::string_view name);

struct Function {
  Builtin builtin;
};
/// `range`, `namespace`, `dict`, `raise_exception`, `strftime_now`.
const std::vector<Function> &functions();

// The tables, one a file.
using Builtins = std::vector<Builtin>;
Builtins filtersOfText();
Builtins filtersOfLists();
Builtins filtersOfItems(); ///< `map`, `select` and their kind.
Builtins tests();
Builtins methodsOfText();
Builtins methodsOfLists();
Builtins methodsOfDicts();
Builtins methodsOfLoops();

// What their implementations share.

/// The text of argument `i` as Python's str() of it, and the work of going
/// through it.
std::string textOf(Interpreter &in, const Value &value);
/// A string argument; fails if it is another value. `what` names it.
const std::string &mustBeText(Interpreter &in, const Value &value,
                              const char *what);
/// An int (or bool) argument.
int64_t mustBeInt(const Value &value, const char *what);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_BUILTINS_H
