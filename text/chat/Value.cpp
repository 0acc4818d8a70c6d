//===- Value.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Value.h"

#include "text/chat/Numbers.h"
#include "text/chat/Unicode.h"

#include <cmath>
#include <cstring>

namespace hamlet::text::chat {

//===- Heap ---------------------------------------------------------------===//

void Heap::take(size_t more) {
  bytes += more;
  if (bytes > limits.valueBytes)
    fail("the values of this rendering need more than ",
         std::to_string(limits.valueBytes),
         " bytes; the template makes too many, or too long ones");
}

void Heap::outOfSteps() const {
  fail("rendering takes more than ", std::to_string(limits.steps),
       " steps; the template has too long a loop, or one in another");
}

Value Heap::string(std::string text, bool markup) {
  if (text.size() > kMaxTextBytes)
    fail("a string is longer than ", std::to_string(kMaxTextBytes), " bytes");
  take(sizeof(StringObject) + text.size());
  workOnText(text.size());
  return &strings.emplace_back(StringObject{std::move(text), markup});
}

Value Heap::list(std::vector<Value> items) {
  take(sizeof(ListObject) + items.size() * sizeof(Value));
  return Value::list(&lists.emplace_back(ListObject{std::move(items)}));
}

Value Heap::tuple(std::vector<Value> items) {
  take(sizeof(ListObject) + items.size() * sizeof(Value));
  return Value::tuple(&lists.emplace_back(ListObject{std::move(items)}));
}

Value Heap::dict(std::vector<std::pair<Value, Value>> entries) {
  // A node of the index has about the size of four words.
  take(sizeof(DictObject) +
       entries.size() * (sizeof(entries[0]) + 4 * sizeof(void *)));
  DictObject &dict = dicts.emplace_back();
  size_t others = 0;
  for (auto &[key, value] : entries) {
    work(1);
    if (key.isString()) {
      auto [at, isNew] = dict.byText.emplace(key.text(), dict.entries.size());
      if (!isNew) {
        dict.entries[at->second].second = value;
        continue;
      }
    } else {
      if (!isHashable(*this, key))
        fail(typeName(key), " cannot be a key of a dict");
      // Only keys that are no text are gone through.
      Value *same = nullptr;
      if (others)
        for (auto &[known, old] : dict.entries)
          if (!known.isString() && equal(*this, known, key))
            same = &old;
      if (same) {
        *same = value;
        continue;
      }
      ++others;
    }
    dict.entries.emplace_back(key, value);
  }
  return &dict;
}

Value Heap::view(const DictObject *dict, ViewObject::Part part) {
  take(sizeof(ViewObject));
  return &views.emplace_back(ViewObject{part, dict});
}

Value Heap::range(int64_t start, int64_t stop, int64_t step) {
  if (step == 0)
    fail("the step of a range is 0");
  // In a wider type: the difference of two numbers of 64 bits needs 65.
  __int128 distance = step > 0 ? static_cast<__int128>(stop) - start
                               : static_cast<__int128>(start) - stop;
  __int128 by =
      step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  __int128 count = distance <= 0 ? 0 : (distance + by - 1) / by;
  if (count > kMaxRange)
    fail("a range has more than ", std::to_string(kMaxRange), " numbers");
  take(sizeof(RangeObject));
  return &ranges.emplace_back(
      RangeObject{start, stop, step, static_cast<int64_t>(count)});
}

Value Heap::generator(std::function<void(std::vector<Value> &)> make) {
  take(sizeof(GeneratorObject));
  return &generators.emplace_back(GeneratorObject{std::move(make), {}, 0});
}

Value Heap::space(
    std::vector<std::pair<const StringObject *, Value>> attributes) {
  take(sizeof(NamespaceObject) + attributes.size() * sizeof(attributes[0]));
  return &spaces.emplace_back(NamespaceObject{std::move(attributes)});
}

Value Heap::method(const Value &self, const StringObject *name) {
  take(sizeof(MethodObject));
  return &methods.emplace_back(MethodObject{self, name});
}

Value Heap::undefined(std::string why) {
  return Value::undefined(string(std::move(why)).string());
}

//===- What values are ----------------------------------------------------===//

const Value *DictObject::find(std::string_view key) const {
  auto at = byText.find(key);
  return at == byText.end() ? nullptr : &entries[at->second].second;
}

std::string typeName(const Value &value) {
  switch (value.kind()) {
  case Kind::Absent:
    return "nothing";
  case Kind::Undefined:
    return "an undefined value";
  case Kind::None:
    return "none";
  case Kind::Bool:
    return "a bool";
  case Kind::Int:
    return "an int";
  case Kind::Float:
    return "a float";
  case Kind::String:
    return "a string";
  case Kind::List:
    return "a list";
  case Kind::Tuple:
    return "a tuple";
  case Kind::Dict:
    return "a dict";
  case Kind::View:
    return "a view of a dict";
  case Kind::Range:
    return "a range";
  case Kind::Generator:
    return "a generator";
  case Kind::Namespace:
    return "a namespace";
  case Kind::Loop:
    return "'loop'";
  case Kind::Macro:
    return "a macro";
  case Kind::Function:
    return "a function";
  case Kind::Method:
    return "a method";
  }
  return "";
}

void mustBeDefined(const Value &value) {
  if (value.isUndefined())
    fail(value.why() ? value.why()->text : "the value is undefined");
}

bool isTrue(const Value &value) {
  switch (value.kind()) {
  case Kind::Absent:
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Bool:
  case Kind::Int:
    return value.asInt() != 0;
  case Kind::Float:
    return value.asDouble() != 0;
  case Kind::String:
    return !value.text().empty();
  case Kind::List:
  case Kind::Tuple:
    return !value.items().empty();
  case Kind::Dict:
    return !value.dict()->entries.empty();
  case Kind::View:
    return !value.view()->dict->entries.empty();
  case Kind::Range:
    return value.range()->length > 0;
  default:
    return true;
  }
}

namespace {

void mustBeShallow(int depth) {
  if (depth > kMaxValueDepth)
    fail("values are nested more than ", std::to_string(kMaxValueDepth),
         " deep");
}

/// Exact where a float would round the int.
int compareNumbers(const Value &a, const Value &b) {
  if (a.isInteger() && b.isInteger())
    return a.asInt() < b.asInt() ? -1 : a.asInt() > b.asInt();
  // Has all of an int64 and of a double on x86-64.
  auto wide = [](const Value &v) -> long double {
    return v.isInteger() ? static_cast<long double>(v.asInt()) : v.asDouble();
  };
  return wide(a) < wide(b) ? -1 : wide(a) > wide(b);
}

bool isNan(const Value &v) {
  return v.is(Kind::Float) && std::isnan(v.asDouble());
}

bool equalAt(Heap &heap, const Value &a, const Value &b, int depth) {
  mustBeShallow(depth);
  heap.work(1);
  if (a.isNumber() && b.isNumber())
    return !isNan(a) && !isNan(b) && compareNumbers(a, b) == 0;
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::String:
    heap.workOnText(std::min(a.text().size(), b.text().size()));
    return a.text() == b.text();
  case Kind::List:
  case Kind::Tuple: {
    if (a.items().size() != b.items().size())
      return false;
    for (size_t i = 0; i < a.items().size(); ++i)
      if (!equalAt(heap, a.items()[i], b.items()[i], depth + 1))
        return false;
    return true;
  }
  case Kind::Dict: {
    if (a.dict()->entries.size() != b.dict()->entries.size())
      return false;
    for (const auto &[key, value] : a.dict()->entries) {
      const Value *other = findKey(heap, *b.dict(), key);
      if (!other || !equalAt(heap, value, *other, depth + 1))
        return false;
    }
    return true;
  }
  case Kind::Range: {
    const RangeObject &x = *a.range(), &y = *b.range();
    return x.length == y.length && (x.length == 0 || x.start == y.start) &&
           (x.length < 2 || x.step == y.step);
  }
  case Kind::View:
    fail("comparing views of dicts is not supported; use `| list`");
  case Kind::Function:
    return a.function() == b.function();
  default: // By identity; each object has one address.
    return a.loop() == b.loop();
  }
}

int compareAt(Heap &heap, const Value &a, const Value &b, int depth) {
  mustBeShallow(depth);
  heap.work(1);
  mustBeDefined(a);
  mustBeDefined(b);
  if (a.isNumber() && b.isNumber())
    return compareNumbers(a, b);
  if (a.isString() && b.isString()) {
    heap.workOnText(std::min(a.text().size(), b.text().size()));
    // Bytes of UTF-8 have the order of the code points.
    return a.text().compare(b.text());
  }
  if (a.isSequence() && a.kind() == b.kind()) {
    size_t shorter = std::min(a.items().size(), b.items().size());
    for (size_t i = 0; i < shorter; ++i)
      if (!equalAt(heap, a.items()[i], b.items()[i], depth + 1))
        return compareAt(heap, a.items()[i], b.items()[i], depth + 1);
    return a.items().size() < b.items().size()
               ? -1
               : a.items().size() > b.items().size();
  }
  fail(typeName(a), " and ", typeName(b), " have no order");
}

} // namespace

bool equal(Heap &heap, const Value &a, const Value &b) {
  return equalAt(heap, a, b, 0);
}

int compare(Heap &heap, const Value &a, const Value &b) {
  return compareAt(heap, a, b, 0);
}

bool isHashable(Heap &heap, const Value &value) {
  heap.work(1);
  if (value.is(Kind::List) || value.isDict() || value.is(Kind::View))
    return false;
  if (value.is(Kind::Tuple))
    for (const Value &item : value.items())
      if (!isHashable(heap, item))
        return false;
  return true;
}

const Value *findKey(Heap &heap, const DictObject &dict, const Value &key) {
  if (key.isString()) {
    heap.workOnText(key.text().size());
    return dict.find(key.text());
  }
  if (!isHashable(heap, key))
    fail(typeName(key), " cannot be a key of a dict");
  if (dict.byText.size() == dict.entries.size())
    return nullptr;
  for (const auto &[known, value] : dict.entries)
    if (!known.isString() && equal(heap, known, key))
      return &value;
  return nullptr;
}

bool contains(Heap &heap, const Value &container, const Value &item) {
  switch (container.kind()) {
  case Kind::String: {
    mustBeDefined(item);
    if (!item.isString())
      fail("only a string can be in a string, not ", typeName(item));
    const std::string &text = container.text(), &part = item.text();
    heap.workOnText(text.size());
    // Linear in both, unlike std::string::find.
    return part.empty() ||
           memmem(text.data(), text.size(), part.data(), part.size());
  }
  case Kind::Dict:
    return findKey(heap, *container.dict(), item) != nullptr;
  case Kind::View:
    if (container.view()->part == ViewObject::Keys)
      return findKey(heap, *container.view()->dict, item) != nullptr;
    [[fallthrough]];
  default:
    for (const Value &each : iterate(heap, container))
      if (equal(heap, each, item))
        return true;
    return false;
  }
}

int64_t length(Heap &heap, const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return 0;
  case Kind::String:
    heap.workOnText(value.text().size());
    return static_cast<int64_t>(countCodePoints(value.text()));
  case Kind::List:
  case Kind::Tuple:
    return static_cast<int64_t>(value.items().size());
  case Kind::Dict:
    return static_cast<int64_t>(value.dict()->entries.size());
  case Kind::View:
    return static_cast<int64_t>(value.view()->dict->entries.size());
  case Kind::Range:
    return value.range()->length;
  case Kind::Generator:
    fail("a generator, which filters such as `map` and `select` give, has no "
         "length; use `| list` before");
  default:
    fail(typeName(value), " has no length");
  }
}

std::vector<Value> iterate(Heap &heap, const Value &value) {
  std::vector<Value> items;
  auto take = [&](size_t count) {
    heap.work(count);
    heap.take(count * sizeof(Value));
    items.reserve(count);
  };
  switch (value.kind()) {
  case Kind::Undefined:
    break;
  case Kind::String:
    heap.workOnText(value.text().size());
    for (size_t i = 0; i < value.text().size();) {
      size_t start = i;
      nextCodePoint(value.text(), i);
      items.push_back(heap.string(value.text().substr(start, i - start)));
    }
    break;
  case Kind::List:
  case Kind::Tuple:
    take(value.items().size());
    items = value.items();
    break;
  case Kind::Dict:
    take(value.dict()->entries.size());
    for (const auto &entry : value.dict()->entries)
      items.push_back(entry.first);
    break;
  case Kind::View:
    take(value.view()->dict->entries.size());
    for (const auto &[key, item] : value.view()->dict->entries) {
      ViewObject::Part part = value.view()->part;
      items.push_back(part == ViewObject::Keys     ? key
                      : part == ViewObject::Values ? item
                                                   : heap.tuple({key, item}));
    }
    break;
  case Kind::Range:
    take(value.range()->length);
    for (int64_t i = 0; i < value.range()->length; ++i)
      items.push_back(
          Value::integer(value.range()->start + i * value.range()->step));
    break;
  case Kind::Generator: {
    GeneratorObject &generator = *value.generator();
    if (generator.make) {
      // Taken first: what makes the items may ask for them.
      auto make = std::exchange(generator.make, nullptr);
      make(generator.items);
      heap.take(generator.items.size() * sizeof(Value));
    }
    heap.work(generator.items.size());
    items.assign(generator.items.begin() +
                     static_cast<ptrdiff_t>(generator.next),
                 generator.items.end());
    generator.next = generator.items.size();
    break;
  }
  default:
    fail(typeName(value), " cannot be gone through");
  }
  return items;
}

std::vector<size_t>
stableOrder(size_t count, const std::function<bool(size_t, size_t)> &isBefore) {
  std::vector<size_t> order(count), merged(count);
  for (size_t i = 0; i < count; ++i)
    order[i] = i;
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      const size_t middle = std::min(start + width, count);
      const size_t end = std::min(middle + width, count);
      size_t a = start, b = middle;
      for (size_t to = start; to < end; ++to) {
        const bool takesB =
            b < end && (a == middle || isBefore(order[b], order[a]));
        merged[to] = order[takesB ? b++ : a++];
      }
    }
    order.swap(merged);
  }
  return order;
}

//===- Text ---------------------------------------------------------------===//

namespace {

class Writer {
public:
  explicit Writer(Heap &heap) : heap(heap) {}
  std::string out;

  void repr(const Value &value, int depth);

private:
  void add(std::string_view text) {
    heap.take(text.size());
    out += text;
  }
  void quoted(const std::string &text);
  void sequence(const char *open, const std::vector<Value> &items,
                const char *close, int depth);
  void entries(const DictObject &dict, int depth);

  Heap &heap;
};

void Writer::quoted(const std::string &text) {
  heap.workOnText(text.size());
  bool hasSingle = text.find('\'') != std::string::npos;
  bool hasDouble = text.find('"') != std::string::npos;
  const char quote = hasSingle && !hasDouble ? '"' : '\'';
  std::string made(1, quote);
  for (size_t i = 0; i < text.size();) {
    size_t start = i;
    char32_t c = nextCodePoint(text, i);
    char number[16];
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      made += '\\';
      made += static_cast<char>(c);
    } else if (c == '\n') {
      made += "\\n";
    } else if (c == '\r') {
      made += "\\r";
    } else if (c == '\t') {
      made += "\\t";
    } else if (c == ' ' || isPrintable(c)) {
      made.append(text, start, i - start);
    } else {
      const char *form = c < 0x100     ? "\\x%02x"
                         : c < 0x10000 ? "\\u%04x"
                                       : "\\U%08x";
      std::snprintf(number, sizeof(number), form, static_cast<unsigned>(c));
      made += number;
    }
  }
  add(made + quote);
}

void Writer::sequence(const char *open, const std::vector<Value> &items,
                      const char *close, int depth) {
  add(open);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i)
      add(", ");
    repr(items[i], depth + 1);
  }
  add(close);
}

void Writer::entries(const DictObject &dict, int depth) {
  add("{");
  const char *between = "";
  for (const auto &[key, value] : dict.entries) {
    add(between);
    between = ", ";
    repr(key, depth + 1);
    add(": ");
    repr(value, depth + 1);
  }
  add("}");
}

void Writer::repr(const Value &value, int depth) {
  mustBeShallow(depth);
  heap.work(1);
  switch (value.kind()) {
  case Kind::Undefined:
    return add("Undefined");
  case Kind::String:
    if (value.string()->markup) {
      add("Markup(");
      quoted(value.text());
      return add(")");
    }
    return quoted(value.text());
  case Kind::List:
    return sequence("[", value.items(), "]", depth);
  case Kind::Tuple:
    return sequence("(", value.items(), value.items().size() == 1 ? ",)" : ")",
                    depth);
  case Kind::Dict:
    return entries(*value.dict(), depth);
  case Kind::View: {
    ViewObject::Part part = value.view()->part;
    add(part == ViewObject::Keys     ? "dict_keys("
        : part == ViewObject::Values ? "dict_values("
                                     : "dict_items(");
    sequence("[", iterate(heap, value), "]", depth);
    return add(")");
  }
  case Kind::Range: {
    const RangeObject &range = *value.range();
    add("range(" + std::to_string(range.start) + ", " +
        std::to_string(range.stop));
    if (range.step != 1)
      add(", " + std::to_string(range.step));
    return add(")");
  }
  case Kind::Namespace:
    fail("a namespace has no text of its own; print its attributes");
  case Kind::Generator:
    fail("a generator, which filters such as `map` and `select` give, has no "
         "text of its own; use `| list` or `| join` before");
  default:
    return add(toText(heap, value));
  }
}

} // namespace

std::string toText(Heap &heap, const Value &value) {
  switch (value.kind()) {
  case Kind::Absent:
  case Kind::Undefined:
    return "";
  case Kind::None:
    return "None";
  case Kind::Bool:
    return value.asBool() ? "True" : "False";
  case Kind::Int:
    return std::to_string(value.asInt());
  case Kind::Float:
    return floatRepr(value.asDouble());
  case Kind::String:
    return value.text();
  case Kind::Loop:
  case Kind::Macro:
  case Kind::Function:
  case Kind::Method:
    // Python's has an address in it.
    fail(typeName(value), " has no text of its own; is a call or an attribute "
                          "missing?");
  default:
    return toRepr(heap, value);
  }
}

std::string toRepr(Heap &heap, const Value &value) {
  Writer writer(heap);
  writer.repr(value, 0);
  return std::move(writer.out);
}

} // namespace hamlet::text::chat
