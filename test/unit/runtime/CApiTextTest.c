//===- CApiTextTest.c -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* The C interface of text, from C, on a tokenizer that it writes.
 * Usage: CApiTextTest FOLDER */
#include "test/unit/runtime/CApiChecks.h"

/* Bytes, "ab", and what begins and ends a text; of "\u00e9" each byte is a
 * token. */
static const char *const kTokenizer =
    "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null,"
    "\"added_tokens\": ["
    "{\"id\": 0, \"content\": \"<s>\", \"single_word\": false, \"lstrip\": "
    "false, \"rstrip\": false, \"normalized\": false, \"special\": true},"
    "{\"id\": 1, \"content\": \"</s>\", \"single_word\": false, \"lstrip\": "
    "false, \"rstrip\": false, \"normalized\": false, \"special\": true}],"
    "\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"ByteLevel\","
    "\"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true},"
    "\"post_processor\": {\"type\": \"TemplateProcessing\","
    "\"single\": [{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}},"
    "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}],"
    "\"pair\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}},"
    "{\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}],"
    "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [0],"
    "\"tokens\": [\"<s>\"]}}},"
    "\"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true,"
    "\"trim_offsets\": true, \"use_regex\": true},"
    "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null,"
    "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null,"
    "\"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,"
    "\"vocab\": {\"<s>\": 0, \"</s>\": 1, \"a\": 2, \"b\": 3, \"\\u00c3\": 4,"
    "\"\\u00a9\": 5, \"\\u0120\": 6, \"ab\": 7, \"!\": 8},"
    "\"merges\": [[\"a\", \"b\"]]}}";
static const char *const kChat =
    "{\"chat_template\": \"{% for m in messages %}{{ m.content }}</s>"
    "{% endfor %}{% if tools %}!{% endif %}"
    "{% if add_generation_prompt %}b{% endif %}\"}";

static const char *folder;

static void put(const char *name, const char *text) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  if (!text) {
    remove(path);
    return;
  }
  FILE *file = fopen(path, "wb");
  check(file && fputs(text, file) >= 0 && !fclose(file), path);
}

static void checkIds(hamlet_ids *ids, const int32_t *wanted, size_t count,
                     const char *what) {
  size_t found = 99;
  const int32_t *data = hamlet_ids_get(ids, &found);
  // memcmp takes no null pointers, not even of nothing.
  check(found == count &&
            (!count || !memcmp(data, wanted, count * sizeof(int32_t))),
        what);
  hamlet_ids_free(ids);
}

static void checkCoding(const hamlet_text *text) {
  hamlet_ids *ids = NULL;
  const char prompt[] = "ab\xc3\xa9 a";
  succeed(hamlet_text_encode(text, prompt, sizeof(prompt) - 1, 1, &ids));
  checkIds(ids, (int32_t[]){0, 7, 4, 5, 6, 2}, 6, "with what begins it");
  succeed(hamlet_text_encode(text, prompt, 2, 0, &ids));
  checkIds(ids, (int32_t[]){7}, 1, "the first two bytes alone");
  succeed(hamlet_text_encode(text, "", 0, 0, &ids));
  checkIds(ids, NULL, 0, "nothing");
  fail(hamlet_text_encode(text, NULL, 0, 0, &ids), "NULL");

  hamlet_string *string = NULL;
  size_t bytes = 0;
  int32_t some[] = {0, 7, 4, 5, 6, 99, 2, 1};
  succeed(hamlet_text_decode(text, some, 8, 1, &string));
  check(!strcmp(hamlet_string_get(string, &bytes), prompt), "decoded");
  check(bytes == sizeof(prompt) - 1, "bytes");
  hamlet_string_free(string);
  succeed(hamlet_text_decode(text, some, 2, 0, &string));
  check(!strcmp(hamlet_string_get(string, NULL), "<s>ab"), "with the special");
  hamlet_string_free(string);
  succeed(hamlet_text_decode(text, NULL, 0, 0, &string));
  check(!*hamlet_string_get(string, &bytes) && !bytes, "of no ids");
  hamlet_string_free(string);
  fail(hamlet_text_decode(text, NULL, 1, 0, &string), "NULL");

  check(hamlet_text_token_id(text, "</s>") == 1, "the id of a token");
  check(hamlet_text_token_id(text, "</a>") == -1, "no such token");
  check(hamlet_text_is_special(text, 1) == 1, "special");
  check(!hamlet_text_is_special(text, 7) && !hamlet_text_is_special(text, -1),
        "not special");
}

static void checkChat(const hamlet_text *text) {
  const char *messages = "[{\"role\": \"user\", \"content\": \"ab\"}]";
  hamlet_ids *ids = NULL;
  succeed(hamlet_text_encode_chat(text, messages, NULL, &ids));
  checkIds(ids, (int32_t[]){7, 1, 3}, 3, "a chat");
  succeed(hamlet_text_encode_chat(
      text, messages, "{\"tools\": [{}], \"add_generation_prompt\": false}",
      &ids));
  checkIds(ids, (int32_t[]){7, 1, 8}, 3, "variables");
  fail(hamlet_text_encode_chat(text, NULL, NULL, &ids), "NULL");
  fail(hamlet_text_encode_chat(text, "[{", NULL, &ids),
       "'messages': is not valid JSON");
  fail(hamlet_text_encode_chat(text, "{}", NULL, &ids), "found object");
  fail(hamlet_text_encode_chat(text, "[]", NULL, &ids), "found an empty one");
  fail(hamlet_text_encode_chat(text, "[{\"content\": 1}]", NULL, &ids),
       "objects with a 'role'");
  fail(hamlet_text_encode_chat(text, messages, "[]", &ids),
       "variables: expected an object, found array");
}

static void checkStream(hamlet_text *text) {
  hamlet_text_stream *stream = NULL;
  succeed(hamlet_text_stream_open(text, 1, &stream));
  hamlet_text_free(text); /* which the stream outlives */
  const int32_t ids[] = {0, 7, 4, 5, 2, 4};
  const char *const wanted[] = {"", "ab", "", "\xc3\xa9", "a", ""};
  const char *piece = NULL;
  size_t bytes = 99;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 6; ++i) {
      succeed(hamlet_text_stream_push(stream, ids[i], &piece, &bytes));
      check(!strcmp(piece, wanted[i]) && bytes == strlen(piece), "a piece");
    }
    succeed(hamlet_text_stream_finish(stream, &piece, NULL));
    check(!strcmp(piece, "\xef\xbf\xbd"), "half of a character");
  }
  fail(hamlet_text_stream_push(stream, 1, NULL, NULL), "NULL");
  hamlet_text_stream_free(stream);
}

static void checkDefaults(void) {
  hamlet_text *text = NULL;
  hamlet_request request = HAMLET_REQUEST_DEFAULT;
  request.sampling.seed = 5;
  succeed(hamlet_text_open(folder, &text));
  hamlet_text_defaults(text, &request);
  check(request.max_tokens == 16 && request.sampling.temperature == 0 &&
            request.sampling.top_k == 0 && request.stop_count == 0,
        "without the file nothing changes");
  check(!hamlet_text_message(text, 0), "no note");
  hamlet_text_free(text);

  put("generation_config.json",
      "{\"do_sample\": true, \"temperature\": 0.5, \"top_p\": 0, "
      "\"max_new_tokens\": 9, \"repetition_penalty\": 1.5, "
      "\"eos_token_id\": [1, 8, 99999999999]}");
  succeed(hamlet_text_open(folder, &text));
  hamlet_text_defaults(text, &request);
  check(request.max_tokens == 9 && request.sampling.temperature == 0.5 &&
            request.sampling.top_k == 50 && request.sampling.top_p > 0 &&
            request.sampling.top_p < 1e-6 && request.sampling.seed == 5,
        "what the file says");
  check(request.stop_count == 2 && request.stop_ids[0] == 1 &&
            request.stop_ids[1] == 8,
        "its ids");
  const char *note = hamlet_text_message(text, 0);
  check(note && !strncmp(note, "note: ", 6) &&
            strstr(note, "repetition_penalty: 1.5"),
        "a note");
  check(!hamlet_text_message(text, 1), "one note");
  hamlet_text_free(text);

  put("generation_config.json", "{\"top_k\": true}");
  fail(hamlet_text_open(folder, &text), "top_k");
  put("generation_config.json", NULL);
}

int main(int argc, char **argv) {
  check(argc == 2, "usage: CApiTextTest FOLDER");
  folder = argv[1];
  hamlet_text *text = NULL;
  put("tokenizer.json", NULL);
  put("generation_config.json", NULL);
  fail(hamlet_text_open(folder, &text), "' has no tokenizer.json");
  fail(hamlet_text_open(NULL, &text), "NULL");
  put("tokenizer.json", "{\"model\"");
  fail(hamlet_text_open(folder, &text), "tokenizer.json");
  put("tokenizer.json", kTokenizer);
  put("tokenizer_config.json", kChat);

  checkDefaults();
  succeed(hamlet_text_open(folder, &text));
  checkCoding(text);
  checkChat(text);
  checkStream(text);

  hamlet_ids *ids = NULL;
  put("tokenizer_config.json", NULL);
  succeed(hamlet_text_open(folder, &text));
  fail(hamlet_text_encode_chat(text, "[{\"role\": \"user\"}]", NULL, &ids),
       "has no chat template");
  hamlet_text_free(text);
  hamlet_text_free(NULL);
  hamlet_ids_free(NULL);
  hamlet_string_free(NULL);
  hamlet_text_stream_free(NULL);
  puts("ok");
  return 0;
}
