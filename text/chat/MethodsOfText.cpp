//===- MethodsOfText.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Methods of str. Their parameters have the names that Python's have; most have
// none.
#include "text/chat/Interpreter.h"
#include "text/chat/TextMethods.h"
#include "text/chat/Unicode.h"

#include <algorithm>
#include <cstring>

namespace hamlet::text::chat {

StripSet stripSet(Interpreter &in, const Value &value) {
  if (value.isNone())
    return std::nullopt;
  return toCodePoints(mustBeText(in, value, "what is stripped"));
}

std::string stripped(std::string_view text, const StripSet &set, bool left,
                     bool right) {
  auto goes = [&](char32_t c) {
    return set ? set->find(c) != std::u32string::npos : isSpace(c);
  };
  size_t first = 0;
  while (left && first < text.size()) {
    size_t next = first;
    if (!goes(nextCodePoint(text, next)))
      break;
    first = next;
  }
  size_t last = text.size();
  while (right && last > first) {
    size_t start = last - 1;
    while ((text[start] & 0xC0) == 0x80)
      --start;
    size_t next = start;
    if (!goes(nextCodePoint(text, next)))
      break;
    last = start;
  }
  return std::string(text.substr(first, last - first));
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text)
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '\'':
      out += "&#39;";
      break;
    case '"':
      out += "&#34;";
      break;
    default:
      out += c;
    }
  return out;
}

size_t findFrom(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size())
    return std::string_view::npos;
  if (part.empty())
    return from;
  const void *found =
      memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<const char *>(found) - text.data()
               : std::string_view::npos;
}

std::string replaced(Interpreter &in, const std::string &text,
                     const std::string &old, const std::string &by,
                     int64_t count) {
  std::string out;
  size_t at = 0;
  auto add = [&](std::string_view piece) {
    in.values().take(piece.size());
    out += piece;
  };
  if (old.empty()) { // Between all characters, and at both ends.
    for (; count != 0; --count) {
      in.values().work(1);
      add(by);
      if (at == text.size())
        return out;
      const size_t start = at;
      nextCodePoint(text, at);
      add(std::string_view(text).substr(start, at - start));
    }
  }
  for (; count != 0 && !old.empty(); --count) {
    const size_t found = findFrom(text, old, at);
    if (found == std::string::npos)
      break;
    in.values().work(1);
    add(std::string_view(text).substr(at, found - at));
    add(by);
    at = found + old.size();
  }
  add(std::string_view(text).substr(at));
  return out;
}

namespace {

bool isLineEnd(char32_t c) {
  return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
         c == 0x2028 || c == 0x2029;
}

/// Whether there is a letter with a case, and each such one `is`.
bool allCased(std::string_view text, bool (*is)(char32_t),
              bool (*isNot)(char32_t)) {
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = nextCodePoint(text, i);
    if (isNot(c) || isTitleCase(c))
      return false;
    any |= is(c);
  }
  return any;
}

} // namespace

bool isLowerText(std::string_view text) {
  return allCased(text, isLowerCase, isUpperCase);
}
bool isUpperText(std::string_view text) {
  return allCased(text, isUpperCase, isLowerCase);
}

/// made.
void takePieces(Interpreter &in, std::string_view text) {
  size_t spaces = 1;
  for (size_t i = 0; i < text.size();)
    spaces += isSpace(nextCodePoint(text, i));
  in.values().take(text.size() + spaces * sizeof(std::string));
}

std::vector<std::string> splitLines(std::string_view text, bool keepEnds) {
  std::vector<std::string> lines;
  for (size_t i = 0, start = 0; i < text.size();) {
    const size_t end = i;
    const char32_t c = nextCodePoint(text, i);
    const bool ends = isLineEnd(c);
    if (ends && c == '\r' && i < text.size() && text[i] == '\n')
      ++i;
    if (ends || i == text.size())
      lines.emplace_back(
          text.substr(start, (ends && !keepEnds ? end : i) - start));
    if (ends)
      start = i;
  }
  return lines;
}

namespace {

const std::string &self(Interpreter &in, const Arguments &a) {
  in.values().workOnText(a[0].text().size());
  return a[0].text();
}

Value texts(Interpreter &in, const std::vector<std::string> &pieces,
            bool isTuple = false) {
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const std::string &piece : pieces)
    items.push_back(in.values().string(piece));
  return isTuple ? in.values().tuple(std::move(items))
                 : in.values().list(std::move(items));
}

template <std::string (*Change)(std::string_view)>
Value changed(Interpreter &in, Arguments &a) {
  return in.values().string(Change(self(in, a)));
}

template <bool Left, bool Right> Value strip(Interpreter &in, Arguments &a) {
  return in.values().string(stripped(
      self(in, a), stripSet(in, a.orElse(1, Value::none())), Left, Right));
}

/// At white space, as many times as `most` says (below 0: always).
std::vector<std::string> splitAtSpace(std::string_view text, int64_t most,
                                      bool fromRight) {
  std::vector<std::string> pieces;
  auto trimmed = [&](std::string_view s) {
    return stripped(s, std::nullopt, !fromRight, fromRight);
  };
  std::string rest = trimmed(text);
  std::string_view left = rest;
  while (!left.empty()) {
    if (most >= 0 && static_cast<int64_t>(pieces.size()) == most) {
      pieces.emplace_back(left);
      break;
    }
    // The end of the next piece, from the side that is split from.
    size_t at = fromRight ? left.size() : 0;
    while (fromRight ? at > 0 : at < left.size()) {
      size_t start = fromRight ? at - 1 : at;
      while (fromRight && (left[start] & 0xC0) == 0x80)
        --start;
      size_t next = start;
      if (isSpace(nextCodePoint(left, next)))
        break;
      at = fromRight ? start : next;
    }
    pieces.emplace_back(fromRight ? left.substr(at) : left.substr(0, at));
    left = fromRight ? left.substr(0, at) : left.substr(at);
    while (!left.empty()) {
      size_t start = fromRight ? left.size() - 1 : 0;
      while (fromRight && (left[start] & 0xC0) == 0x80)
        --start;
      size_t next = start;
      if (!isSpace(nextCodePoint(left, next)))
        break;
      left = fromRight ? left.substr(0, start) : left.substr(next);
    }
  }
  if (fromRight)
    std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Value splitText(Interpreter &in, Arguments &a, bool fromRight) {
  const std::string &text = self(in, a);
  const int64_t most = mustBeInt(a.orElse(2, Value::integer(-1)), "'maxsplit'");
  const Value separator = a.orElse(1, Value::none());
  std::vector<std::string> pieces;
  if (separator.isNone()) {
    takePieces(in, text);
    return texts(in, splitAtSpace(text, most, fromRight));
  }
  const std::string &at = mustBeText(in, separator, "the separator of split");
  if (at.empty())
    fail("the separator of split is empty");
  std::vector<size_t> places; // Where separators begin.
  if (fromRight) {
    // A text without the separator twice at one place: from the right only the
    // backward search finds the same as Python.
    const size_t cost = text.size() / 64 * std::min<size_t>(at.size(), 64);
    in.values().work(cost);
    size_t end = text.size();
    while (most < 0 || static_cast<int64_t>(places.size()) < most) {
      if (end < at.size())
        break;
      const size_t found = text.rfind(at, end - at.size());
      if (found == std::string::npos)
        break;
      in.values().work(1);
      in.values().take(sizeof(size_t) + sizeof(std::string));
      places.push_back(found);
      end = found;
    }
    std::reverse(places.begin(), places.end());
  } else {
    for (size_t from = 0;
         most < 0 || static_cast<int64_t>(places.size()) < most;) {
      const size_t found = findFrom(text, at, from);
      if (found == std::string::npos)
        break;
      in.values().work(1);
      in.values().take(sizeof(size_t) + sizeof(std::string));
      places.push_back(found);
      from = found + at.size();
    }
  }
  size_t start = 0;
  for (size_t place : places) {
    pieces.push_back(text.substr(start, place - start));
    start = place + at.size();
  }
  pieces.push_back(text.substr(start));
  return texts(in, pieces);
}
Value split(Interpreter &in, Arguments &a) { return splitText(in, a, false); }
Value rsplit(Interpreter &in, Arguments &a) { return splitText(in, a, true); }

Value splitlines(Interpreter &in, Arguments &a) {
  const bool keepEnds = isTrue(a.orElse(1, Value::boolean(false)));
  takePieces(in, a[0].text());
  return texts(in, splitLines(self(in, a), keepEnds));
}

template <bool FromRight> Value partition(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  const std::string &at = mustBeText(in, a[1], "the separator of partition");
  if (at.empty())
    fail("the separator of partition is empty");
  in.values().work(
      FromRight ? text.size() / 64 * std::min<size_t>(at.size(), 64) : 0);
  const size_t found = FromRight ? text.rfind(at) : findFrom(text, at, 0);
  if (found == std::string::npos)
    return FromRight ? texts(in, {"", "", text}, true)
                     : texts(in, {text, "", ""}, true);
  return texts(in, {text.substr(0, found), at, text.substr(found + at.size())},
               true);
}

/// The part of the text that `start` and `end` (arguments 2 and 3, in code
/// points) choose, and where it begins; nothing if `start` is behind the end.
struct Part {
  std::string_view text;
  int64_t first = 0;
  bool exists = true;
};
Part chosenPart(Interpreter &in, const Arguments &a) {
  const std::string &text = self(in, a);
  const auto size = static_cast<int64_t>(countCodePoints(text));
  auto bound = [&](size_t i, int64_t preset) {
    if (!a.has(i) || a[i].isNone())
      return preset;
    int64_t at = mustBeInt(a[i], "a place in a string");
    if (at < 0)
      at = std::max<int64_t>(at + size, 0);
    return at;
  };
  const int64_t start = bound(2, 0), end = std::min(bound(3, size), size);
  if (start > end)
    return {"", start, false};
  const size_t from = byteOffset(text, start), to = byteOffset(text, end);
  return {std::string_view(text).substr(from, to - from), start, true};
}

int64_t place(Interpreter &in, const Arguments &a, bool fromRight) {
  const Part part = chosenPart(in, a);
  const std::string &what = mustBeText(in, a[1], "what is looked for");
  if (!part.exists)
    return -1;
  if (fromRight)
    in.values().work(part.text.size() / 64 * std::min<size_t>(what.size(), 64));
  const size_t found =
      fromRight ? part.text.rfind(what) : findFrom(part.text, what, 0);
  if (found == std::string_view::npos)
    return -1;
  return part.first +
         static_cast<int64_t>(countCodePoints(part.text.substr(0, found)));
}
Value find(Interpreter &in, Arguments &a) {
  return Value::integer(place(in, a, false));
}
Value rfind(Interpreter &in, Arguments &a) {
  return Value::integer(place(in, a, true));
}
template <bool FromRight> Value index(Interpreter &in, Arguments &a) {
  const int64_t at = place(in, a, FromRight);
  if (at < 0)
    fail("the string does not have what is looked for; use find");
  return Value::integer(at);
}

Value count(Interpreter &in, Arguments &a) {
  const Part part = chosenPart(in, a);
  const std::string &what = mustBeText(in, a[1], "what is counted");
  if (!part.exists)
    return Value::integer(0);
  if (what.empty())
    return Value::integer(static_cast<int64_t>(countCodePoints(part.text)) + 1);
  int64_t found = 0;
  for (size_t at = findFrom(part.text, what, 0); at != std::string_view::npos;
       at = findFrom(part.text, what, at + what.size())) {
    in.values().work(1);
    ++found;
  }
  return Value::integer(found);
}

template <bool AtEnd> Value hasAffix(Interpreter &in, Arguments &a) {
  const Part part = chosenPart(in, a);
  std::vector<Value> wanted = {a[1]};
  if (a[1].is(Kind::Tuple))
    wanted = a[1].items();
  for (const Value &each : wanted) {
    const std::string &affix = mustBeText(in, each, "what is looked for");
    if (part.exists &&
        (AtEnd ? part.text.ends_with(affix) : part.text.starts_with(affix)))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

Value removeprefix(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  const std::string &affix = mustBeText(in, a[1], "the prefix");
  return text.starts_with(affix) && !affix.empty()
             ? in.values().string(text.substr(affix.size()))
             : a[0];
}
Value removesuffix(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  const std::string &affix = mustBeText(in, a[1], "the suffix");
  return text.ends_with(affix) && !affix.empty()
             ? in.values().string(text.substr(0, text.size() - affix.size()))
             : a[0];
}

Value replace(Interpreter &in, Arguments &a) {
  return in.values().string(
      replaced(in, self(in, a), mustBeText(in, a[1], "what is replaced"),
               mustBeText(in, a[2], "what it is replaced by"),
               mustBeInt(a.orElse(3, Value::integer(-1)), "'count'")));
}

Value join(Interpreter &in, Arguments &a) {
  const std::string &between = self(in, a);
  mustBeDefined(a[1]);
  std::string out;
  bool isFirst = true;
  for (const Value &item : iterate(in.values(), a[1])) {
    const std::string &text = mustBeText(in, item, "an item of join");
    in.values().take(text.size() + between.size());
    if (!isFirst)
      out += between;
    isFirst = false;
    out += text;
  }
  return in.values().string(std::move(out));
}

Value format(Interpreter &in, Arguments &a) {
  Arguments values;
  values.values.assign(a.values.begin() + 1, a.values.end());
  values.named = a.named;
  return in.values().string(braceFormat(in, self(in, a), values));
}

enum class Side : uint8_t { Left, Right, Both };
template <Side Filled> Value justify(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  const std::string fill =
      a.has(2) ? mustBeText(in, a[2], "'fillchar'") : std::string(" ");
  if (countCodePoints(fill) != 1)
    fail("'fillchar' is one character");
  const int64_t width = mustBeInt(a[1], "'width'");
  const int64_t missing = width - static_cast<int64_t>(countCodePoints(text));
  if (missing <= 0)
    return in.values().string(text);
  // As in Python: the odd one goes left if the width is odd, too.
  const int64_t before = Filled == Side::Left ? missing
                         : Filled == Side::Right
                             ? 0
                             : missing / 2 + (missing & width & 1);
  in.values().take(missing * fill.size());
  std::string out;
  for (int64_t i = 0; i < before; ++i)
    out += fill;
  out += text;
  for (int64_t i = before; i < missing; ++i)
    out += fill;
  return in.values().string(std::move(out));
}

Value zfill(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  const int64_t width = mustBeInt(a[1], "'width'");
  const int64_t missing = width - static_cast<int64_t>(countCodePoints(text));
  if (missing <= 0)
    return a[0];
  in.values().take(missing);
  const size_t sign = text.starts_with("+") || text.starts_with("-") ? 1 : 0;
  return in.values().string(text.substr(0, sign) + std::string(missing, '0') +
                            text.substr(sign));
}

/// Whether the text is not empty and each character `is`.
template <bool (*Is)(char32_t)> Value all(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  for (size_t i = 0; i < text.size();)
    if (!Is(nextCodePoint(text, i)))
      return Value::boolean(false);
  return Value::boolean(!text.empty());
}
bool isAlnum(char32_t c) {
  return isAlpha(c) || isDecimal(c) || isDigit(c) || isNumeric(c);
}
Value isascii(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  return Value::boolean(std::all_of(text.begin(), text.end(),
                                    [](char c) { return !(c & 0x80); }));
}
Value isprintable(Interpreter &in, Arguments &a) {
  const std::string &text = self(in, a);
  return Value::boolean(text.empty() || all<isPrintable>(in, a).asBool());
}
template <bool (*Is)(std::string_view)>
Value whole(Interpreter &in, Arguments &a) {
  return Value::boolean(Is(self(in, a)));
}

/// Words begin with a capital and go on with small letters.
bool isTitleText(std::string_view text) {
  bool any = false, inWord = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = nextCodePoint(text, i);
    const bool capital = isUpperCase(c) || isTitleCase(c);
    if (capital ? inWord : isLowerCase(c) && !inWord)
      return false;
    inWord = capital || isLowerCase(c);
    any |= inWord;
  }
  return any;
}

} // namespace

Builtins methodsOfText() {
  return {
      {"capitalize", "self /", changed<capitalize>},
      {"center", "self width fillchar? /", justify<Side::Both>},
      {"count", "self sub start? end? /", count},
      {"endswith", "self suffix start? end? /", hasAffix<true>},
      {"find", "self sub start? end? /", find},
      {"format", "self / **", format},
      {"index", "self sub start? end? /", index<false>},
      {"isalnum", "self /", all<isAlnum>},
      {"isalpha", "self /", all<isAlpha>},
      {"isascii", "self /", isascii},
      {"isdecimal", "self /", all<isDecimal>},
      {"isdigit", "self /", all<isDigit>},
      {"islower", "self /", whole<isLowerText>},
      {"isnumeric", "self /", all<isNumeric>},
      {"isprintable", "self /", isprintable},
      {"isspace", "self /", all<isSpace>},
      {"istitle", "self /", whole<isTitleText>},
      {"isupper", "self /", whole<isUpperText>},
      {"join", "self iterable /", join},
      {"ljust", "self width fillchar? /", justify<Side::Right>},
      {"lower", "self /", changed<toLower>},
      {"lstrip", "self chars? /", strip<true, false>},
      {"partition", "self sep /", partition<false>},
      {"removeprefix", "self prefix /", removeprefix},
      {"removesuffix", "self suffix /", removesuffix},
      {"replace", "self old new count? /", replace},
      {"rfind", "self sub start? end? /", rfind},
      {"rindex", "self sub start? end? /", index<true>},
      {"rjust", "self width fillchar? /", justify<Side::Left>},
      {"rpartition", "self sep /", partition<true>},
      {"rsplit", "self / sep? maxsplit?", rsplit},
      {"rstrip", "self chars? /", strip<false, true>},
      {"split", "self / sep? maxsplit?", split},
      {"splitlines", "self / keepends?", splitlines},
      {"startswith", "self prefix start? end? /", hasAffix<false>},
      {"strip", "self chars? /", strip<true, true>},
      {"swapcase", "self /", changed<swapCase>},
      {"title", "self /", changed<titleCase>},
      {"upper", "self /", changed<toUpper>},
      {"zfill", "self width /", zfill},
  };
}

} // namespace hamlet::text::chat
