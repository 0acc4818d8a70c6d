//===- Methods.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Methods of lists, dicts and `loop`, and the functions that templates have.
#include "text/chat/Interpreter.h"

#include <array>

namespace hamlet::text::chat {
namespace {

//===- Lists, tuples, ranges ----------------------------------------------===//

Value countItem(Interpreter &in, Arguments &a) {
  int64_t found = 0;
  for (const Value &item : iterate(in.values(), a[0]))
    found += equal(in.values(), item, a[1]);
  return Value::integer(found);
}

Value indexOfItem(Interpreter &in, Arguments &a) {
  const std::vector<Value> items = iterate(in.values(), a[0]);
  auto bound = [&](size_t i, int64_t preset) {
    if (!a.has(i))
      return preset;
    const int64_t at = mustBeInt(a[i], "a place in a list");
    return at < 0
               ? std::max<int64_t>(at + static_cast<int64_t>(items.size()), 0)
               : at;
  };
  const auto size = static_cast<int64_t>(items.size());
  const int64_t stop = std::min(bound(3, size), size);
  for (int64_t i = bound(2, 0); i < stop; ++i)
    if (equal(in.values(), items[i], a[1]))
      return Value::integer(i);
  fail("the list does not have what is looked for; use 'in' before");
}

Value copyOf(Interpreter &in, Arguments &a) {
  return in.values().list(iterate(in.values(), a[0]));
}

//===- Dicts --------------------------------------------------------------===//

template <ViewObject::Part Part> Value view(Interpreter &in, Arguments &a) {
  return in.values().view(a[0].dict(), Part);
}

Value get(Interpreter &in, Arguments &a) {
  const Value *found = findKey(in.values(), *a[0].dict(), a[1]);
  return found ? *found : a.orElse(2, Value::none());
}

Value copyOfDict(Interpreter &in, Arguments &a) {
  return in.values().dict(a[0].dict()->entries);
}

//===- loop ---------------------------------------------------------------===//

Value cycle(Interpreter &, Arguments &a) {
  if (a.values.size() < 2)
    fail("loop.cycle needs values");
  const auto count = static_cast<int64_t>(a.values.size() - 1);
  return a[1 + a[0].loop()->index0 % count];
}

Value changed(Interpreter &in, Arguments &a) {
  LoopObject &loop = *a[0].loop();
  const std::vector<Value> now(a.values.begin() + 1, a.values.end());
  bool isSame = loop.hasChanged && loop.changed.size() == now.size();
  for (size_t i = 0; isSame && i < now.size(); ++i)
    isSame = equal(in.values(), loop.changed[i], now[i]);
  loop.hasChanged = true;
  loop.changed = now;
  return Value::boolean(!isSame);
}

//===- Functions ----------------------------------------------------------===//

Value range(Interpreter &in, Arguments &a) {
  const int64_t first = mustBeInt(a[0], "a bound of range");
  if (!a.has(1))
    return in.values().range(0, first, 1);
  const int64_t step =
      mustBeInt(a.orElse(2, Value::integer(1)), "the step of range");
  return in.values().range(first, mustBeInt(a[1], "a bound of range"), step);
}

/// The entries of dict(source, **named).
std::vector<std::pair<Value, Value>> entriesOf(Interpreter &in, Arguments &a) {
  std::vector<std::pair<Value, Value>> entries;
  if (a.has(0)) {
    mustBeDefined(a[0]);
    if (a[0].isDict())
      entries = a[0].dict()->entries;
    else
      for (const Value &item : iterate(in.values(), a[0])) {
        const std::vector<Value> pair = iterate(in.values(), item);
        if (pair.size() != 2)
          fail("a dict is made of a dict or of pairs");
        entries.emplace_back(pair[0], pair[1]);
      }
  }
  for (const auto &[name, value] : a.named)
    entries.emplace_back(name, value);
  return entries;
}

Value dict(Interpreter &in, Arguments &a) {
  return in.values().dict(entriesOf(in, a));
}

Value space(Interpreter &in, Arguments &a) {
  std::vector<std::pair<const StringObject *, Value>> attributes;
  // A dict first: of equal names the last counts.
  for (const auto &[name, value] :
       in.values().dict(entriesOf(in, a)).dict()->entries) {
    const std::string &text = mustBeText(in, name, "a name in a namespace");
    if (text.starts_with("_"))
      fail("attributes of a namespace must not start with '_' ('", text,
           "'); rename it");
    attributes.emplace_back(name.string(), value);
  }
  return in.values().space(std::move(attributes));
}

Value raise(Interpreter &in, Arguments &a) {
  fail("the template refuses its input: ", textOf(in, a[0]));
}

Value strftimeNow(Interpreter &in, Arguments &a) {
  const std::string &given = mustBeText(in, a[0], "the format of a date");
  constexpr size_t kMaxFormat = 512;
  if (given.size() > kMaxFormat || given.find('\0') != std::string::npos)
    fail("the format of a date has at most ", std::to_string(kMaxFormat),
         " bytes, and no zero");
  std::string format = "x"; // So that no text and too little room differ.
  for (size_t i = 0; i < given.size(); ++i) {
    const char next =
        given[i] == '%' && i + 1 < given.size() ? given[i + 1] : '\0';
    if (next == 'f')
      fail("'%f' in the format of a date is not supported; '%S' has whole "
           "seconds");
    // Python's now() knows no time zone, and writes nothing for it.
    if (next != 'z' && next != 'Z')
      format += given[i];
    if (next) {
      ++i;
      if (next != 'z' && next != 'Z')
        format += next;
    }
  }
  const std::time_t now = in.time();
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 32 * kMaxFormat> buffer{};
  const size_t size =
      std::strftime(buffer.data(), buffer.size(), format.c_str(), &parts);
  if (size == 0)
    fail("the date does not fit");
  return in.values().string(std::string(buffer.data() + 1, size - 1));
}

} // namespace

Builtins methodsOfLists() {
  return {
      {"copy", "self /", copyOf},
      {"count", "self value /", countItem},
      {"index", "self value start? stop? /", indexOfItem},
  };
}

Builtins methodsOfDicts() {
  return {
      {"copy", "self /", copyOfDict},
      {"get", "self key default? /", get},
      {"items", "self /", view<ViewObject::Items>},
      {"keys", "self /", view<ViewObject::Keys>},
      {"values", "self /", view<ViewObject::Values>},
  };
}

Builtins methodsOfLoops() {
  return {
      {"changed", "self / *", changed},
      {"cycle", "self / *", cycle},
  };
}

const std::vector<Function> &functions() {
  static const std::vector<Function> all = {
      {{"dict", "source? / **", dict}},
      {{"namespace", "source? / **", space}},
      {{"raise_exception", "message", raise}},
      {{"range", "start stop? step? /", range}},
      {{"strftime_now", "format", strftimeNow}},
  };
  return all;
}

} // namespace hamlet::text::chat
