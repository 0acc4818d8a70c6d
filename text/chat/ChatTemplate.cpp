//===- ChatTemplate.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/ChatTemplate.h"

#include "text/chat/Interpreter.h"
#include "text/chat/Json.h"
#include "text/chat/Parser.h"
#include "text/chat/Unicode.h"

#include <nlohmann/json.hpp>

namespace hamlet::text {

using namespace chat;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source,
                                         const std::string &name) {
  if (source.size() > kMaxSourceBytes)
    return failure(name, ": a template of ", source.size(),
                   " bytes; expected at most ", kMaxSourceBytes);
  if (!isValidUtf8(source))
    return failure(name, ": is not valid UTF-8");
  auto parsed = std::make_shared<Template>();
  parsed->name = name;
  try {
    Parser(tokenize(source), *parsed).run();
  } catch (const TemplateError &error) {
    return failure(name, ":", error.line, ": ", error.message);
  }
  return ChatTemplate(std::move(parsed));
}

Result<std::string>
ChatTemplate::render(const nlohmann::ordered_json &messages,
                     const nlohmann::ordered_json &variables,
                     const RenderOptions &options) const {
  if (!messages.is_array())
    return failure(parsed->name, ": expected an array of messages, found ",
                   messages.type_name());
  if (!variables.is_object() && !variables.is_null())
    return failure(parsed->name, ": expected an object of variables, found ",
                   variables.type_name());
  Heap heap(options.limits);
  std::vector<std::pair<std::string, Value>> given;
  try {
    given.emplace_back("tools", Value::none());
    given.emplace_back("documents", Value::none());
    given.emplace_back("add_generation_prompt", Value::boolean(false));
    given.emplace_back("messages", fromJson(heap, messages, "messages"));
    for (const auto &[name, value] : variables.items())
      given.emplace_back(name,
                         fromJson(heap, value, "variable '" + name + "'"));
  } catch (const TemplateError &error) {
    return failure(parsed->name, ": ", error.message);
  }
  Interpreter interpreter(*parsed, heap, options.limits,
                          options.now.value_or(std::time(nullptr)));
  try {
    return interpreter.run(given);
  } catch (const TemplateError &error) {
    return failure(parsed->name, ":", interpreter.currentLine(), ": ",
                   error.message);
  }
}

} // namespace hamlet::text
