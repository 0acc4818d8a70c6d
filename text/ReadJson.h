//===- ReadJson.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_READJSON_H
#define HAMLET_TEXT_READJSON_H

#include "container/Status.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace hamlet::text {

/// All of a file, at most `mostBytes`. Errors begin with the path.
Result<std::string> readFile(const std::string &path, size_t mostBytes);

/// The value of a JSON text, its keys in order, nested at most 100 deep. NaN
/// and infinities, which Python writes, become texts. Errors begin with `name`.
Result<nlohmann::ordered_json> parseJson(std::string_view text,
                                         const std::string &name);

/// A file with one JSON object, read as `parseJson` does; at most 64 MiB.
/// Errors begin with the path.
Result<nlohmann::ordered_json> readJsonObject(const std::string &path);

} // namespace hamlet::text

#endif // HAMLET_TEXT_READJSON_H
