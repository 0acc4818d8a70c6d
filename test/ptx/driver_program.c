//===- driver_program.c ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* An ordinary driver-API program: linked with -lcuda, it runs on the stand-in.
 */
#include <cuda.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                            \
  do {                                                                         \
    CUresult r_ = (call);                                                      \
    if (r_) {                                                                  \
      const char *name_ = 0;                                                   \
      cuGetErrorName(r_, &name_);                                              \
      printf("%s: %s\n", #call, name_);                                        \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

int main(int argc, char **argv) {
  CUdevice device;
  CUcontext context;
  CUmodule module;
  CUfunction kernel;
  CUstream stream;
  CUevent begin, end;
  CUgraph graph;
  CUgraphExec exec;
  CUdeviceptr x[4];
  char name[64];
  enum { n = 1000 };
  static float p[n], g[n], m[n], v[n], out[n];
  CHECK(cuInit(0));
  CHECK(cuDeviceGet(&device, 0));
  CHECK(cuDeviceGetName(name, sizeof name, device));
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
  CHECK(cuModuleLoad(&module, argv[1]));
  CHECK(cuModuleGetFunction(&kernel, module, "adamw"));
  CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CHECK(cuEventCreate(&begin, 0));
  CHECK(cuEventCreate(&end, 0));
  for (int i = 0; i < n; i++) {
    p[i] = sinf(i), g[i] = cosf(i), m[i] = 0.1f * sinf(3 * i),
    v[i] = 0.01f * fabsf(cosf(7 * i));
  }
  float *host[4] = {p, g, m, v};
  for (int i = 0; i < 4; i++) {
    CHECK(cuMemAlloc(&x[i], sizeof p));
    CHECK(cuMemcpyHtoDAsync(x[i], host[i], sizeof p, stream));
  }
  int count = n;
  float lr = 1e-3f, b1 = .9f, b2 = .95f, eps = 1e-8f, wd = .1f, c1 = 10,
        c2 = 20;
  void *params[] = {&x[0], &x[1], &x[2], &x[3], &count, &lr,
                    &b1,   &b2,   &eps,  &wd,   &c1,    &c2};
  CHECK(cuEventRecord(begin, stream));
  CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(cuLaunchKernel(kernel, 4, 1, 1, 256, 1, 1, 0, stream, params, 0));
  CHECK(cuStreamEndCapture(stream, &graph));
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  CHECK(cuGraphLaunch(exec, stream));
  CHECK(cuEventRecord(end, stream));
  CHECK(cuMemcpyDtoHAsync(out, x[0], sizeof out, stream));
  CHECK(cuStreamSynchronize(stream));
  float ms, worst = 0;
  CHECK(cuEventElapsedTime(&ms, begin, end));
  for (int i = 0; i < n; i++) {
    float mi = b1 * m[i] + (1 - b1) * g[i],
          vi = b2 * v[i] + (1 - b2) * g[i] * g[i];
    float want = p[i] - lr * (mi * c1 / (sqrtf(vi * c2) + eps) + wd * p[i]);
    worst = fmaxf(worst, fabsf(want - out[i]));
  }
  printf("%s: worst error %g, %s virtual time\n", name, worst,
         ms > 0 ? "positive" : "no");
  /* A fault comes out at the next synchronisation and stays. */
  CUdeviceptr nowhere = 0;
  params[0] = &nowhere;
  CHECK(cuLaunchKernel(kernel, 4, 1, 1, 256, 1, 1, 0, stream, params, 0));
  if (cuStreamSynchronize(stream) != CUDA_ERROR_ILLEGAL_ADDRESS ||
      cuMemFree(x[0]) != CUDA_ERROR_ILLEGAL_ADDRESS)
    return 1;
  return worst < 1e-6f && ms > 0 ? 0 : 1;
}
