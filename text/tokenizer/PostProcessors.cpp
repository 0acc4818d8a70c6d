//===- PostProcessors.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/PostProcessors.h"

#include <limits>
#include <map>
#include <string>

namespace hamlet::text {
namespace {

constexpr uint32_t kMostId = std::numeric_limits<int32_t>::max();

Result<PostProcessor> readByteLevel(Fields &fields) {
  for (const char *key : {"add_prefix_space", "trim_offsets", "use_regex"})
    fields.ignore(key); // There are no offsets.
  return PostProcessor();
}

using SpecialTokens = std::map<std::string, std::vector<int32_t>>;

Result<SpecialTokens> readSpecialTokens(const Value &value) {
  SpecialTokens tokens;
  if (!value.raw().is_object())
    return value.expected("an object");
  for (const auto &[name, entry] : value.raw().items()) {
    Result<Fields> fields =
        Fields::of(Value(entry, value.path() + "[\"" + name + "\"]"));
    if (fields.failed())
      return fields.status();
    fields->ignore("id"); // The name again.
    fields->ignore("tokens");
    Result<Value> list = fields->required("ids");
    if (list.failed())
      return list.status();
    Result<std::vector<Value>> ids = list->list();
    if (ids.failed())
      return ids.status();
    std::vector<int32_t> numbers;
    for (const Value &id : *ids) {
      Result<uint32_t> number = id.number(kMostId);
      if (number.failed())
        return number.status();
      numbers.push_back(static_cast<int32_t>(*number));
    }
    HAMLET_TRY(fields->done());
    tokens.emplace(name, std::move(numbers));
  }
  return tokens;
}

Result<PostProcessor::Piece> readPiece(const Value &value,
                                       const SpecialTokens &tokens) {
  Result<Fields> piece = Fields::of(value);
  if (piece.failed())
    return piece.status();
  bool isText = piece->has("Sequence");
  Result<Value> inner = piece->required(isText ? "Sequence" : "SpecialToken");
  if (inner.failed())
    return inner.status();
  HAMLET_TRY(piece->done());
  Result<Fields> fields = Fields::of(*inner);
  if (fields.failed())
    return fields.status();
  fields->ignore("type_id"); // There are no types.
  Result<Value> id = fields->required("id");
  if (id.failed())
    return id.status();
  Result<std::string> name = id->string();
  if (name.failed())
    return name.status();
  HAMLET_TRY(fields->done());
  if (isText) {
    if (*name != "A")
      return id->expected("\"A\", the one text");
    return PostProcessor::Piece{true, {}};
  }
  auto found = tokens.find(*name);
  if (found == tokens.end())
    return id->failure("special_tokens has no \"", *name, "\"");
  return PostProcessor::Piece{false, found->second};
}

Result<PostProcessor> readTemplate(Fields &fields) {
  Result<Value> special = fields.required("special_tokens");
  if (special.failed())
    return special.status();
  Result<SpecialTokens> tokens = readSpecialTokens(*special);
  if (tokens.failed())
    return tokens.status();
  fields.ignore("pair"); // Two texts are never encoded together.
  Result<std::vector<PostProcessor::Piece>> pieces =
      readSequence<PostProcessor::Piece>(
          fields, "single",
          [&](const Value &value) { return readPiece(value, *tokens); });
  if (pieces.failed())
    return pieces.status();
  PostProcessor made;
  made.pieces = std::move(*pieces);
  made.changesNothing = false;
  return made;
}

/// The id of `["text", id]`.
Result<int32_t> readPair(Fields &fields, const char *key) {
  Result<Value> value = fields.required(key);
  if (value.failed())
    return value.status();
  Result<std::vector<Value>> pair = value->list();
  if (pair.failed() || pair->size() != 2)
    return value->expected("a token and its id");
  Result<uint32_t> id = (*pair)[1].number(kMostId);
  if (id.failed())
    return id.status();
  return static_cast<int32_t>(*id);
}

/// One special token before the text and one after it.
Result<PostProcessor> readBert(Fields &fields) {
  Result<int32_t> before = readPair(fields, "cls");
  if (before.failed())
    return before.status();
  Result<int32_t> after = readPair(fields, "sep");
  if (after.failed())
    return after.status();
  PostProcessor made;
  made.pieces = {{false, {*before}}, {true, {}}, {false, {*after}}};
  made.changesNothing = false;
  return made;
}

Result<PostProcessor> readRoberta(Fields &fields) {
  fields.ignore("trim_offsets");
  fields.ignore("add_prefix_space");
  return readBert(fields);
}

Result<PostProcessor> readOne(const Value &value);

Result<PostProcessor> readSequence(Fields &fields) {
  Result<std::vector<PostProcessor>> parts =
      readSequence<PostProcessor>(fields, "processors", readOne);
  if (parts.failed())
    return parts.status();
  PostProcessor made;
  for (PostProcessor &part : *parts) {
    if (part.changesNothing)
      continue;
    if (!made.changesNothing)
      return failure(fields.path(), ".processors: two of them add tokens; one "
                                    "is supported");
    made = std::move(part);
  }
  return made;
}

constexpr Kind<PostProcessor> kKinds[] = {
    {"ByteLevel", readByteLevel}, {"TemplateProcessing", readTemplate},
    {"BertProcessing", readBert}, {"RobertaProcessing", readRoberta},
    {"Sequence", readSequence},
};

Result<PostProcessor> readOne(const Value &value) {
  return readKind(value, kKinds);
}

} // namespace

Result<PostProcessor> PostProcessor::read(const Value &value) {
  if (value.isNull())
    return PostProcessor();
  return readOne(value);
}

std::vector<int32_t> PostProcessor::apply(std::vector<int32_t> ids,
                                          bool addSpecialTokens) const {
  if (changesNothing)
    return ids;
  std::vector<int32_t> all;
  all.reserve(ids.size() + pieces.size());
  for (const Piece &piece : pieces) {
    const std::vector<int32_t> &from = piece.isText ? ids : piece.ids;
    if (piece.isText || addSpecialTokens)
      all.insert(all.end(), from.begin(), from.end());
  }
  return all;
}

} // namespace hamlet::text
