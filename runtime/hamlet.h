//===- hamlet.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* The C interface of Hamlet's runtime: load a compiled model, feed sequences in
 * ragged batches and read logits, or generate; call functions on arrays; turn
 * text into tokens and back. How to use it: docs/c-api.md.
 *
 * Functions that can fail return a status: NULL for success, else an object
 * with one sentence for a person, which the caller frees. What such a function
 * gives is written on success only. Nothing prints or exits.
 *
 * Threads: a model with all that was made from it (sessions, generations) is
 * used by one thread at a time; the library works with its own pool inside a
 * call. Different models are independent. Each group below says so again where
 * it allows more.
 *
 * Lifetimes: a model must outlive its sessions and generations. Pointers that
 * are passed in are not kept. Strings and arrays that are given out belong to
 * the object they came from.
 *
 * Versions: an addition raises HAMLET_API_VERSION; a change of what is there,
 * of a struct's fields too, raises the number in the library's name as well.
 */
#ifndef HAMLET_RUNTIME_HAMLET_H
#define HAMLET_RUNTIME_HAMLET_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HAMLET_API __attribute__((visibility("default")))
#else
#define HAMLET_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* 2: sampling, generation, calls, fork and truncate. 3: text. */
#define HAMLET_API_VERSION 3

/* ---- Versions and statuses. Any thread, at any time; one status, one thread.
 */

typedef struct hamlet_status hamlet_status;

/* HAMLET_API_VERSION of the library that runs. */
HAMLET_API int hamlet_api_version(void);
/* The sentence; valid until the status is freed. */
HAMLET_API const char *hamlet_status_message(const hamlet_status *status);
/* NULL is allowed, here and in the other functions that free. */
HAMLET_API void hamlet_status_free(hamlet_status *status);

/* ---- Models. Loading: any thread. What only reads a model's facts: any number
 * of threads at once. */

typedef struct hamlet_model hamlet_model;

/* Reads the container at `path`, opens `device` ("cpu", "cuda:N", "emulated")
 * and loads the weights from the checkpoint's folder `weights`, where a tensor
 * that the model does not use is an error. `weights` may be NULL for a
 * container without weights. `threads` 0: HAMLET_THREADS, else the cores. */
HAMLET_API hamlet_status *
hamlet_model_load(const char *path, const char *weights, const char *device,
                  unsigned threads, hamlet_model **model);
HAMLET_API void hamlet_model_free(hamlet_model *model);
/* What loading found that a person should see, from 0; NULL past the last. Each
 * begins with "warning: " or "note: ". */
HAMLET_API const char *hamlet_model_message(const hamlet_model *model,
                                            size_t index);
/* Ids are 0 to vocabulary - 1. 0, and for the next two 0 and none, where the
 * container has functions and no model. */
HAMLET_API int64_t hamlet_model_vocabulary(const hamlet_model *model);
/* The longest sequence the model was made for, in tokens. */
HAMLET_API int64_t hamlet_model_max_positions(const hamlet_model *model);
/* The ids that end an answer (the configuration's eos_token_id). */
HAMLET_API const int64_t *hamlet_model_eos_ids(const hamlet_model *model,
                                               size_t *count);

/* ---- Sessions: sequences that are fed by hand. */

typedef struct hamlet_session hamlet_session;

typedef struct hamlet_session_options {
  int32_t max_sequences; /* open at once, at least 1 */
  int64_t max_context;   /* tokens of one sequence, at least 1 */
  int64_t step_tokens;   /* tokens of one step for which memory is taken at
                            once, 0 for 512; larger steps still work */
} hamlet_session_options;

/* Takes the memory for caches and temporaries. */
HAMLET_API hamlet_status *
hamlet_session_open(hamlet_model *model, const hamlet_session_options *options,
                    hamlet_session **session);
HAMLET_API void hamlet_session_free(hamlet_session *session);

/* A new, empty sequence. */
HAMLET_API hamlet_status *hamlet_sequence_add(hamlet_session *session,
                                              int32_t *sequence);
HAMLET_API hamlet_status *hamlet_sequence_remove(hamlet_session *session,
                                                 int32_t sequence);
/* Tokens fed so far, -1 if there is no such sequence. */
HAMLET_API int64_t hamlet_sequence_length(const hamlet_session *session,
                                          int32_t sequence);
/* A second sequence with the same tokens; what follows them has the bits that
 * it would have after these tokens in a sequence of its own. States are copied;
 * keys and values are shared, 64 tokens a page, and a page is copied when one
 * of the sequences writes to it. */
HAMLET_API hamlet_status *hamlet_sequence_fork(hamlet_session *session,
                                               int32_t sequence, int32_t *made);
/* Cuts a sequence to its first `length` tokens, as if no others had been fed.
 * Where the model has lightning layers this goes back to their last chunk
 * boundary (every 64 tokens, as compiled) and no further, or to 0: beyond, the
 * state is gone. The error says which lengths are possible; fork a sequence
 * where it may be needed again. */
HAMLET_API hamlet_status *hamlet_sequence_truncate(hamlet_session *session,
                                                   int32_t sequence,
                                                   int64_t length);
/* The least length above 0 that truncation goes to, -1 if there is no such
 * sequence. */
HAMLET_API int64_t hamlet_sequence_least_length(const hamlet_session *session,
                                                int32_t sequence);

typedef enum hamlet_rows {
  HAMLET_ROWS_NONE = 0, /* no logits */
  HAMLET_ROWS_LAST = 1, /* those that follow the last token */
  HAMLET_ROWS_ALL = 2   /* those that follow each token */
} hamlet_rows;

/* One sequence's next tokens. */
typedef struct hamlet_piece {
  int32_t sequence;
  const int32_t *tokens;
  size_t count; /* at least 1 */
  hamlet_rows rows;
} hamlet_piece;

/* Feeds the pieces, each sequence at most once: any mix of prompts, parts of
 * prompts and single tokens. The logits of a token have the same bits however
 * its sequence is cut and whatever stands beside it. Checks everything before
 * it runs; after another failure the session's sequences are unusable. */
HAMLET_API hamlet_status *hamlet_step(hamlet_session *session,
                                      const hamlet_piece *pieces, size_t count);
/* Rows of logits of the last step, in the order of its pieces. */
HAMLET_API int64_t hamlet_logits_rows(const hamlet_session *session);
/* Copies `rows` rows of `vocabulary` floats from row `first`. */
HAMLET_API hamlet_status *hamlet_logits_copy(hamlet_session *session,
                                             int64_t first, int64_t rows,
                                             float *out);
/* The rows themselves, valid until the next step; NULL where there are none, or
 * where the host cannot reach the device's memory. */
HAMLET_API const float *hamlet_logits_view(const hamlet_session *session);

/* ---- Sampling. Any number of threads at once. */

typedef struct hamlet_sampling {
  double temperature; /* 0: the largest logit, ties to the lowest id */
  int64_t top_k;      /* 0: off */
  double top_p;       /* of what top_k left, above 0; 1: off */
  uint64_t seed;
} hamlet_sampling;

#define HAMLET_SAMPLING_DEFAULT {0, 0, 1, 0}

/* Picks the token of a sequence's index `position` from the logits
 * [vocabulary] before it, as `hamlet run` does: the result depends on nothing
 * but the arguments. `logprob`, which may be NULL, is the natural logarithm of
 * softmax(logits / temperature) over the whole vocabulary (temperature 0 counts
 * as 1). `sampling` NULL: the default. Logits that are not finite are an error.
 */
HAMLET_API hamlet_status *hamlet_sample(const float *logits, int64_t vocabulary,
                                        const hamlet_sampling *sampling,
                                        uint64_t position, int32_t *token,
                                        float *logprob);

/* ---- Generation: requests, batched continuously, a step at a time. */

typedef struct hamlet_generation hamlet_generation;

typedef struct hamlet_request {
  const int32_t *prompt; /* ids, at least one */
  size_t prompt_count;
  int64_t max_tokens; /* 0 evaluates the prompt only */
  hamlet_sampling sampling;
  const int32_t *stop_ids; /* beside the model's eos ids */
  size_t stop_count;
  /* Ends the answer after so many tokens in a row whose probability exceeds
   * early_stop_probability; 0: off. */
  int64_t early_stop_count;
  double early_stop_probability;
} hamlet_request;

#define HAMLET_REQUEST_DEFAULT                                                 \
  {NULL, 0, 16, HAMLET_SAMPLING_DEFAULT, NULL, 0, 0, 0}

/* A field that is 0 has its default. */
typedef struct hamlet_generate_options {
  int64_t prefill_chunk; /* longest piece of a prompt in a step, 1024 */
  int32_t max_batch;     /* sequences at once, 16 */
  int64_t max_context;   /* what the requests need */
} hamlet_generate_options;

typedef struct hamlet_token {
  size_t request; /* index */
  int32_t id;
  float logprob;
} hamlet_token;

typedef enum hamlet_finish {
  HAMLET_FINISH_NONE = 0,   /* not finished */
  HAMLET_FINISH_LENGTH = 1, /* max_tokens */
  HAMLET_FINISH_STOP = 2,   /* a stop or eos id, the last of the tokens */
  HAMLET_FINISH_EARLY = 3,  /* the early stop */
  HAMLET_FINISH_ERROR = 4   /* see `error`; other requests go on */
} hamlet_finish;

typedef struct hamlet_answer {
  const int32_t *tokens;
  const float *logprobs;
  size_t count;
  hamlet_finish finish;
  const char *error; /* NULL, or a sentence */
} hamlet_answer;

/* Checks every request, naming the first that is bad, and takes the memory for
 * all. `options` NULL: the defaults. */
HAMLET_API hamlet_status *
hamlet_generation_open(hamlet_model *model, const hamlet_request *requests,
                       size_t count, const hamlet_generate_options *options,
                       hamlet_generation **generation);
HAMLET_API void hamlet_generation_free(hamlet_generation *generation);
/* One step of the model. `tokens`, valid until the next step, are those that it
 * gave: one of each sequence whose prompt is fed, none while prompts are. Once
 * done it does nothing and gives none. After a failure every step fails. */
HAMLET_API hamlet_status *hamlet_generation_step(hamlet_generation *generation,
                                                 const hamlet_token **tokens,
                                                 size_t *count);
/* 1 once every request is finished, else 0. */
HAMLET_API int hamlet_generation_done(const hamlet_generation *generation);
/* What there is of a request's answer; valid until the next step. */
HAMLET_API hamlet_status *
hamlet_generation_answer(const hamlet_generation *generation, size_t request,
                         hamlet_answer *answer);

/* Called for each token as it is picked; anything but 0 stops the run. */
typedef int (*hamlet_token_callback)(void *user, const hamlet_token *token);

/* Opens a generation and steps until it is done or `callback` (which may be
 * NULL) stops it: then hamlet_generation_done is 0, the answers have all tokens
 * of the steps so far, that of other requests in the last step too, and further
 * steps continue it. The caller frees `generation`. The callback must not use
 * the model. */
HAMLET_API hamlet_status *
hamlet_generate(hamlet_model *model, const hamlet_request *requests,
                size_t count, const hamlet_generate_options *options,
                hamlet_token_callback callback, void *user,
                hamlet_generation **generation);

/* ---- Functions of a compiled .mlir file, on arrays. Listing: any number of
 * threads at once; arrays belong to nobody. */

typedef enum hamlet_dtype {
  HAMLET_F32 = 0,
  HAMLET_BF16 = 1,
  HAMLET_F16 = 2,
  HAMLET_I32 = 3,
  HAMLET_I64 = 4,
  HAMLET_U8 = 5
} hamlet_dtype;

/* In C order, little-endian. */
typedef struct hamlet_array {
  hamlet_dtype dtype;
  size_t rank;
  const int64_t *shape;
  const void *data;
} hamlet_array;

/* An operand or result of a function. Arrays of one that is bf16 are f32:
 * rounded to nearest even on the way in, widened on the way out. */
typedef struct hamlet_operand {
  const char *name;
  hamlet_dtype dtype;
  size_t rank;
  const int64_t *shape; /* -1: known at the call */
} hamlet_operand;

/* The functions that can be called, from 0; NULL past the last. */
HAMLET_API const char *hamlet_function_name(const hamlet_model *model,
                                            size_t index);
/* How many operands and results the function `name` has. */
HAMLET_API hamlet_status *hamlet_function_counts(const hamlet_model *model,
                                                 const char *name,
                                                 size_t *operands,
                                                 size_t *results);
HAMLET_API hamlet_status *hamlet_function_operand(const hamlet_model *model,
                                                  const char *name,
                                                  size_t index,
                                                  hamlet_operand *operand);
HAMLET_API hamlet_status *hamlet_function_result(const hamlet_model *model,
                                                 const char *name, size_t index,
                                                 hamlet_operand *result);

/* The results of a call, in memory of their own. */
typedef struct hamlet_arrays hamlet_arrays;

/* Runs the function `name` on `operands`, in order. Dtypes and shapes must be
 * the function's; dynamic dimensions come from the operands. The caller frees
 * `results`, which may outlive the model. */
HAMLET_API hamlet_status *hamlet_call(hamlet_model *model, const char *name,
                                      const hamlet_array *operands,
                                      size_t count, hamlet_arrays **results);
HAMLET_API size_t hamlet_arrays_count(const hamlet_arrays *arrays);
/* NULL past the last. */
HAMLET_API const hamlet_array *hamlet_arrays_get(const hamlet_arrays *arrays,
                                                 size_t index);
HAMLET_API void hamlet_arrays_free(hamlet_arrays *arrays);

/* ---- Text: what a checkpoint's folder has of it, which is its tokenizer, its
 * chat template and generation_config.json. It needs no model. Opening: any
 * thread; a text: any number of threads at once. */

typedef struct hamlet_text hamlet_text;

/* A folder without tokenizer.json, or with one that is not supported, is an
 * error. A chat template that cannot be read is one of hamlet_text_encode_chat.
 */
HAMLET_API hamlet_status *hamlet_text_open(const char *folder,
                                           hamlet_text **text);
HAMLET_API void hamlet_text_free(hamlet_text *text);
/* What opening found that a person should see, from 0; NULL past the last. Each
 * begins with "note: ". */
HAMLET_API const char *hamlet_text_message(const hamlet_text *text,
                                           size_t index);

/* Token ids, in memory of their own. */
typedef struct hamlet_ids hamlet_ids;

HAMLET_API const int32_t *hamlet_ids_get(const hamlet_ids *ids, size_t *count);
HAMLET_API void hamlet_ids_free(hamlet_ids *ids);

/* The ids of `bytes` bytes of UTF-8, which may be none; what is no UTF-8 counts
 * as U+FFFD. `special` 1: with the tokens that the tokenizer puts around a
 * text, such as the one that begins it; 0: without. The caller frees `ids`. */
HAMLET_API hamlet_status *hamlet_text_encode(const hamlet_text *text,
                                             const char *prompt, size_t bytes,
                                             int special, hamlet_ids **ids);
/* The ids of a chat up to where the answer begins. `messages`: JSON of a list
 * of objects with "role" and "content". `variables`, which may be NULL: JSON of
 * an object with what else the chat template sees, such as "tools" or
 * "enable_thinking"; "add_generation_prompt" is true unless it is there. The
 * caller frees `ids`. */
HAMLET_API hamlet_status *hamlet_text_encode_chat(const hamlet_text *text,
                                                  const char *messages,
                                                  const char *variables,
                                                  hamlet_ids **ids);

/* A text, in memory of its own. */
typedef struct hamlet_string hamlet_string;

/* UTF-8 with a zero behind it, which `bytes`, if it is not NULL, does not
 * count. */
HAMLET_API const char *hamlet_string_get(const hamlet_string *string,
                                         size_t *bytes);
HAMLET_API void hamlet_string_free(hamlet_string *string);

/* The text of ids; an id without a token is passed over. `skip_special` 1:
 * without special tokens. The caller frees `string`. */
HAMLET_API hamlet_status *hamlet_text_decode(const hamlet_text *text,
                                             const int32_t *ids, size_t count,
                                             int skip_special,
                                             hamlet_string **string);

/* The same a token at a time. It may outlive the text; a stream is used by one
 * thread at a time. */
typedef struct hamlet_text_stream hamlet_text_stream;

HAMLET_API hamlet_status *hamlet_text_stream_open(const hamlet_text *text,
                                                  int skip_special,
                                                  hamlet_text_stream **stream);
HAMLET_API void hamlet_text_stream_free(hamlet_text_stream *stream);
/* The text that is certain with this token and was not before: whole
 * characters, often none. `piece` has a zero behind it, which `bytes`, if it is
 * not NULL, does not count, and is valid until the stream's next call. */
HAMLET_API hamlet_status *hamlet_text_stream_push(hamlet_text_stream *stream,
                                                  int32_t id,
                                                  const char **piece,
                                                  size_t *bytes);
/* The rest, after the last id; the stream is then at the start of a new text.
 */
HAMLET_API hamlet_status *hamlet_text_stream_finish(hamlet_text_stream *stream,
                                                    const char **piece,
                                                    size_t *bytes);

/* The id of a token as tokenizer.json writes it, -1 if there is none. */
HAMLET_API int32_t hamlet_text_token_id(const hamlet_text *text,
                                        const char *token);
/* 1 of a token that decoding skips as special, else 0. */
HAMLET_API int hamlet_text_is_special(const hamlet_text *text, int32_t id);

/* Sets what generation_config.json says of an answer, as `hamlet run --prompt`
 * takes it: `max_tokens`; the sampling, but for its seed; `stop_ids`, which are
 * the ids of its eos_token_id and belong to the text. What it does not say
 * stays as it is. */
HAMLET_API void hamlet_text_defaults(const hamlet_text *text,
                                     hamlet_request *request);

#ifdef __cplusplus
}
#endif

#endif /* HAMLET_RUNTIME_HAMLET_H */
