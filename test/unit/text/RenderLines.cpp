//===- RenderLines.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Renders what test_chat_template.py asks for. Each line of standard input is
// {"template": ..., "messages": [...], "variables": {...}, "now": seconds},
// each of standard output {"text": ...}, or {"error": ...}.
#include "text/chat/ChatTemplate.h"

#include <iostream>
#include <nlohmann/json.hpp>

using Json = nlohmann::ordered_json;

static hamlet::Result<std::string> render(const Json &request) {
  auto parsed = hamlet::text::ChatTemplate::parse(
      request["template"].get_ref<const std::string &>(), "t");
  if (parsed.failed())
    return parsed.status();
  return parsed->render(request["messages"], request["variables"],
                        {.now = request["now"].get<std::time_t>()});
}

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    auto text = render(Json::parse(line));
    Json answer;
    if (text.ok())
      answer["text"] = *text;
    else
      answer["error"] = text.message();
    std::cout << answer << std::endl;
  }
  return 0;
}
