//===- FiltersOfItems.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Filters that do something with each item, and give a generator.
#include "text/chat/AttributePath.h"
#include "text/chat/Interpreter.h"

#include <algorithm>
#include <charconv>

namespace hamlet::text::chat {

AttributePath::AttributePath(const Value &attribute) {
  if (attribute.isNone())
    return;
  if (attribute.isString())
    *this = AttributePath(attribute.text());
  else
    index = Value::integer(mustBeInt(attribute, "'attribute'"));
}

AttributePath::AttributePath(std::string_view path) {
  while (true) {
    const size_t end = path.find('.');
    names.emplace_back(path.substr(0, end));
    if (end == std::string_view::npos)
      return;
    path.remove_prefix(end + 1);
  }
}

Value AttributePath::of(Interpreter &in, Value item,
                        const Value &preset) const {
  auto step = [&](const Value &key) {
    item = in.item(item, key);
    if (item.isUndefined() && !preset.isAbsent())
      item = preset;
  };
  if (!index.isAbsent())
    step(index);
  for (const std::string &name : names) {
    int64_t number = 0;
    const char *end = name.data() + name.size();
    const bool isNumber =
        !name.empty() &&
        std::all_of(name.begin(), name.end(),
                    [](char c) { return c >= '0' && c <= '9'; }) &&
        std::from_chars(name.data(), end, number).ec == std::errc();
    step(isNumber ? Value::integer(number) : in.values().string(name));
  }
  return item;
}

namespace {

/// The items of what is filtered; jinja2 does not go through what is false.
std::vector<Value> itemsOf(Interpreter &in, const Value &source) {
  if (!isTrue(source))
    return {};
  return iterate(in.values(), source);
}

/// The rest of a call's values, for the filter or test that is called by name.
Arguments inner(const Arguments &a, size_t from) {
  Arguments rest;
  rest.values.push_back(Value::absent()); // For the item.
  for (size_t i = from; i < a.values.size(); ++i)
    rest.values.push_back(a.values[i]);
  rest.named = a.named;
  return rest;
}

Value map(Interpreter &in, Arguments &a) {
  const Value source = a[0];
  auto named = [&](const char *name) {
    for (const auto &[known, value] : a.named)
      if (known->text == name)
        return value;
    return Value::absent();
  };
  if (a.values.size() == 1) {
    const Value attribute = named("attribute"), preset = named("default");
    if (attribute.isAbsent() || a.named.size() > (preset.isAbsent() ? 1u : 2u))
      fail("map needs the name of a filter, or 'attribute' and perhaps "
           "'default'");
    return in.values().generator([=, &in](std::vector<Value> &out) {
      const AttributePath path(attribute);
      for (const Value &item : itemsOf(in, source))
        out.push_back(path.of(in, item, preset));
    });
  }
  const std::string &name = mustBeText(in, a[1], "the filter of map");
  const Builtin *filter = findFilter(name);
  if (!filter)
    fail("filter '", name,
         "' is not supported; docs/chat.md lists the filters "
         "that are");
  return in.values().generator(
      [&in, source, filter, rest = inner(a, 2)](std::vector<Value> &out) {
        for (const Value &item : itemsOf(in, source)) {
          Arguments call = rest;
          call.values[0] = item;
          out.push_back(in.apply(*filter, "filter", std::move(call)));
        }
      });
}

/// select, reject, selectattr and rejectattr: keeps the items that a test, or
/// without one their truth, says `keep` of.
Value choose(Interpreter &in, const Arguments &a, bool byAttribute, bool keep) {
  const Value source = a[0];
  const size_t testAt = byAttribute ? 2 : 1;
  if (byAttribute && a.values.size() < 2)
    fail("the filter needs the name of an attribute");
  const Value attribute = byAttribute ? a[1] : Value::none();
  const Builtin *test = nullptr;
  if (a.values.size() > testAt) {
    const std::string &name = mustBeText(in, a[testAt], "the name of a test");
    test = findTest(name);
    if (!test)
      fail("test '", name,
           "' is not supported; docs/chat.md lists the tests "
           "that are");
  }
  return in.values().generator(
      [&in, source, attribute, test, keep,
       rest = inner(a, testAt + 1)](std::vector<Value> &out) {
        const AttributePath path(attribute);
        for (const Value &item : itemsOf(in, source)) {
          Value tested = path.of(in, item);
          if (test) {
            Arguments call = rest;
            call.values[0] = tested;
            tested = in.apply(*test, "test", std::move(call));
          }
          if (isTrue(tested) == keep)
            out.push_back(item);
        }
      });
}

Value select(Interpreter &in, Arguments &a) {
  return choose(in, a, false, true);
}
Value reject(Interpreter &in, Arguments &a) {
  return choose(in, a, false, false);
}
Value selectattr(Interpreter &in, Arguments &a) {
  return choose(in, a, true, true);
}
Value rejectattr(Interpreter &in, Arguments &a) {
  return choose(in, a, true, false);
}

} // namespace

Builtins filtersOfItems() {
  return {
      {"map", "value / **", map},
      {"reject", "value / **", reject},
      {"rejectattr", "value / **", rejectattr},
      {"select", "value / **", select},
      {"selectattr", "value / **", selectattr},
  };
}

} // namespace hamlet::text::chat
