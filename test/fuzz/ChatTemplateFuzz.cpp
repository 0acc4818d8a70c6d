//===- ChatTemplateFuzz.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Any bytes as a chat template: an error with a line, or a text, within bounds.
#include "text/chat/ChatTemplate.h"
#include "text/chat/Unicode.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

using Json = nlohmann::ordered_json;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Json messages = Json::parse(R"([
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "漢字"}]},
    {"role": "assistant", "content": "<think>\na\n</think>b", "tool_calls": [
      {"function": {"name": "f", "arguments": {"a": 1, "b": [1.5, null]}}}]}])");
  static const Json variables = Json::parse(R"({"add_generation_prompt": true,
    "bos_token": "<s>", "tools": [{"type": "function", "function": {"name": "f"}}],
    "n": 3, "l": [1, 2, "a"], "d": {"k": {"v": 1}}})");
  const std::string_view source(reinterpret_cast<const char *>(data), size);
  auto parsed = hamlet::text::ChatTemplate::parse(source, "t");
  if (parsed.failed()) {
    if (parsed.message().rfind("t:", 0) != 0)
      std::abort();
    return 0;
  }
  hamlet::text::RenderOptions options;
  options.now = 1753876800;
  options.limits = {1 << 16, 1 << 22, 50'000};
  auto text = parsed->render(messages, variables, options);
  if (text.failed() ? text.message().rfind("t:", 0) != 0
                    : text->size() > options.limits.outputBytes ||
                          !hamlet::text::chat::isValidUtf8(*text))
    std::abort();
  return 0;
}
