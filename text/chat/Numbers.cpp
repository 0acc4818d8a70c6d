//===- Numbers.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Numbers.h"

#include "text/chat/Unicode.h"
#include "text/chat/Value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace hamlet::text::chat {
namespace {

[[noreturn]] void tooLarge() {
  fail("a whole number needs more than 64 bits, which is not supported");
}

/// Without spaces at both ends and without the `_` between digits; nothing if
/// one stands elsewhere.
std::optional<std::string> plainDigits(std::string_view text) {
  std::u32string points = toCodePoints(text);
  size_t first = 0, last = points.size();
  while (first < last && isSpace(points[first]))
    ++first;
  while (last > first && isSpace(points[last - 1]))
    --last;
  std::string out;
  for (size_t i = first; i < last; ++i) {
    if (points[i] >= 0x80)
      return std::nullopt;
    char c = static_cast<char>(points[i]);
    auto isWord = [](char32_t p) {
      return p < 0x80 && std::isalnum(static_cast<int>(p));
    };
    if (c == '_') {
      if (i == first || i + 1 == last || !isWord(points[i - 1]) ||
          !isWord(points[i + 1]))
        return std::nullopt;
      continue;
    }
    out += c;
  }
  return out;
}

} // namespace

std::string floatRepr(double number) {
  if (std::isnan(number))
    return "nan";
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  char *end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                            number, std::chars_format::scientific)
                  .ptr;
  std::string_view all(buffer.data(), end - buffer.data());
  std::string sign;
  if (all.front() == '-') {
    sign = "-";
    all.remove_prefix(1);
  }
  size_t e = all.find('e');
  int exponent = 0;
  // Its sign is one that from_chars does not take.
  std::from_chars(all.data() + e + (all[e + 1] == '+' ? 2 : 1),
                  all.data() + all.size(), exponent);
  std::string digits;
  for (char c : all.substr(0, e))
    if (c != '.')
      digits += c;
  if (exponent < -4 || exponent >= 16) {
    std::string out = sign + digits.substr(0, 1);
    if (digits.size() > 1)
      out += "." + digits.substr(1);
    std::string size = std::to_string(std::abs(exponent));
    return out + (exponent < 0 ? "e-" : "e+") + (size.size() < 2 ? "0" : "") +
           size;
  }
  if (exponent < 0)
    return sign + "0." + std::string(-exponent - 1, '0') + digits;
  size_t whole = exponent + 1;
  if (digits.size() <= whole)
    return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::optional<int64_t> parseInt(std::string_view text, int base) {
  std::optional<std::string> plain = plainDigits(text);
  if (!plain)
    return std::nullopt;
  std::string_view digits = *plain;
  bool negative = false;
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) {
    negative = digits.front() == '-';
    digits.remove_prefix(1);
  }
  if (digits.size() > 2 && digits[0] == '0') {
    char mark = static_cast<char>(std::tolower(digits[1]));
    int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked && (base == 0 || base == marked)) {
      digits.remove_prefix(2);
      base = marked;
    }
  }
  if (base == 0) {
    base = 10;
    if (digits.size() > 1 && digits[0] == '0' &&
        digits.find_first_not_of('0') != std::string_view::npos)
      return std::nullopt;
  }
  std::string signedDigits = (negative ? "-" : "") + std::string(digits);
  if (digits.empty() || digits.front() == '-')
    return std::nullopt;
  int64_t value = 0;
  const char *end = signedDigits.data() + signedDigits.size();
  auto [at, error] = std::from_chars(signedDigits.data(), end, value, base);
  if (at != end)
    return std::nullopt;
  if (error == std::errc::result_out_of_range)
    tooLarge();
  if (error != std::errc())
    return std::nullopt;
  return value;
}

std::optional<double> parseFloat(std::string_view text) {
  std::optional<std::string> plain = plainDigits(text);
  if (!plain || plain->empty())
    return std::nullopt;
  std::string_view digits = *plain;
  bool negative = digits.front() == '-';
  if (negative || digits.front() == '+')
    digits.remove_prefix(1);
  std::string small = toLower(digits);
  double value = 0;
  if (small == "inf" || small == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (small == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    // from_chars would take "inf..." and a second sign.
    if (small.find_first_not_of("0123456789.e+-") != std::string::npos ||
        small.empty() || small.front() == '-' || small.front() == '+')
      return std::nullopt;
    const char *end = small.data() + small.size();
    auto [at, error] = std::from_chars(small.data(), end, value);
    if (at != end)
      return std::nullopt;
    // It does not say in which direction; Python rounds to 0 or infinity.
    if (error == std::errc::result_out_of_range) {
      size_t first = small.find_first_not_of('0');
      bool tiny = small.find("e-") != std::string::npos ||
                  first == std::string::npos || small[first] == '.';
      value = tiny ? 0 : std::numeric_limits<double>::infinity();
    }
  }
  return negative ? -value : value;
}

int64_t truncate(double number) {
  if (!std::isfinite(number))
    fail("a float that is not finite has no whole part");
  // 2^63, which a double has exactly.
  constexpr double kBound = 9223372036854775808.0;
  if (number >= kBound || number < -kBound)
    tooLarge();
  return static_cast<int64_t>(number);
}

int64_t add(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_add_overflow(a, b, &out))
    tooLarge();
  return out;
}

int64_t subtract(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_sub_overflow(a, b, &out))
    tooLarge();
  return out;
}

int64_t multiply(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out))
    tooLarge();
  return out;
}

int64_t power(int64_t base, int64_t exponent) {
  if (base == 0 || base == 1)
    return exponent == 0 ? 1 : base;
  if (base == -1)
    return exponent % 2 ? -1 : 1;
  int64_t out = 1;
  for (; exponent > 0; --exponent) // At most 63 times: then it is too large.
    out = multiply(out, base);
  return out;
}

int64_t floorDivide(int64_t a, int64_t b) {
  if (b == 0)
    fail("division by zero");
  if (b == -1)
    return subtract(0, a);
  int64_t quotient = a / b;
  return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t floorModulo(int64_t a, int64_t b) {
  if (b == 0)
    fail("division by zero");
  if (b == -1)
    return 0;
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double floorModulo(double a, double b) {
  if (b == 0)
    fail("division by zero");
  double rest = std::fmod(a, b);
  if (rest == 0)
    return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double floorDivide(double a, double b) {
  if (b == 0)
    fail("division by zero");
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (rest < 0) != (b < 0))
    quotient -= 1;
  if (quotient == 0)
    return std::copysign(0.0, a / b);
  double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

double roundTo(double number, int64_t digits) {
  // No double has more digits than that behind the point.
  constexpr int64_t kMostDigits = 323;
  if (!std::isfinite(number) || digits > kMostDigits)
    return number;
  std::array<char, 800> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(digits),
                number);
  return std::strtod(buffer.data(), nullptr);
}

} // namespace hamlet::text::chat
