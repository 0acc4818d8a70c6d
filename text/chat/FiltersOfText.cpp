//===- FiltersOfText.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Filters that make a text or a number of one value.
#include "text/chat/Interpreter.h"
#include "text/chat/Json.h"
#include "text/chat/Numbers.h"
#include "text/chat/TextMethods.h"
#include "text/chat/Unicode.h"

#include <cmath>

namespace hamlet::text::chat {
namespace {

/// `text`, made of `value`: what is safe stays so.
Value madeOf(Interpreter &in, const Value &value, std::string text) {
  return in.values().string(std::move(text), isMarkup(value));
}

Value upper(Interpreter &in, Arguments &a) {
  return madeOf(in, a[0], toUpper(textOf(in, a[0])));
}
Value lower(Interpreter &in, Arguments &a) {
  return madeOf(in, a[0], toLower(textOf(in, a[0])));
}
Value capitalized(Interpreter &in, Arguments &a) {
  return madeOf(in, a[0], capitalize(textOf(in, a[0])));
}

/// Words begin after spaces, dashes and brackets, unlike those of str.title.
Value title(Interpreter &in, Arguments &a) {
  std::string out, word;
  auto flush = [&] {
    if (word.empty())
      return;
    size_t first = 0;
    nextCodePoint(word, first);
    out += toUpper(std::string_view(word).substr(0, first)) +
           toLower(std::string_view(word).substr(first));
    word.clear();
  };
  const std::string text = textOf(in, a[0]);
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const char32_t c = nextCodePoint(text, i);
    const bool between =
        isSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (between) {
      flush();
      out.append(text, start, i - start);
    } else {
      word.append(text, start, i - start);
    }
  }
  flush();
  return in.values().string(std::move(out));
}

Value trim(Interpreter &in, Arguments &a) {
  const std::string text = textOf(in, a[0]);
  return madeOf(
      in, a[0],
      stripped(text, stripSet(in, a.orElse(1, Value::none())), true, true));
}

Value replace(Interpreter &in, Arguments &a) {
  int64_t count = -1;
  if (a.has(3) && !a[3].isNone())
    count = mustBeInt(a[3], "'count' of replace");
  return in.values().string(replaced(in, textOf(in, a[0]), textOf(in, a[1]),
                                     textOf(in, a[2]), count));
}

Value string(Interpreter &in, Arguments &a) {
  return a[0].isString() ? a[0] : in.values().string(textOf(in, a[0]));
}

Value safe(Interpreter &in, Arguments &a) {
  return in.values().string(textOf(in, a[0]), /*markup=*/true);
}

Value escape(Interpreter &in, Arguments &a) {
  if (isMarkup(a[0]))
    return a[0];
  return in.values().string(escaped(textOf(in, a[0])), /*markup=*/true);
}

Value indent(Interpreter &in, Arguments &a) {
  const std::string text = mustBeText(in, a[0], "what is indented");
  const Value width = a.orElse(1, Value::integer(4));
  std::string by;
  if (width.isString()) {
    by = width.text();
  } else {
    const int64_t spaces =
        std::max<int64_t>(mustBeInt(width, "'width' of indent"), 0);
    in.values().take(spaces);
    by.assign(spaces, ' ');
  }
  const bool first = isTrue(a.orElse(2, Value::boolean(false)));
  const bool blank = isTrue(a.orElse(3, Value::boolean(false)));
  takePieces(in, text);
  // With a newline at the end, so that an empty text is a line, too.
  const std::vector<std::string> lines =
      splitLines(text + "\n", /*keepEnds=*/false);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i)
      out += '\n';
    if (i == 0 ? first : blank || !lines[i].empty()) {
      in.values().take(by.size());
      out += by;
    }
    out += lines[i];
  }
  return madeOf(in, a[0], std::move(out));
}

Value toJson(Interpreter &in, Arguments &a) {
  JsonStyle style;
  style.ensureAscii = isTrue(a.orElse(1, Value::boolean(false)));
  if (a.has(2) && !a[2].isNone()) {
    style.isIndented = true;
    if (a[2].isString()) {
      style.indent = a[2].text();
    } else {
      const int64_t spaces =
          std::max<int64_t>(mustBeInt(a[2], "'indent' of tojson"), 0);
      in.values().take(spaces);
      style.indent.assign(spaces, ' ');
    }
    style.betweenItems = ",";
  }
  if (a.has(3) && !a[3].isNone()) {
    const std::vector<Value> pair = iterate(in.values(), a[3]);
    if (pair.size() != 2)
      fail("'separators' of tojson are two strings");
    style.betweenItems = mustBeText(in, pair[0], "a separator of tojson");
    style.afterKey = mustBeText(in, pair[1], "a separator of tojson");
  }
  style.sortKeys = isTrue(a.orElse(4, Value::boolean(false)));
  return in.values().string(json(in.values(), a[0], style));
}

/// int(value) of a number or a bool; Absent where Python raises ValueError or
/// TypeError.
Value wholeOf(const Value &value) {
  if (value.isInteger())
    return Value::integer(value.asInt());
  if (value.is(Kind::Float) && std::isfinite(value.asDouble()))
    return Value::integer(truncate(value.asDouble()));
  return Value::absent();
}

Value floatOf(Interpreter &in, const Value &value) {
  if (value.isNumber())
    return Value::real(value.asDouble());
  if (value.isString()) {
    in.values().workOnText(value.text().size());
    if (auto number = parseFloat(value.text()))
      return Value::real(*number);
  }
  return Value::absent();
}

Value toInt(Interpreter &in, Arguments &a) {
  mustBeDefined(a[0]);
  const int64_t base =
      mustBeInt(a.orElse(2, Value::integer(10)), "'base' of int");
  if (base != 0 && (base < 2 || base > 36))
    fail("'base' of int is 0 or 2 to 36");
  if (a[0].is(Kind::Float) && std::isinf(a[0].asDouble()))
    fail("an infinite float has no whole part");
  Value made = wholeOf(a[0]);
  if (a[0].isString()) {
    in.values().workOnText(a[0].text().size());
    if (auto number = parseInt(a[0].text(), static_cast<int>(base)))
      made = Value::integer(*number);
  }
  if (made.isAbsent())
    made = wholeOf(floatOf(in, a[0]));
  return made.isAbsent() ? a.orElse(1, Value::integer(0)) : made;
}

Value toFloat(Interpreter &in, Arguments &a) {
  mustBeDefined(a[0]);
  const Value made = floatOf(in, a[0]);
  return made.isAbsent() ? a.orElse(1, Value::real(0)) : made;
}

Value absolute(Interpreter &, Arguments &a) {
  mustBeDefined(a[0]);
  if (a[0].isInteger())
    return Value::integer(a[0].asInt() < 0 ? subtract(0, a[0].asInt())
                                           : a[0].asInt());
  if (!a[0].is(Kind::Float))
    fail("abs needs a number, not ", typeName(a[0]));
  return Value::real(std::fabs(a[0].asDouble()));
}

Value round(Interpreter &in, Arguments &a) {
  mustBeDefined(a[0]);
  const int64_t digits =
      mustBeInt(a.orElse(1, Value::integer(0)), "'precision' of round");
  const std::string method =
      textOf(in, a.orElse(2, in.values().string("common")));
  if (method != "common" && method != "ceil" && method != "floor")
    fail("'method' of round is common, ceil or floor");
  if (!a[0].isNumber())
    fail("round needs a number, not ", typeName(a[0]));
  if (digits < 0)
    fail("a negative precision of round is not supported; divide before");
  if (method == "common")
    return a[0].isInteger() ? Value::integer(a[0].asInt())
                            : Value::real(roundTo(a[0].asDouble(), digits));
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = a[0].asDouble() * scale;
  if (!std::isfinite(scaled))
    fail("round of a number that is too large, or not finite");
  const double whole =
      method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  return Value::real((whole == 0 ? 0.0 : whole) / scale);
}

Value percent(Interpreter &in, Arguments &a) {
  if (!a.named.empty())
    fail("names of values of filter 'format' are not supported; use '~'");
  if (isMarkup(a[0]))
    fail("filter 'format' after `safe` or `escape` is not supported, since it "
         "would escape the values; leave `safe` out");
  const std::vector<Value> values(a.values.begin() + 1, a.values.end());
  return in.values().string(
      percentFormat(in, textOf(in, a[0]), in.values().tuple(values)));
}

Value preset(Interpreter &in, Arguments &a) {
  const bool takes =
      a[0].isUndefined() ||
      (isTrue(a.orElse(2, Value::boolean(false))) && !isTrue(a[0]));
  return takes ? a.orElse(1, in.values().string("")) : a[0];
}

Value attributeOf(Interpreter &in, Arguments &a) {
  const std::string &name = mustBeText(in, a[1], "'name' of attr");
  mustBeDefined(a[0]);
  if (name.starts_with("__"))
    return in.values().undefined("attribute '" + name +
                                 "' is not accessible in a template");
  if (a[0].isDict()) // Only attributes: a dict's items are none.
    return hasPythonAttribute(Kind::Dict, name)
               ? in.values().method(a[0], a[1].string())
               : in.values().undefined("a dict has no attribute '" + name +
                                       "'");
  return in.attribute(a[0], a[1].string());
}

} // namespace

Builtins filtersOfText() {
  return {
      {"abs", "x", absolute},
      {"attr", "obj name", attributeOf},
      {"capitalize", "s", capitalized},
      {"d", "value default_value? boolean?", preset},
      {"default", "value default_value? boolean?", preset},
      {"e", "s", escape},
      {"escape", "s", escape},
      {"float", "value default?", toFloat},
      {"format", "value **", percent},
      {"indent", "s width? first? blank?", indent},
      {"int", "value default? base?", toInt},
      {"lower", "s", lower},
      {"replace", "s old new count?", replace},
      {"round", "value precision? method?", round},
      {"safe", "value", safe},
      {"string", "object", string},
      {"title", "s", title},
      {"tojson", "x ensure_ascii? indent? separators? sort_keys?", toJson},
      {"trim", "value chars?", trim},
      {"upper", "s", upper},
  };
}

} // namespace hamlet::text::chat
