//===- hamlet.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* The C interface of Hamlet's runtime: load a compiled model, open a session,
 * feed sequences in ragged batches, read logits.
 *
 * Functions that can fail return a status: NULL for success, else an object
 * with one sentence for a person, which the caller frees. Nothing prints or
 * exits.
 *
 * Threads: a model, with its sessions, is used by one thread at a time (the
 * library works with its own pool inside a call). Different models are
 * independent. Statuses belong to nobody.
 *
 * Lifetimes: a model must outlive its sessions. Pointers that are passed in are
 * not kept.
 */
#ifndef HAMLET_RUNTIME_HAMLET_H
#define HAMLET_RUNTIME_HAMLET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAMLET_API_VERSION 1

typedef struct hamlet_status hamlet_status;
typedef struct hamlet_model hamlet_model;
typedef struct hamlet_session hamlet_session;

/* The sentence; valid until the status is freed. */
const char *hamlet_status_message(const hamlet_status *status);
/* NULL is allowed, here and in the other functions that free. */
void hamlet_status_free(hamlet_status *status);

/* Reads the container at `path`, opens `device` ("cpu", "cuda:N", "emulated")
 * and loads the weights from the checkpoint's folder `weights`, where a tensor
 * that the model does not use is an error. `threads` 0: HAMLET_THREADS, else
 * the cores. */
hamlet_status *hamlet_model_load(const char *path, const char *weights,
                                 const char *device, unsigned threads,
                                 hamlet_model **model);
void hamlet_model_free(hamlet_model *model);
/* Ids are 0 to vocabulary - 1. */
int64_t hamlet_model_vocabulary(const hamlet_model *model);
/* The longest sequence the model was made for, in tokens. */
int64_t hamlet_model_max_positions(const hamlet_model *model);

typedef struct hamlet_session_options {
  int32_t max_sequences; /* open at once, at least 1 */
  int64_t max_context;   /* tokens of one sequence, at least 1 */
  int64_t step_tokens;   /* tokens of one step for which memory is taken at
                            once, 0 for 512; larger steps still work */
} hamlet_session_options;

/* Takes the memory for caches and temporaries. */
hamlet_status *hamlet_session_open(hamlet_model *model,
                                   const hamlet_session_options *options,
                                   hamlet_session **session);
void hamlet_session_free(hamlet_session *session);

/* A new, empty sequence. */
hamlet_status *hamlet_sequence_add(hamlet_session *session, int32_t *sequence);
hamlet_status *hamlet_sequence_remove(hamlet_session *session,
                                      int32_t sequence);
/* Tokens fed so far, -1 if there is no such sequence. */
int64_t hamlet_sequence_length(const hamlet_session *session, int32_t sequence);

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
hamlet_status *hamlet_step(hamlet_session *session, const hamlet_piece *pieces,
                           size_t count);
/* Rows of logits of the last step, in the order of its pieces. */
int64_t hamlet_logits_rows(const hamlet_session *session);
/* Copies `rows` rows of `vocabulary` floats from row `first`. */
hamlet_status *hamlet_logits_copy(hamlet_session *session, int64_t first,
                                  int64_t rows, float *out);

#ifdef __cplusplus
}
#endif

#endif /* HAMLET_RUNTIME_HAMLET_H */
