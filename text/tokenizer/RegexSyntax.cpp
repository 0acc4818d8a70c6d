//===- RegexSyntax.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/RegexSyntax.h"

#include <cctype>
#include <optional>
#include <vector>

namespace hamlet::text {

// Of the characters below U+0100 Oniguruma has a table of its own, which counts
// six numbers as letters.
const char *const kOnigurumaWord =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
const char *const kRustWord =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";
// A class at both ends: what is next to it cannot make it a range.
const char *const kSpace = R"(\p{Z}\x{9}-\x{D}\x{85}\p{Z})";

namespace {

bool isAlpha(char c) { return std::isalpha(static_cast<unsigned char>(c)); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

class Translator {
public:
  explicit Translator(std::string_view pattern) : in(pattern) {}

  Result<std::string> run() {
    while (at < in.size())
      HAMLET_TRY(item());
    if (groups.size() != 1)
      return failure("a '(' is not closed");
    out += std::string(groups.back().opened, ')');
    return out;
  }

private:
  struct Group {
    size_t begin;      ///< In `out`, of the group itself.
    size_t opened = 0; ///< Groups opened inside of it for options.
  };

  std::string_view in;
  size_t at = 0;
  std::string out;
  std::vector<Group> groups{{0}};
  /// Where in `out` the last thing that can be repeated begins.
  std::optional<size_t> atom;

  bool next(std::string_view text) const {
    return in.substr(at).substr(0, text.size()) == text;
  }
  Status refused(std::string_view what) const {
    return failure("'", what, "' at byte ", at, " is not supported");
  }
  void put(std::string_view text) {
    atom = out.size();
    out += text;
  }

  Status item() {
    switch (in[at]) {
    case '\\':
      return escape();
    case '[':
      return characterClass();
    case '(':
      return open();
    case ')':
      return close();
    case '{':
      return interval();
    case '*':
    case '+':
    case '?':
      out += in[at++]; // A second one makes it lazy or possessive in both.
      return {};
    case '|':
    case '^':
    case '$':
      atom.reset();
      out += in[at++];
      return {};
    default:
      return literal();
    }
  }

  Status literal() {
    size_t begin = at++;
    while (at < in.size() &&
           (static_cast<unsigned char>(in[at]) & 0xC0) == 0x80)
      ++at;
    put(in.substr(begin, at - begin));
    return {};
  }

  Status open() {
    size_t begin = out.size();
    atom.reset();
    for (std::string_view plain : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"})
      if (next(plain)) {
        out += plain;
        at += plain.size();
        groups.push_back({begin});
        return {};
      }
    if (next("(?#")) {
      at = in.find(')', at);
      if (at == in.npos)
        return failure("a '(?#' is not closed");
      ++at;
      return {};
    }
    if (next("(?"))
      return options(begin);
    if (next("(*"))
      return refused("(*");
    out += "(?:"; // Nothing asks what a group matched.
    ++at;
    groups.push_back({begin});
    return {};
  }

  /// "(?i)", "(?i:", "(?-i:" and so on.
  Status options(size_t begin) {
    std::string letters;
    size_t end = at + 2;
    for (; end < in.size() && in[end] != ')' && in[end] != ':'; ++end) {
      if (in[end] != 'i' && in[end] != 'm' && in[end] != '-')
        return refused(in.substr(at, end + 1 - at));
      letters += in[end] == 'm' ? 's' : in[end];
    }
    if (end == in.size())
      return failure("a '(?' is not closed");
    out += "(?" + letters + ":";
    // Without a group of its own it holds to the end of the one around it.
    if (in[end] == ')')
      ++groups.back().opened;
    else
      groups.push_back({begin});
    at = end + 1;
    return {};
  }

  Status close() {
    if (groups.size() == 1)
      return failure("a ')' at byte ", at, " closes nothing");
    out += std::string(groups.back().opened + 1, ')');
    atom = groups.back().begin;
    groups.pop_back();
    ++at;
    return {};
  }

  Status interval() {
    size_t end = at + 1;
    std::string low, high;
    while (end < in.size() && isDigit(in[end]))
      low += in[end++];
    bool comma = end < in.size() && in[end] == ',';
    if (comma)
      for (++end; end < in.size() && isDigit(in[end]);)
        high += in[end++];
    bool counts =
        end < in.size() && in[end] == '}' && !(low.empty() && high.empty());
    if (!counts) {
      put("\\{"); // A brace like any other character.
      ++at;
      return {};
    }
    if (!atom)
      return failure("'", in.substr(at, end + 1 - at), "' at byte ", at,
                     " repeats nothing");
    at = end + 1;
    out += "{" + (low.empty() ? "0" : low) + (comma ? "," : "") + high + "}";
    bool again = next("+") || (next("?") && !comma);
    if (again) {
      out.insert(*atom, "(?:");
      out += ")";
    }
    return {};
  }

  /// The inside of \p{...} as PCRE2 has it: general categories by letter,
  /// scripts by name.
  Result<std::string> property(bool negated) {
    size_t end = in.find('}', at);
    if (!next("{") || end == in.npos)
      return failure("\\p at byte ", at, " has no {name}");
    std::string_view name = in.substr(at + 1, end - at - 1);
    size_t begin = at;
    at = end + 1;
    if (!name.empty() && name.front() == '^') {
      negated = !negated;
      name.remove_prefix(1);
    }
    std::string_view sign = negated ? "\\P{" : "\\p{";
    bool letters = !name.empty();
    for (char c : name)
      letters = letters && (isAlpha(c) || c == '_');
    if (!letters || name.front() == '_') {
      at = begin;
      return refused("\\p" + std::string(in.substr(begin, end + 1 - begin)));
    }
    bool category = name.size() <= 2 || name == "Any";
    return std::string(sign) + (category ? "" : "sc:") + std::string(name) +
           "}";
  }

  /// A character written as a number; nothing where the escape is another.
  Result<std::optional<std::string>> numbered(char letter) {
    std::string digits;
    size_t end = at;
    auto hex = [&](size_t most) {
      while (end < in.size() && digits.size() < most &&
             std::isxdigit(static_cast<unsigned char>(in[end])))
        digits += in[end++];
    };
    if (letter == 'x' && next("{")) {
      end = at + 1;
      hex(8);
      if (digits.empty() || end == in.size() || in[end] != '}')
        return failure("\\x{ at byte ", at, " is not closed");
      ++end;
    } else if (letter == 'x') {
      hex(2);
      // To Oniguruma this is a byte, not a character.
      if (digits.empty() || (digits.size() == 2 && digits[0] >= '8'))
        return refused("\\x" + digits);
    } else if (letter == 'u') {
      hex(4);
      if (digits.size() != 4)
        return refused("\\u" + digits);
    } else {
      return std::optional<std::string>();
    }
    at = end;
    return std::optional<std::string>("\\x{" + digits + "}");
  }

  /// Escapes that mean one character, or the same in both syntaxes, in a class
  /// and outside; nothing where the escape is another. `at` is behind it.
  Result<std::optional<std::string>> common(char letter) {
    using Text = std::optional<std::string>;
    switch (letter) {
    case 'p':
    case 'P': {
      Result<std::string> text = property(letter == 'P');
      return text.ok() ? Result<Text>(std::move(*text)) : text.status();
    }
    case 'd':
    case 'D':
    case 'n':
    case 'r':
    case 't':
    case 'f':
    case 'a':
    case 'e':
      return Text(std::string("\\") + letter);
    case 'v': // A vertical tab; PCRE2 has a class of that name.
      return Text("\\x{B}");
    default:
      break;
    }
    if (isAlpha(letter) || isDigit(letter) ||
        static_cast<unsigned char>(letter) >= 0x80)
      return numbered(letter);
    return Text(std::string("\\") + letter);
  }

  Status escape() {
    if (at + 1 == in.size())
      return failure("the pattern ends in a '\\'");
    char letter = in[at + 1];
    std::string spelled(in.substr(at, 2));
    size_t begin = at;
    at += 2;
    const std::string word = kOnigurumaWord, space = kSpace;
    const std::string edge = "(?:(?<=[" + word + "])(?![" + word + "])|(?<![" +
                             word + "])(?=[" + word + "]))";
    switch (letter) {
    case 's':
      put("[" + space + "]");
      return {};
    case 'S':
      put("[^" + space + "]");
      return {};
    case 'w':
      put("[" + word + "]");
      return {};
    case 'W':
      put("[^" + word + "]");
      return {};
    case 'h':
      put("[0-9a-fA-F]");
      return {};
    case 'H':
      put("[^0-9a-fA-F]");
      return {};
    case 'b':
      put(edge);
      return {};
    case 'B':
      put("(?!" + edge + ")");
      return {};
    case 'A':
    case 'z':
    case 'Z':
      atom.reset();
      out += spelled;
      return {};
    default:
      break;
    }
    Result<std::optional<std::string>> text = common(letter);
    if (text.failed())
      return text.status();
    if (!*text) {
      at = begin;
      return refused(spelled);
    }
    put(**text);
    return {};
  }

  Status classEscape() {
    if (at + 1 == in.size())
      return failure("the pattern ends in a '\\'");
    char letter = in[at + 1];
    std::string spelled(in.substr(at, 2));
    size_t begin = at;
    at += 2;
    switch (letter) {
    case 's':
      out += kSpace;
      return {};
    case 'S':
      out += "\\S\\x{180E}\\S";
      return {};
    case 'w':
      out += std::string(kOnigurumaWord) + "\\p{Nd}"; // Ends in a class.
      return {};
    case 'h':
      out += "0-9a-fA-F\\x{30}";
      return {};
    case 'b':
      out += "\\x{8}";
      return {};
    default:
      break;
    }
    Result<std::optional<std::string>> text = common(letter);
    if (text.failed())
      return text.status();
    if (!*text) {
      at = begin;
      return refused(spelled + "' in a class, '" + spelled);
    }
    out += **text;
    return {};
  }

  Status characterClass() {
    atom = out.size();
    out += in[at++];
    if (next("^"))
      out += in[at++];
    if (next("]"))
      return refused("]' as the first of a class, ']");
    while (at < in.size() && in[at] != ']') {
      if (in[at] == '\\') {
        HAMLET_TRY(classEscape());
      } else if (in[at] == '[') {
        return refused("[' inside of a class, '[");
      } else if (next("&&")) {
        return refused("&&");
      } else {
        out += in[at++];
      }
    }
    if (at == in.size())
      return failure("a '[' is not closed");
    out += in[at++];
    return {};
  }
};

} // namespace

Result<std::string> pcreSyntax(std::string_view pattern) {
  return Translator(pattern).run();
}

} // namespace hamlet::text
