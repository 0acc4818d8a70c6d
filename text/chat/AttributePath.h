//===- AttributePath.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_ATTRIBUTEPATH_H
#define HAMLET_TEXT_CHAT_ATTRIBUTEPATH_H

#include "text/chat/Value.h"

#include <string_view>
#include <vector>

namespace hamlet::text::chat {

class Interpreter;

/// The argument `attribute` of a filter: "function.name", "0.role", 1, or none
/// for the item itself.
class AttributePath {
public:
  explicit AttributePath(const Value &attribute);
  explicit AttributePath(std::string_view path);

  /// The part of `item`, undefined where there is none; then `preset`, unless
  /// that is Absent.
  Value of(Interpreter &in, Value item,
           const Value &preset = Value::absent()) const;

private:
  std::vector<std::string> names;
  Value index = Value::absent();
};

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_ATTRIBUTEPATH_H
