//===- Requests.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_REQUESTS_H
#define HAMLET_RUNTIME_REQUESTS_H

#include "runtime/Generate.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::runtime {

/// Reads one request, a JSON object with the keys of the contract (`id`,
/// `prompt_ids`, ...), absent ones at those of `defaults`. Unknown or repeated
/// keys and values of another type are errors that name the key.
Result<Request> parseRequest(std::string_view line,
                             const Request &defaults = {});
/// Whether the line has text in place of ids; false for what is no request.
bool isText(std::string_view line);

struct ReadRequestsOptions {
  std::optional<int64_t> maxContext;
  /// Of a line with text or messages: what keys are that it does not have, and
  /// then its `promptIds`. None: such lines are errors.
  std::function<Status(Request &)> textDefaults, encode;
};

/// Reads the requests of a JSON-lines file (`-`: standard input), blank lines
/// apart, and checks each against the model (`checkRequest`) and for an id of
/// its own; errors name the file and the line.
Result<std::vector<Request>> readRequests(const std::string &path,
                                          const hmlt::ModelT &model,
                                          const ReadRequestsOptions &options);

/// One line of JSON with its newline; floats in their shortest exact form. Of a
/// request that failed it has the id and the error. `text`: the answer as text.
std::string answerLine(const Request &request, const Answer &answer,
                       const std::optional<std::string> &text = std::nullopt);

/// The id of an answer's line; none if it is no answer.
std::optional<std::string> answerId(std::string_view line);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_REQUESTS_H
