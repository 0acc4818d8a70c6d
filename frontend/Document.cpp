//===- Document.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/Document.h"

#include "container/Configuration.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"

#include <cmath>
#include <set>

using namespace llvm;

namespace hamlet::frontend {

static constexpr int kMaxDepth = 64;
static constexpr size_t kMaxBytes = 16 << 20;
static constexpr size_t kShownBytes = 80;

std::string shown(const json::Value &value) {
  std::string text = formatv("{0}", value);
  if (text.size() > kShownBytes) {
    // Not in the middle of a UTF-8 sequence.
    size_t end = kShownBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    text = text.substr(0, end) + "...";
  }
  return text;
}

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

/// Brackets that are open at once; those inside strings are not counted if
/// `strings`.
static int bracketDepth(StringRef text, bool strings) {
  int depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"' && strings) {
      inString = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

Expected<json::Value> parseJson(StringRef text, StringRef path) {
  if (text.size() > kMaxBytes)
    return makeError(path + ": expected at most " + Twine(kMaxBytes) +
                     " bytes, found " + Twine(text.size()));
  if (bracketDepth(text, /*strings=*/true) > kMaxDepth)
    return makeError(path + ": is nested deeper than " + Twine(kMaxDepth) +
                     " levels");
  Expected<json::Value> value = json::parse(quoteNonFinite(text));
  if (!value)
    return makeError(path +
                     ": is not valid JSON: " + toString(value.takeError()));
  return value;
}

namespace {

class YamlReader {
public:
  YamlReader(StringRef text, StringRef path)
      : path(path), stream(text, sources, /*ShowColors=*/false) {
    sources.setDiagHandler(
        [](const SMDiagnostic &diagnostic, void *self) {
          auto *reader = static_cast<YamlReader *>(self);
          reader->fail(diagnostic.getLineNo(), diagnostic.getMessage());
        },
        this);
  }

  Expected<json::Value> read() {
    json::Value value = nullptr;
    yaml::document_iterator document = stream.begin();
    if (document != stream.end())
      if (yaml::Node *root = document->getRoot())
        value = convert(root, 0);
    if (error.empty() && stream.failed())
      fail(0, "is not valid YAML");
    if (!error.empty())
      return makeError(error);
    return value;
  }

private:
  void fail(int line, StringRef message) {
    if (error.empty())
      error = (path + (line > 0 ? ":" + Twine(line) : Twine()) + ": " + message)
                  .str();
  }
  void fail(yaml::Node *node, StringRef message) {
    auto [line, column] =
        sources.getLineAndColumn(node->getSourceRange().Start);
    fail(static_cast<int>(line), message);
  }

  json::Value convert(yaml::Node *node, int depth) {
    if (!node || !error.empty() || stream.failed())
      return nullptr;
    if (depth > kMaxDepth) {
      fail(node, "is nested too deep");
      return nullptr;
    }
    if (!node->getAnchor().empty() || isa<yaml::AliasNode>(node)) {
      fail(node, "anchors and aliases are not supported");
      return nullptr;
    }
    if (auto *scalar = dyn_cast<yaml::ScalarNode>(node))
      return convertScalar(scalar);
    if (auto *block = dyn_cast<yaml::BlockScalarNode>(node))
      return json::fixUTF8(block->getValue());
    if (auto *list = dyn_cast<yaml::SequenceNode>(node)) {
      json::Array array;
      for (yaml::Node &entry : *list)
        array.push_back(convert(&entry, depth + 1));
      return array;
    }
    if (auto *mapping = dyn_cast<yaml::MappingNode>(node)) {
      json::Object object;
      for (yaml::KeyValueNode &entry : *mapping) {
        auto *key = dyn_cast_or_null<yaml::ScalarNode>(entry.getKey());
        if (!key) {
          fail(node, "expected a scalar key");
          return nullptr;
        }
        SmallString<32> storage;
        std::string name = json::fixUTF8(key->getValue(storage));
        json::Value value = convert(entry.getValue(), depth + 1);
        if (!object.try_emplace(name, std::move(value)).second) {
          fail(node, "key '" + name + "' appears twice");
          return nullptr;
        }
      }
      return object;
    }
    return nullptr; // NullNode
  }

  json::Value convertScalar(yaml::ScalarNode *scalar) {
    SmallString<32> storage;
    std::string text = json::fixUTF8(scalar->getValue(storage));
    StringRef raw = scalar->getRawValue();
    if (raw.starts_with("\"") || raw.starts_with("'"))
      return text;
    if (text == "null" || text == "~" || text.empty())
      return nullptr;
    if (text == "true" || text == "false")
      return text == "true";
    int64_t integer = 0;
    if (!StringRef(text).getAsInteger(10, integer))
      return integer;
    double real = 0;
    if ((isDigit(text[0]) || text[0] == '-' || text[0] == '.') &&
        !StringRef(text).getAsDouble(real, /*AllowInexact=*/true) &&
        std::isfinite(real))
      return real;
    return text;
  }

  StringRef path;
  SourceMgr sources;
  std::string error;
  yaml::Stream stream;
};

} // namespace

Expected<json::Value> parseYaml(StringRef text, StringRef path) {
  if (text.size() > kMaxBytes)
    return makeError(path + ": expected at most " + Twine(kMaxBytes) +
                     " bytes, found " + Twine(text.size()));
  // The parser recurses over flow collections.
  if (bracketDepth(text, /*strings=*/false) > kMaxDepth)
    return makeError(path + ": is nested deeper than " + Twine(kMaxDepth) +
                     " levels");
  return YamlReader(text, path).read();
}

Node Node::member(StringRef key) const {
  // The root's path is "<file>: ".
  std::string below =
      path + (StringRef(path).ends_with(": ") ? "" : ".") + key.str();
  if (!value)
    return {nullptr, below, *problem};
  const json::Object *members = value->getAsObject();
  if (!members) {
    expected("a mapping");
    return {nullptr, below, *problem};
  }
  return {members->get(key), below, *problem};
}

Node Node::required(StringRef key) const {
  Node node = member(key);
  if (!node)
    problem->report(node.path + ": is missing");
  return node;
}

void Node::onlyKeys(ArrayRef<StringRef> known) const {
  if (!value)
    return;
  const json::Object *members = object();
  if (!members)
    return;
  std::set<std::string> unknown; // The object's own order differs between runs.
  for (const auto &entry : *members)
    if (!is_contained(known, StringRef(entry.first)))
      unknown.insert(entry.first.str());
  if (!unknown.empty())
    problem->report(path + (StringRef(path).ends_with(": ") ? "" : ": ") +
                    "key '" + *unknown.begin() +
                    "' is unknown; expected one of " + join(known, ", "));
}

const json::Object *Node::object() const {
  const json::Object *members = value ? value->getAsObject() : nullptr;
  if (value && !members)
    expected("a mapping");
  return members;
}

std::string Node::text() const {
  if (!value)
    return "";
  if (std::optional<StringRef> string = value->getAsString())
    return string->str();
  expected("text");
  return "";
}

std::vector<std::string> Node::texts() const {
  std::vector<std::string> result;
  if (!value)
    return result;
  const json::Array *list = value->getAsArray();
  if (!list)
    return {text()};
  for (const json::Value &entry : *list) {
    if (!entry.getAsString()) {
      expected("a list of text");
      return {};
    }
    result.push_back(entry.getAsString()->str());
  }
  return result;
}

void Node::expected(const Twine &what) const {
  StringRef place = path;
  place.consume_back(": ");
  problem->report(place.str() + ": expected " + what.str() + ", found " +
                  (value ? shown(*value) : "nothing"));
}

} // namespace hamlet::frontend
