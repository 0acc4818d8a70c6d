//===- Numbers.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_NUMBERS_H
#define HAMLET_TEXT_CHAT_NUMBERS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Numbers as Python writes and reads them. Whole numbers have 64 bits here; a
/// larger one is an error (TemplateError), never another number.
namespace hamlet::text::chat {

/// repr(float): the shortest digits that give the same number.
std::string floatRepr(double number);

/// int(text, base) of 2 to 36, or 0 for a prefix's; nothing where Python raises
/// ValueError.
std::optional<int64_t> parseInt(std::string_view text, int base = 10);
/// float(text); nothing where Python raises ValueError.
std::optional<double> parseFloat(std::string_view text);

/// int(number): towards zero; fails if it is not finite or too large.
int64_t truncate(double number);

int64_t add(int64_t a, int64_t b);
int64_t subtract(int64_t a, int64_t b);
int64_t multiply(int64_t a, int64_t b);
int64_t power(int64_t base, int64_t exponent); ///< `exponent` at least 0.
int64_t floorDivide(int64_t a, int64_t b);
int64_t floorModulo(int64_t a, int64_t b);
double floorDivide(double a, double b);
double floorModulo(double a, double b);

/// round(number, digits), `digits` at least 0: to even where both are as near.
double roundTo(double number, int64_t digits);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_NUMBERS_H
