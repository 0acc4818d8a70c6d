//===- PreTokenizers.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/PreTokenizers.h"

#include "text/tokenizer/ByteAlphabet.h"
#include "text/tokenizer/Metaspace.h"
#include "text/tokenizer/Pattern.h"
#include "text/tokenizer/RegexSyntax.h"
#include "text/tokenizer/Unicode.h"
#include "text/tokenizer/Utf8.h"

#include <algorithm>
#include <utility>

namespace hamlet::text {
namespace {

/// What becomes of a match: dropped, a piece of its own, part of a run of
/// matches, part of the piece before or of the one after.
enum class Behavior {
  Removed,
  Isolated,
  Contiguous,
  MergedWithPrevious,
  MergedWithNext
};

constexpr std::pair<const char *, Behavior> kBehaviors[] = {
    {"Removed", Behavior::Removed},
    {"Isolated", Behavior::Isolated},
    {"Contiguous", Behavior::Contiguous},
    {"MergedWithPrevious", Behavior::MergedWithPrevious},
    {"MergedWithNext", Behavior::MergedWithNext},
};

Result<Behavior> readBehavior(const Value &value) {
  for (const auto &[name, behavior] : kBehaviors)
    if (value.raw() == name)
      return behavior;
  std::string names;
  for (const auto &[name, behavior] : kBehaviors)
    names += (names.empty() ? "one of " : ", ") + std::string(name);
  return value.expected(names);
}

/// Makes pieces of parts that are matches or not, as a Behavior says. At most
/// one part waits for the next.
class Joiner {
public:
  Joiner(std::string_view text, bool atStart, Behavior behavior,
         PieceSink &next)
      : text(text), atStart(atStart), behavior(behavior), next(next) {}

  bool part(size_t begin, size_t end, bool match) {
    switch (behavior) {
    case Behavior::Removed:
      return match || emit(begin, end);
    case Behavior::Isolated:
      return emit(begin, end);
    case Behavior::Contiguous:
      return join(begin, end, match, match == held.match);
    case Behavior::MergedWithPrevious:
      return join(begin, end, match, match && !held.match);
    case Behavior::MergedWithNext:
      return join(begin, end, match, !match && held.match);
    }
    return false;
  }
  bool finish() { return !waiting || emit(held.begin, held.end); }

private:
  bool join(size_t begin, size_t end, bool match, bool together) {
    if (waiting && together) {
      held.end = end;
    } else {
      if (!finish())
        return false;
      held = {begin, end, match};
    }
    waiting = true;
    held.match = match;
    return true;
  }
  bool emit(size_t begin, size_t end) {
    return begin == end ||
           next.piece(text.substr(begin, end - begin), atStart && begin == 0);
  }

  std::string_view text;
  bool atStart;
  Behavior behavior;
  PieceSink &next;
  struct {
    size_t begin = 0, end = 0;
    bool match = false;
  } held;
  bool waiting = false;
};

class Split : public PreTokenizer {
public:
  Split(Pattern pattern, Behavior behavior, bool invert)
      : pattern(std::move(pattern)), behavior(behavior), invert(invert) {}

  bool split(std::string_view text, bool atStart, SplitSpace &space,
             PieceSink &next) const override {
    Joiner joiner(text, atStart, behavior, next);
    bool inverted = invert;
    return pattern.parts(text, *space.matches,
                         [&](size_t begin, size_t end, bool match) {
                           return joiner.part(begin, end, match != inverted);
                         }) &&
           joiner.finish();
  }

private:
  Pattern pattern;
  Behavior behavior;
  bool invert;
};

/// A Split whose matches are single characters of a kind.
class SplitCharacters : public PreTokenizer {
public:
  using Test = bool (*)(char32_t);
  SplitCharacters(Test test, Behavior behavior)
      : test(test), behavior(behavior) {}

  bool split(std::string_view text, bool atStart, SplitSpace &,
             PieceSink &next) const override {
    Joiner joiner(text, atStart, behavior, next);
    size_t done = 0;
    for (size_t at = 0; at < text.size();) {
      size_t begin = at;
      if (!test(readCharacter(text, at)))
        continue;
      if ((done < begin && !joiner.part(done, begin, false)) ||
          !joiner.part(begin, at, true))
        return false;
      done = at;
    }
    return (done == text.size() || joiner.part(done, text.size(), false)) &&
           joiner.finish();
  }

private:
  Test test;
  Behavior behavior;
};

class ByteLevel : public PreTokenizer {
public:
  ByteLevel(std::shared_ptr<const Split> splitter, bool prefixSpace,
            bool characters = true)
      : splitter(std::move(splitter)), prefixSpace(prefixSpace),
        characters(characters) {}

  bool split(std::string_view text, bool atStart, SplitSpace &space,
             PieceSink &next) const override {
    std::string spaced;
    if (prefixSpace && text.front() != ' ') {
      spaced.append(" ").append(text);
      text = spaced;
    }
    Writer writer(space.text, next);
    PieceSink &sink = characters ? writer : next;
    return splitter ? splitter->split(text, atStart, space, sink)
                    : sink.piece(text, atStart);
  }
  std::shared_ptr<const PreTokenizer> withBytes() const override {
    return std::make_shared<ByteLevel>(splitter, prefixSpace, false);
  }

private:
  struct Writer : PieceSink {
    Writer(std::string &text, PieceSink &next) : text(text), next(next) {}
    bool piece(std::string_view piece, bool atStart) override {
      text.clear();
      appendByteCharacters(text, piece);
      return next.piece(text, atStart);
    }
    std::string &text;
    PieceSink &next;
  };

  std::shared_ptr<const Split> splitter; ///< Null: the text is one piece.
  bool prefixSpace;
  bool characters; ///< Bytes are written as characters.
};

class MarkSpaces : public PreTokenizer {
public:
  explicit MarkSpaces(Metaspace settings)
      : settings(std::move(settings)),
        splitter(Pattern::literal(this->settings.mark),
                 Behavior::MergedWithNext, false) {}

  bool split(std::string_view text, bool atStart, SplitSpace &space,
             PieceSink &next) const override {
    const std::string &mark = settings.mark;
    std::string &marked = space.text;
    marked.clear();
    bool prefix = settings.prepend == Metaspace::Prepend::Always ||
                  (settings.prepend == Metaspace::Prepend::First && atStart);
    if (prefix && text.front() != ' ' && text.substr(0, mark.size()) != mark)
      marked = mark;
    for (size_t at = 0; at < text.size();) {
      size_t blank = std::min(text.find(' ', at), text.size());
      marked.append(text.substr(at, blank - at));
      if (blank < text.size())
        marked.append(mark);
      at = blank + 1;
    }
    return settings.splits ? splitter.split(marked, atStart, space, next)
                           : next.piece(marked, atStart);
  }

private:
  Metaspace settings;
  Split splitter;
};

/// Words and signs by WhitespaceSplit, then signs apart.
class BertPreTokenizer : public PreTokenizer {
public:
  bool split(std::string_view text, bool atStart, SplitSpace &space,
             PieceSink &next) const override {
    struct Second : PieceSink {
      Second(const SplitCharacters &step, SplitSpace &space, PieceSink &next)
          : step(step), space(space), next(next) {}
      bool piece(std::string_view piece, bool atStart) override {
        return step.split(piece, atStart, space, next);
      }
      const SplitCharacters &step;
      SplitSpace &space;
      PieceSink &next;
    } second(signs, space, next);
    return words.split(text, atStart, space, second);
  }

private:
  SplitCharacters words{isWhitespace, Behavior::Removed};
  SplitCharacters signs{isPunctuation, Behavior::Isolated};
};

template <typename Step, typename... Args> PreTokenizers made(Args &&...args) {
  return {std::make_shared<Step>(std::forward<Args>(args)...)};
}

Result<PreTokenizers> readByteLevel(Fields &fields) {
  Result<bool> prefixSpace = fields.flag("add_prefix_space");
  if (prefixSpace.failed())
    return prefixSpace.status();
  Result<bool> regex = fields.flag("use_regex", true);
  if (regex.failed())
    return regex.status();
  fields.ignore("trim_offsets"); // There are no offsets.
  std::shared_ptr<const Split> splitter;
  if (*regex) {
    // GPT-2's expression, which the format has no key for.
    Result<Regex> gpt2 = Regex::compileOniguruma(
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)"
        R"(|\s+(?!\S)|\s+)");
    if (gpt2.failed())
      return gpt2.status();
    splitter = std::make_shared<Split>(Pattern(std::move(*gpt2)),
                                       Behavior::Isolated, false);
  }
  return made<ByteLevel>(std::move(splitter), *prefixSpace);
}

Result<PreTokenizers> readSplit(Fields &fields) {
  Result<Value> pattern = fields.required("pattern");
  if (pattern.failed())
    return pattern.status();
  Result<Pattern> wanted = Pattern::read(*pattern);
  if (wanted.failed())
    return wanted.status();
  Result<Value> value = fields.required("behavior");
  if (value.failed())
    return value.status();
  Result<Behavior> behavior = readBehavior(*value);
  if (behavior.failed())
    return behavior.status();
  Result<bool> invert = fields.flag("invert");
  if (invert.failed())
    return invert.status();
  return made<Split>(std::move(*wanted), *behavior, *invert);
}

Result<PreTokenizers> readMetaspace(Fields &fields) {
  Result<Metaspace> settings = Metaspace::read(fields);
  if (settings.failed())
    return settings.status();
  return made<MarkSpaces>(std::move(*settings));
}

Result<PreTokenizers> readWhitespace(Fields &) {
  const std::string word = kRustWord, space = kSpace;
  Result<Regex> words =
      Regex::compile("[" + word + "]+|[^" + word + space + "]+");
  if (words.failed())
    return words.status();
  return made<Split>(Pattern(std::move(*words)), Behavior::Removed, true);
}

Result<PreTokenizers> readWhitespaceSplit(Fields &) {
  return made<SplitCharacters>(isWhitespace, Behavior::Removed);
}

Result<PreTokenizers> readDigits(Fields &fields) {
  Result<bool> single = fields.flag("individual_digits");
  if (single.failed())
    return single.status();
  return made<SplitCharacters>(isNumeric, *single ? Behavior::Isolated
                                                  : Behavior::Contiguous);
}

Result<PreTokenizers> readPunctuation(Fields &fields) {
  Result<Behavior> behavior = Behavior::Isolated;
  if (std::optional<Value> value = fields.optional("behavior"))
    behavior = readBehavior(*value);
  if (behavior.failed())
    return behavior.status();
  return made<SplitCharacters>(isPunctuation, *behavior);
}

Result<PreTokenizers> readBert(Fields &) { return made<BertPreTokenizer>(); }

Result<PreTokenizers> readOne(const Value &value);

Result<PreTokenizers> readSequence(Fields &fields) {
  Result<std::vector<PreTokenizers>> parts =
      readSequence<PreTokenizers>(fields, "pretokenizers", readOne);
  if (parts.failed())
    return parts.status();
  PreTokenizers steps;
  for (PreTokenizers &part : *parts)
    steps.insert(steps.end(), part.begin(), part.end());
  return steps;
}

constexpr Kind<PreTokenizers> kKinds[] = {
    {"ByteLevel", readByteLevel},
    {"Split", readSplit},
    {"Metaspace", readMetaspace},
    {"Whitespace", readWhitespace},
    {"WhitespaceSplit", readWhitespaceSplit},
    {"Digits", readDigits},
    {"Punctuation", readPunctuation},
    {"BertPreTokenizer", readBert},
    {"Sequence", readSequence},
};

Result<PreTokenizers> readOne(const Value &value) {
  return readKind(value, kKinds);
}

} // namespace

Result<PreTokenizers> readPreTokenizers(const Value &value) {
  if (value.isNull())
    return PreTokenizers();
  return readOne(value);
}

} // namespace hamlet::text
