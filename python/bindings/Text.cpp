//===- Text.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bindings/Bindings.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <tuple>
#include <vector>

namespace hamlet::python {
namespace {

/// Runs a call of the C interface without the interpreter's lock.
template <typename Call> void unlocked(Call call) {
  hamlet_status *status = nullptr;
  {
    nb::gil_scoped_release release;
    status = call();
  }
  check(status);
}

/// One thread at a time; the interpreter's lock, which is kept, sees to it.
class TextStream {
public:
  TextStream(const hamlet_text *text, bool skipSpecial) {
    check(hamlet_text_stream_open(text, skipSpecial, &stream));
  }
  TextStream(TextStream &&other) noexcept
      : stream(std::exchange(other.stream, nullptr)) {}
  TextStream &operator=(TextStream &&) = delete;
  ~TextStream() { hamlet_text_stream_free(stream); }

  std::string push(int32_t id) {
    const char *piece = nullptr;
    size_t bytes = 0;
    check(hamlet_text_stream_push(stream, id, &piece, &bytes));
    return {piece, bytes};
  }
  std::string finish() {
    const char *piece = nullptr;
    size_t bytes = 0;
    check(hamlet_text_stream_finish(stream, &piece, &bytes));
    return {piece, bytes};
  }

private:
  hamlet_text_stream *stream = nullptr;
};

class Text {
public:
  explicit Text(const std::string &folder) {
    unlocked([&] { return hamlet_text_open(folder.c_str(), &text); });
  }
  Text(const Text &) = delete;
  Text &operator=(const Text &) = delete;
  ~Text() { hamlet_text_free(text); }

  std::vector<std::string> messages() const {
    std::vector<std::string> all;
    while (const char *message = hamlet_text_message(text, all.size()))
      all.emplace_back(message);
    return all;
  }

  std::vector<int32_t> encode(const std::string &prompt, bool special) const {
    return take([&](hamlet_ids **ids) {
      return hamlet_text_encode(text, prompt.data(), prompt.size(), special,
                                ids);
    });
  }
  std::vector<int32_t> encodeChat(const std::string &chat,
                                  const std::string &variables) const {
    return take([&](hamlet_ids **ids) {
      return hamlet_text_encode_chat(text, chat.c_str(), variables.c_str(),
                                     ids);
    });
  }

  std::string decode(const Ids &ids, bool skipSpecial) const {
    hamlet_string *string = nullptr;
    unlocked([&] {
      return hamlet_text_decode(text, ids.data(), ids.size(), skipSpecial,
                                &string);
    });
    size_t bytes = 0;
    const char *data = hamlet_string_get(string, &bytes);
    std::string decoded(data, bytes);
    hamlet_string_free(string);
    return decoded;
  }

  TextStream stream(bool skipSpecial) const { return {text, skipSpecial}; }

  std::optional<int32_t> tokenId(const std::string &token) const {
    int32_t id = hamlet_text_token_id(text, token.c_str());
    return id < 0 ? std::nullopt : std::optional(id);
  }
  bool isSpecial(int32_t id) const { return hamlet_text_is_special(text, id); }

  const hamlet_text *get() const { return text; }

private:
  template <typename Call> static std::vector<int32_t> take(Call call) {
    hamlet_ids *ids = nullptr;
    unlocked([&] { return call(&ids); });
    size_t count = 0;
    const int32_t *data = hamlet_ids_get(ids, &count);
    std::vector<int32_t> taken(data, data + count);
    hamlet_ids_free(ids);
    return taken;
  }

  hamlet_text *text = nullptr;
};

/// max_tokens, temperature, top_k, top_p, stop_ids
using Defaults =
    std::tuple<int64_t, double, int64_t, double, std::vector<int32_t>>;

/// Of a request that says nothing; with what generation_config.json says for
/// one of text.
Defaults defaults(const Text *text) {
  hamlet_request request = HAMLET_REQUEST_DEFAULT;
  if (text)
    hamlet_text_defaults(text->get(), &request);
  return {request.max_tokens, request.sampling.temperature,
          request.sampling.top_k, request.sampling.top_p,
          std::vector<int32_t>(request.stop_ids,
                               request.stop_ids + request.stop_count)};
}

} // namespace

void bindText(nb::module_ &module) {
  nb::class_<TextStream>(
      module, "TextStream",
      "Decodes a token at a time: all that it gives, joined, is the text.")
      .def("push", &TextStream::push, nb::arg("id"),
           "The text that is certain with this token and was not before: whole "
           "characters, often none.")
      .def("finish", &TextStream::finish,
           "The rest, after the last token; a new text may begin then.");
  nb::class_<Text>(module, "Text")
      .def(nb::init<const std::string &>(), nb::arg("folder"))
      .def_prop_ro("messages", &Text::messages)
      .def("encode", &Text::encode, nb::arg("prompt"), nb::arg("special"))
      .def("encode_chat", &Text::encodeChat, nb::arg("messages"),
           nb::arg("variables"))
      .def("decode", &Text::decode, nb::arg("ids").noconvert(),
           nb::arg("skip_special"))
      .def("stream", &Text::stream, nb::arg("skip_special"))
      .def("token_id", &Text::tokenId, nb::arg("token"))
      .def("is_special", &Text::isSpecial, nb::arg("id"));
  module.def("defaults", &defaults, nb::arg("text").none());
}

} // namespace hamlet::python
