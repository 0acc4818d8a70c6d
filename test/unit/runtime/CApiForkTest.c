//===- CApiForkTest.c -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Forks and cuts sequences of a compiled model: what follows has the bits that
 * it has in a sequence of its own.
 * Usage: CApiForkTest CONTAINER WEIGHTS DEVICE LENGTH... */
#include "runtime/hamlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kChunk = 64, kMore = 9 }; /* tokens after a fork or cut */

static hamlet_session *session;
static int64_t vocabulary;
static const char *at = "";
static int64_t length;

static void check(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "length %lld, %s: %s\n", (long long)length, at, what);
  exit(1);
}
static void succeed(hamlet_status *status) {
  check(!status, hamlet_status_message(status));
}

/* Ids that depend on `seed` and the place. */
static void fill(int32_t *ids, int64_t count, uint64_t seed) {
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    ids[i] = (int32_t)((seed >> 33) % (uint64_t)vocabulary);
  }
}

static int32_t add(void) {
  int32_t sequence = -1;
  succeed(hamlet_sequence_add(session, &sequence));
  return sequence;
}
static int32_t forkOf(int32_t sequence) {
  int32_t made = -1;
  succeed(hamlet_sequence_fork(session, sequence, &made));
  return made;
}
static void drop(int32_t sequence) {
  succeed(hamlet_sequence_remove(session, sequence));
}

/* `largest`: tokens of a piece. `rows` may be NULL. */
static void feed(int32_t sequence, const int32_t *ids, int64_t count,
                 int64_t largest, float *rows) {
  for (int64_t i = 0; i < count; i += largest) {
    size_t tokens = (size_t)(count - i < largest ? count - i : largest);
    hamlet_piece piece = {sequence, ids + i, tokens,
                          rows ? HAMLET_ROWS_ALL : HAMLET_ROWS_NONE};
    succeed(hamlet_step(session, &piece, 1));
    if (rows)
      succeed(hamlet_logits_copy(session, 0, (int64_t)tokens,
                                 rows + i * vocabulary));
  }
}

/* Feeds tokens [from, to) of what is fed after a fork or cut. */
static void expectSome(int32_t sequence, const int32_t *ids,
                       const float *expected, int64_t from, int64_t to,
                       int64_t largest) {
  size_t bytes = (size_t)((to - from) * vocabulary) * sizeof(float);
  float *rows = malloc(bytes);
  feed(sequence, ids + from, to - from, largest, rows);
  check(!memcmp(rows, expected + from * vocabulary, bytes), "other bits");
  free(rows);
}
static void expectRows(int32_t sequence, const int32_t *ids,
                       const float *expected, int64_t largest) {
  expectSome(sequence, ids, expected, 0, kMore, largest);
}

/* What is fed after the fork or cut, a piece at once and token by token. */
static const int64_t kPieces[] = {kMore, 1};

static void checkForks(const int32_t *ids, const int32_t *others,
                       const float *expected) {
  for (int i = 0; i < 2; ++i) {
    at = "fork";
    int32_t parent = add();
    feed(parent, ids, length, 50, NULL);
    int32_t child = forkOf(parent), idle = forkOf(child);
    check(hamlet_sequence_length(session, child) == length, "length");
    /* All write to what was one page, in turns. */
    expectSome(child, ids + length, expected, 0, 4, kPieces[i]);
    feed(parent, others, kMore, kPieces[i], NULL);
    expectSome(child, ids + length, expected, 4, kMore, kPieces[i]);
    at = "fork of a removed sequence";
    drop(parent);
    drop(child);
    expectRows(idle, ids + length, expected, kPieces[1 - i]);
    drop(idle);
  }
}

static void checkCuts(const int32_t *ids, const int32_t *others,
                      const float *expected) {
  int64_t room = kChunk - 1 - length % kChunk; /* to the chunk's last but one */
  for (int i = 0; i < 4; ++i) {
    at = "cut";
    int32_t sequence = add();
    feed(sequence, ids, length, 1 + 99 * (i % 2), NULL);
    int32_t kept = forkOf(sequence);
    feed(sequence, others, room, i < 2 ? 1 : kChunk, NULL);
    succeed(hamlet_sequence_truncate(session, sequence, length));
    check(hamlet_sequence_length(session, sequence) == length, "length");
    at = "fork of a cut sequence";
    int32_t child = forkOf(sequence);
    expectRows(child, ids + length, expected, kPieces[i % 2]);
    drop(child);
    at = "cut";
    expectRows(sequence, ids + length, expected, kPieces[1 - i % 2]);
    expectRows(kept, ids + length, expected, kPieces[i % 2]);

    /* Now the sequence may stand in the next chunk. */
    at = "cut too far";
    int64_t least = hamlet_sequence_least_length(session, sequence);
    hamlet_status *status = NULL;
    if (least > 1) {
      check(least == (length + kMore) / kChunk * kChunk, "least length");
      status = hamlet_sequence_truncate(session, sequence, least - 1);
      check(status && strstr(hamlet_status_message(status), "possible are 0"),
            "refused");
      hamlet_status_free(status);
      succeed(hamlet_sequence_truncate(session, sequence, least));
    }
    status = hamlet_sequence_truncate(session, sequence, length + kMore + 1);
    check(status != NULL, "refused to grow");
    hamlet_status_free(status);

    at = "begun anew";
    succeed(hamlet_sequence_truncate(session, sequence, 0));
    feed(sequence, ids, length, 40, NULL);
    expectRows(sequence, ids + length, expected, kPieces[i % 2]);
    drop(sequence);
    drop(kept);
  }
}

int main(int argc, char **argv) {
  check(argc > 4, "usage: CApiForkTest CONTAINER WEIGHTS DEVICE LENGTH...");
  hamlet_model *model = NULL;
  succeed(hamlet_model_load(argv[1], argv[2], argv[3], 2, &model));
  vocabulary = hamlet_model_vocabulary(model);
  for (int i = 4; i < argc; ++i) {
    length = atoll(argv[i]);
    int64_t all = length + kMore;
    hamlet_session_options options = {3, all + kChunk, 0};
    succeed(hamlet_session_open(model, &options, &session));
    int32_t *ids = malloc((size_t)all * sizeof(int32_t));
    int32_t others[kChunk];
    fill(ids, all, 1);
    fill(others, kChunk, 2);
    float *expected = malloc((size_t)(kMore * vocabulary) * sizeof(float));
    at = "alone";
    int32_t alone = add();
    feed(alone, ids, length, length, NULL);
    feed(alone, ids + length, kMore, kMore, expected);
    drop(alone);
    checkForks(ids, others, expected);
    checkCuts(ids, others, expected);
    free(expected);
    free(ids);
    hamlet_session_free(session);
  }
  hamlet_model_free(model);
  puts("ok");
  return 0;
}
