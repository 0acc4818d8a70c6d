//===- CApiText.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The C interface: text.
#include "runtime/CApi.h"
#include "text/Text.h"

using namespace hamlet;
using namespace hamlet::runtime::capi;

struct hamlet_text {
  std::shared_ptr<const text::Text> text;
  std::vector<std::string> messages;
  std::vector<int32_t> eosIds;
};
struct hamlet_ids {
  std::vector<int32_t> ids;
};
struct hamlet_string {
  std::string text;
};
struct hamlet_text_stream {
  text::TextStream stream;
  std::string piece;
};

namespace {

Status give(Result<std::vector<int32_t>> encoded, hamlet_ids **ids) {
  if (encoded.failed())
    return encoded.status();
  *ids = new hamlet_ids{std::move(*encoded)};
  return {};
}

void give(hamlet_text_stream &stream, std::string text, const char **piece,
          size_t *bytes) {
  stream.piece = std::move(text);
  *piece = stream.piece.c_str();
  if (bytes)
    *bytes = stream.piece.size();
}

} // namespace

hamlet_status *hamlet_text_open(const char *folder, hamlet_text **text) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_open", folder, text));
    auto read = text::Text::read(folder);
    if (read.failed())
      return read.status();
    if (!*read)
      return failure("'", folder,
                     "' has no tokenizer.json; prompts can be token ids");
    auto made = std::make_unique<hamlet_text>();
    made->text = std::move(*read);
    for (const std::string &what : made->text->ignored())
      made->messages.push_back("note: generation_config.json: not supported "
                               "and ignored: " +
                               what);
    for (int64_t id : made->text->generation().eosTokenIds)
      if (id <= INT32_MAX) // Others are no token of any model.
        made->eosIds.push_back(static_cast<int32_t>(id));
    *text = made.release();
    return {};
  });
}
void hamlet_text_free(hamlet_text *text) { delete text; }

const char *hamlet_text_message(const hamlet_text *text, size_t index) {
  return index < text->messages.size() ? text->messages[index].c_str()
                                       : nullptr;
}

const int32_t *hamlet_ids_get(const hamlet_ids *ids, size_t *count) {
  *count = ids->ids.size();
  return ids->ids.data();
}
void hamlet_ids_free(hamlet_ids *ids) { delete ids; }

hamlet_status *hamlet_text_encode(const hamlet_text *text, const char *prompt,
                                  size_t bytes, int special, hamlet_ids **ids) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_encode", text, prompt, ids));
    return give(text->text->encode({prompt, bytes}, special != 0), ids);
  });
}

hamlet_status *hamlet_text_encode_chat(const hamlet_text *text,
                                       const char *messages,
                                       const char *variables,
                                       hamlet_ids **ids) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_encode_chat", text, messages, ids));
    return give(text->text->encodeChat(messages, variables ? variables : ""),
                ids);
  });
}

const char *hamlet_string_get(const hamlet_string *string, size_t *bytes) {
  if (bytes)
    *bytes = string->text.size();
  return string->text.c_str();
}
void hamlet_string_free(hamlet_string *string) { delete string; }

hamlet_status *hamlet_text_decode(const hamlet_text *text, const int32_t *ids,
                                  size_t count, int skip_special,
                                  hamlet_string **string) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_decode", text, string));
    if (!ids && count)
      return failure("hamlet_text_decode: an argument is NULL");
    *string =
        new hamlet_string{text->text->decode({ids, count}, skip_special != 0)};
    return {};
  });
}

hamlet_status *hamlet_text_stream_open(const hamlet_text *text,
                                       int skip_special,
                                       hamlet_text_stream **stream) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_stream_open", text, stream));
    *stream = new hamlet_text_stream{text->text->stream(skip_special != 0), {}};
    return {};
  });
}
void hamlet_text_stream_free(hamlet_text_stream *stream) { delete stream; }

hamlet_status *hamlet_text_stream_push(hamlet_text_stream *stream, int32_t id,
                                       const char **piece, size_t *bytes) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_stream_push", stream, piece));
    give(*stream, stream->stream.push(id), piece, bytes);
    return {};
  });
}

hamlet_status *hamlet_text_stream_finish(hamlet_text_stream *stream,
                                         const char **piece, size_t *bytes) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_text_stream_finish", stream, piece));
    give(*stream, stream->stream.finish(), piece, bytes);
    return {};
  });
}

int32_t hamlet_text_token_id(const hamlet_text *text, const char *token) {
  return text->text->tokenizer().idOf(token).value_or(-1);
}

int hamlet_text_is_special(const hamlet_text *text, int32_t id) {
  return text->text->tokenizer().isSpecial(id);
}

void hamlet_text_defaults(const hamlet_text *text, hamlet_request *request) {
  const text::GenerationConfig &config = text->text->generation();
  if (config.maxNewTokens)
    request->max_tokens = *config.maxNewTokens;
  if (config.doSample) {
    request->sampling.temperature = config.temperature;
    request->sampling.top_k = config.topK;
    request->sampling.top_p = config.topPAboveZero();
  }
  if (!text->eosIds.empty()) {
    request->stop_ids = text->eosIds.data();
    request->stop_count = text->eosIds.size();
  }
}
