//===- graphs.cu ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Graphs: captured, built, changed, launched again.
#include "check.h"

__constant__ int step;
__global__ void add(int *p, int by) { p[threadIdx.x] += by; }
__global__ void addStep(int *p) { p[threadIdx.x] += step; }
static int hostCalls = 0;
void CUDART_CB hostFunction(void *) { ++hostCalls; }

int main() {
  int h[32], *p;
  CHECK(cudaMalloc(&p, sizeof h));
  cudaStream_t s, t;
  CHECK(cudaStreamCreate(&s));
  CHECK(cudaStreamCreate(&t));
  cudaEvent_t fork, join;
  CHECK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  CHECK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  cudaGraph_t g;
  CHECK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  CHECK(cudaMemsetAsync(p, 0, sizeof h, s));
  CHECK(cudaEventRecord(fork, s));
  CHECK(cudaStreamWaitEvent(t, fork, 0));
  add<<<1, 32, 0, t>>>(p, 7);
  CHECK(cudaEventRecord(join, t));
  CHECK(cudaStreamWaitEvent(s, join, 0));
  add<<<1, 32, 0, s>>>(p, 1);
  CHECK(cudaMemcpyAsync(h, p, sizeof h, cudaMemcpyDeviceToHost, s));
  CHECK(cudaStreamEndCapture(s, &g));
  cudaGraphExec_t e;
  CHECK(cudaGraphInstantiate(&e, g, 0));
  for (int i = 0; i < 3; ++i) {
    h[31] = 0;
    CHECK(cudaGraphLaunch(e, s));
    CHECK(cudaStreamSynchronize(s));
    EXPECT(h[31] == 8);
  }
  CHECK(cudaGraphExecDestroy(e));
  CHECK(cudaGraphDestroy(g));

  cudaGraph_t built;
  CHECK(cudaGraphCreate(&built, 0));
  cudaGraphNode_t fill, value, kernel, second, host, copy;
  cudaMemsetParams f = {};
  f.dst = p;
  f.elementSize = 4;
  f.width = 32;
  f.height = 1;
  f.value = 100;
  CHECK(cudaGraphAddMemsetNode(&fill, built, nullptr, 0, &f));
  int five = 5;
  CHECK(cudaGraphAddMemcpyNodeToSymbol(&value, built, nullptr, 0, step, &five,
                                       sizeof five, 0, cudaMemcpyHostToDevice));
  int by = 30;
  void *arguments[] = {&p, &by};
  cudaKernelNodeParams k = {};
  k.func = (void *)add;
  k.gridDim = dim3(1);
  k.blockDim = dim3(32);
  k.kernelParams = arguments;
  CHECK(cudaGraphAddKernelNode(&kernel, built, &fill, 1, &k));
  k.func = (void *)addStep;
  cudaGraphNode_t both[] = {kernel, value};
  CHECK(cudaGraphAddKernelNode(&second, built, both, 2, &k));
  cudaHostNodeParams hp = {hostFunction, nullptr};
  CHECK(cudaGraphAddHostNode(&host, built, &second, 1, &hp));
  CHECK(cudaGraphAddMemcpyNode1D(&copy, built, &host, 1, h, p, sizeof h,
                                 cudaMemcpyDeviceToHost));
  size_t count = 0;
  CHECK(cudaGraphGetNodes(built, nullptr, &count));
  EXPECT(count == 6);
  cudaKernelNodeParams back;
  CHECK(cudaGraphKernelNodeGetParams(kernel, &back));
  EXPECT(back.func == (void *)add && back.blockDim.x == 32);
  CHECK(cudaGraphInstantiate(&e, built, 0));
  CHECK(cudaGraphLaunch(e, s));
  CHECK(cudaStreamSynchronize(s));
  EXPECT(h[0] == 135 && hostCalls == 1);
  back.kernelParams = arguments;
  by = 31;
  CHECK(cudaGraphExecKernelNodeSetParams(e, kernel, &back));
  CHECK(cudaGraphLaunch(e, s));
  CHECK(cudaStreamSynchronize(s));
  EXPECT(h[31] == 136 && hostCalls == 2);
  cudaGraphExecUpdateResultInfo info;
  CHECK(cudaGraphExecUpdate(e, built, &info)); // as it was built
  CHECK(cudaGraphLaunch(e, s));
  CHECK(cudaStreamSynchronize(s));
  EXPECT(h[0] == 135);
  CHECK(cudaGraphExecDestroy(e));
  CHECK(cudaGraphDestroy(built));
  CHECK(cudaFree(p));
  return done();
}
