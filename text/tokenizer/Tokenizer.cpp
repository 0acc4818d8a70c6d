//===- Tokenizer.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Tokenizer.h"

#include "text/tokenizer/Parts.h"

#include <fstream>
#include <limits>
#include <utility>

namespace hamlet::text {
namespace {

constexpr size_t kMostBytes = std::numeric_limits<int32_t>::max();

/// Padding and truncation, which must leave a text's ids alone.
Status checkLengths(Fields &fields) {
  if (std::optional<Value> value = fields.optional("truncation"))
    return value->expected("null (texts are encoded whole)");
  std::optional<Value> value = fields.optional("padding");
  if (!value)
    return {};
  Result<Fields> padding = Fields::of(*value);
  if (padding.failed())
    return padding.status();
  Result<Value> strategy = padding->required("strategy");
  if (strategy.failed())
    return strategy.status();
  if (strategy->raw() != "BatchLongest")
    return strategy->expected("\"BatchLongest\", which leaves a single text as "
                              "it is, or no padding");
  if (std::optional<Value> multiple = padding->optional("pad_to_multiple_of"))
    if (multiple->raw() != 0 && multiple->raw() != 1)
      return multiple->expected("null (padding is not supported)");
  for (const char *key : {"direction", "pad_id", "pad_type_id", "pad_token"})
    padding->ignore(key); // Of padding that is never added.
  return padding->done();
}

/// Hands pieces to one step of splitting, whose pieces go to the next.
struct SplitStep : PieceSink {
  SplitStep(const PreTokenizer &step, MatchSpace &matches, PieceSink &next)
      : step(step), space{&matches, {}}, next(next) {}
  bool piece(std::string_view piece, bool atStart) override {
    return step.split(piece, atStart, space, next);
  }
  const PreTokenizer &step;
  SplitSpace space;
  PieceSink &next;
};

/// Where the pieces end: the model.
struct ModelSink : PieceSink {
  ModelSink(const Model &model, ModelSpace &space, std::vector<int32_t> &ids)
      : model(model), space(space), ids(ids) {}
  bool piece(std::string_view piece, bool) override {
    status = model.encode(piece, space, ids);
    return status.ok();
  }
  const Model &model;
  ModelSpace &space;
  std::vector<int32_t> &ids;
  Status status;
};

} // namespace

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;

Result<std::shared_ptr<const Tokenizer>>
Tokenizer::read(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return failure(path, ": cannot be opened");
  std::string json;
  in.seekg(0, std::ios::end);
  std::streamoff size = in.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > kMostBytes)
    return failure(path, ": a file of less than 2 GiB is expected");
  json.resize(static_cast<size_t>(size));
  in.seekg(0);
  if (!in.read(json.data(), size))
    return failure(path, ": cannot be read");
  return parse(json, path);
}

Result<std::shared_ptr<const Tokenizer>>
Tokenizer::parse(std::string_view json, std::string_view name) {
  auto parts = std::make_unique<Parts>();
  HAMLET_TRY(parts->read(json).in(std::string(name)));
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(parts)));
}

Status Tokenizer::Parts::read(std::string_view json) {
  Result<TokenizerFile> file = parseFile(json);
  if (file.failed())
    return file.status();
  Result<Fields> made = Fields::of(Value(file->root, ""));
  if (made.failed())
    return made.status();
  Fields &fields = *made;
  if (std::optional<Value> version = fields.optional("version"))
    if (version->raw() != "1.0")
      return version->expected("\"1.0\"");
  HAMLET_TRY(checkLengths(fields));
  const nlohmann::json null;
  const Value absent(null, "");
  auto part = [&](const char *key) {
    return fields.optional(key).value_or(absent);
  };
  Result<Normalizer> normal = readNormalizer(part("normalizer"));
  if (normal.failed())
    return normal.status();
  normalizer = std::move(*normal);
  Result<PreTokenizers> steps = readPreTokenizers(part("pre_tokenizer"));
  if (steps.failed())
    return steps.status();
  preTokenizers = std::move(*steps);
  Result<PostProcessor> post = PostProcessor::read(part("post_processor"));
  if (post.failed())
    return post.status();
  postProcessor = std::move(*post);
  Result<std::vector<Decoder>> decoding = readDecoders(part("decoder"));
  if (decoding.failed())
    return decoding.status();
  decoders = std::move(*decoding);

  std::shared_ptr<const PreTokenizer> bytes =
      preTokenizers.empty() ? nullptr : preTokenizers.back()->withBytes();
  ModelParts modelParts{std::move(file->vocabulary), std::move(file->merges),
                        bytes != nullptr};
  Result<Value> modelValue = fields.required("model");
  if (modelValue.failed())
    return modelValue.status();
  auto found = readModel(*modelValue, modelParts);
  if (found.failed())
    return found.status();
  model = std::move(*found);
  if (model->takesBytes())
    preTokenizers.back() = std::move(bytes);

  if (std::optional<Value> tokens = fields.optional("added_tokens")) {
    Result<AddedTokens> list =
        AddedTokens::read(*tokens, model->vocabulary(), normalizer);
    if (list.failed())
      return list.status();
    added = std::move(*list);
  }
  return fields.done();
}

std::optional<std::string_view>
Tokenizer::Parts::decoded(int32_t id, bool skipSpecialTokens) const {
  if (skipSpecialTokens && added.isSpecial(id))
    return std::nullopt;
  if (const AddedToken *token = added.byId(id))
    return token->text;
  return model->vocabulary().text(id);
}

std::unique_ptr<EncodeSpace> Tokenizer::Parts::takeSpace() const {
  std::lock_guard lock(mutex);
  if (spaces.empty())
    return std::make_unique<EncodeSpace>();
  std::unique_ptr<EncodeSpace> space = std::move(spaces.back());
  spaces.pop_back();
  return space;
}

void Tokenizer::Parts::giveSpace(std::unique_ptr<EncodeSpace> space) const {
  std::lock_guard lock(mutex);
  spaces.push_back(std::move(space));
}

Status Tokenizer::Parts::encode(std::string_view text, EncodeSpace &space,
                                std::vector<int32_t> &ids) const {
  ModelSink sink(*model, space.model, ids);
  std::vector<std::unique_ptr<SplitStep>> steps; // From the last.
  PieceSink *first = &sink;
  for (auto step = preTokenizers.rbegin(); step != preTokenizers.rend();
       ++step) {
    steps.push_back(std::make_unique<SplitStep>(**step, space.matches, *first));
    first = steps.back().get();
  }
  auto outside = [&](size_t begin, size_t end, const AddedToken *token) {
    if (token) {
      ids.push_back(token->id);
      return true;
    }
    NormalizedText part{std::string(text.substr(begin, end - begin)),
                        begin == 0};
    if (!normalizer(part, space.matches))
      return false;
    auto inside = [&](size_t begin, size_t end, const AddedToken *token) {
      if (token) {
        ids.push_back(token->id);
        return true;
      }
      return first->piece(
          std::string_view(part.text).substr(begin, end - begin),
          part.atStart && begin == 0);
    };
    return added.parts(part.text, true, space.matches, inside);
  };
  if (added.parts(text, false, space.matches, outside))
    return {};
  return sink.status.failed()
             ? sink.status
             : failure("an expression of the tokenizer takes more work on this "
                       "text than PCRE2 allows");
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                               bool addSpecialTokens) const {
  if (text.size() > kMostBytes)
    return failure("a text of ", text.size(),
                   " bytes; less than 2 GiB are "
                   "expected");
  std::string repaired;
  if (validPrefix(text) != text.size()) {
    appendLossy(repaired, text);
    text = repaired;
  }
  std::vector<int32_t> ids;
  std::unique_ptr<EncodeSpace> space = parts->takeSpace();
  Status status = parts->encode(text, *space, ids);
  parts->giveSpace(std::move(space));
  if (status.failed())
    return status;
  return parts->postProcessor.apply(std::move(ids), addSpecialTokens);
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              bool skipSpecialTokens) const {
  DecodeChain chain(parts->decoders);
  for (int32_t id : ids)
    if (std::optional<std::string_view> token =
            parts->decoded(id, skipSpecialTokens))
      chain.token(*token);
  chain.end();
  return chain.take();
}

size_t Tokenizer::vocabularySize() const {
  return parts->model->vocabulary().size() + parts->added.beyond();
}

std::optional<int32_t> Tokenizer::idOf(std::string_view token) const {
  if (const AddedToken *added = parts->added.byContent(token))
    return added->id;
  return parts->model->vocabulary().find(token);
}

std::optional<std::string_view> Tokenizer::textOf(int32_t id) const {
  return parts->decoded(id, false);
}

bool Tokenizer::isSpecial(int32_t id) const {
  return parts->added.isSpecial(id);
}

} // namespace hamlet::text
