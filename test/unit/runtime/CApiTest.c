//===- CApiTest.c ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* The C interface from C: a step, its logits, errors as statuses.
 * Usage: CApiTest CONTAINER WEIGHTS, made by HamletWriteToy. */
#include "runtime/hamlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "failed: %s\n", what);
  exit(1);
}

static void succeed(hamlet_status *status) {
  check(!status, hamlet_status_message(status));
}

/* The call must fail with a message that contains `part`. */
static void fail(hamlet_status *status, const char *part) {
  check(status && strstr(hamlet_status_message(status), part),
        status ? hamlet_status_message(status) : part);
  hamlet_status_free(status);
}

int main(int argc, char **argv) {
  check(argc == 3, "usage: CApiTest CONTAINER WEIGHTS");
  hamlet_model *model = NULL;
  fail(hamlet_model_load("/nonexistent.hmlt", argv[2], "cpu", 1, &model),
       "cannot open");
  fail(hamlet_model_load(argv[1], argv[2], "abacus", 1, &model),
       "unknown device 'abacus'");
  fail(hamlet_model_load(argv[1], NULL, "cpu", 1, &model), "NULL");
  succeed(hamlet_model_load(argv[1], argv[2], "cpu", 2, &model));
  int64_t vocabulary = hamlet_model_vocabulary(model);
  check(vocabulary == 37, "vocabulary");
  check(hamlet_model_max_positions(model) == 1000, "positions");

  hamlet_session *session = NULL;
  hamlet_session_options options = {2, 2000, 0};
  fail(hamlet_session_open(model, &options, &session), "1000 positions");
  options.max_context = 50;
  succeed(hamlet_session_open(model, &options, &session));

  int32_t a = -1, b = -1, c = -1;
  succeed(hamlet_sequence_add(session, &a));
  succeed(hamlet_sequence_add(session, &b));
  fail(hamlet_sequence_add(session, &c), "in use");

  /* The same tokens at once and in two pieces beside others. */
  int32_t tokens[] = {3, 1, 4, 1, 5};
  hamlet_piece whole = {a, tokens, 5, HAMLET_ROWS_LAST};
  succeed(hamlet_step(session, &whole, 1));
  check(hamlet_logits_rows(session) == 1, "one row");
  float *first = malloc((size_t)vocabulary * sizeof(float));
  float *second = malloc((size_t)vocabulary * sizeof(float));
  succeed(hamlet_logits_copy(session, 0, 1, first));
  hamlet_piece pieces[] = {{a, tokens, 2, HAMLET_ROWS_NONE},
                           {b, tokens, 4, HAMLET_ROWS_ALL}};
  succeed(hamlet_step(session, pieces, 2));
  check(hamlet_logits_rows(session) == 4, "four rows");
  hamlet_piece last = {b, tokens + 4, 1, HAMLET_ROWS_LAST};
  succeed(hamlet_step(session, &last, 1));
  succeed(hamlet_logits_copy(session, 0, 1, second));
  check(!memcmp(first, second, (size_t)vocabulary * sizeof(float)),
        "the same bits");
  fail(hamlet_logits_copy(session, 1, 1, second), "rows 1 to 2");
  check(hamlet_sequence_length(session, a) == 7, "length");

  tokens[0] = 37;
  fail(hamlet_step(session, &whole, 1), "outside the vocabulary");
  succeed(hamlet_sequence_remove(session, a));
  fail(hamlet_sequence_remove(session, a), "not open");
  check(hamlet_sequence_length(session, a) == -1, "no length");

  free(first);
  free(second);
  hamlet_session_free(session);
  hamlet_model_free(model);
  hamlet_status_free(NULL);
  puts("ok");
  return 0;
}
