//===- TestKernels.c ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Kernels of a toy model for the runtime's tests: an embedding, a running sum
// in the slot, a sum over the pages, a head. Compiled to a shared object that
// stands in for what the compiler emits.
#include <stdint.h>

#define KERNEL void __attribute__((visibility("default")))
#define PARAMETERS                                                             \
  const uint64_t *args, int64_t p0, int64_t p1, int64_t p2, char *scratch

static float asFloat(uint64_t word) {
  union {
    uint32_t bits;
    float value;
  } u = {(uint32_t)word};
  return u.value;
}

// x[t] = scale * table[ids[t]]; args: ids, table, x, tokens, hidden, scale.
static void embed(const uint64_t *args, int64_t block, int64_t rows) {
  const int32_t *ids = (const int32_t *)args[0];
  const float *table = (const float *)args[1];
  float *x = (float *)args[2];
  int64_t tokens = (int64_t)args[3], hidden = (int64_t)args[4];
  float scale = asFloat(args[5]);
  for (int64_t t = block * rows; t < tokens && t < (block + 1) * rows; ++t)
    for (int64_t h = 0; h < hidden; ++h)
      x[t * hidden + h] = scale * table[ids[t] * hidden + h];
}
KERNEL embed_1(PARAMETERS) { embed(args, p0, 1); }
KERNEL embed_8(PARAMETERS) { embed(args, p0, 8); }

// state += x; x += state; one instance a sequence.
// args: x, starts, slots, state, hidden.
KERNEL scan(PARAMETERS) {
  float *x = (float *)args[0];
  const int32_t *starts = (const int32_t *)args[1];
  const int32_t *slots = (const int32_t *)args[2];
  int64_t hidden = (int64_t)args[4];
  float *state = (float *)args[3] + slots[p0] * hidden;
  for (int32_t t = starts[p0]; t < starts[p0 + 1]; ++t)
    for (int64_t h = 0; h < hidden; ++h) {
      state[h] = 0.5f * state[h] + x[t * hidden + h];
      x[t * hidden + h] += state[h];
    }
}

// y[t] += sum over the sequence's positions up to t of x, through the pages.
// args: x, y, starts, firstPositions, pageTable, maxPages, tokenPages,
// tokenOffsets, pages, hidden.
KERNEL attend(PARAMETERS) {
  const float *x = (const float *)args[0];
  float *y = (float *)args[1];
  const int32_t *starts = (const int32_t *)args[2];
  const int32_t *first = (const int32_t *)args[3];
  const int32_t *table = (const int32_t *)args[4] + p0 * (int64_t)args[5];
  const int32_t *pages = (const int32_t *)args[6];
  const int32_t *offsets = (const int32_t *)args[7];
  float *pool = (float *)args[8];
  int64_t hidden = (int64_t)args[9];
  float *sums = (float *)scratch;
  for (int32_t t = starts[p0]; t < starts[p0 + 1]; ++t) {
    for (int64_t h = 0; h < hidden; ++h) {
      pool[(pages[t] * 64 + offsets[t]) * hidden + h] = x[t * hidden + h];
      sums[h] = 0;
    }
    int32_t position = first[p0] + t - starts[p0];
    for (int32_t j = 0; j <= position; ++j)
      for (int64_t h = 0; h < hidden; ++h)
        sums[h] += pool[(table[j / 64] * 64 + j % 64) * hidden + h];
    for (int64_t h = 0; h < hidden; ++h)
      y[t * hidden + h] += sums[h];
  }
}

// y[t] += 1 for the tokens of each query block.
// args: blocks, starts, y, hidden.
static void mark(const uint64_t *args, int64_t p, int64_t rows) {
  const int32_t *block = (const int32_t *)args[0] + 2 * p;
  const int32_t *starts = (const int32_t *)args[1];
  float *y = (float *)args[2];
  int64_t hidden = (int64_t)args[3];
  int32_t begin = starts[block[0]] + block[1], end = starts[block[0] + 1];
  for (int32_t t = begin; t < end && t < begin + rows; ++t)
    for (int64_t h = 0; h < hidden; ++h)
      y[t * hidden + h] += 1;
}
KERNEL mark_8(PARAMETERS) { mark(args, p0, 8); }
KERNEL mark_16(PARAMETERS) { mark(args, p0, 16); }

// y[t] += 1 for sequences of one token. args: list, starts, y, hidden.
KERNEL mark_decode(PARAMETERS) {
  const int32_t *list = (const int32_t *)args[0];
  const int32_t *starts = (const int32_t *)args[1];
  float *y = (float *)args[2];
  int64_t hidden = (int64_t)args[3];
  for (int64_t h = 0; h < hidden; ++h)
    y[starts[list[p0]] * hidden + h] += 1;
}

// logits[r][n] = sum over k of y[list[r]][k] * panel; p0 panel, p1 row block.
// args: y, list, panels, logits, outputRows, hidden, vocab.
static void head(const uint64_t *args, int64_t p0, int64_t p1, int64_t rows) {
  const float *y = (const float *)args[0];
  const int32_t *list = (const int32_t *)args[1];
  float *logits = (float *)args[3];
  int64_t count = (int64_t)args[4], hidden = (int64_t)args[5];
  int64_t vocab = (int64_t)args[6];
  const float *panel = (const float *)args[2] + p0 * hidden * 16;
  for (int64_t r = p1 * rows; r < count && r < (p1 + 1) * rows; ++r)
    for (int64_t n = 0; n < 16 && p0 * 16 + n < vocab; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < hidden; ++k)
        sum += y[list[r] * hidden + k] * panel[k * 16 + n];
      logits[r * vocab + p0 * 16 + n] = sum;
    }
}
KERNEL head_1(PARAMETERS) { head(args, p0, p1, 1); }
KERNEL head_8(PARAMETERS) { head(args, p0, p1, 8); }

// out[i] = (bf16 in[i]) doubled, as f32, plus the constant.
// args: in, out, n, constant.
KERNEL twice(PARAMETERS) {
  const uint16_t *in = (const uint16_t *)args[0];
  float *out = (float *)args[1];
  union {
    uint32_t bits;
    float value;
  } u = {(uint32_t)in[p0] << 16};
  out[p0] = 2 * u.value + *(const float *)args[3];
}
