//===- AddedTokens.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/AddedTokens.h"

#include "text/tokenizer/RegexSyntax.h"
#include "text/tokenizer/Unicode.h"

#include <limits>

namespace hamlet::text {

TextTrie::TextTrie() : nodes(1) { first.fill(kNone); }

uint32_t TextTrie::child(uint32_t node, unsigned char byte) const {
  if (node == 0)
    return first[byte];
  for (const auto &[key, next] : nodes[node].children)
    if (key == byte)
      return next;
  return kNone;
}

bool TextTrie::add(std::string_view text, uint32_t value) {
  uint32_t node = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    uint32_t next = child(node, byte);
    if (next == kNone) {
      next = static_cast<uint32_t>(nodes.size());
      if (node == 0)
        first[byte] = next;
      else
        nodes[node].children.emplace_back(byte, next);
      nodes.emplace_back();
    }
    node = next;
  }
  if (node == 0 || nodes[node].value != kNone)
    return false;
  nodes[node].value = value;
  return true;
}

std::optional<TextTrie::Match> TextTrie::find(std::string_view text,
                                              size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    uint32_t node = first[static_cast<unsigned char>(text[begin])];
    std::optional<Match> longest;
    for (size_t at = begin + 1; node != kNone; ++at) {
      if (nodes[node].value != kNone)
        longest = Match{begin, at, nodes[node].value};
      if (at == text.size())
        break;
      node = child(node, static_cast<unsigned char>(text[at]));
    }
    if (longest)
      return longest;
  }
  return std::nullopt;
}

Result<AddedTokens> AddedTokens::read(const Value &value,
                                      const Vocabulary &vocabulary,
                                      const Normalizer &normalizer) {
  Result<std::vector<Value>> list = value.list();
  if (list.failed())
    return list.status();
  AddedTokens added;
  for (const Value &entry : *list)
    HAMLET_TRY(added.add(entry, vocabulary, normalizer));
  for (const AddedToken &token : added.tokens)
    if (const AddedToken *named = added.byContent(token.text);
        named && named->special)
      added.skipped.insert(token.id);
  return added;
}

Status AddedTokens::add(const Value &value, const Vocabulary &vocabulary,
                        const Normalizer &normalizer) {
  Result<Fields> fields = Fields::of(value);
  if (fields.failed())
    return fields.status();
  AddedToken token;
  Result<Value> content = fields->required("content");
  if (content.failed())
    return content.status();
  Result<std::string> text = content->string();
  if (text.failed())
    return text.status();
  token.content = std::move(*text);
  if (token.content.empty())
    return content->expected("a text that is not empty");
  Result<Value> idValue = fields->required("id");
  if (idValue.failed())
    return idValue.status();
  Result<uint32_t> id = idValue->number(std::numeric_limits<int32_t>::max());
  if (id.failed())
    return id.status();
  token.id = static_cast<int32_t>(*id);
  const std::pair<const char *, bool *> flags[] = {
      {"single_word", &token.singleWord},
      {"lstrip", &token.left},
      {"rstrip", &token.right},
      {"normalized", &token.normalized},
      {"special", &token.special}};
  for (const auto &[key, flag] : flags) {
    Result<bool> found = fields->flag(key);
    if (found.failed())
      return found.status();
    *flag = *found;
  }
  HAMLET_TRY(fields->done());

  // Those that the vocabulary lacks come after it, in the order of the list.
  std::optional<int32_t> known = vocabulary.find(token.content);
  int32_t given = known.value_or(
      static_cast<int32_t>(vocabulary.size() + beyondVocabulary));
  if (token.id != given)
    return idValue->failure(
        "token \"", token.content, "\" has id ", token.id,
        ", but `tokenizers` "
        "gives it ",
        given,
        ": its place in the vocabulary, or else the next "
        "id after the vocabulary; which one the model means is not known");
  if (!contents.emplace(token.content, tokens.size()).second)
    return content->failure("token \"", token.content, "\" is there twice");
  if (!ids.emplace(token.id, tokens.size()).second)
    return idValue->failure("id ", token.id, " is there twice");
  token.text = token.content;
  if (token.normalized) {
    NormalizedText part{token.content, true};
    MatchSpace space;
    if (!normalizer(part, space))
      return content->failure("the normalizer reached the limits of PCRE2");
    token.text = std::move(part.text);
  }
  if (!tries[token.normalized].add(token.text,
                                   static_cast<uint32_t>(tokens.size())))
    return content->failure("token \"", token.content, "\" is \"", token.text,
                            "\" once normalized, which is ",
                            token.text.empty() ? "empty"
                                               : "another token's text too");
  if (token.singleWord && !word) {
    Result<Regex> made = Regex::compile("[" + std::string(kRustWord) + "]");
    if (made.failed())
      return made.status();
    word = std::move(*made);
  }
  beyondVocabulary += known ? 0 : 1;
  tokens.push_back(std::move(token));
  return {};
}

const AddedToken *AddedTokens::byId(int32_t id) const {
  auto found = ids.find(id);
  return found == ids.end() ? nullptr : &tokens[found->second];
}

const AddedToken *AddedTokens::byContent(std::string_view content) const {
  auto found = contents.find(content);
  return found == contents.end() ? nullptr : &tokens[found->second];
}

std::pair<size_t, size_t> AddedTokens::widened(std::string_view text,
                                               const AddedToken &token,
                                               size_t begin, size_t end,
                                               MatchSpace &space) const {
  if (token.singleWord) {
    auto isWord = [&](size_t at) {
      size_t from = 0;
      size_t to = 0;
      std::string_view character = text.substr(
          at, characterLength(static_cast<unsigned char>(text[at])));
      return word->find(character, 0, space, from, to) == Regex::Found::Yes;
    };
    if ((begin > 0 && isWord(previousCharacter(text, begin))) ||
        (end < text.size() && isWord(end)))
      return {begin, begin};
  }
  while (token.left && begin > 0) {
    size_t before = previousCharacter(text, begin);
    size_t at = before;
    if (!isWhitespace(readCharacter(text, at)))
      break;
    begin = before;
  }
  while (token.right && end < text.size()) {
    size_t at = end;
    if (!isWhitespace(readCharacter(text, at)))
      break;
    end = at;
  }
  return {begin, end};
}

} // namespace hamlet::text
