//===- Decoders.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Decoders.h"

#include "text/tokenizer/ByteAlphabet.h"
#include "text/tokenizer/Metaspace.h"
#include "text/tokenizer/Pattern.h"
#include "text/tokenizer/Utf8.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hamlet::text {
namespace {

using Decoders = std::vector<Decoder>;

/// The list of one step that is made of `args` each time.
template <typename Step, typename... Args> Decoders made(const Args &...args) {
  return {[=](DecodeStep &next) -> std::unique_ptr<DecodeStep> {
    return std::make_unique<Step>(next, args...);
  }};
}

/// A step that changes each token as a whole.
class WholeTokens : public DecodeStep {
public:
  explicit WholeTokens(DecodeStep &next) : next(next) {}
  void text(std::string_view part) override { token += part; }
  void endToken() override {
    change(token, index++);
    next.text(token);
    next.endToken();
    token.clear();
  }
  void finish() override { next.finish(); }

protected:
  /// `index` counts the tokens from 0.
  virtual void change(std::string &token, size_t index) = 0;

private:
  DecodeStep &next;
  std::string token;
  size_t index = 0;
};

/// Spaces between tokens.
class Join : public DecodeStep {
public:
  explicit Join(DecodeStep &next) : next(next) {}
  void text(std::string_view part) override {
    if (std::exchange(between, false))
      next.text(" ");
    next.text(part);
  }
  void endToken() override {
    text(""); // An empty token has its space too.
    next.endToken();
    between = true;
  }
  void finish() override { next.finish(); }

private:
  DecodeStep &next;
  bool between = false;
};

class Fuse : public DecodeStep {
public:
  explicit Fuse(DecodeStep &next) : next(next) {}
  void text(std::string_view part) override { next.text(part); }
  void endToken() override {}
  void finish() override {
    next.endToken();
    next.finish();
  }

private:
  DecodeStep &next;
};

/// All tokens as bytes, and those as UTF-8, with U+FFFD for what is none.
class ByteLevel : public DecodeStep {
public:
  explicit ByteLevel(DecodeStep &next) : next(next) {}
  void text(std::string_view part) override { token += part; }
  void endToken() override {
    size_t before = bytes.size();
    for (size_t at = 0; at < token.size();) {
      std::optional<unsigned char> byte = byteOf(readCharacter(token, at));
      if (!byte) { // Not of the alphabet: the token stands for itself.
        bytes.resize(before);
        bytes += token;
        break;
      }
      bytes.push_back(static_cast<char>(*byte));
    }
    token.clear();
    // What may be the beginning of a character waits.
    size_t done = 0;
    for (size_t at = 0; at < bytes.size(); done = at) {
      Utf8Sequence sequence = sequenceAt(bytes, at);
      if (sequence.kind == Utf8Sequence::Kind::Incomplete)
        break;
      at += sequence.length;
    }
    hand(done);
  }
  void finish() override {
    hand(bytes.size());
    next.endToken();
    next.finish();
  }

private:
  void hand(size_t size) {
    std::string certain;
    appendLossy(certain, std::string_view(bytes).substr(0, size));
    bytes.erase(0, size);
    if (!certain.empty())
      next.text(certain);
  }

  DecodeStep &next;
  std::string token, bytes;
};

/// Runs of tokens "<0x00>" to "<0xFF>" as the bytes of a text, or as one U+FFFD
/// each if they are no UTF-8 in all: a run waits until it ends or is wrong.
class ByteFallback : public DecodeStep {
public:
  explicit ByteFallback(DecodeStep &next) : next(next) {}
  void text(std::string_view part) override {
    if (!passes) {
      token += part;
      if (token.size() <= kSize)
        return;
      endRun();
      passes = true;
      part = token;
    }
    next.text(part);
  }
  void endToken() override {
    if (std::optional<char> byte = passes ? std::nullopt : byteOfToken()) {
      addToRun(*byte);
    } else {
      if (!passes) {
        endRun();
        next.text(token);
      }
      next.endToken();
    }
    token.clear();
    passes = false;
  }
  void finish() override {
    endRun();
    next.finish();
  }

private:
  static constexpr size_t kSize = 6; ///< Of "<0x00>".

  std::optional<char> byteOfToken() const {
    auto digit = [](char c) {
      if (c >= '0' && c <= '9')
        return c - '0';
      c = static_cast<char>(c | 0x20);
      return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    if (token.size() != kSize || token.substr(0, 3) != "<0x" ||
        token.back() != '>' || digit(token[3]) < 0 || digit(token[4]) < 0)
      return std::nullopt;
    return static_cast<char>(digit(token[3]) * 16 + digit(token[4]));
  }
  void addToRun(char byte) {
    run.push_back(byte);
    while (!wrong && checked < run.size()) {
      Utf8Sequence sequence = sequenceAt(run, checked);
      if (sequence.kind == Utf8Sequence::Kind::Incomplete)
        return;
      wrong = sequence.kind == Utf8Sequence::Kind::Invalid;
      checked += sequence.length;
    }
    if (wrong)
      handWrong();
  }
  void endRun() {
    if (!run.empty() && checked == run.size()) {
      next.text(run);
      next.endToken();
    } else {
      handWrong();
    }
    run.clear();
    checked = 0;
    wrong = false;
  }
  void handWrong() {
    for (size_t i = 0; i < run.size(); ++i) {
      next.text(kReplacement);
      next.endToken();
    }
    run.clear();
  }

  DecodeStep &next;
  std::string token;
  bool passes = false; ///< The open token is no byte and goes on as it comes.
  std::string run;
  size_t checked = 0; ///< Bytes of `run` that are whole characters.
  bool wrong = false; ///< The run is no UTF-8; what it has, is handed on.
};

/// Marks as spaces; in the first token, where a mark was put before the text,
/// marks go.
class SpaceMarks : public DecodeStep {
public:
  SpaceMarks(DecodeStep &next, const Metaspace &settings)
      : next(next), mark(settings.mark),
        first(settings.prepend != Metaspace::Prepend::Never) {}
  void text(std::string_view part) override {
    std::string changed;
    while (!part.empty()) {
      size_t at = std::min(part.find(mark), part.size());
      changed.append(part.substr(0, at));
      if (at < part.size() && !first)
        changed.push_back(' ');
      part.remove_prefix(std::min(at + mark.size(), part.size()));
    }
    next.text(changed);
  }
  void endToken() override {
    next.endToken();
    first = false;
  }
  void finish() override { next.finish(); }

private:
  DecodeStep &next;
  std::string mark;
  bool first;
};

/// A text for a text; what may be the beginning of one waits.
class ReplaceText : public DecodeStep {
public:
  ReplaceText(DecodeStep &next, std::string wanted, std::string content)
      : next(next), wanted(std::move(wanted)), content(std::move(content)) {}
  void text(std::string_view part) override {
    held += part;
    std::string changed;
    size_t done = 0;
    for (size_t at; (at = held.find(wanted, done)) != held.npos;
         done = at + wanted.size())
      changed.append(held, done, at - done).append(content);
    size_t keep = std::min(wanted.size() - 1, held.size() - done);
    while (held.compare(held.size() - keep, keep, wanted, 0, keep) != 0)
      --keep;
    changed.append(held, done, held.size() - keep - done);
    held.erase(0, held.size() - keep);
    next.text(changed);
  }
  void endToken() override {
    next.text(held);
    held.clear();
    next.endToken();
  }
  void finish() override { next.finish(); }

private:
  DecodeStep &next;
  std::string wanted, content, held;
};

class ReplacePattern : public WholeTokens {
public:
  ReplacePattern(DecodeStep &next, Pattern wanted, std::string content)
      : WholeTokens(next), wanted(std::move(wanted)),
        content(std::move(content)) {}

private:
  void change(std::string &token, size_t) override {
    std::string changed;
    auto part = [&](size_t begin, size_t end, bool match) {
      changed += match ? content : token.substr(begin, end - begin);
      return true;
    };
    // Of an empty token nothing is replaced. One that is beyond PCRE2's limits
    // stays as it is: decoding never fails.
    if (!token.empty() && wanted.parts(token, space, part))
      token = std::move(changed);
  }
  Pattern wanted;
  std::string content;
  MatchSpace space;
};

/// Takes up to `start` of one character from the front of each token and up to
/// `stop` from its end.
class Strip : public DecodeStep {
public:
  Strip(DecodeStep &next, std::string content, size_t start, size_t stop)
      : next(next), content(std::move(content)), start(start), stop(stop),
        front(start) {}
  void text(std::string_view part) override {
    std::string kept;
    for (size_t at = 0; at < part.size();) {
      std::string_view character = part.substr(
          at, characterLength(static_cast<unsigned char>(part[at])));
      at += character.size();
      bool same = character == content;
      if (same && front > 0) {
        --front;
        continue;
      }
      front = 0;
      if (same && held < stop) {
        ++held; // It may be the end.
        continue;
      }
      if (!same)
        for (; held > 0; --held)
          kept += content;
      kept += character;
    }
    next.text(kept);
  }
  void endToken() override {
    front = start;
    held = 0;
    next.endToken();
  }
  void finish() override { next.finish(); }

private:
  DecodeStep &next;
  std::string content;
  size_t start, stop;
  size_t front;    ///< How many may still go from the front.
  size_t held = 0; ///< How many wait at the end.
};

class WordPiece : public WholeTokens {
public:
  WordPiece(DecodeStep &next, std::string prefix, bool cleanup)
      : WholeTokens(next), prefix(std::move(prefix)), cleanup(cleanup) {}

private:
  void change(std::string &token, size_t index) override {
    if (index > 0) {
      if (token.substr(0, prefix.size()) == prefix)
        token.erase(0, prefix.size());
      else
        token.insert(0, " ");
    }
    // Each on the result of the one before.
    constexpr std::pair<std::string_view, std::string_view> kTidier[] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    if (!cleanup)
      return;
    for (const auto &[from, to] : kTidier)
      for (size_t at = 0; (at = token.find(from, at)) != token.npos;
           at += to.size())
        token.replace(at, from.size(), to);
  }
  std::string prefix;
  bool cleanup;
};

template <typename Step> Result<Decoders> readPlain(Fields &) {
  return made<Step>();
}

Result<Decoders> readByteLevel(Fields &fields) {
  for (const char *key : {"add_prefix_space", "trim_offsets", "use_regex"})
    fields.ignore(key); // They are the pre-tokenizer's.
  return made<ByteLevel>();
}

Result<Decoders> readMetaspace(Fields &fields) {
  Result<Metaspace> settings = Metaspace::read(fields);
  if (settings.failed())
    return settings.status();
  return made<SpaceMarks>(*settings);
}

Result<std::string> readText(Fields &fields, const char *key) {
  Result<Value> value = fields.required(key);
  if (value.failed())
    return value.status();
  return value->string();
}

Result<Decoders> readReplace(Fields &fields) {
  Result<Value> value = fields.required("pattern");
  if (value.failed())
    return value.status();
  Result<Pattern> wanted = Pattern::read(*value);
  if (wanted.failed())
    return wanted.status();
  Result<std::string> content = readText(fields, "content");
  if (content.failed())
    return content.status();
  if (const std::string *text = wanted->text(); text && !text->empty())
    return made<ReplaceText>(*text, *content);
  return made<ReplacePattern>(*wanted, *content);
}

Result<Decoders> readStrip(Fields &fields) {
  Result<Value> value = fields.required("content");
  if (value.failed())
    return value.status();
  Result<char32_t> content = value->character();
  if (content.failed())
    return content.status();
  uint32_t counts[2] = {};
  const char *keys[2] = {"start", "stop"};
  for (int i = 0; i < 2; ++i) {
    Result<Value> count = fields.required(keys[i]);
    if (count.failed())
      return count.status();
    Result<uint32_t> number = count->number(1 << 20);
    if (number.failed())
      return number.status();
    counts[i] = *number;
  }
  std::string text;
  appendCharacter(text, *content);
  return made<Strip>(text, size_t(counts[0]), size_t(counts[1]));
}

Result<Decoders> readWordPiece(Fields &fields) {
  Result<std::string> prefix = readText(fields, "prefix");
  if (prefix.failed())
    return prefix.status();
  Result<bool> cleanup = fields.flag("cleanup");
  if (cleanup.failed())
    return cleanup.status();
  return made<WordPiece>(*prefix, *cleanup);
}

Result<Decoders> readOne(const Value &value);

Result<Decoders> readSequence(Fields &fields) {
  Result<std::vector<Decoders>> parts =
      readSequence<Decoders>(fields, "decoders", readOne);
  if (parts.failed())
    return parts.status();
  Decoders steps;
  for (Decoders &part : *parts)
    steps.insert(steps.end(), part.begin(), part.end());
  return steps;
}

constexpr Kind<Decoders> kKinds[] = {
    {"ByteLevel", readByteLevel}, {"ByteFallback", readPlain<ByteFallback>},
    {"Fuse", readPlain<Fuse>},    {"Metaspace", readMetaspace},
    {"Replace", readReplace},     {"Strip", readStrip},
    {"WordPiece", readWordPiece}, {"Sequence", readSequence},
};

Result<Decoders> readOne(const Value &value) { return readKind(value, kKinds); }

} // namespace

Result<std::vector<Decoder>> readDecoders(const Value &value) {
  if (value.isNull())
    return made<Join>();
  return readOne(value);
}

DecodeChain::DecodeChain(const std::vector<Decoder> &decoders) : first(this) {
  for (auto decoder = decoders.rbegin(); decoder != decoders.rend();
       ++decoder) {
    steps.push_back((*decoder)(*first));
    first = steps.back().get();
  }
}

} // namespace hamlet::text
