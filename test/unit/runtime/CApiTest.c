//===- CApiTest.c ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* The C interface from C: a step, its logits, errors as statuses.
 * Usage: CApiTest CONTAINER WEIGHTS, made by HamletWriteToy. */
#include "test/unit/runtime/CApiChecks.h"

/* The toy's state is of its last token alone, its pages are shared. */
static void checkFork(hamlet_session *session, int32_t b, int64_t vocabulary) {
  int32_t child = -1;
  size_t bytes = (size_t)vocabulary * sizeof(float);
  float *one = malloc(bytes), *other = malloc(bytes);
  succeed(hamlet_sequence_fork(session, b, &child));
  int64_t length = hamlet_sequence_length(session, b);
  check(hamlet_sequence_length(session, child) == length, "length of a fork");
  int32_t token = 7;
  hamlet_piece piece = {b, &token, 1, HAMLET_ROWS_LAST};
  succeed(hamlet_step(session, &piece, 1));
  check(hamlet_logits_view(session) != NULL, "a view");
  memcpy(one, hamlet_logits_view(session), bytes);
  piece.sequence = child;
  succeed(hamlet_step(session, &piece, 1));
  succeed(hamlet_logits_copy(session, 0, 1, other));
  check(!memcmp(one, other, bytes), "the bits of a fork");
  fail(hamlet_sequence_fork(session, b, NULL), "NULL");
  fail(hamlet_sequence_fork(session, 17, &child), "not open");

  check(hamlet_sequence_least_length(session, child) == length + 1, "least");
  fail(hamlet_sequence_truncate(session, child, length), "possible are 0");
  fail(hamlet_sequence_truncate(session, child, -1), "cannot be cut to -1");
  fail(hamlet_sequence_truncate(session, 17, 0), "not open");
  succeed(hamlet_sequence_truncate(session, child, length + 1));
  succeed(hamlet_sequence_truncate(session, child, 0));
  check(hamlet_sequence_length(session, child) == 0, "empty");
  succeed(hamlet_sequence_remove(session, child));
  free(one);
  free(other);
}

static void checkSampling(hamlet_model *model, const float *logits) {
  int32_t best = -1, token = -1;
  float logprob = 1;
  int64_t vocabulary = hamlet_model_vocabulary(model);
  succeed(hamlet_sample(logits, vocabulary, NULL, 0, &best, &logprob));
  check(best >= 0 && best < vocabulary && logprob <= 0, "greedy");
  for (int64_t i = 0; i < vocabulary; ++i)
    check(logits[i] <= logits[best], "the largest");
  hamlet_sampling sampling = HAMLET_SAMPLING_DEFAULT;
  sampling.temperature = 1;
  sampling.top_k = 1;
  succeed(hamlet_sample(logits, vocabulary, &sampling, 5, &token, NULL));
  check(token == best, "top_k 1");
  sampling.top_p = 0;
  fail(hamlet_sample(logits, vocabulary, &sampling, 5, &token, NULL), "top_p");
  fail(hamlet_sample(NULL, vocabulary, NULL, 0, &token, NULL), "NULL");
}

static int stopAfterThree(void *user, const hamlet_token *token) {
  check(token->logprob <= 0, "logprob");
  return ++*(int *)user == 3;
}

static void checkGeneration(hamlet_model *model) {
  int32_t prompt[] = {3, 1, 4, 1, 5}, longer[70] = {2};
  hamlet_request requests[2] = {HAMLET_REQUEST_DEFAULT, HAMLET_REQUEST_DEFAULT};
  requests[0].prompt = prompt;
  requests[0].prompt_count = 5;
  requests[0].max_tokens = 6;
  requests[1].prompt = longer;
  requests[1].prompt_count = 70;
  requests[1].max_tokens = 4;
  requests[1].sampling.temperature = 1;
  hamlet_generate_options options = {13, 2, 0};
  hamlet_generation *whole = NULL, *stopped = NULL;
  succeed(hamlet_generate(model, requests, 2, &options, NULL, NULL, &whole));
  check(hamlet_generation_done(whole), "done");
  hamlet_answer answer, other;
  succeed(hamlet_generation_answer(whole, 0, &answer));
  check(answer.count == 6 && answer.finish == HAMLET_FINISH_LENGTH &&
            !answer.error,
        "an answer");
  fail(hamlet_generation_answer(whole, 2, &answer), "no request 2");

  /* Stopped, then stepped to its end: the same. */
  int tokens = 0;
  succeed(hamlet_generate(model, requests, 2, NULL, stopAfterThree, &tokens,
                          &stopped));
  check(tokens == 3 && !hamlet_generation_done(stopped), "stopped");
  succeed(hamlet_generation_answer(stopped, 0, &other));
  check(other.finish == HAMLET_FINISH_NONE && other.count > 0, "in part");
  while (!hamlet_generation_done(stopped)) {
    const hamlet_token *picked = NULL;
    size_t count = 0;
    succeed(hamlet_generation_step(stopped, &picked, &count));
    check(count <= 2, "tokens of a step");
  }
  for (size_t i = 0; i < 2; ++i) {
    succeed(hamlet_generation_answer(whole, i, &answer));
    succeed(hamlet_generation_answer(stopped, i, &other));
    check(answer.count == other.count && answer.finish == other.finish,
          "the same answer");
    check(!memcmp(answer.tokens, other.tokens, answer.count * sizeof(int32_t)),
          "the same tokens");
    check(
        !memcmp(answer.logprobs, other.logprobs, answer.count * sizeof(float)),
        "the same logprobs");
  }
  hamlet_generation_free(whole);
  hamlet_generation_free(stopped);

  /* A stop id and the early stop end it. */
  hamlet_generation *third = NULL;
  succeed(hamlet_generate(model, requests, 1, NULL, NULL, NULL, &third));
  succeed(hamlet_generation_answer(third, 0, &answer));
  int32_t stop = answer.tokens[2];
  hamlet_generation_free(third);
  requests[0].stop_ids = &stop;
  requests[0].stop_count = 1;
  succeed(hamlet_generate(model, requests, 1, NULL, NULL, NULL, &third));
  succeed(hamlet_generation_answer(third, 0, &answer));
  check(answer.finish == HAMLET_FINISH_STOP && answer.count <= 3 &&
            answer.tokens[answer.count - 1] == stop,
        "stop id");
  hamlet_generation_free(third);
  requests[0].stop_count = 0;
  requests[0].early_stop_count = 2;
  requests[0].early_stop_probability = 0;
  succeed(hamlet_generate(model, requests, 1, NULL, NULL, NULL, &third));
  succeed(hamlet_generation_answer(third, 0, &answer));
  check(answer.finish == HAMLET_FINISH_EARLY && answer.count == 2, "early");
  hamlet_generation_free(third);

  longer[3] = 37;
  fail(hamlet_generation_open(model, requests, 2, NULL, &third),
       "request 1: prompt id 37");
  longer[3] = 0;
  requests[1].max_tokens = 1000;
  fail(hamlet_generation_open(model, requests, 2, NULL, &third), "request 1");
  options.max_batch = -1;
  fail(hamlet_generation_open(model, requests, 1, &options, &third),
       "max_batch -1");
  fail(hamlet_generation_open(model, NULL, 1, NULL, &third), "NULL");
  size_t count = 1;
  check(hamlet_model_eos_ids(model, &count) && count == 1, "eos ids");
}

static void checkCall(hamlet_model *model) {
  check(!strcmp(hamlet_function_name(model, 0), "twice"), "a function");
  check(!hamlet_function_name(model, 1), "no other");
  size_t operands = 0, results = 0;
  succeed(hamlet_function_counts(model, "twice", &operands, &results));
  check(operands == 1 && results == 1, "counts");
  hamlet_operand operand;
  succeed(hamlet_function_operand(model, "twice", 0, &operand));
  check(operand.dtype == HAMLET_BF16 && operand.rank == 1 &&
            operand.shape[0] == -1 && !strcmp(operand.name, "in"),
        "operand");
  succeed(hamlet_function_result(model, "twice", 0, &operand));
  check(operand.dtype == HAMLET_F32 && !strcmp(operand.name, "out"), "result");
  fail(hamlet_function_operand(model, "twice", 1, &operand), "no operand 1");
  fail(hamlet_function_counts(model, "thrice", &operands, &results),
       "there are: step, twice");

  float data[] = {1, 2.5f, -3};
  int64_t shape = 3;
  hamlet_array in = {HAMLET_F32, 1, &shape, data};
  hamlet_arrays *out = NULL;
  succeed(hamlet_call(model, "twice", &in, 1, &out));
  check(hamlet_arrays_count(out) == 1 && !hamlet_arrays_get(out, 1), "one");
  const hamlet_array *result = hamlet_arrays_get(out, 0);
  check(result->dtype == HAMLET_F32 && result->rank == 1 &&
            result->shape[0] == 3,
        "a result");
  for (int i = 0; i < 3; ++i)
    check(((const float *)result->data)[i] == 2 * data[i] + 7, "a value");
  hamlet_arrays_free(out);

  fail(hamlet_call(model, "step", &in, 1, &out), "a model's step");
  hamlet_array two[] = {in, in};
  fail(hamlet_call(model, "twice", two, 2, &out), "takes 1 operands");
  in.dtype = HAMLET_I32;
  fail(hamlet_call(model, "twice", &in, 1, &out), "expected f32, found i32");
  in.dtype = (hamlet_dtype)9;
  fail(hamlet_call(model, "twice", &in, 1, &out), "hamlet_dtype");
  in.dtype = HAMLET_F32;
  shape = INT64_MAX;
  fail(hamlet_call(model, "twice", &in, 1, &out), "dimension 0");
  shape = 3;
  in.data = NULL;
  fail(hamlet_call(model, "twice", &in, 1, &out), "data is NULL");
}

int main(int argc, char **argv) {
  check(argc == 3, "usage: CApiTest CONTAINER WEIGHTS");
  hamlet_model *model = NULL;
  fail(hamlet_model_load("/nonexistent.hmlt", argv[2], "cpu", 1, &model),
       "cannot open");
  fail(hamlet_model_load(argv[1], argv[2], "abacus", 1, &model),
       "unknown device 'abacus'");
  fail(hamlet_model_load(argv[1], NULL, "cpu", 1, &model), "2 weights");
  check(hamlet_api_version() == HAMLET_API_VERSION, "version");
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

  checkFork(session, b, vocabulary);
  checkSampling(model, first);
  checkGeneration(model);
  checkCall(model);

  free(first);
  free(second);
  hamlet_session_free(session);
  hamlet_model_free(model);
  hamlet_status_free(NULL);
  puts("ok");
  return 0;
}
