//===- Fields.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Fields.h"

#include "text/tokenizer/Utf8.h"

#include <algorithm>

namespace hamlet::text {
namespace {

constexpr size_t kShownBytes = 60;

std::string shown(const nlohmann::json &json) {
  if (json.is_object() || json.is_array())
    return (json.is_object() ? "an object of " : "a list of ") +
           std::to_string(json.size());
  std::string text = json.dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > kShownBytes)
    text = text.substr(0, kShownBytes) + "...";
  return text;
}

} // namespace

Status Value::expected(std::string_view want) const {
  return failure(want, " is expected, found ", shown(*json));
}

Result<bool> Value::boolean() const {
  if (!json->is_boolean())
    return expected("true or false");
  return json->get<bool>();
}

Result<std::string> Value::string() const {
  if (!json->is_string())
    return expected("a string");
  return json->get<std::string>();
}

Result<char32_t> Value::character() const {
  const auto *text = json->get_ptr<const std::string *>();
  if (!text || text->empty() ||
      text->size() !=
          characterLength(static_cast<unsigned char>(text->front())))
    return expected("a string of one character");
  size_t at = 0;
  return readCharacter(*text, at);
}

Result<uint32_t> Value::number(uint32_t limit) const {
  if (!json->is_number_unsigned() || json->get<uint64_t>() > limit)
    return expected("a whole number from 0 to " + std::to_string(limit));
  return json->get<uint32_t>();
}

Result<std::vector<Value>> Value::list() const {
  if (!json->is_array())
    return expected("a list");
  std::vector<Value> values;
  values.reserve(json->size());
  for (size_t i = 0; i < json->size(); ++i)
    values.emplace_back((*json)[i], place + "[" + std::to_string(i) + "]");
  return values;
}

Result<Fields> Fields::of(const Value &object) {
  if (!object.raw().is_object())
    return object.expected("an object");
  return Fields(object.raw(), object.path());
}

Result<Value> Fields::required(const char *key) {
  taken.emplace_back(key);
  auto found = object->find(key);
  if (found == object->end())
    return failure(pathOf(key), ": this key is missing");
  return Value(*found, pathOf(key));
}

std::optional<Value> Fields::optional(const char *key) {
  taken.emplace_back(key);
  auto found = object->find(key);
  if (found == object->end() || found->is_null())
    return std::nullopt;
  return Value(*found, pathOf(key));
}

Result<bool> Fields::flag(const char *key) {
  Result<Value> value = required(key);
  if (value.failed())
    return value.status();
  return value->boolean();
}

Result<bool> Fields::flag(const char *key, bool orElse) {
  std::optional<Value> value = optional(key);
  return value ? value->boolean() : Result<bool>(orElse);
}

std::string Fields::pathOf(const std::string &key) const {
  return place.empty() ? key : place + "." + key;
}

Status Fields::done() const {
  for (const auto &[key, value] : object->items())
    if (std::find(taken.begin(), taken.end(), key) == taken.end())
      return failure(pathOf(key),
                     ": this key is not known, so what it changes is not "
                     "either; remove it if it changes nothing");
  return {};
}

} // namespace hamlet::text
