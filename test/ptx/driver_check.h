//===- driver_check.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* What the driver-API programs of these tests share. `CHECK` ends the program
 * where a call fails, `WANT` counts what differs. */
#pragma once
#include <cuda.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(call)                                                            \
  do {                                                                         \
    CUresult r_ = (CUresult)(call);                                            \
    if (r_) {                                                                  \
      const char *name_ = 0;                                                   \
      cuGetErrorName(r_, &name_);                                              \
      printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, name_);             \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

#define WANT(expression, wanted)                                               \
  do {                                                                         \
    long long found_ = (long long)(expression), wanted_ = (long long)(wanted); \
    if (found_ != wanted_) {                                                   \
      printf("%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__,         \
             #expression, found_, wanted_);                                    \
      failures++;                                                              \
    }                                                                          \
  } while (0)

/* Device 0 with its primary context current. */
static inline CUcontext openDevice(CUdevice *device) {
  CUcontext context;
  CHECK(cuInit(0));
  CHECK(cuDeviceGet(device, 0));
  CHECK(cuDevicePrimaryCtxRetain(&context, *device));
  CHECK(cuCtxSetCurrent(context));
  return context;
}

static inline CUfunction kernelOf(CUmodule module, const char *name) {
  CUfunction f;
  CHECK(cuModuleGetFunction(&f, module, name));
  return f;
}

/* One block of `threads` threads. */
static inline CUresult launch(CUfunction f, unsigned threads, CUstream stream,
                              void **arguments) {
  return cuLaunchKernel(f, 1, 1, 1, threads, 1, 1, 0, stream, arguments, 0);
}

static inline int finish(void) {
  printf("%d failures\n", failures);
  return failures != 0;
}
