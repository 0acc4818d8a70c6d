//===- KnownKeys.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/KnownKeys.h"

#include "container/Configuration.h"
#include "frontend/Document.h"
#include "frontend/Family.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace hamlet::frontend {

Expected<KnownKeys> KnownKeys::parse(StringRef yaml, StringRef path) {
  Expected<json::Value> value = parseYaml(yaml, path);
  if (!value)
    return value.takeError();
  Problem problem;
  KnownKeys keys;
  Node root(&*value, (path + ": ").str(), problem);
  root.onlyKeys({"harmless", "kinds", "tensors"});
  keys.harmless = root.required("harmless").texts();
  auto readKinds = [&](StringRef section, StringRef patterns, bool hasOff,
                       std::vector<Kind> &kinds) {
    Node node = root.required(section);
    const json::Array *list = node ? node.get().getAsArray() : nullptr;
    if (!list)
      return node.expected("a list");
    for (const json::Value &entry : *list) {
      Node kind(&entry, node.where() + "[" + std::to_string(kinds.size()) + "]",
                problem);
      if (hasOff)
        kind.onlyKeys({"kind", patterns, "off"});
      else
        kind.onlyKeys({"kind", patterns});
      kinds.push_back(
          {kind.required("kind").text(), kind.required(patterns).texts(), {}});
      if (Node off = kind.member("off")) {
        if (const json::Array *values = off.get().getAsArray())
          kinds.back().off.assign(values->begin(), values->end());
        else
          off.expected("a list");
      }
    }
  };
  readKinds("kinds", "keys", /*hasOff=*/true, keys.kinds);
  readKinds("tensors", "names", /*hasOff=*/false, keys.tensors);
  if (problem.failed())
    return problem.take();
  return keys;
}

const KnownKeys &KnownKeys::builtin() {
  static const KnownKeys keys = [] {
    const EmbeddedFile &file = builtinKeys().front();
    return cantFail(parse(file.text, file.name));
  }();
  return keys;
}

std::optional<StringRef> KnownKeys::kindOf(StringRef key,
                                           const json::Value &value) const {
  const json::Array *list = value.getAsArray();
  const json::Object *object = value.getAsObject();
  bool none = value.getAsNull() || (list && list->empty()) ||
              (object && object->empty());
  // The first that has the key decides; the next knows less of it.
  for (const Kind &kind : kinds)
    if (matchesAny(kind.patterns, key))
      return none || is_contained(kind.off, value) ? StringRef() : kind.name;
  return std::nullopt;
}

StringRef KnownKeys::kindOfTensor(StringRef name) const {
  for (const Kind &kind : tensors)
    if (matchesAny(kind.patterns, name))
      return kind.name;
  return "";
}

} // namespace hamlet::frontend
