//===- Format.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Python's two ways to put values into a text.
#include "text/chat/Interpreter.h"
#include "text/chat/Numbers.h"
#include "text/chat/Unicode.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace hamlet::text::chat {
namespace {

constexpr int64_t kMaxWidth = 1000;

class PercentFormat {
public:
  PercentFormat(Interpreter &in, std::string_view format, const Value &values)
      : in(in), format(format), values(values) {
    if (values.is(Kind::Tuple))
      given = values.items();
    else
      given = {values};
  }

  std::string run() {
    while (at < format.size()) {
      if (format[at] != '%') {
        out += format[at++];
        continue;
      }
      ++at;
      one();
    }
    // As in Python: what has items of its own may be there for these.
    const bool hasItems = values.isDict() || values.is(Kind::List) ||
                          values.is(Kind::Range) || values.isUndefined();
    if (used < given.size() && !hasItems)
      fail("'%' is given more values than its format uses");
    return std::move(out);
  }

private:
  char peek() const { return at < format.size() ? format[at] : '\0'; }
  int64_t number() {
    int64_t n = 0;
    while (peek() >= '0' && peek() <= '9') {
      n = n * 10 + (format[at++] - '0');
      if (n > kMaxWidth)
        fail("a width in a format is more than ", std::to_string(kMaxWidth));
    }
    return n;
  }
  Value nextValue() {
    if (used == given.size())
      fail("'%' is given fewer values than its format needs");
    return given[used++];
  }
  void one();
  std::string integer(const Value &value, char type);
  std::string real(const Value &value, char type) const;
  void pad(std::string text, bool isNumber);

  Interpreter &in;
  std::string_view format;
  const Value &values;
  std::vector<Value> given;
  size_t at = 0, used = 0;
  std::string out;
  // Of the conversion at hand.
  bool left = false, plus = false, space = false, zero = false;
  int64_t width = 0, precision = -1;
};

std::string PercentFormat::integer(const Value &value, char type) {
  mustBeDefined(value);
  if (!value.isNumber() ||
      (value.is(Kind::Float) && type != 'd' && type != 'i' && type != 'u'))
    fail("'%", std::string(1, type), "' needs an int, not ", typeName(value));
  const int64_t whole =
      value.is(Kind::Float) ? truncate(value.asDouble()) : value.asInt();
  // Of the least int the negative has no place in an int64.
  const uint64_t size = whole < 0 ? -static_cast<uint64_t>(whole) : whole;
  const char *form = type == 'x'   ? "%lx"
                     : type == 'X' ? "%lX"
                     : type == 'o' ? "%lo"
                                   : "%lu";
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), form, size);
  std::string text = digits.data();
  if (precision > static_cast<int64_t>(text.size()))
    text.insert(0, precision - text.size(), '0');
  return (whole < 0 ? "-" : plus ? "+" : space ? " " : "") + text;
}

std::string PercentFormat::real(const Value &value, char type) const {
  mustBeDefined(value);
  if (!value.isNumber())
    fail("'%", std::string(1, type), "' needs a number, not ", typeName(value));
  const double d = value.asDouble();
  const std::string form = std::string("%") +
                           (plus    ? "+"
                            : space ? " "
                                    : "") +
                           ".*" + type;
  std::array<char, 1400> digits{};
  std::snprintf(digits.data(), digits.size(), form.c_str(),
                static_cast<int>(precision < 0 ? 6 : precision), d);
  return digits.data();
}

void PercentFormat::pad(std::string text, bool isNumber) {
  const int64_t missing = width - static_cast<int64_t>(countCodePoints(text));
  if (missing > 0) {
    if (left) {
      text.append(missing, ' ');
    } else if (zero && isNumber) {
      const bool hasSign =
          !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
      text.insert(hasSign ? 1 : 0, missing, '0');
    } else {
      text.insert(0, missing, ' ');
    }
  }
  in.values().take(text.size());
  out += text;
}

void PercentFormat::one() {
  left = plus = space = zero = false;
  width = 0;
  precision = -1;
  Value named = Value::absent();
  if (peek() == '(') {
    const size_t end = format.find(')', at);
    if (end == std::string_view::npos || !values.isDict())
      fail("'%(name)' in a format needs a dict, and ')'");
    const std::string name(format.substr(at + 1, end - at - 1));
    const Value *found = values.dict()->find(name);
    if (!found)
      fail("the dict of '%' has no '", name, "'");
    named = *found;
    at = end + 1;
  }
  for (bool isFlag = true; isFlag;) {
    switch (peek()) {
    case '-':
      left = true;
      break;
    case '+':
      plus = true;
      break;
    case ' ':
      space = true;
      break;
    case '0':
      zero = true;
      break;
    default:
      isFlag = false;
    }
    at += isFlag;
  }
  width = number();
  if (peek() == '.') {
    ++at;
    precision = number();
  }
  const char type = peek();
  ++at;
  if (type == '%') {
    out += '%';
    return;
  }
  if (type == '\0' ||
      std::string_view("diuxXoeEfFgGsr").find(type) == std::string_view::npos)
    fail("'%", std::string(type ? 1 : 0, type),
         "' in a format is not supported; d, x, o, e, f, g, s and r are");
  const Value value = named.isAbsent() ? nextValue() : named;
  switch (type) {
  case 's':
  case 'r': {
    std::string text =
        type == 's' ? textOf(in, value) : toRepr(in.values(), value);
    if (precision >= 0)
      text.resize(byteOffset(text, precision));
    return pad(std::move(text), false);
  }
  case 'd':
  case 'i':
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    return pad(integer(value, type), true);
  default: {
    // Python's padding of what is not finite is with zeros, too.
    return pad(real(value, type), true);
  }
  }
}

} // namespace

std::string percentFormat(Interpreter &in, const std::string &format,
                          const Value &values) {
  in.values().workOnText(format.size());
  return PercentFormat(in, format, values).run();
}

std::string braceFormat(Interpreter &in, const std::string &format,
                        const Arguments &arguments) {
  std::string out;
  size_t automatic = 0;
  bool numbered = false, isAutomatic = false;
  for (size_t i = 0; i < format.size();) {
    const char c = format[i];
    if (c != '{' && c != '}') {
      out += c;
      ++i;
      continue;
    }
    if (i + 1 < format.size() && format[i + 1] == c) {
      out += c;
      i += 2;
      continue;
    }
    const size_t end = c == '{' ? format.find('}', i) : std::string::npos;
    if (end == std::string::npos)
      fail("a single '", std::string(1, c),
           "' in the text of format; write it twice");
    std::string_view field(format.data() + i + 1, end - i - 1);
    i = end + 1;
    bool asRepr = false;
    if (field.ends_with("!r") || field.ends_with("!s")) {
      asRepr = field.ends_with("!r");
      field.remove_suffix(2);
    }
    if (field.find_first_of(":.[!{") != std::string_view::npos)
      fail("'{", std::string(field),
           "}' in the text of format is not "
           "supported; '{}', '{0}' and '{name}' are");
    Value value = Value::absent();
    if (field.empty() || (field[0] >= '0' && field[0] <= '9')) {
      (field.empty() ? isAutomatic : numbered) = true;
      if (isAutomatic && numbered)
        fail("'{}' and '{0}' in one text of format");
      const auto at = field.empty() ? static_cast<int64_t>(automatic++)
                                    : parseInt(field).value_or(INT64_MAX);
      if (at < static_cast<int64_t>(arguments.values.size()))
        value = arguments.values[at];
    } else {
      for (const auto &[name, named] : arguments.named)
        if (name->text == field)
          value = named;
    }
    if (value.isAbsent())
      fail("format is not given '{", std::string(field), "}'");
    // A str() of its own would need a string, and has none here.
    const std::string text =
        asRepr ? toRepr(in.values(), value) : textOf(in, value);
    in.values().take(text.size());
    out += text;
  }
  return out;
}

} // namespace hamlet::text::chat
