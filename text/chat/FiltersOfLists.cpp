//===- FiltersOfLists.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Filters of a whole sequence.
#include "text/chat/AttributePath.h"
#include "text/chat/Interpreter.h"
#include "text/chat/Numbers.h"
#include "text/chat/Unicode.h"

#include <algorithm>

namespace hamlet::text::chat {
namespace {

Value count(Interpreter &in, Arguments &a) {
  return Value::integer(length(in.values(), a[0]));
}

Value list(Interpreter &in, Arguments &a) {
  return in.values().list(iterate(in.values(), a[0]));
}

/// The first item, if there is one; a generator goes on after it.
Value first(Interpreter &in, Arguments &a) {
  if (a[0].is(Kind::Generator)) {
    GeneratorObject &generator = *a[0].generator();
    if (generator.make) // Makes the items, and puts them back.
      iterate(in.values(), a[0]), generator.next = 0;
    if (generator.next < generator.items.size())
      return generator.items[generator.next++];
    return in.values().undefined("there is no first item");
  }
  if (a[0].isSequence()) // Without a copy of all.
    return a[0].items().empty()
               ? in.values().undefined("there is no first item")
               : a[0].items().front();
  const std::vector<Value> items = iterate(in.values(), a[0]);
  return items.empty() ? in.values().undefined("there is no first item")
                       : items.front();
}

Value last(Interpreter &in, Arguments &a) {
  if (a[0].is(Kind::Generator))
    fail("a generator, which filters such as `map` and `select` give, has no "
         "last item; use `| list` before");
  if (a[0].isSequence())
    return a[0].items().empty() ? in.values().undefined("there is no last item")
                                : a[0].items().back();
  const std::vector<Value> items = iterate(in.values(), a[0]);
  return items.empty() ? in.values().undefined("there is no last item")
                       : items.back();
}

Value reverse(Interpreter &in, Arguments &a) {
  if (a[0].isString()) {
    in.values().workOnText(a[0].text().size());
    std::u32string points = toCodePoints(a[0].text());
    std::reverse(points.begin(), points.end());
    return in.values().string(fromCodePoints(points));
  }
  const bool isList = a[0].is(Kind::Generator);
  std::vector<Value> items = iterate(in.values(), a[0]);
  std::reverse(items.begin(), items.end());
  if (isList)
    return in.values().list(std::move(items));
  return in.values().generator(
      [items = std::move(items)](std::vector<Value> &out) { out = items; });
}

Value join(Interpreter &in, Arguments &a) {
  const std::string between = textOf(in, a.orElse(1, in.values().string("")));
  const AttributePath path(a.orElse(2, Value::none()));
  std::string out;
  bool isFirst = true;
  for (const Value &item : iterate(in.values(), a[0])) {
    const std::string text = textOf(in, path.of(in, item));
    in.values().take(text.size() + between.size());
    if (!isFirst)
      out += between;
    isFirst = false;
    out += text;
  }
  return in.values().string(std::move(out));
}

/// What items are compared by: their attributes, texts in small letters unless
/// the case counts.
class SortKey {
public:
  SortKey(const Value &attributes, const Value &caseSensitive)
      : isCaseSensitive(isTrue(caseSensitive)) {
    if (!attributes.isString()) {
      paths.emplace_back(attributes);
      return;
    }
    std::string_view rest = attributes.text();
    while (true) {
      const size_t end = rest.find(',');
      paths.emplace_back(rest.substr(0, end));
      if (end == std::string_view::npos)
        return;
      rest.remove_prefix(end + 1);
    }
  }
  Value of(Interpreter &in, const Value &item) const {
    // A list even of one: in lists two undefined values are equal.
    std::vector<Value> parts;
    parts.reserve(paths.size());
    for (const AttributePath &path : paths)
      parts.push_back(part(in, path, item));
    return in.values().list(std::move(parts));
  }

private:
  Value part(Interpreter &in, const AttributePath &path,
             const Value &item) const {
    const Value value = path.of(in, item);
    return value.isString() && !isCaseSensitive
               ? in.values().string(toLower(value.text()))
               : value;
  }

  bool isCaseSensitive;
  std::vector<AttributePath> paths;
};

std::vector<Value> sorted(Interpreter &in, const std::vector<Value> &items,
                          const std::vector<Value> &keys, bool isReverse) {
  // Equal items keep their order, in reverse too.
  const auto order = stableOrder(items.size(), [&](size_t x, size_t y) {
    const int order = compare(in.values(), keys[x], keys[y]);
    return isReverse ? order > 0 : order < 0;
  });
  std::vector<Value> out;
  out.reserve(items.size());
  for (size_t i : order)
    out.push_back(items[i]);
  return out;
}

Value sort(Interpreter &in, Arguments &a) {
  const SortKey key(a.orElse(3, Value::none()),
                    a.orElse(2, Value::boolean(false)));
  const std::vector<Value> items = iterate(in.values(), a[0]);
  std::vector<Value> keys;
  keys.reserve(items.size());
  for (const Value &item : items)
    keys.push_back(key.of(in, item));
  return in.values().list(
      sorted(in, items, keys, isTrue(a.orElse(1, Value::boolean(false)))));
}

Value extreme(Interpreter &in, Arguments &a, bool isMost) {
  const Value attribute = a.orElse(2, Value::none());
  const AttributePath path(attribute);
  const bool isCaseSensitive = isTrue(a.orElse(1, Value::boolean(false)));
  Value best = Value::absent(), bestKey;
  for (const Value &item : iterate(in.values(), a[0])) {
    Value key = path.of(in, item);
    if (key.isString() && !isCaseSensitive)
      key = in.values().string(toLower(key.text()));
    if (!best.isAbsent()) {
      const int order = compare(in.values(), key, bestKey);
      if (isMost ? order <= 0 : order >= 0)
        continue;
    }
    best = item;
    bestKey = key;
  }
  return best.isAbsent() ? in.values().undefined("there is no item") : best;
}
Value least(Interpreter &in, Arguments &a) { return extreme(in, a, false); }
Value most(Interpreter &in, Arguments &a) { return extreme(in, a, true); }

Value unique(Interpreter &in, Arguments &a) {
  const Value source = a[0], attribute = a.orElse(2, Value::none());
  const bool isCaseSensitive = isTrue(a.orElse(1, Value::boolean(false)));
  return in.values().generator([=, &in](std::vector<Value> &out) {
    const AttributePath path(attribute);
    std::vector<std::pair<Value, Value>> seen;
    for (const Value &item : iterate(in.values(), source)) {
      Value key = path.of(in, item);
      if (key.isString() && !isCaseSensitive)
        key = in.values().string(toLower(key.text()));
      seen.emplace_back(key, item);
    }
    // A dict keeps the first of equal keys, and the last of their values.
    for (const auto &entry : in.values().dict(seen).dict()->entries)
      for (const auto &[key, item] : seen)
        if (equal(in.values(), key, entry.first)) {
          out.push_back(item);
          break;
        }
  });
}

Value sum(Interpreter &in, Arguments &a) {
  const AttributePath path(a.orElse(1, Value::none()));
  Value total = a.orElse(2, Value::integer(0));
  if (total.isString())
    fail("sum does not add strings; use `| join`");
  for (const Value &item : iterate(in.values(), a[0]))
    total = in.sum(total, path.of(in, item));
  return total;
}

/// Lists of `size` items; the last has what is left.
Value batch(Interpreter &in, Arguments &a) {
  const Value source = a[0], fill = a.orElse(2, Value::none());
  const int64_t size = mustBeInt(a[1], "'linecount' of batch");
  return in.values().generator([=, &in](std::vector<Value> &out) {
    std::vector<Value> row;
    for (const Value &item : iterate(in.values(), source)) {
      if (static_cast<int64_t>(row.size()) == size) {
        out.push_back(in.values().list(row));
        row.clear();
      }
      row.push_back(item);
    }
    if (row.empty())
      return;
    if (!fill.isNone() && static_cast<int64_t>(row.size()) < size) {
      in.values().take(size * sizeof(Value));
      row.resize(size, fill);
    }
    out.push_back(in.values().list(row));
  });
}

/// `slices` lists, the first ones an item longer where it does not come out
/// even.
Value slices(Interpreter &in, Arguments &a) {
  const Value source = a[0], fill = a.orElse(2, Value::none());
  const int64_t count = mustBeInt(a[1], "'slices' of slice");
  if (count <= 0)
    fail("'slices' of slice is at least 1");
  return in.values().generator([=, &in](std::vector<Value> &out) {
    const std::vector<Value> items = iterate(in.values(), source);
    const int64_t size = static_cast<int64_t>(items.size()) / count;
    const int64_t longer = static_cast<int64_t>(items.size()) % count;
    in.values().work(count);
    auto from = items.begin();
    for (int64_t i = 0; i < count; ++i) {
      const auto to = from + size + (i < longer ? 1 : 0);
      std::vector<Value> row(from, to);
      if (!fill.isNone() && i >= longer)
        row.push_back(fill);
      out.push_back(in.values().list(std::move(row)));
      from = to;
    }
  });
}

Value items(Interpreter &in, Arguments &a) {
  const Value source = a[0];
  if (!source.isUndefined() && !source.isDict())
    fail("items needs a dict, not ", typeName(source));
  return in.values().generator([=, &in](std::vector<Value> &out) {
    if (source.isDict())
      out = iterate(in.values(),
                    in.values().view(source.dict(), ViewObject::Items));
  });
}

Value dictsort(Interpreter &in, Arguments &a) {
  mustBeDefined(a[0]);
  if (!a[0].isDict())
    fail("dictsort needs a dict, not ", typeName(a[0]));
  const bool isCaseSensitive = isTrue(a.orElse(1, Value::boolean(false)));
  const std::string by = textOf(in, a.orElse(2, in.values().string("key")));
  if (by != "key" && by != "value")
    fail("'by' of dictsort is key or value");
  std::vector<Value> pairs, keys;
  for (const auto &[key, value] : a[0].dict()->entries) {
    const Value &chosen = by == "key" ? key : value;
    keys.push_back(chosen.isString() && !isCaseSensitive
                       ? in.values().string(toLower(chosen.text()))
                       : chosen);
    pairs.push_back(in.values().tuple({key, value}));
  }
  return in.values().list(
      sorted(in, pairs, keys, isTrue(a.orElse(3, Value::boolean(false)))));
}

} // namespace

Builtins filtersOfLists() {
  return {
      {"batch", "value linecount fill_with?", batch},
      {"count", "obj /", count},
      {"dictsort", "value case_sensitive? by? reverse?", dictsort},
      {"first", "seq", first},
      {"items", "value", items},
      {"join", "value d? attribute?", join},
      {"last", "seq", last},
      {"length", "obj /", count},
      {"list", "value", list},
      {"max", "value case_sensitive? attribute?", most},
      {"min", "value case_sensitive? attribute?", least},
      {"reverse", "value", reverse},
      {"slice", "value slices fill_with?", slices},
      {"sort", "value reverse? case_sensitive? attribute?", sort},
      {"sum", "iterable attribute? start?", sum},
      {"unique", "value case_sensitive? attribute?", unique},
  };
}

} // namespace hamlet::text::chat
