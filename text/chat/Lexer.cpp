//===- Lexer.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Lexer.h"

#include "text/chat/Numbers.h"
#include "text/chat/Unicode.h"
#include "text/chat/Value.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace hamlet::text::chat {
namespace {

// The longest first.
constexpr std::array<std::string_view, 28> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
    "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";", "!", "?"};

bool isWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}
bool isDigitCharacter(char c) { return c >= '0' && c <= '9'; }

class Lexer {
public:
  explicit Lexer(std::string_view source) : text(source) {}

  std::vector<Token> run();

private:
  [[noreturn]] void failHere(std::string message, int at) const {
    throw TemplateError(std::move(message), at);
  }
  bool starts(std::string_view what) const {
    return text.substr(at).starts_with(what);
  }
  void move(size_t to) {
    line += static_cast<int>(
        std::count(text.begin() + static_cast<ptrdiff_t>(at),
                   text.begin() + static_cast<ptrdiff_t>(to), '\n'));
    at = to;
  }
  size_t afterSpace(size_t from) const;
  std::string_view withoutSpaceAtEnd(std::string_view data) const;
  void data(size_t from, size_t to, char sign, bool isPrint);
  bool raw(size_t begin);
  void comment(size_t begin);
  void tag(size_t begin);
  bool tagEnd(bool isPrint, Token &end);
  Token token();
  Token number();
  Token string();
  char32_t escaped(const std::string &body, size_t &i, int digits) const;
  std::string unescaped(const std::string &body) const;

  std::string_view text;
  size_t at = 0;
  int line = 1;
  /// Whether what stands here would be at the start of a line.
  bool startsLine = true;
  std::vector<Token> tokens;
};

size_t Lexer::afterSpace(size_t from) const {
  while (from < text.size()) {
    size_t next = from;
    if (!isSpace(nextCodePoint(text, next)))
      break;
    from = next;
  }
  return from;
}

std::string_view Lexer::withoutSpaceAtEnd(std::string_view data) const {
  while (!data.empty()) {
    size_t start = data.size() - 1;
    while (start > 0 && (data[start] & 0xC0) == 0x80)
      --start;
    size_t next = start;
    if (!isSpace(nextCodePoint(data, next)))
      break;
    data = data.substr(0, start);
  }
  return data;
}

/// Text up to a tag whose first brace is at `to`; `sign` is what follows the
/// brace.
void Lexer::data(size_t from, size_t to, char sign, bool isPrint) {
  std::string_view piece = text.substr(from, to - from);
  if (sign == '-') {
    piece = withoutSpaceAtEnd(piece);
  } else if (sign != '+' && !isPrint) {
    size_t newline = piece.rfind('\n');
    size_t lineStart = newline == std::string_view::npos ? 0 : newline + 1;
    if ((lineStart > 0 || startsLine) &&
        withoutSpaceAtEnd(piece.substr(lineStart)).empty())
      piece = piece.substr(0, lineStart);
  }
  if (!piece.empty())
    tokens.push_back({Token::Data, std::string(piece), 0, 0, line});
}

/// {% raw %} ... {% endraw %} at `begin`; false if it is another tag.
bool Lexer::raw(size_t begin) {
  auto word = [&](size_t from, std::string_view name) -> size_t {
    from = afterSpace(from);
    if (!text.substr(from).starts_with(name))
      return std::string_view::npos;
    return afterSpace(from + name.size());
  };
  auto signAt = [&](size_t from) {
    char sign = from < text.size() ? text[from] : '\0';
    return sign == '-' || sign == '+' ? sign : '\0';
  };
  char sign = signAt(begin + 2);
  size_t end = word(begin + 2 + (sign ? 1 : 0), "raw");
  if (end == std::string_view::npos)
    return false;
  bool trims = text.substr(end).starts_with("-%}");
  if (!trims && !text.substr(end).starts_with("%}"))
    return false;
  data(at, begin, sign, /*isPrint=*/false);
  int opened = line;
  move(begin);
  move(trims ? afterSpace(end + 3) : end + 2);
  startsLine = text[at - 1] == '\n';
  for (size_t close = text.find("{%", at); close != std::string_view::npos;
       close = text.find("{%", close + 1)) {
    char closeSign = signAt(close + 2);
    size_t after = word(close + 2 + (closeSign ? 1 : 0), "endraw");
    if (after == std::string_view::npos)
      continue;
    size_t next = after;
    if (text.substr(after).starts_with("+%}"))
      next = after + 3;
    else if (text.substr(after).starts_with("-%}"))
      next = afterSpace(after + 3);
    else if (text.substr(after).starts_with("%}\n"))
      next = after + 3;
    else if (text.substr(after).starts_with("%}"))
      next = after + 2;
    else
      continue;
    data(at, close, closeSign, /*isPrint=*/false);
    move(next);
    startsLine = text[at - 1] == '\n';
    return true;
  }
  failHere("'{% raw %}' without '{% endraw %}'", opened);
}

void Lexer::comment(size_t begin) {
  char sign = begin + 2 < text.size() ? text[begin + 2] : '\0';
  data(at, begin, sign, /*isPrint=*/false);
  move(begin);
  size_t from = begin + 2 + (sign == '-' || sign == '+' ? 1 : 0);
  size_t close = text.find("#}", from);
  if (close == std::string_view::npos)
    failHere("'{#' without '#}'", line);
  size_t next = close + 2;
  char last = close > from ? text[close - 1] : '\0';
  if (last == '-')
    next = afterSpace(next);
  else if (last != '+' && text.substr(next).starts_with("\n"))
    ++next;
  move(next);
  startsLine = text[at - 1] == '\n';
}

/// Whether the tag ends here; moves behind its end.
bool Lexer::tagEnd(bool isPrint, Token &end) {
  std::string_view close = isPrint ? "}}" : "%}";
  end = {isPrint ? Token::PrintEnd : Token::TagEnd, std::string(close), 0, 0,
         line};
  if (starts("-" + std::string(close))) {
    move(afterSpace(at + 3));
  } else if (!isPrint && starts("+%}")) {
    move(at + 3);
  } else if (starts(close)) {
    bool newline = !isPrint && at + 2 < text.size() && text[at + 2] == '\n';
    move(at + 2 + (newline ? 1 : 0));
  } else {
    return false;
  }
  startsLine = text[at - 1] == '\n';
  return true;
}

void Lexer::tag(size_t begin) {
  bool isPrint = text[begin + 1] == '{';
  char sign = begin + 2 < text.size() ? text[begin + 2] : '\0';
  data(at, begin, sign, isPrint);
  move(begin);
  int opened = line;
  tokens.push_back({isPrint ? Token::PrintBegin : Token::TagBegin,
                    isPrint ? "{{" : "{%", 0, 0, line});
  move(begin + 2 + (sign == '-' || sign == '+' ? 1 : 0));
  std::vector<Token> open; // Inside of brackets the tag does not end.
  while (true) {
    Token end;
    if (open.empty() && tagEnd(isPrint, end)) {
      tokens.push_back(std::move(end));
      return;
    }
    size_t next = afterSpace(at);
    if (next != at) {
      move(next);
      continue;
    }
    if (at == text.size())
      failHere(open.empty() ? std::string(isPrint ? "'{{' without '}}'"
                                                  : "'{%' without '%}'")
                            : "'" + open.back().text + "' is never closed",
               open.empty() ? opened : open.back().line);
    Token read = token();
    if (read.type == Token::Operator && read.text.size() == 1) {
      char c = read.text[0];
      if (c == '(' || c == '[' || c == '{') {
        open.push_back(read);
      } else if (c == ')' || c == ']' || c == '}') {
        char wanted = open.empty() ? '\0' : open.back().text[0];
        if (wanted != (c == ')' ? '(' : c == ']' ? '[' : '{'))
          failHere("unexpected '" + read.text + "'", read.line);
        open.pop_back();
      }
    }
    tokens.push_back(std::move(read));
  }
}

Token Lexer::token() {
  char c = text[at];
  if (isDigitCharacter(c))
    return number();
  if (c == '"' || c == '\'')
    return string();
  if (size_t end = at;
      isWordCharacter(c) || isAlpha(nextCodePoint(text, end))) {
    end = at;
    while (end < text.size() && isWordCharacter(text[end]))
      ++end;
    Token name{Token::Name, std::string(text.substr(at, end - at)), 0, 0, line};
    if (end < text.size() && (text[end] & 0x80))
      failHere("names with letters beyond ASCII ('" + name.text +
                   "...') are not supported; rename it",
               line);
    move(end);
    return name;
  }
  for (std::string_view op : kOperators)
    if (starts(op) && op != "!" && op != "?") {
      Token read{Token::Operator, std::string(op), 0, 0, line};
      move(at + op.size());
      return read;
    }
  size_t end = at;
  nextCodePoint(text, end);
  failHere("unexpected character '" + std::string(text.substr(at, end - at)) +
               "'",
           line);
}

Token Lexer::number() {
  auto digits = [&](size_t from) { // 1_000; the end of them
    size_t end = from;
    while (end < text.size() &&
           (isDigitCharacter(text[end]) ||
            (text[end] == '_' && end > from && end + 1 < text.size() &&
             isDigitCharacter(text[end + 1]))))
      ++end;
    return end;
  };
  Token read{Token::Int, "", 0, 0, line};
  size_t end = digits(at);
  // In `a.1.2` the 1 is an index.
  bool mayBeFloat = at == 0 || text[at - 1] != '.';
  size_t fraction = end;
  if (end < text.size() && text[end] == '.' && digits(end + 1) > end + 1)
    fraction = digits(end + 1);
  size_t exponent = fraction;
  if (fraction < text.size() && (text[fraction] | 0x20) == 'e') {
    size_t from = fraction + 1;
    if (from < text.size() && (text[from] == '+' || text[from] == '-'))
      ++from;
    if (digits(from) > from)
      exponent = digits(from);
  }
  if (mayBeFloat && exponent > end) {
    read.type = Token::Float;
    end = exponent;
    read.text = std::string(text.substr(at, end - at));
    read.real = parseFloat(read.text).value_or(0);
    move(end);
    return read;
  }
  char mark = at + 1 < text.size() ? static_cast<char>(text[at + 1] | 0x20) : 0;
  if (text[at] == '0' && (mark == 'x' || mark == 'o' || mark == 'b')) {
    end = at + 2;
    while (end < text.size() && isWordCharacter(text[end]))
      ++end;
  }
  read.text = std::string(text.substr(at, end - at));
  std::optional<int64_t> value;
  try {
    value = parseInt(read.text, 0);
  } catch (const TemplateError &error) {
    failHere(error.message, line);
  }
  if (!value)
    failHere("'" + read.text + "' is no number", line);
  read.integer = *value;
  move(end);
  return read;
}

Token Lexer::string() {
  size_t end = at + 1;
  while (end < text.size() && text[end] != text[at])
    end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size())
    failHere("the string that starts here is never closed", line);
  Token read{Token::String, "", 0, 0, line};
  read.text = unescaped(std::string(text.substr(at + 1, end - at - 1)));
  move(end + 1);
  return read;
}

/// `digits` hexadecimal digits from `i`, which moves behind them.
char32_t Lexer::escaped(const std::string &body, size_t &i, int digits) const {
  char32_t c = 0;
  for (int k = 0; k < digits; ++k, ++i) {
    if (i >= body.size() || !std::isxdigit(static_cast<unsigned char>(body[i])))
      failHere("an escape in a string has too few hexadecimal digits", line);
    char digit = body[i];
    c = c << 4 |
        (isDigitCharacter(digit)
             ? digit - '0'
             : std::tolower(static_cast<unsigned char>(digit)) - 'a' + 10);
  }
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
    failHere("an escape in a string is no character of Unicode (surrogates are "
             "not supported; write the character itself)",
             line);
  return c;
}

std::string Lexer::unescaped(const std::string &body) const {
  std::string out;
  for (size_t i = 0; i < body.size();) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out += body[i++];
      continue;
    }
    char c = body[i + 1];
    i += 2;
    constexpr std::string_view kLetters = "\\'\"abfnrtv";
    constexpr std::string_view kMeant = "\\'\"\a\b\f\n\r\t\v";
    if (size_t known = kLetters.find(c); known != std::string_view::npos) {
      out += kMeant[known];
    } else if (c == '\n') {
      // The line goes on.
    } else if (c >= '0' && c < '8') {
      char32_t value = c - '0';
      for (int k = 0;
           k < 2 && i < body.size() && body[i] >= '0' && body[i] < '8'; ++k)
        value = value * 8 + (body[i++] - '0');
      appendCodePoint(out, value);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      appendCodePoint(out, escaped(body, i, c == 'x' ? 2 : c == 'u' ? 4 : 8));
    } else if (c == 'N') {
      failHere("'\\N{...}' in a string is not supported; write the character "
               "itself",
               line);
    } else { // As Python: it is no escape.
      out += '\\';
      out += c;
    }
  }
  return out;
}

std::vector<Token> Lexer::run() {
  while (at < text.size()) {
    size_t begin = at;
    while (true) {
      begin = text.find('{', begin);
      if (begin == std::string_view::npos || begin + 1 == text.size()) {
        begin = std::string_view::npos;
        break;
      }
      char next = text[begin + 1];
      if (next == '{' || next == '%' || next == '#')
        break;
      ++begin;
    }
    if (begin == std::string_view::npos) {
      tokens.push_back({Token::Data, std::string(text.substr(at)), 0, 0, line});
      move(text.size());
      break;
    }
    if (text[begin + 1] == '#')
      comment(begin);
    else if (text[begin + 1] == '{' || !raw(begin))
      tag(begin);
  }
  tokens.push_back({Token::End, "", 0, 0, line});
  return std::move(tokens);
}

/// One kind of newline, and not the last one.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n')
        ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n')
    out.pop_back();
  return out;
}

} // namespace

std::string Token::shown() const {
  switch (type) {
  case End:
    return "the end of the template";
  case Data:
    return "text";
  case String:
    return "a string";
  default:
    return "'" + text + "'";
  }
}

std::vector<Token> tokenize(std::string_view source) {
  std::string text = normalized(source);
  return Lexer(text).run();
}

} // namespace hamlet::text::chat
