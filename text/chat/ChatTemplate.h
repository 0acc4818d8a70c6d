//===- ChatTemplate.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_CHATTEMPLATE_H
#define HAMLET_TEXT_CHAT_CHATTEMPLATE_H

#include "container/Status.h"
#include "text/chat/Limits.h"

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace hamlet::text {

namespace chat {
struct Template;
} // namespace chat

/// Of one rendering.
struct RenderOptions {
  /// Seconds since 1970 that `strftime_now` shows, in local time; without, now.
  std::optional<std::time_t> now;
  chat::Limits limits = {};
};

/// The chat template of a tokenizer: Jinja2 with the settings of transformers'
/// apply_chat_template (docs/chat.md has what is supported and the bounds).
/// Immutable, cheap to copy; may be rendered by several threads at once.
class ChatTemplate {
public:
  /// Reads a template. `name` is of its file, for errors, all of which are
  /// "name:line: what". A construct that is not supported is an error here, not
  /// when it is first reached.
  static Result<ChatTemplate> parse(std::string_view source,
                                    const std::string &name);

  /// The prompt for `messages`, an array of objects with `role` and `content`.
  /// `variables` is an object of what else the template sees:
  /// `add_generation_prompt` (false without), `tools` and `documents` (none
  /// without), `bos_token`, `enable_thinking`, ... An error has the line that
  /// the template was at; one that the template raises has its words.
  Result<std::string> render(const nlohmann::ordered_json &messages,
                             const nlohmann::ordered_json &variables,
                             const RenderOptions &options = {}) const;

private:
  explicit ChatTemplate(std::shared_ptr<const chat::Template> parsed)
      : parsed(std::move(parsed)) {}

  std::shared_ptr<const chat::Template> parsed;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_CHAT_CHATTEMPLATE_H
