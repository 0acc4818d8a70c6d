//===- TextMethods.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_TEXTMETHODS_H
#define HAMLET_TEXT_CHAT_TEXTMETHODS_H

#include "text/chat/Value.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What methods of str have in common with filters.
namespace hamlet::text::chat {

class Interpreter;

/// The characters that strip takes away; nothing stands for white space.
using StripSet = std::optional<std::u32string>;
/// Of an argument: a string or none.
StripSet stripSet(Interpreter &in, const Value &value);
std::string stripped(std::string_view text, const StripSet &set, bool left,
                     bool right);

/// str.replace; all if `count` is below 0.
std::string replaced(Interpreter &in, const std::string &text,
                     const std::string &old, const std::string &by,
                     int64_t count);

/// With & < > ' " as HTML writes them.
std::string escaped(std::string_view text);

/// str.islower and str.isupper.
bool isLowerText(std::string_view text);
bool isUpperText(std::string_view text);

/// Counts the pieces of a text that is cut at white space or ends of lines,
/// before they are made.
void takePieces(Interpreter &in, std::string_view text);

/// str.splitlines.
std::vector<std::string> splitLines(std::string_view text, bool keepEnds);

/// Where `part` begins at or after `from`, in bytes; npos if nowhere. Linear.
size_t findFrom(std::string_view text, std::string_view part, size_t from);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_TEXTMETHODS_H
