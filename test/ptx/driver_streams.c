//===- driver_streams.c ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Streams make progress on their own, in the order that the interface promises
 * and no other. */
#include "driver_check.h"
#include <stdatomic.h>
#include <unistd.h>

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    /* Waits until *flag is not 0, then stores it plus 1 to *out. */
    ".visible .entry follow(.param .u64 flag, .param .u64 out)\n"
    "{ .reg .b64 %d<3>; .reg .b32 %r; .reg .pred %p;\n"
    "  ld.param.u64 %d1, [flag]; ld.param.u64 %d2, [out];\n"
    "L: ld.relaxed.sys.global.u32 %r, [%d1]; setp.eq.u32 %p, %r, 0;\n"
    "  @%p bra L; add.u32 %r, %r, 1; st.relaxed.sys.global.u32 [%d2], %r;\n"
    "  ret; }\n"
    ".visible .entry set(.param .u64 flag, .param .u32 value)\n"
    "{ .reg .b64 %d; .reg .b32 %r; ld.param.u64 %d, [flag];\n"
    "  ld.param.u32 %r, [value]; st.relaxed.sys.global.u32 [%d], %r; ret; }\n"
    /* Each thread adds 1 to *sum n times. */
    ".visible .entry count(.param .u64 sum, .param .u32 n)\n"
    "{ .reg .b64 %d; .reg .b32 %r<3>; .reg .pred %p; ld.param.u64 %d, [sum];\n"
    "  ld.param.u32 %r1, [n];\n"
    "L: atom.global.add.u32 %r2, [%d], 1; sub.u32 %r1, %r1, 1;\n"
    "  setp.ne.u32 %p, %r1, 0; @%p bra L; ret; }\n"
    /* *out = (*ticket)++ */
    ".visible .entry draw(.param .u64 ticket, .param .u64 out)\n"
    "{ .reg .b64 %d<3>; .reg .b32 %r; ld.param.u64 %d1, [ticket];\n"
    "  ld.param.u64 %d2, [out]; atom.global.add.u32 %r, [%d1], 1;\n"
    "  st.global.u32 [%d2], %r; ret; }\n"
    /* Works without polling anything. */
    ".visible .entry busy(.param .u64 out, .param .u32 n)\n"
    "{ .reg .b64 %d; .reg .b32 %r<3>; .reg .pred %p; ld.param.u64 %d, [out];\n"
    "  ld.param.u32 %r1, [n]; mov.u32 %r2, 1;\n"
    "L: mad.lo.u32 %r2, %r2, 5, 1; sub.u32 %r1, %r1, 1;\n"
    "  setp.ne.u32 %p, %r1, 0; @%p bra L; st.global.u32 [%d], %r2; ret; }\n";

typedef atomic_uint Word;
static CUmodule module;

/* Minutes at most, of a loaded machine: what goes on by itself is done soon. */
static int becomes(Word *word, unsigned value) {
  for (int i = 0; i < 240000 && *word != value; i++)
    usleep(1000);
  return *word == value;
}
static void bump(void *word) { ++*(Word *)word; }
/* Holds its stream until *word is not 0. */
static void hold(void *word) {
  while (!*(Word *)word)
    usleep(100);
}
static CUstream stream(unsigned flags) {
  CUstream s;
  CHECK(cuStreamCreate(&s, flags));
  return s;
}
static CUdeviceptr cleared(size_t words) {
  CUdeviceptr p;
  CHECK(cuMemAlloc(&p, 4 * words));
  CHECK(cuMemsetD32(p, 0, words));
  CHECK(cuCtxSynchronize());
  return p;
}
static Word *pinned(size_t words) {
  void *p;
  CHECK(cuMemAllocHost(&p, 4 * words));
  memset(p, 0, 4 * words);
  return p;
}
static unsigned fetch(CUdeviceptr p) {
  unsigned value;
  CHECK(cuMemcpyDtoH(&value, p, 4));
  return value;
}

/* Copies, fills and host functions are done though the host waits for none. */
static void progressWithoutWait(void) {
  CUstream s = stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr p = cleared(1);
  Word *host = pinned(1), called = 0;
  CHECK(cuMemsetD32Async(p, 7, 1, s));
  CHECK(cuMemcpyDtoHAsync((void *)host, p, 4, s));
  CHECK(cuLaunchHostFunc(s, bump, (void *)&called));
  WANT(becomes(&called, 1), 1);
  WANT(*host, 7);
  /* Nor does a kernel that answers the host. */
  Word *flags = pinned(2);
  void *a[] = {&flags, &(Word *){flags + 1}};
  CHECK(launch(kernelOf(module, "follow"), 1, s, a));
  WANT(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
  flags[0] = 41;
  WANT(becomes(flags + 1, 42), 1);
  CHECK(cuStreamSynchronize(s));
  WANT(cuStreamQuery(s), CUDA_SUCCESS);
  CHECK(cuStreamDestroy(s));
}

/* A stream that is held holds up no other, but for those that wait. */
static void orderOfStreams(void) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING),
           b = stream(CU_STREAM_NON_BLOCKING);
  CUevent e, never;
  Word gate = 0, inB = 0, after = 0;
  CHECK(cuEventCreate(&e, 0));
  CHECK(cuEventCreate(&never, 0));
  WANT(cuEventQuery(never), CUDA_SUCCESS);
  CHECK(cuLaunchHostFunc(a, hold, (void *)&gate));
  CHECK(cuEventRecord(e, a));
  CHECK(cuStreamWaitEvent(b, never, 0)); /* nothing was recorded in it */
  CHECK(cuLaunchHostFunc(b, bump, (void *)&inB));
  WANT(becomes(&inB, 1), 1);
  WANT(cuEventQuery(e), CUDA_ERROR_NOT_READY);
  CHECK(cuStreamWaitEvent(b, e, 0));
  CHECK(cuLaunchHostFunc(b, bump, (void *)&after));
  WANT(cuStreamQuery(b), CUDA_ERROR_NOT_READY);
  float ms;
  WANT(cuEventElapsedTime(&ms, never, e), CUDA_ERROR_INVALID_HANDLE);
  WANT(cuEventElapsedTime(&ms, e, e), CUDA_ERROR_NOT_READY);
  usleep(20000);
  WANT(after, 0);
  gate = 1;
  CHECK(cuEventSynchronize(e));
  CHECK(cuStreamSynchronize(b));
  WANT(after, 1);
  /* What is left in a stream that is destroyed is done all the same. */
  gate = 0;
  CHECK(cuLaunchHostFunc(a, hold, (void *)&gate));
  CHECK(cuLaunchHostFunc(a, bump, (void *)&after));
  CHECK(cuStreamDestroy(a));
  gate = 1;
  WANT(becomes(&after, 2), 1);
  CHECK(cuStreamDestroy(b));
}

/* The null stream is ordered with blocking streams, both ways, and with no
 * other; the stream of a thread is a blocking one. */
static void legacyStream(void) {
  for (int own = 0; own < 2; own++) {
    CUstream blocking = own ? CU_STREAM_PER_THREAD : stream(0),
             free = stream(CU_STREAM_NON_BLOCKING);
    Word gate = 0, legacy = 0, later = 0, unordered = 0;
    CHECK(cuLaunchHostFunc(blocking, hold, (void *)&gate));
    CHECK(cuLaunchHostFunc(own ? CU_STREAM_LEGACY : 0, bump, (void *)&legacy));
    CHECK(cuLaunchHostFunc(free, bump, (void *)&unordered));
    CUstream other = stream(0);
    CHECK(cuLaunchHostFunc(other, bump, (void *)&later));
    WANT(becomes(&unordered, 1), 1);
    usleep(20000);
    WANT(legacy, 0);
    WANT(later, 0);
    WANT(cuStreamQuery(0), CUDA_ERROR_NOT_READY);
    gate = 1;
    CHECK(cuStreamSynchronize(other));
    WANT(legacy, 1);
    WANT(later, 1);
    CHECK(cuStreamDestroy(other));
    CHECK(cuStreamDestroy(free));
    if (!own)
      CHECK(cuStreamDestroy(blocking));
  }
}

/* Kernels of two streams: one polls what the other stores; atomics of both
 * count; the more urgent one is next. */
static void kernels(void) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING),
           b = stream(CU_STREAM_NON_BLOCKING), urgent;
  CUdeviceptr p = cleared(8), at[8];
  for (int i = 0; i < 8; i++)
    at[i] = p + 4 * i;
  unsigned value = 5, times = 400, long_ = 400000;
  void *follow[] = {&at[0], &at[1]}, *set[] = {&at[0], &value},
       *count[] = {&at[2], &times};
  CHECK(launch(kernelOf(module, "follow"), 1, a, follow));
  CHECK(launch(kernelOf(module, "set"), 1, b, set));
  CHECK(cuStreamSynchronize(a));
  WANT(fetch(at[1]), 6);
  CUstream both[] = {a, b};
  for (int i = 0; i < 8; i++)
    CHECK(launch(kernelOf(module, "count"), 64, both[i & 1], count));
  CHECK(cuCtxSynchronize());
  WANT(fetch(at[2]), 8 * 64 * 400);
  int least, greatest, priority;
  CHECK(cuCtxGetStreamPriorityRange(&least, &greatest));
  CHECK(cuStreamCreateWithPriority(&urgent, CU_STREAM_NON_BLOCKING, greatest));
  CHECK(cuStreamGetPriority(urgent, &priority));
  WANT(priority, greatest);
  CUstream held = stream(CU_STREAM_NON_BLOCKING);
  void *busy[] = {&at[7], &long_}, *first[] = {&at[3], &at[4]},
       *second[] = {&at[3], &at[5]};
  CHECK(launch(kernelOf(module, "busy"), 1, held, busy));
  WANT(cuStreamQuery(held), CUDA_ERROR_NOT_READY);
  Word gate = 0;
  CHECK(cuLaunchHostFunc(a, hold, (void *)&gate));
  CHECK(cuLaunchHostFunc(urgent, hold, (void *)&gate));
  CUevent ready[2];
  CUstream two[] = {a, urgent};
  for (int i = 0; i < 2; i++) {
    CHECK(cuEventCreate(&ready[i], CU_EVENT_DISABLE_TIMING));
    CHECK(cuEventRecord(ready[i], two[i]));
  }
  CHECK(launch(kernelOf(module, "draw"), 1, a, first));
  CHECK(launch(kernelOf(module, "draw"), 1, urgent, second));
  gate = 1;
  CHECK(cuEventSynchronize(ready[0]));
  CHECK(cuEventSynchronize(ready[1]));
  int contended = cuStreamQuery(held) == CUDA_ERROR_NOT_READY;
  CHECK(cuCtxSynchronize());
  if (contended)
    WANT(fetch(at[5]), 0);
  WANT(fetch(at[5]) + fetch(at[4]), 1);
  CHECK(cuStreamDestroy(a));
  CHECK(cuStreamDestroy(b));
  CHECK(cuStreamDestroy(urgent));
  CHECK(cuStreamDestroy(held));
}

/* Pageable memory is read when the call is made, and written when it returns.
 * Pinned memory is neither. */
static void pageableMemory(void) {
  CUstream s = stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr p = cleared(2);
  Word *host = pinned(1), gate = 0;
  unsigned pageable = 3, back = 0;
  *host = 3;
  CHECK(cuLaunchHostFunc(s, hold, (void *)&gate));
  CHECK(cuMemcpyHtoDAsync(p, &pageable, 4, s));
  CHECK(cuMemcpyHtoDAsync(p + 4, (void *)host, 4, s));
  pageable = 4;
  *host = 4;
  gate = 1;
  CHECK(cuMemcpyDtoHAsync(&back, p, 4, s));
  WANT(back, 3);
  CHECK(cuMemcpyDtoHAsync(&back, p + 4, 4, s));
  WANT(back, 4);
  CHECK(cuStreamDestroy(s));
}

/* A stream waits for a value that the host, or another stream, writes. */
static void values(void) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING),
           b = stream(CU_STREAM_NON_BLOCKING);
  Word *word = pinned(2), done = 0;
  CUdeviceptr p = cleared(2);
  CHECK(cuStreamWaitValue32(a, (CUdeviceptr)word, 3, CU_STREAM_WAIT_VALUE_GEQ));
  CHECK(cuStreamWaitValue32(a, p, 6, CU_STREAM_WAIT_VALUE_EQ));
  CHECK(cuLaunchHostFunc(a, bump, (void *)&done));
  CHECK(cuStreamWriteValue32(b, p, 6, 0));
  CHECK(cuStreamSynchronize(b));
  WANT(cuStreamQuery(a), CUDA_ERROR_NOT_READY);
  WANT(done, 0);
  *word = 3;
  WANT(becomes(&done, 1), 1);
  WANT(cuStreamWaitValue32(a, p + 1, 0, 0), CUDA_ERROR_INVALID_VALUE);
  WANT(cuStreamWaitValue64(a, p + 8, 0, 0), CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamDestroy(a));
  CHECK(cuStreamDestroy(b));
}

static void inside(void *result) { *(CUresult *)result = cuCtxSynchronize(); }
/* A context goes though a task of it can never be done. */
static void contexts(CUdevice device) {
  CUcontext c;
  CUstream s;
  CUdeviceptr p;
  CUresult result = CUDA_SUCCESS;
  CHECK(cuLaunchHostFunc(0, inside, &result));
  CHECK(cuCtxSynchronize());
  WANT(result, CUDA_ERROR_NOT_PERMITTED);
  CHECK(cuCtxCreate(&c, 0, 0, device));
  CHECK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  CHECK(cuMemAlloc(&p, 4));
  CHECK(cuMemsetD32Async(p, 0, 1, s));
  CHECK(cuStreamWaitValue32(s, p, 1, CU_STREAM_WAIT_VALUE_EQ));
  CHECK(cuMemsetD32Async(p, 2, 1, s));
  CHECK(cuCtxDestroy(c));
}

/* Memory that another stream frees under a running kernel is no crash. */
static void freedWhileUsed(void) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING),
           b = stream(CU_STREAM_NON_BLOCKING);
  unsigned times = 2000;
  for (size_t words = 1; words <= 1 << 16; words <<= 8) {
    CUdeviceptr p = cleared(words);
    void *count[] = {&p, &times};
    CHECK(launch(kernelOf(module, "count"), 32, a, count));
    CUresult r = cuMemFreeAsync(p, b);
    /* A fault is the context's: whichever call comes next may tell of it. */
    if (!r)
      r = cuStreamSynchronize(b);
    if (!r)
      r = cuStreamSynchronize(a); /* it had begun or it had not */
    WANT(r == CUDA_SUCCESS || r == CUDA_ERROR_ILLEGAL_ADDRESS, 1);
    if (r)
      return;
  }
  CHECK(cuStreamDestroy(a));
  CHECK(cuStreamDestroy(b));
}

int main(void) {
  CUdevice device;
  openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  progressWithoutWait();
  orderOfStreams();
  legacyStream();
  kernels();
  pageableMemory();
  values();
  contexts(device);
  freedWhileUsed();
  return finish();
}
