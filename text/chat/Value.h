//===- Value.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_VALUE_H
#define HAMLET_TEXT_CHAT_VALUE_H

#include "text/chat/Limits.h"

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

/// The values of a rendering: Python's, as far as a template sees them. Objects
/// belong to a Heap and live until the rendering ends, so values are small and
/// are copied freely, and cycles are no leak.
namespace hamlet::text::chat {

/// How parsing and rendering fail, inside of this library only: the public
/// functions make a Status of it. A line of 0 is filled in by who knows it.
struct TemplateError : std::exception {
  explicit TemplateError(std::string message, int line = 0)
      : message(std::move(message)), line(line) {}
  const char *what() const noexcept override { return message.c_str(); }
  std::string message;
  int line;
};

template <typename... Args> [[noreturn]] void fail(const Args &...args) {
  std::string message;
  (message += ... += args);
  throw TemplateError(std::move(message));
}

enum class Kind : uint8_t {
  Absent, ///< An argument that was not given; no template sees it.
  Undefined,
  None,
  Bool,
  Int,
  Float,
  String,
  List,
  Tuple,
  Dict,
  View,      ///< dict.items(), keys(), values()
  Range,     ///< range()
  Generator, ///< What filters such as `map` give: can be gone through once.
  Namespace,
  Loop,     ///< `loop` in a for
  Macro,    ///< of the template
  Function, ///< `range`, `namespace`, ...
  Method,   ///< of a value: "a".upper
};

struct StringObject;
struct ListObject;
struct DictObject;
struct ViewObject;
struct RangeObject;
struct GeneratorObject;
struct NamespaceObject;
struct LoopObject;
struct MacroObject;
struct MethodObject;
struct Function;

class Value {
public:
  Value() : held(Kind::Undefined) { as.string = nullptr; }
  static Value absent() { return Value(Kind::Absent); }
  static Value none() { return Value(Kind::None); }
  static Value boolean(bool b) {
    Value v(Kind::Bool);
    v.as.integer = b;
    return v;
  }
  static Value integer(int64_t i) {
    Value v(Kind::Int);
    v.as.integer = i;
    return v;
  }
  static Value real(double d) {
    Value v(Kind::Float);
    v.as.real = d;
    return v;
  }
  /// An undefined value with the reason that errors give.
  static Value undefined(const StringObject *why) {
    Value v;
    v.as.string = why;
    return v;
  }
  Value(const StringObject *s) : held(Kind::String) { as.string = s; }
  Value(const DictObject *d) : held(Kind::Dict) { as.dict = d; }
  Value(const ViewObject *v) : held(Kind::View) { as.view = v; }
  Value(const RangeObject *r) : held(Kind::Range) { as.range = r; }
  Value(GeneratorObject *g) : held(Kind::Generator) { as.generator = g; }
  Value(NamespaceObject *n) : held(Kind::Namespace) { as.space = n; }
  Value(LoopObject *l) : held(Kind::Loop) { as.loop = l; }
  Value(const MacroObject *m) : held(Kind::Macro) { as.macro = m; }
  Value(const MethodObject *m) : held(Kind::Method) { as.method = m; }
  Value(const Function *f) : held(Kind::Function) { as.function = f; }
  static Value list(const ListObject *l) { return Value(Kind::List, l); }
  static Value tuple(const ListObject *l) { return Value(Kind::Tuple, l); }

  Kind kind() const { return held; }
  bool is(Kind k) const { return held == k; }
  bool isAbsent() const { return held == Kind::Absent; }
  bool isUndefined() const { return held == Kind::Undefined; }
  bool isNone() const { return held == Kind::None; }
  bool isString() const { return held == Kind::String; }
  bool isDict() const { return held == Kind::Dict; }
  /// A list or a tuple.
  bool isSequence() const { return held == Kind::List || held == Kind::Tuple; }
  /// An int or a bool, which in Python is one.
  bool isInteger() const { return held == Kind::Int || held == Kind::Bool; }
  bool isNumber() const { return isInteger() || held == Kind::Float; }

  // Each expects the kind that it is named after.
  bool asBool() const { return as.integer != 0; }
  int64_t asInt() const { return as.integer; } ///< Of a bool too.
  double asDouble() const {
    return held == Kind::Float ? as.real : static_cast<double>(as.integer);
  }
  const std::string &text() const;
  const StringObject *string() const { return as.string; }
  /// Why an undefined value is; may be null.
  const StringObject *why() const { return as.string; }
  const ListObject *list() const { return as.list; }
  const std::vector<Value> &items() const;
  const DictObject *dict() const { return as.dict; }
  const ViewObject *view() const { return as.view; }
  const RangeObject *range() const { return as.range; }
  GeneratorObject *generator() const { return as.generator; }
  NamespaceObject *space() const { return as.space; }
  LoopObject *loop() const { return as.loop; }
  const MacroObject *macro() const { return as.macro; }
  const MethodObject *method() const { return as.method; }
  const Function *function() const { return as.function; }

private:
  explicit Value(Kind kind) : held(kind) { as.integer = 0; }
  Value(Kind kind, const ListObject *l) : held(kind) { as.list = l; }

  union {
    int64_t integer;
    double real;
    const StringObject *string;
    const ListObject *list;
    const DictObject *dict;
    const ViewObject *view;
    const RangeObject *range;
    GeneratorObject *generator;
    NamespaceObject *space;
    LoopObject *loop;
    const MacroObject *macro;
    const MethodObject *method;
    const Function *function;
  } as;
  Kind held;
};

struct StringObject {
  std::string text;
  /// After `safe` or `escape`: Python's Markup, whose `+` escapes.
  bool markup = false;
};
struct ListObject {
  std::vector<Value> items;
};

/// Keys in the order in which they came. Numbers that are equal are one key.
struct DictObject {
  std::vector<std::pair<Value, Value>> entries;
  std::unordered_map<std::string_view, size_t> byText; ///< String keys.
  /// The value of `key`; null if there is none.
  const Value *find(std::string_view key) const;
};
struct ViewObject {
  enum Part { Keys, Values, Items } part;
  const DictObject *dict;
};
struct RangeObject {
  int64_t start, stop, step, length;
};
struct GeneratorObject {
  /// Makes all items; called when the first is asked for.
  std::function<void(std::vector<Value> &)> make;
  std::vector<Value> items;
  size_t next = 0;
};
struct NamespaceObject {
  std::vector<std::pair<const StringObject *, Value>> attributes;
};
struct MethodObject {
  Value self;
  const StringObject *name;
};

inline const std::string &Value::text() const { return as.string->text; }
inline const std::vector<Value> &Value::items() const { return as.list->items; }

/// Owns the objects of one rendering (or, of a parsed template, its constants)
/// and counts what they take and what the rendering does.
class Heap {
public:
  explicit Heap(const Limits &limits) : limits(limits) {}
  Heap(const Heap &) = delete;
  Heap &operator=(const Heap &) = delete;

  Value string(std::string text, bool markup = false);
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  /// Later values of equal keys replace earlier ones.
  Value dict(std::vector<std::pair<Value, Value>> entries);
  Value view(const DictObject *dict, ViewObject::Part part);
  Value range(int64_t start, int64_t stop, int64_t step);
  Value generator(std::function<void(std::vector<Value> &)> make);
  Value space(std::vector<std::pair<const StringObject *, Value>> attributes);
  Value method(const Value &self, const StringObject *name);
  Value undefined(std::string why);
  /// Any other object, kept as long as the heap.
  template <typename T> T *keep() {
    take(sizeof(T));
    auto owned = std::make_shared<T>();
    T *object = owned.get();
    others.push_back(std::move(owned));
    return object;
  }

  /// Counts `bytes` that an object takes, before they are taken.
  void take(size_t bytes);
  /// Counts work: the number of values, or bytes of text, that are gone
  /// through.
  void work(size_t count) {
    if (count > steps)
      outOfSteps();
    steps -= count;
  }
  void workOnText(size_t bytes) { work(bytes / 64 + 1); }

private:
  [[noreturn]] void outOfSteps() const;

  Limits limits;
  size_t bytes = 0;
  size_t steps = limits.steps;
  std::deque<StringObject> strings;
  std::deque<ListObject> lists;
  std::deque<DictObject> dicts;
  std::deque<ViewObject> views;
  std::deque<RangeObject> ranges;
  std::deque<GeneratorObject> generators;
  std::deque<NamespaceObject> spaces;
  std::deque<MethodObject> methods;
  std::vector<std::shared_ptr<void>> others;
};

/// What Python calls the type of `value`, for errors: "a dict".
std::string typeName(const Value &value);
/// Fails if `value` is undefined, with its reason and what was tried with it.
void mustBeDefined(const Value &value);

bool isTrue(const Value &value);
/// Python's ==.
bool equal(Heap &heap, const Value &a, const Value &b);
/// Below 0, 0 or above; fails where Python has no order of the two.
int compare(Heap &heap, const Value &a, const Value &b);
/// Whether the value can be a key; only its kind is looked at, and the items of
/// a tuple.
bool isHashable(Heap &heap, const Value &value);
/// dict[key], by equality; null if there is none.
const Value *findKey(Heap &heap, const DictObject &dict, const Value &key);
/// Python's `item in container`.
bool contains(Heap &heap, const Value &container, const Value &item);
/// len(); fails where Python has none.
int64_t length(Heap &heap, const Value &value);
/// What iterating gives; fails where Python cannot iterate. A generator is used
/// up by it.
std::vector<Value> iterate(Heap &heap, const Value &value);

/// The numbers 0 to `count` - 1, those that are `before` others first, else as
/// they are. Unlike the standard's, safe with an order that is none, such as
/// that of NaN.
std::vector<size_t>
stableOrder(size_t count, const std::function<bool(size_t, size_t)> &isBefore);

/// str(value) and repr(value).
std::string toText(Heap &heap, const Value &value);
std::string toRepr(Heap &heap, const Value &value);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_VALUE_H
