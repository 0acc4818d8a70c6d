//===- ReadJson.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/ReadJson.h"

#include "container/Configuration.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace hamlet::text {

Result<std::string> readFile(const std::string &path, size_t mostBytes) {
  std::error_code error;
  const bool isFile = std::filesystem::is_regular_file(path, error);
  std::ifstream file(path, std::ios::binary);
  if (!isFile || !file)
    return failure(path, ": ",
                   isFile ? std::strerror(errno) : "expected a regular file");
  std::string text;
  char buffer[1 << 16];
  while (file.read(buffer, sizeof(buffer)) || file.gcount() > 0) {
    text.append(buffer, file.gcount());
    if (text.size() > mostBytes)
      return failure(path, ": expected at most ", mostBytes, " bytes");
  }
  if (file.bad())
    return failure(path, ": cannot be read");
  return text;
}

Result<nlohmann::ordered_json> parseJson(std::string_view text,
                                         const std::string &name) {
  using Json = nlohmann::ordered_json;
  constexpr int kMaxDepth = 100;
  bool isDeep = false;
  auto shallow = [&](int depth, Json::parse_event_t, Json &) {
    isDeep |= depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  Json json = Json::parse(quoteNonFinite(text), shallow,
                          /*allow_exceptions=*/false);
  if (isDeep)
    return failure(name, ": is nested more than ", kMaxDepth, " deep");
  if (json.is_discarded())
    return failure(name, ": is not valid JSON");
  return json;
}

Result<nlohmann::ordered_json> readJsonObject(const std::string &path) {
  constexpr size_t kMaxBytes = size_t{64} << 20;
  Result<std::string> text = readFile(path, kMaxBytes);
  if (text.failed())
    return text.status();
  auto json = parseJson(*text, path);
  if (json.ok() && !json->is_object())
    return failure(path, ": expected a JSON object, found ", json->type_name());
  return json;
}

} // namespace hamlet::text
