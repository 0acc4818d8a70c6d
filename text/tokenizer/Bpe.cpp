//===- Bpe.cpp ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/ByteAlphabet.h"
#include "text/tokenizer/Model.h"
#include "text/tokenizer/Utf8.h"

#include <array>
#include <atomic>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hamlet::text {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81"; ///< U+2581, ▁.

struct Settings {
  std::optional<std::string> unknown;
  bool fuseUnknown = false;
  bool byteFallback = false;
  bool ignoreMerges = false;
};

/// Byte-pair encoding: a piece is cut into characters (or bytes), and pairs of
/// neighbours are merged.
class Bpe : public Model {
public:
  Bpe(Vocabulary vocabulary, MergeTable merges, Settings settings, bool bytes,
      bool markBegins)
      : Model(std::move(vocabulary)), merges(std::move(merges)),
        settings(std::move(settings)), bytes(bytes), markBegins(markBegins),
        whole(this->vocabulary().idLimit()) {
    const Vocabulary &tokens = this->vocabulary();
    if (this->settings.unknown)
      unknownId = tokens.find(*this->settings.unknown).value_or(kNone);
    for (unsigned byte = 0; byte < 256; ++byte) {
      char spelled[8];
      std::snprintf(spelled, sizeof(spelled), "<0x%02X>", byte);
      ofByte[byte] =
          tokens
              .find(bytes ? byteCharacter(static_cast<unsigned char>(byte))
                          : std::string_view(spelled))
              .value_or(kNone);
    }
    if (!bytes)
      tokens.forEach([&](std::string_view token, int32_t id) {
        size_t at = 0;
        if (token.empty() ||
            token.size() !=
                characterLength(static_cast<unsigned char>(token.front())))
          return;
        char32_t character = readCharacter(token, at);
        if (character >= ofCharacter.size())
          ofCharacter.resize(character + 1, kNone);
        ofCharacter[character] = id;
      });
  }

  bool takesBytes() const override { return bytes; }

  bool encode(std::string_view piece, ModelSpace &space,
              std::vector<int32_t> &ids, Status &why) const override {
    if (!markBegins)
      return encodePart(piece, settings.ignoreMerges, space, ids, why);
    if (settings.ignoreMerges)
      if (std::optional<int32_t> id = vocabulary().find(piece)) {
        ids.push_back(*id);
        return true;
      }
    while (!piece.empty()) {
      // Before a mark that does not follow another one.
      size_t end = 0;
      while (piece.substr(end, kMark.size()) == kMark)
        end += kMark.size();
      end = std::min(piece.find(kMark, end), piece.size());
      if (!encodePart(piece.substr(0, end), false, space, ids, why))
        return false;
      piece.remove_prefix(end);
    }
    return true;
  }

private:
  static constexpr int32_t kNone = -1;
  /// Whether the text of a token is encoded as that token alone, which is found
  /// out when it first comes: nearly all are, and need no merging then.
  enum class Whole : uint8_t { Unknown, Yes, No };

  bool encodePart(std::string_view part, bool ignoreMerges, ModelSpace &space,
                  std::vector<int32_t> &ids, Status &why) const {
    uint64_t hash = XXH3_64bits(part.data(), part.size());
    PieceCache::Slot *slot = space.cache.slotFor(part, hash);
    if (slot && PieceCache::holds(*slot, part, hash)) {
      for (size_t i = 0; i < slot->count; ++i)
        ids.push_back(slot->ids[i]);
      return true;
    }
    std::optional<int32_t> token = tokenOf(part, space);
    Whole known = Whole::No;
    if (token)
      known = ignoreMerges ? Whole::Yes
                           : whole[*token].load(std::memory_order_relaxed);
    std::vector<int32_t> &symbols = space.symbols;
    symbols.clear();
    if (known == Whole::Yes) {
      symbols.push_back(*token);
    } else {
      why = bytes ? symbolsOfBytes(part, symbols)
                  : symbolsOfCharacters(part, symbols);
      if (why.ok() && symbols.size() >= std::numeric_limits<uint32_t>::max())
        why = failure("a piece of ", symbols.size(), " symbols is too long");
      if (why.failed())
        return false;
      merges.merge(symbols, space.merges);
    }
    if (known == Whole::Unknown) {
      bool same = symbols.size() == 1 && symbols.front() == *token;
      whole[*token].store(same ? Whole::Yes : Whole::No,
                          std::memory_order_relaxed);
    }
    if (slot)
      PieceCache::keep(*slot, part, hash, symbols.data(), symbols.size());
    ids.insert(ids.end(), symbols.begin(), symbols.end());
    return true;
  }

  /// The token whose text is `part`.
  std::optional<int32_t> tokenOf(std::string_view part,
                                 ModelSpace &space) const {
    if (!bytes)
      return vocabulary().find(part);
    space.text.clear();
    appendByteCharacters(space.text, part);
    return vocabulary().find(space.text);
  }

  /// Unknown characters on their way to symbols: one waits, so that the next
  /// may join it.
  struct Unknown {
    const Bpe &model;
    std::vector<int32_t> &symbols;
    bool waits = false;

    Status add() {
      if (!model.settings.unknown)
        return {}; // Then what is unknown leaves no token.
      if (model.unknownId == kNone)
        return failure("unk_token \"", *model.settings.unknown,
                       "\" is not in the vocabulary, and the text has an "
                       "unknown character");
      if (waits && !model.settings.fuseUnknown)
        symbols.push_back(model.unknownId);
      waits = true;
      return {};
    }
    void flush() {
      if (waits)
        symbols.push_back(model.unknownId);
      waits = false;
    }
  };

  Status symbolsOfBytes(std::string_view part,
                        std::vector<int32_t> &symbols) const {
    Unknown unknown{*this, symbols};
    for (char byte : part) {
      int32_t id = ofByte[static_cast<unsigned char>(byte)];
      if (id == kNone) {
        HAMLET_TRY(unknown.add());
        continue;
      }
      unknown.flush();
      symbols.push_back(id);
    }
    unknown.flush();
    return {};
  }

  Status symbolsOfCharacters(std::string_view part,
                             std::vector<int32_t> &symbols) const {
    Unknown unknown{*this, symbols};
    for (size_t at = 0; at < part.size();) {
      size_t begin = at;
      char32_t character = readCharacter(part, at);
      if (character < ofCharacter.size() && ofCharacter[character] != kNone) {
        unknown.flush();
        symbols.push_back(ofCharacter[character]);
      } else if (!settings.byteFallback ||
                 !fallBack(part.substr(begin, at - begin), symbols)) {
        HAMLET_TRY(unknown.add());
      }
    }
    unknown.flush();
    return {};
  }

  /// The bytes of a character as tokens, if there is one for each. They go
  /// before an unknown one that waits, as in `tokenizers`.
  bool fallBack(std::string_view character,
                std::vector<int32_t> &symbols) const {
    for (char byte : character)
      if (ofByte[static_cast<unsigned char>(byte)] == kNone)
        return false;
    for (char byte : character)
      symbols.push_back(ofByte[static_cast<unsigned char>(byte)]);
    return true;
  }

  MergeTable merges;
  Settings settings;
  bool bytes;
  bool markBegins;
  int32_t unknownId = kNone;
  std::array<int32_t, 256> ofByte; ///< Also "<0x00>" to "<0xFF>".
  std::vector<int32_t> ofCharacter;
  mutable std::vector<std::atomic<Whole>> whole; ///< By id.
};

/// Whether no merge, and no unknown token, can join what stands before a mark
/// to the mark: then a piece may be cut there. Every character must leave a
/// symbol, lest two marks with one between them come together.
bool marksBegin(const Vocabulary &vocabulary, const MergeList &merges,
                const Settings &settings) {
  auto ends = [](std::string_view text) {
    return text.size() >= kMark.size() &&
           text.substr(text.size() - kMark.size()) == kMark;
  };
  if (!vocabulary.find(kMark) || !settings.unknown || ends(*settings.unknown))
    return false;
  for (size_t i = 0; i < merges.size(); ++i)
    if (merges.right(i).substr(0, kMark.size()) == kMark &&
        !ends(merges.left(i)))
      return false;
  return true;
}

Result<MergeTable> mergeTable(const Vocabulary &vocabulary,
                              const MergeList &merges) {
  MergeTable table(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    int32_t ids[3] = {};
    std::string_view texts[] = {merges.left(i), merges.right(i),
                                merges.joined(i)};
    for (int part = 0; part < 3; ++part) {
      std::optional<int32_t> id = vocabulary.find(texts[part]);
      if (!id)
        return failure("[", i, "]: \"", texts[part],
                       "\" is not in the vocabulary");
      ids[part] = *id;
    }
    table.set(ids[0], ids[1], static_cast<uint32_t>(i), ids[2]);
  }
  return table;
}

/// Fails unless the key is absent, null or an empty string.
Status refuseText(Fields &fields, const char *key) {
  std::optional<Value> value = fields.optional(key);
  if (value && value->raw() != "")
    return value->expected("null (nothing else is supported)");
  return {};
}

} // namespace

Result<std::shared_ptr<const Model>> readBpe(Fields &fields,
                                             ModelParts &parts) {
  for (const char *key : {"vocab", "merges"}) {
    Result<Value> value = fields.required(key);
    if (value.failed())
      return value.status();
    bool right = key == std::string_view("vocab") ? value->raw().is_object()
                                                  : value->raw().is_array();
    if (!right)
      return value->expected(key == std::string_view("vocab")
                                 ? "an object of tokens and ids"
                                 : "a list of pairs");
  }
  HAMLET_TRY(refuseText(fields, "continuing_subword_prefix"));
  HAMLET_TRY(refuseText(fields, "end_of_word_suffix"));
  if (std::optional<Value> dropout = fields.optional("dropout"))
    if (dropout->raw() != 0)
      return dropout->expected("null (a random choice of merges is not "
                               "supported)");
  Settings settings;
  if (std::optional<Value> value = fields.optional("unk_token")) {
    Result<std::string> text = value->string();
    if (text.failed())
      return text.status();
    settings.unknown = std::move(*text);
  }
  const std::pair<const char *, bool *> flags[] = {
      {"fuse_unk", &settings.fuseUnknown},
      {"byte_fallback", &settings.byteFallback},
      {"ignore_merges", &settings.ignoreMerges}};
  for (const auto &[key, flag] : flags) {
    Result<bool> found = fields.flag(key, false);
    if (found.failed())
      return found.status();
    *flag = *found;
  }
  Result<MergeTable> table = mergeTable(parts.vocabulary, parts.merges);
  if (table.failed())
    return failure(fields.path(), ".merges", table.message());
  // Characters of the alphabet fall back to bytes of their own: rare, and done
  // as the file says it.
  bool bytes = parts.byteLevel && !settings.byteFallback;
  bool cuts = !bytes && marksBegin(parts.vocabulary, parts.merges, settings);
  return std::shared_ptr<const Model>(
      std::make_shared<Bpe>(std::move(parts.vocabulary), std::move(*table),
                            std::move(settings), bytes, cuts));
}

} // namespace hamlet::text
