//===- ReadFile.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/ReadFile.h"

#include <limits>

namespace hamlet::text {
namespace {

using Json = nlohmann::json;

/// Takes the events of the parser. `false` ends the parse; `problem` says why.
class Builder : public nlohmann::json_sax<Json> {
public:
  explicit Builder(TokenizerFile &file) : file(file) {}
  Status problem;

  bool null() override { return value(nullptr, "null"); }
  bool boolean(bool truth) override { return value(truth, "true or false"); }
  bool number_integer(number_integer_t number) override {
    return value(number, "a negative number");
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (part != Part::Vocabulary)
      return value(number, "a number");
    if (number > std::numeric_limits<int32_t>::max())
      return fail("model.vocab[\"", token, "\"]: id ", number, " is above ",
                  std::numeric_limits<int32_t>::max());
    if (!file.vocabulary.add(token, static_cast<int32_t>(number)))
      return fail("model.vocab[\"", token, "\"]: the token is there twice");
    return true;
  }
  bool number_float(number_float_t number, const string_t &) override {
    return value(number, "a number with a fraction");
  }
  bool string(string_t &text) override {
    if (part == Part::Merges)
      return mergeText(text);
    if (part == Part::Pair) {
      pair.push_back(std::move(text));
      return true;
    }
    return value(std::move(text), "a string");
  }
  bool binary(binary_t &) override { return false; } // JSON has none.

  bool start_object(size_t) override {
    if (part == Part::None && inModel() && name == "vocab" && !twice()) {
      part = Part::Vocabulary;
      open.back()->emplace(name, Json::object());
      return true;
    }
    return enter(Json::object(), "an object");
  }
  bool key(string_t &text) override {
    (part == Part::Vocabulary ? token : name) = std::move(text);
    return true;
  }
  bool end_object() override {
    if (part == Part::Vocabulary)
      part = Part::None;
    else
      open.pop_back();
    return true;
  }
  bool start_array(size_t) override {
    if (part == Part::Merges) {
      part = Part::Pair;
      pair.clear();
      return true;
    }
    if (part == Part::None && inModel() && name == "merges" && !twice()) {
      part = Part::Merges;
      open.back()->emplace(name, Json::array());
      return true;
    }
    return enter(Json::array(), "a list");
  }
  bool end_array() override {
    if (part == Part::Merges) {
      part = Part::None;
    } else if (part == Part::Pair) {
      part = Part::Merges;
      if (pair.size() != 2)
        return fail(mergePath(), "a pair of tokens is expected, found ",
                    pair.size());
      file.merges.add(pair[0], pair[1]);
    } else {
      open.pop_back();
    }
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &error) override {
    std::string why = error.what();
    // "[json.exception.parse_error.101] parse error at ...: why".
    why = why.substr(std::min(why.find("] ") + 2, why.size()));
    return fail("no JSON at byte ", position, ": ", why);
  }

private:
  /// Where in the file's two long parts the parser is.
  enum class Part { None, Vocabulary, Merges, Pair };

  TokenizerFile &file;
  Part part = Part::None;
  std::vector<Json *> open; ///< Objects and lists around the next value.
  std::string name;         ///< Of the next member of an object.
  std::string token;
  std::vector<std::string> pair;
  bool modelIsOpen = false;

  template <typename... Args> bool fail(const Args &...args) {
    problem = failure(args...);
    return false;
  }
  bool inModel() const { return open.size() == 2 && modelIsOpen; }
  bool twice() const { return open.back()->contains(name); }
  std::string mergePath() const {
    return "model.merges[" + std::to_string(file.merges.size()) + "]: ";
  }

  bool mergeText(std::string_view text) {
    if (text.substr(0, 8) == "#version") // The head of a merges.txt.
      return true;
    size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos)
      return fail(mergePath(),
                  "two tokens and one space are expected, found \"", text,
                  "\"");
    file.merges.add(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  bool value(Json made, const char *what) {
    if (part == Part::Vocabulary)
      return fail("model.vocab[\"", token, "\"]: an id is expected, found ",
                  what);
    if (part != Part::None)
      return fail(mergePath(), "tokens are expected, found ", what);
    return put(std::move(made)) != nullptr;
  }
  Json *put(Json made) {
    if (open.empty()) {
      file.root = std::move(made);
      return &file.root;
    }
    Json &parent = *open.back();
    if (parent.is_array()) {
      parent.push_back(std::move(made));
      return &parent.back();
    }
    if (twice()) {
      fail("key '", name, "' is there twice in one object");
      return nullptr;
    }
    return &(parent[name] = std::move(made));
  }
  bool enter(Json made, const char *what) {
    constexpr size_t kMaxDepth = 32;
    if (part != Part::None)
      return value(nullptr, what);
    if (open.size() == kMaxDepth)
      return fail("values are nested deeper than ", kMaxDepth);
    // The list that a pointer points into stays where it is: only the
    // innermost open value grows.
    Json *entered = put(std::move(made));
    if (open.size() == 1 && open.front()->is_object())
      modelIsOpen = name == "model";
    open.push_back(entered);
    return entered != nullptr;
  }
};

} // namespace

Result<TokenizerFile> parseFile(std::string_view json) {
  TokenizerFile file;
  Builder builder(file);
  if (!Json::sax_parse(json.begin(), json.end(), &builder))
    return builder.problem.failed() ? builder.problem : failure("no JSON");
  if (!file.root.is_object())
    return failure("an object is expected");
  if (Status status = file.vocabulary.index(); status.failed())
    return failure("model.vocab", status.message());
  return file;
}

} // namespace hamlet::text
