//===- Normalizers.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Normalizers.h"

#include "text/tokenizer/Pattern.h"
#include "text/tokenizer/Unicode.h"
#include "text/tokenizer/Utf8.h"

#include <vector>

namespace hamlet::text {
namespace {

template <NormalForm form> Result<Normalizer> readNormalForm(Fields &) {
  return Normalizer([](NormalizedText &part, MatchSpace &) {
    part.text = normalForm(part.text, form);
    return true;
  });
}

Result<Normalizer> readLowercase(Fields &) {
  return Normalizer([](NormalizedText &part, MatchSpace &) {
    part.text = lowerCase(part.text);
    return true;
  });
}

Result<Normalizer> readStripAccents(Fields &) {
  return Normalizer([](NormalizedText &part, MatchSpace &) {
    std::string kept;
    for (size_t at = 0; at < part.text.size();) {
      size_t begin = at;
      if (!isMark(readCharacter(part.text, at)))
        kept.append(part.text, begin, at - begin);
      else if (begin == 0)
        part.atStart = false;
    }
    part.text = std::move(kept);
    return true;
  });
}

Result<Normalizer> readReplace(Fields &fields) {
  Result<Value> pattern = fields.required("pattern");
  if (pattern.failed())
    return pattern.status();
  Result<Pattern> wanted = Pattern::read(*pattern);
  if (wanted.failed())
    return wanted.status();
  Result<Value> content = fields.required("content");
  if (content.failed())
    return content.status();
  Result<std::string> text = content->string();
  if (text.failed())
    return text.status();
  auto replace = [wanted = std::move(*wanted), content = std::move(*text)](
                     NormalizedText &part, MatchSpace &space) {
    std::string out;
    out.reserve(part.text.size());
    bool found = wanted.parts(
        part.text, space, [&](size_t begin, size_t end, bool match) {
          out.append(
              match ? std::string_view(content)
                    : std::string_view(part.text).substr(begin, end - begin));
          // What replaces several characters counts as the last one's.
          if (match && begin == 0 && end > 0 &&
              (content.empty() ||
               end > characterLength(
                         static_cast<unsigned char>(part.text.front()))))
            part.atStart = false;
          return true;
        });
    part.text = std::move(out);
    return found;
  };
  return Normalizer(std::move(replace));
}

Result<Normalizer> readPrepend(Fields &fields) {
  Result<Value> value = fields.required("prepend");
  if (value.failed())
    return value.status();
  Result<std::string> text = value->string();
  if (text.failed())
    return text.status();
  return Normalizer(
      [text = std::move(*text)](NormalizedText &part, MatchSpace &) {
        if (!part.text.empty())
          part.text.insert(0, text);
        return true;
      });
}

Result<Normalizer> readStrip(Fields &fields) {
  Result<bool> left = fields.flag("strip_left");
  if (left.failed())
    return left.status();
  Result<bool> right = fields.flag("strip_right");
  if (right.failed())
    return right.status();
  return Normalizer(
      [left = *left, right = *right](NormalizedText &part, MatchSpace &) {
        std::string &text = part.text;
        size_t begin = 0;
        for (size_t at = 0; left && at < text.size(); begin = at)
          if (!isWhitespace(readCharacter(text, at)))
            break;
        size_t end = text.size();
        while (right && end > begin) {
          size_t last = previousCharacter(text, end);
          size_t at = last;
          if (!isWhitespace(readCharacter(text, at)))
            break;
          end = last;
        }
        part.atStart = part.atStart && begin == 0;
        text = text.substr(begin, end - begin);
        return true;
      });
}

Result<Normalizer> readOne(const Value &value);

Result<Normalizer> readSequence(Fields &fields) {
  Result<std::vector<Normalizer>> steps =
      readSequence<Normalizer>(fields, "normalizers", readOne);
  if (steps.failed())
    return steps.status();
  return Normalizer(
      [steps = std::move(*steps)](NormalizedText &part, MatchSpace &space) {
        for (const Normalizer &step : steps)
          if (!step(part, space))
            return false;
        return true;
      });
}

constexpr Kind<Normalizer> kKinds[] = {
    {"NFC", readNormalForm<NormalForm::NFC>},
    {"NFD", readNormalForm<NormalForm::NFD>},
    {"NFKC", readNormalForm<NormalForm::NFKC>},
    {"NFKD", readNormalForm<NormalForm::NFKD>},
    {"Lowercase", readLowercase},
    {"StripAccents", readStripAccents},
    {"Replace", readReplace},
    {"Prepend", readPrepend},
    {"Strip", readStrip},
    {"Sequence", readSequence},
};

Result<Normalizer> readOne(const Value &value) {
  return readKind(value, kKinds);
}

} // namespace

Result<Normalizer> readNormalizer(const Value &value) {
  if (value.isNull())
    return Normalizer([](NormalizedText &, MatchSpace &) { return true; });
  return readOne(value);
}

} // namespace hamlet::text
