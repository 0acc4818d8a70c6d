//===- Json.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_JSON_H
#define HAMLET_TEXT_CHAT_JSON_H

#include "text/chat/Value.h"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace hamlet::text::chat {

/// The arguments of Python's json.dumps.
struct JsonStyle {
  bool ensureAscii = false;
  bool sortKeys = false;
  bool isIndented = false;
  std::string indent; ///< Of one level.
  std::string betweenItems = ", ", afterKey = ": ";
};

/// json.dumps(value); fails where Python does.
std::string json(Heap &heap, const Value &value, const JsonStyle &style);

/// What Python's json module makes of the same text. Fails, naming `where`, for
/// what has no value here: whole numbers beyond 64 bits with a sign, texts that
/// are not UTF-8, nesting beyond the limit.
Value fromJson(Heap &heap, const nlohmann::ordered_json &json,
               const std::string &where);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_JSON_H
