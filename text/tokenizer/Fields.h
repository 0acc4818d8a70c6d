//===- Fields.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_FIELDS_H
#define HAMLET_TEXT_TOKENIZER_FIELDS_H

#include "container/Status.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// Reading JSON objects with errors that name the key, as a path from the
/// file's root, and with no key that is passed over.
namespace hamlet::text {

/// One value and where it stands. The value outlives it.
class Value {
public:
  using Json = nlohmann::json;
  Value(const Json &json, std::string path)
      : json(&json), place(std::move(path)) {}

  const std::string &path() const { return place; }
  bool isNull() const { return json->is_null(); }
  const Json &raw() const { return *json; }

  Result<bool> boolean() const;
  Result<std::string> string() const;
  /// One character.
  Result<char32_t> character() const;
  /// A whole number from 0 to `limit`.
  Result<uint32_t> number(uint32_t limit) const;
  Result<std::vector<Value>> list() const;

  /// "PATH: WANT is expected, found VALUE", the value shortened.
  Status expected(std::string_view want) const;
  /// "PATH: " and the parts.
  template <typename... Args> Status failure(const Args &...args) const {
    return hamlet::failure(place, ": ", args...);
  }

private:
  const Json *json;
  std::string place;
};

/// The members of one object; each is taken once, and `done` names the first
/// that nobody took.
class Fields {
public:
  static Result<Fields> of(const Value &object);

  const std::string &path() const { return place; }
  bool has(const char *key) const { return object->contains(key); }
  /// A failure where the key is absent.
  Result<Value> required(const char *key);
  /// Nothing where the key is absent or null.
  std::optional<Value> optional(const char *key);
  /// A boolean that must be there; `orElse`, where that is given, where it is
  /// absent or null.
  Result<bool> flag(const char *key);
  Result<bool> flag(const char *key, bool orElse);
  /// Takes a key whose value changes no result.
  void ignore(const char *key) { taken.emplace_back(key); }
  Status done() const;

private:
  Fields(const nlohmann::json &object, std::string path)
      : object(&object), place(std::move(path)) {}
  std::string pathOf(const std::string &key) const;
  const nlohmann::json *object;
  std::string place;
  std::vector<std::string> taken;
};

/// One kind of component: what its "type" is, and who reads the rest.
template <typename Part, typename... Context> struct Kind {
  const char *name;
  Result<Part> (*read)(Fields &, Context...);
};

/// Reads the component at `value` by its entry in `kinds`.
template <typename Part, typename... Context, size_t N>
Result<Part> readKind(const Value &value,
                      const Kind<Part, Context...> (&kinds)[N],
                      std::type_identity_t<Context>... context) {
  Result<Fields> fields = Fields::of(value);
  if (fields.failed())
    return fields.status();
  Result<Value> type = fields->required("type");
  if (type.failed())
    return type.status();
  Result<std::string> name = type->string();
  if (name.failed())
    return name.status();
  std::string known;
  for (const Kind<Part, Context...> &kind : kinds) {
    if (*name != kind.name) {
      known += (known.empty() ? "" : ", ") + std::string(kind.name);
      continue;
    }
    Result<Part> part = kind.read(*fields, context...);
    if (part.ok())
      HAMLET_TRY(fields->done());
    return part;
  }
  return type->failure("'", *name, "' is not supported; ", known, " are read");
}

/// The components of a "Sequence": the list at `key`, each read by `read`.
template <typename Part, typename Read>
Result<std::vector<Part>> readSequence(Fields &fields, const char *key,
                                       const Read &read) {
  Result<Value> list = fields.required(key);
  if (list.failed())
    return list.status();
  Result<std::vector<Value>> values = list->list();
  if (values.failed())
    return values.status();
  std::vector<Part> parts;
  for (const Value &value : *values) {
    Result<Part> part = read(value);
    if (part.failed())
      return part.status();
    parts.push_back(std::move(*part));
  }
  return parts;
}

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_FIELDS_H
