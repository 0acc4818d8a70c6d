//===- Json.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Json.h"

#include "text/chat/Numbers.h"
#include "text/chat/Unicode.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace hamlet::text::chat {
namespace {

class Writer {
public:
  Writer(Heap &heap, const JsonStyle &style) : heap(heap), style(style) {}
  std::string out;

  void write(const Value &value, int depth);

private:
  void add(std::string_view text) {
    heap.take(text.size());
    out += text;
  }
  void newline(int depth) {
    if (!style.isIndented)
      return;
    add("\n");
    for (int i = 0; i < depth; ++i)
      add(style.indent);
  }
  void quoted(const std::string &text);
  void object(const DictObject &dict, int depth);
  std::string keyText(const Value &key);
  std::string number(const Value &value);

  Heap &heap;
  const JsonStyle &style;
};

std::string Writer::number(const Value &value) {
  const double d = value.asDouble();
  if (std::isnan(d))
    return "NaN";
  if (std::isinf(d))
    return d < 0 ? "-Infinity" : "Infinity";
  return floatRepr(d);
}

void Writer::quoted(const std::string &text) {
  heap.workOnText(text.size());
  std::string made = "\"";
  auto unit = [&](unsigned u) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), "\\u%04x", u);
    made += escaped;
  };
  constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b";
  constexpr std::string_view kLetters = "\"\\nrtfb";
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const char32_t c = nextCodePoint(text, i);
    const size_t special =
        c < 0x80 ? kSpecial.find(static_cast<char>(c)) : std::string_view::npos;
    if (special != std::string_view::npos) {
      made += '\\';
      made += kLetters[special];
    } else if (c < 0x20 || (c > 0x7E && c < 0x10000 && style.ensureAscii)) {
      unit(c);
    } else if (c >= 0x10000 && style.ensureAscii) {
      unit(0xD800 + ((c - 0x10000) >> 10));
      unit(0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      made.append(text, start, i - start);
    }
  }
  add(made + '"');
}

std::string Writer::keyText(const Value &key) {
  switch (key.kind()) {
  case Kind::String:
    return key.text();
  case Kind::None:
    return "null";
  case Kind::Bool:
    return key.asBool() ? "true" : "false";
  case Kind::Int:
    return std::to_string(key.asInt());
  case Kind::Float:
    return number(key);
  default:
    fail(typeName(key), " cannot be a key in JSON");
  }
}

void Writer::object(const DictObject &dict, int depth) {
  if (dict.entries.empty())
    return add("{}");
  const auto &entries = dict.entries;
  const auto order = stableOrder(entries.size(), [&](size_t a, size_t b) {
    return style.sortKeys &&
           compare(heap, entries[a].first, entries[b].first) < 0;
  });
  add("{");
  for (size_t i = 0; i < order.size(); ++i) {
    const auto &[key, value] = entries[order[i]];
    if (i)
      add(style.betweenItems);
    newline(depth + 1);
    quoted(keyText(key));
    add(style.afterKey);
    write(value, depth + 1);
  }
  newline(depth);
  add("}");
}

void Writer::write(const Value &value, int depth) {
  if (depth > kMaxValueDepth)
    fail("values are nested more than ", std::to_string(kMaxValueDepth),
         " deep");
  heap.work(1);
  switch (value.kind()) {
  case Kind::None:
    return add("null");
  case Kind::Bool:
    return add(value.asBool() ? "true" : "false");
  case Kind::Int:
    return add(std::to_string(value.asInt()));
  case Kind::Float:
    return add(number(value));
  case Kind::String:
    return quoted(value.text());
  case Kind::List:
  case Kind::Tuple:
    if (value.items().empty())
      return add("[]");
    add("[");
    for (size_t i = 0; i < value.items().size(); ++i) {
      if (i)
        add(style.betweenItems);
      newline(depth + 1);
      write(value.items()[i], depth + 1);
    }
    newline(depth);
    return add("]");
  case Kind::Dict:
    return object(*value.dict(), depth);
  default:
    mustBeDefined(value);
    fail(typeName(value), " has no JSON",
         value.is(Kind::Generator) || value.is(Kind::Range) ||
                 value.is(Kind::View)
             ? "; use `| list` before"
             : "");
  }
}

class Reader {
public:
  Reader(Heap &heap, const std::string &where) : heap(heap), where(where) {}

  Value read(const nlohmann::ordered_json &json, int depth);

private:
  Value text(const std::string &s) {
    if (!isValidUtf8(s))
      fail(where, ": a string is not valid UTF-8");
    return heap.string(s);
  }

  Heap &heap;
  const std::string &where;
};

Value Reader::read(const nlohmann::ordered_json &json, int depth) {
  using Type = nlohmann::ordered_json::value_t;
  if (depth > kMaxValueDepth)
    fail(where, ": values are nested more than ",
         std::to_string(kMaxValueDepth), " deep");
  switch (json.type()) {
  case Type::null:
    return Value::none();
  case Type::boolean:
    return Value::boolean(json.get<bool>());
  case Type::number_integer:
    return Value::integer(json.get<int64_t>());
  case Type::number_unsigned: {
    const auto number = json.get<uint64_t>();
    if (number > INT64_MAX)
      fail(where, ": ", std::to_string(number),
           " needs more than 64 bits with a sign, which is not supported");
    return Value::integer(static_cast<int64_t>(number));
  }
  case Type::number_float:
    return Value::real(json.get<double>());
  case Type::string:
    return text(json.get_ref<const std::string &>());
  case Type::array: {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const auto &item : json)
      items.push_back(read(item, depth + 1));
    return heap.list(std::move(items));
  }
  case Type::object: {
    std::vector<std::pair<Value, Value>> entries;
    entries.reserve(json.size());
    for (const auto &[key, item] : json.items()) {
      const Value name = text(key);
      entries.emplace_back(name, read(item, depth + 1));
    }
    return heap.dict(std::move(entries));
  }
  default:
    fail(where, ": a value is no JSON");
  }
}

} // namespace

std::string json(Heap &heap, const Value &value, const JsonStyle &style) {
  Writer writer(heap, style);
  writer.write(value, 0);
  return std::move(writer.out);
}

Value fromJson(Heap &heap, const nlohmann::ordered_json &json,
               const std::string &where) {
  return Reader(heap, where).read(json, 0);
}

} // namespace hamlet::text::chat
