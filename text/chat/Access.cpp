//===- Access.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Attributes, items and slices. `a.b` looks for the attribute first, then for
// the item, `a['b']` for the item first, as in jinja2: `d.items` of a dict is
// always the method.
#include "text/chat/Interpreter.h"
#include "text/chat/Numbers.h"
#include "text/chat/Unicode.h"

#include <optional>

namespace hamlet::text::chat {
namespace {

Value attributeOfLoop(Interpreter &in, LoopObject &loop,
                      const std::string &name) {
  auto remaining = [&] {
    return static_cast<int64_t>(in.lookAhead(loop, SIZE_MAX));
  };
  if (name == "index")
    return Value::integer(loop.index0 + 1);
  if (name == "index0")
    return Value::integer(loop.index0);
  if (name == "first")
    return Value::boolean(loop.index0 == 0);
  if (name == "last")
    return Value::boolean(in.lookAhead(loop, 1) == 0);
  if (name == "length")
    return Value::integer(loop.index0 + 1 + remaining());
  if (name == "revindex")
    return Value::integer(remaining() + 1);
  if (name == "revindex0")
    return Value::integer(remaining());
  if (name == "depth")
    return Value::integer(1); // Of recursive loops.
  if (name == "depth0")
    return Value::integer(0);
  if (name == "previtem")
    return loop.index0 == 0
               ? in.values().undefined("there is no item before the first")
               : loop.previous;
  if (name == "nextitem")
    return in.lookAhead(loop, 1) == 0
               ? in.values().undefined("there is no item after the last")
               : loop.ahead[loop.nextAhead];
  return Value::absent();
}

/// What getattr() gives; Absent if there is nothing.
Value ownAttribute(Interpreter &in, const Value &value,
                   const StringObject *name) {
  if (value.is(Kind::Namespace)) {
    for (const auto &[known, held] : value.space()->attributes)
      if (known->text == name->text)
        return held;
    return Value::absent();
  }
  if (value.is(Kind::Loop)) {
    const Value known = attributeOfLoop(in, *value.loop(), name->text);
    if (!known.isAbsent())
      return known;
  }
  if (hasPythonAttribute(value.kind(), name->text))
    return in.values().method(value, name);
  return Value::absent();
}

/// A place in a sequence of `length`, from its end if it is negative.
std::optional<int64_t> placeOf(int64_t index, int64_t length) {
  if (index < 0)
    index += length;
  if (index < 0 || index >= length)
    return std::nullopt;
  return index;
}

/// What value[key] gives; Absent if there is nothing.
Value ownItem(Interpreter &in, const Value &value, const Value &key) {
  if (value.isDict()) {
    if (!isHashable(in.values(), key))
      return Value::absent();
    const Value *found = findKey(in.values(), *value.dict(), key);
    return found ? *found : Value::absent();
  }
  if (!key.isInteger())
    return Value::absent();
  if (value.isSequence()) {
    auto at = placeOf(key.asInt(), static_cast<int64_t>(value.items().size()));
    return at ? value.items()[*at] : Value::absent();
  }
  if (value.is(Kind::Range)) {
    const RangeObject &range = *value.range();
    auto at = placeOf(key.asInt(), range.length);
    return at ? Value::integer(range.start + *at * range.step)
              : Value::absent();
  }
  if (value.isString()) {
    auto at = placeOf(key.asInt(), length(in.values(), value));
    if (!at)
      return Value::absent();
    const std::string &text = value.text();
    size_t begin = byteOffset(text, *at), end = begin;
    nextCodePoint(text, end);
    return in.values().string(text.substr(begin, end - begin), isMarkup(value));
  }
  return Value::absent();
}

} // namespace

Value Interpreter::attribute(const Value &value, const StringObject *name) {
  mustBeDefined(value);
  heap.work(1);
  const Value own = ownAttribute(*this, value, name);
  if (!own.isAbsent())
    return own;
  if (value.isDict())
    if (const Value *found = value.dict()->find(name->text))
      return *found;
  return heap.undefined(typeName(value) + " has no '" + name->text + "'");
}

Value Interpreter::item(const Value &value, const Value &key) {
  mustBeDefined(value);
  heap.work(1);
  const Value own = ownItem(*this, value, key);
  if (!own.isAbsent())
    return own;
  if (key.isString()) {
    if (key.text().starts_with("__") &&
        !value.isDict()) // Python's own attributes.
      return heap.undefined("attribute '" + key.text() +
                            "' is not accessible in a template");
    const Value attribute = ownAttribute(*this, value, key.string());
    if (!attribute.isAbsent())
      return attribute;
  }
  if (key.isUndefined() || key.is(Kind::Generator))
    return heap.undefined(typeName(value) + " has no such item");
  return heap.undefined(typeName(value) + " has no item " + toRepr(heap, key));
}

namespace {

struct Bounds {
  int64_t first, last, step, count;
};

std::optional<int64_t> bound(const Value &value) {
  if (value.isNone())
    return std::nullopt;
  mustBeDefined(value);
  if (!value.isInteger())
    fail("the bounds of a slice are ints or none, not ", typeName(value));
  return value.asInt();
}

/// The places of value[start:stop:step] in a sequence of `length`.
Bounds boundsOf(int64_t length, const Value &start, const Value &stop,
                const Value &step) {
  const int64_t by = bound(step).value_or(1);
  if (by == 0)
    fail("the step of a slice is 0");
  const int64_t least = by > 0 ? 0 : -1, most = by > 0 ? length : length - 1;
  auto clamp = [&](std::optional<int64_t> at, int64_t preset) {
    if (!at)
      return preset;
    const int64_t place = *at < 0 ? *at + length : *at;
    return std::min(std::max(place, least), most);
  };
  const int64_t first = clamp(bound(start), by > 0 ? least : most);
  const int64_t last = clamp(bound(stop), by > 0 ? most : least);
  const int64_t distance = by > 0 ? last - first : first - last;
  if (distance <= 0)
    return {first, last, by, 0};
  // -by overflows for the least int; one item is all that it can give.
  const int64_t size = by > 0 ? by : by == INT64_MIN ? INT64_MAX : -by;
  return {first, last, by, (distance - 1) / size + 1};
}

} // namespace

Value Interpreter::slice(const Value &value, const Value &start,
                         const Value &stop, const Value &step) {
  mustBeDefined(value);
  if (value.isSequence()) {
    const std::vector<Value> &all = value.items();
    const Bounds bounds =
        boundsOf(static_cast<int64_t>(all.size()), start, stop, step);
    heap.work(bounds.count);
    std::vector<Value> items;
    items.reserve(bounds.count);
    for (int64_t i = 0; i < bounds.count; ++i)
      items.push_back(all[bounds.first + i * bounds.step]);
    return value.is(Kind::List) ? heap.list(std::move(items))
                                : heap.tuple(std::move(items));
  }
  if (value.isString()) {
    const Bounds bounds = boundsOf(length(heap, value), start, stop, step);
    if (bounds.step == 1 && bounds.count > 0) {
      const size_t from = byteOffset(value.text(), bounds.first);
      const size_t to = byteOffset(value.text(), bounds.last);
      return heap.string(value.text().substr(from, to - from), isMarkup(value));
    }
    const std::u32string points = toCodePoints(value.text());
    std::string text;
    for (int64_t i = 0; i < bounds.count; ++i)
      appendCodePoint(text, points[bounds.first + i * bounds.step]);
    return heap.string(std::move(text), value.string()->markup);
  }
  if (value.is(Kind::Range)) {
    const RangeObject &range = *value.range();
    const Bounds bounds = boundsOf(range.length, start, stop, step);
    auto at = [&](int64_t place) {
      return add(range.start, multiply(place, range.step));
    };
    const int64_t by = multiply(range.step, bounds.step);
    return heap.range(at(bounds.first), at(bounds.last), by);
  }
  fail(typeName(value), " has no slices; use `| list` before");
}

} // namespace hamlet::text::chat
