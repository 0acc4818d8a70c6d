//===- streams.cu ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Streams, events between them, host functions, callbacks, priorities.
#include "check.h"

#include <atomic>
#include <thread>

__global__ void fill(int *p, int value, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    p[i] = value;
}
__global__ void addTo(int *p, const int *q, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    p[i] += q[i];
}
__global__ void waitFor(volatile int *flag) {
  while (!*flag)
    ;
}

std::atomic<int> called{0};
void CUDART_CB hostFunction(void *data) { called += *static_cast<int *>(data); }
void CUDART_CB callback(cudaStream_t, cudaError_t status, void *data) {
  if (status == cudaSuccess)
    called += *static_cast<int *>(data);
}

int main() {
  const int n = 1000, bytes = n * 4;
  int least, greatest, priority;
  CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  EXPECT(least == 0 && greatest < 0);
  cudaStream_t a, b;
  CHECK(cudaStreamCreate(&a));
  CHECK(cudaStreamCreateWithPriority(&b, cudaStreamNonBlocking, greatest));
  CHECK(cudaStreamGetPriority(b, &priority));
  EXPECT(priority == greatest);
  unsigned flags;
  CHECK(cudaStreamGetFlags(b, &flags));
  EXPECT(flags == cudaStreamNonBlocking);

  int *p, *q, *host;
  CHECK(cudaMalloc(&p, bytes));
  CHECK(cudaMalloc(&q, bytes));
  CHECK(cudaMallocHost(&host, bytes));
  cudaEvent_t filled, begin, end;
  CHECK(cudaEventCreateWithFlags(&filled, cudaEventDisableTiming));
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  static int one = 1, ten = 10;
  CHECK(cudaEventRecord(begin, a));
  fill<<<1, 128, 0, b>>>(q, 5, n);
  CHECK(cudaEventRecord(filled, b));
  fill<<<1, 128, 0, a>>>(p, 2, n);
  CHECK(cudaStreamWaitEvent(a, filled, 0));
  addTo<<<1, 128, 0, a>>>(p, q, n);
  CHECK(cudaMemcpyAsync(host, p, bytes, cudaMemcpyDeviceToHost, a));
  CHECK(cudaLaunchHostFunc(a, hostFunction, &one));
  CHECK(cudaStreamAddCallback(a, callback, &ten, 0));
  CHECK(cudaEventRecord(end, a));
  CHECK(cudaStreamSynchronize(a));
  EXPECT(called == 11);
  for (int i = 0; i < n; ++i)
    EXPECT(host[i] == 7);
  float ms;
  CHECK(cudaEventElapsedTime(&ms, begin, end));
  EXPECT(ms > 0);
  EXPECT_ERROR(cudaErrorInvalidResourceHandle,
               cudaEventElapsedTime(&ms, begin, filled));
  EXPECT(cudaGetLastError() == cudaErrorInvalidResourceHandle);

  // "Not ready" is an answer, not an error that is kept.
  int *flag;
  CHECK(cudaHostAlloc(&flag, sizeof(int), cudaHostAllocMapped));
  *flag = 0;
  waitFor<<<1, 1, 0, b>>>(flag);
  CHECK(cudaEventRecord(end, b));
  EXPECT_ERROR(cudaErrorNotReady, cudaStreamQuery(b));
  EXPECT_ERROR(cudaErrorNotReady, cudaEventQuery(end));
  CHECK(cudaPeekAtLastError());
  __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
  while (cudaEventQuery(end) == cudaErrorNotReady)
    std::this_thread::yield();
  CHECK(cudaEventQuery(end));

  // Other threads begin with device 0 and no error of their own.
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaSetDevice(99));
  std::thread([&] {
    CHECK(cudaPeekAtLastError());
    int device = -1;
    CHECK(cudaGetDevice(&device));
    EXPECT(device == 0);
    fill<<<1, 32, 0, a>>>(p, 9, n);
    CHECK(cudaStreamSynchronize(a));
  }).join();
  EXPECT(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaMemcpy(host, p, 4, cudaMemcpyDeviceToHost));
  EXPECT(host[0] == 9);
  CHECK(cudaStreamDestroy(a));
  CHECK(cudaStreamDestroy(b));
  CHECK(cudaEventDestroy(filled));
  CHECK(cudaFreeHost(host));
  CHECK(cudaFreeHost(flag));
  return done();
}
