//===- driver_graphs.c ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Graphs: built node by node, captured from several streams, changed, launched
 * again. */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    /* to = a * to + b: orders can be told apart. */
    ".visible .entry step(.param .u64 to, .param .u32 a, .param .u32 b)\n"
    "{ .reg .b64 %d; .reg .b32 %r<4>; ld.param.u64 %d, [to];\n"
    "  ld.param.u32 %r1, [a]; ld.param.u32 %r2, [b];\n"
    "  ld.global.u32 %r3, [%d]; mad.lo.u32 %r3, %r3, %r1, %r2;\n"
    "  st.global.u32 [%d], %r3; ret; }\n";

static CUmodule module;
static CUfunction step;
static CUdeviceptr memory; /* 64 words */

static void put(CUdeviceptr p, unsigned value) {
  CHECK(cuMemsetD32(p, value, 1));
  CHECK(cuCtxSynchronize());
}
static unsigned get(CUdeviceptr p) {
  unsigned value;
  CHECK(cuMemcpyDtoH(&value, p, 4));
  return value;
}
struct Step {
  CUdeviceptr to;
  unsigned a, b;
  void *pointers[3];
  CUDA_KERNEL_NODE_PARAMS params;
};
static CUDA_KERNEL_NODE_PARAMS *stepParams(struct Step *s, CUdeviceptr to,
                                           unsigned a, unsigned b) {
  *s = (struct Step){to, a, b, {&s->to, &s->a, &s->b}, {0}};
  s->params = (CUDA_KERNEL_NODE_PARAMS){.func = step,
                                        .gridDimX = 1,
                                        .gridDimY = 1,
                                        .gridDimZ = 1,
                                        .blockDimX = 1,
                                        .blockDimY = 1,
                                        .blockDimZ = 1,
                                        .kernelParams = s->pointers};
  return &s->params;
}
static CUresult launchStep(CUstream s, CUdeviceptr to, unsigned a, unsigned b) {
  struct Step p;
  stepParams(&p, to, a, b);
  return launch(step, 1, s, p.pointers);
}
static int called;
static void count(void *by) { called += *(int *)by; }

static unsigned run(CUgraphExec exec, CUstream s, unsigned from) {
  put(memory, from);
  CHECK(cuGraphLaunch(exec, s));
  CHECK(cuStreamSynchronize(s));
  return get(memory);
}

/* Every kind of node, in an order that the dependencies alone give. */
static void built(CUstream s) {
  CUgraph graph, child;
  CUgraphNode first, second, fill, copy, host, empty, inner, record, wait, node,
      list[16];
  CUgraphExec exec;
  CUevent event;
  struct Step p;
  size_t n;
  int three = 3;
  CHECK(cuEventCreate(&event, 0));
  CHECK(cuGraphCreate(&graph, 0));
  /* Made last first: to = (to * 10 + 1) * 10 + 2. */
  CHECK(cuGraphAddKernelNode(&second, graph, 0, 0,
                             stepParams(&p, memory, 10, 2)));
  CHECK(
      cuGraphAddKernelNode(&first, graph, 0, 0, stepParams(&p, memory, 10, 1)));
  CHECK(cuGraphAddDependencies(graph, &first, &second, 0, 1));
  CUDA_MEMSET_NODE_PARAMS set = {.dst = memory + 64,
                                 .value = 5,
                                 .elementSize = 4,
                                 .width = 2,
                                 .height = 3,
                                 .pitch = 16};
  CHECK(cuGraphAddMemsetNode(&fill, graph, &second, 1, &set, 0));
  unsigned out[4] = {0};
  CUDA_MEMCPY3D params = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                          .srcDevice = memory + 64,
                          .srcPitch = 16,
                          .srcY = 1,
                          .dstMemoryType = CU_MEMORYTYPE_HOST,
                          .dstHost = out,
                          .dstPitch = 8,
                          .WidthInBytes = 8,
                          .Height = 2,
                          .Depth = 1};
  CHECK(cuGraphAddMemcpyNode(&copy, graph, &fill, 1, &params, 0));
  CUDA_HOST_NODE_PARAMS callback = {count, &three};
  CHECK(cuGraphAddHostNode(&host, graph, &copy, 1, &callback));
  CHECK(cuGraphAddEmptyNode(&empty, graph, &host, 1));
  /* to = to * 10 + 3, of a graph within. */
  CHECK(cuGraphCreate(&child, 0));
  CHECK(
      cuGraphAddKernelNode(&node, child, 0, 0, stepParams(&p, memory, 10, 3)));
  CHECK(cuGraphAddChildGraphNode(&inner, graph, &empty, 1, child));
  CHECK(cuGraphDestroy(child)); /* it was copied */
  CHECK(cuGraphAddEventRecordNode(&record, graph, &inner, 1, event));
  CHECK(cuGraphAddEventWaitNode(&wait, graph, &record, 1, event));
  CUgraphNodeParams any = {.type = CU_GRAPH_NODE_TYPE_KERNEL};
  struct Step last;
  CUDA_KERNEL_NODE_PARAMS *k = stepParams(&last, memory, 10, 4);
  memcpy(&any.kernel, k, sizeof *k);
  CHECK(cuGraphAddNode(&node, graph, &wait, 0, 1, &any));
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  CHECK(cuGraphUpload(exec, s));
  WANT(run(exec, s, 7), 71234);
  WANT(out[0] + out[1] + out[2] + out[3], 20);
  WANT(called, 3);
  WANT(cuEventQuery(event), CUDA_SUCCESS);
  WANT(run(exec, s, 8), 81234);
  WANT(called, 6);
  /* What it looks like. */
  n = 16;
  CHECK(cuGraphGetNodes(graph, list, &n));
  WANT(n, 10);
  n = 16;
  CHECK(cuGraphGetRootNodes(graph, list, &n));
  WANT(n, 1);
  WANT(list[0] == first, 1);
  CHECK(cuGraphGetEdges(graph, 0, 0, 0, &n));
  WANT(n, 9);
  n = 16;
  CHECK(cuGraphNodeGetDependencies(fill, list, 0, &n));
  WANT(n, 1);
  WANT(list[0] == second, 1);
  n = 16;
  CHECK(cuGraphNodeGetDependentNodes(first, list, 0, &n));
  WANT(n == 1 && list[0] == second, 1);
  CUgraphNodeType type;
  CHECK(cuGraphNodeGetType(inner, &type));
  WANT(type, CU_GRAPH_NODE_TYPE_GRAPH);
  CUDA_KERNEL_NODE_PARAMS found;
  CHECK(cuGraphKernelNodeGetParams(second, &found));
  WANT(found.func == step, 1);
  WANT(*(unsigned *)found.kernelParams[2], 2);
  /* Changes of the instance, of one node and of all. */
  CHECK(cuGraphExecKernelNodeSetParams(exec, second,
                                       stepParams(&p, memory, 10, 9)));
  WANT(run(exec, s, 7), 71934);
  WANT(
      cuGraphExecKernelNodeSetParams(exec, fill, stepParams(&p, memory, 10, 9)),
      CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphKernelNodeSetParams(first, stepParams(&p, memory, 10, 8)));
  CUgraphExecUpdateResultInfo info;
  CHECK(cuGraphExecUpdate(exec, graph, &info));
  WANT(info.result, CU_GRAPH_EXEC_UPDATE_SUCCESS);
  WANT(run(exec, s, 7), 78234);
  CUgraph clone;
  CUgraphNode cloned;
  CHECK(cuGraphClone(&clone, graph));
  CHECK(cuGraphNodeFindInClone(&cloned, node, clone));
  CHECK(cuGraphDestroyNode(cloned));
  WANT(cuGraphExecUpdate(exec, clone, &info),
       CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  WANT(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  WANT(run(exec, s, 7), 78234);
  /* What is wrong. */
  WANT(cuGraphAddEmptyNode(&empty, clone, &first, 1), CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphAddDependencies(graph, &node, &first, 0, 1)); /* a cycle */
  CUgraphExec none;
  WANT(cuGraphInstantiate(&none, graph, 0), CUDA_ERROR_INVALID_VALUE);
  CUDA_KERNEL_NODE_PARAMS wide = *stepParams(&p, memory, 1, 1);
  wide.blockDimX = 1025;
  WANT(cuGraphAddKernelNode(&node, graph, 0, 0, &wide),
       CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphDestroy(clone));
  CHECK(cuGraphDestroy(graph));
  WANT(cuGraphDestroy(graph), CUDA_ERROR_INVALID_VALUE);
  WANT(run(exec, s, 7), 78234); /* outlives it */
  CHECK(cuGraphExecDestroy(exec));
  CHECK(cuEventDestroy(event));
}

/* Streams that wait for an event of a capture take part in it. */
static void captured(CUstream a) {
  CUstream b, c;
  CUevent fork, joinB, plain;
  CUgraph graph;
  CUgraphExec exec;
  CUstreamCaptureStatus status;
  CUgraphNode nodes[8];
  size_t n = 8;
  cuuint64_t id;
  const CUgraphNode *frontier;
  CHECK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
  CHECK(cuStreamCreate(&c, CU_STREAM_NON_BLOCKING));
  CHECK(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  CHECK(cuEventCreate(&joinB, CU_EVENT_DISABLE_TIMING));
  CHECK(cuEventCreate(&plain, CU_EVENT_DISABLE_TIMING));
  put(memory + 4, 1);
  CHECK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  WANT(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL),
       CUDA_ERROR_ILLEGAL_STATE);
  CHECK(launchStep(a, memory, 10, 1));
  CHECK(cuEventRecord(fork, a));
  CHECK(cuStreamWaitEvent(b, fork, 0));
  CHECK(cuStreamIsCapturing(b, &status));
  WANT(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  CHECK(launchStep(b, memory + 4, 10, 5));
  CHECK(launchStep(a, memory, 10, 2));
  CHECK(cuEventRecord(joinB, b));
  CHECK(cuStreamWaitEvent(a, joinB, 0));
  CHECK(cuStreamGetCaptureInfo(a, &status, &id, &graph, &frontier, 0, &n));
  WANT(n, 2);
  CHECK(cuMemcpyDtoDAsync(memory + 8, memory + 4, 4, a));
  WANT(cuStreamEndCapture(b, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  WANT(cuEventQuery(fork), CUDA_ERROR_CAPTURED_EVENT);
  CHECK(cuStreamEndCapture(a, &graph));
  CHECK(cuStreamIsCapturing(b, &status));
  WANT(status, CU_STREAM_CAPTURE_STATUS_NONE);
  WANT(get(memory + 4), 1); /* nothing ran */
  n = 8;
  CHECK(cuGraphGetNodes(graph, nodes, &n));
  WANT(n, 4);
  n = 8;
  CHECK(cuGraphNodeGetDependencies(nodes[3], nodes, 0, &n));
  WANT(n, 2);
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  WANT(run(exec, a, 7), 712);
  WANT(get(memory + 8), 15);
  CHECK(cuGraphExecDestroy(exec));
  CHECK(cuGraphDestroy(graph));
  /* Work that was not joined, a capture of its own, work outside. */
  CHECK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(cuEventRecord(fork, a));
  CHECK(cuStreamWaitEvent(b, fork, 0));
  CHECK(launchStep(b, memory, 1, 1));
  WANT(cuStreamEndCapture(a, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  WANT((size_t)graph, 0);
  CHECK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(cuStreamBeginCapture(c, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(cuEventRecord(fork, a));
  WANT(cuStreamWaitEvent(c, fork, 0), CUDA_ERROR_STREAM_CAPTURE_MERGE);
  CHECK(cuEventRecord(plain, b));
  WANT(cuStreamWaitEvent(c, plain, 0), CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  WANT(cuStreamEndCapture(c, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  WANT(cuStreamSynchronize(a), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CHECK(cuStreamIsCapturing(a, &status));
  WANT(status, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  WANT(launchStep(a, memory, 1, 1), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  WANT(cuStreamEndCapture(a, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  WANT(cuStreamEndCapture(a, &graph), CUDA_ERROR_ILLEGAL_STATE);
  WANT(cuStreamBeginCapture(0, CU_STREAM_CAPTURE_MODE_GLOBAL),
       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  /* The legacy stream would wait for a blocking stream's capture. */
  CUstream blocking;
  CHECK(cuStreamCreate(&blocking, 0));
  CHECK(cuStreamBeginCapture(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  WANT(cuMemsetD32(memory, 0, 1), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  WANT(cuStreamEndCapture(blocking, &graph),
       CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  /* Memory of a capture serves every launch. */
  CUdeviceptr p;
  CHECK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK(cuMemAllocAsync(&p, 4, a));
  CHECK(cuMemsetD32Async(p, 4, 1, a));
  CHECK(launchStep(a, p, 10, 2));
  CHECK(cuMemcpyDtoDAsync(memory, p, 4, a));
  CHECK(cuMemFreeAsync(p, a));
  CHECK(cuStreamEndCapture(a, &graph));
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  WANT(run(exec, a, 0), 42);
  WANT(run(exec, a, 0), 42);
  CHECK(cuGraphExecDestroy(exec));
  CHECK(cuGraphDestroy(graph));
  WANT(cuMemFree(p), CUDA_ERROR_INVALID_VALUE);
  /* Pinned memory that went before the launch is an error, no crash. */
  void *gone;
  CUcontext context;
  CHECK(cuMemAllocHost(&gone, 1 << 20));
  CHECK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK(cuMemcpyDtoHAsync(gone, memory, 4, a));
  CHECK(cuStreamEndCapture(a, &graph));
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  CHECK(cuMemFreeHost(gone));
  CHECK(cuCtxCreate(&context, 0, 0, 0));
  CHECK(cuGraphLaunch(exec, 0));
  WANT(cuStreamSynchronize(0), CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuCtxDestroy(context));
  CHECK(cuGraphExecDestroy(exec));
  CHECK(cuGraphDestroy(graph));
  /* A stream that goes takes its capture along. */
  CHECK(cuStreamBeginCapture(c, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CHECK(launchStep(c, memory, 1, 1));
  CHECK(cuEventRecord(fork, c));
  CHECK(cuStreamWaitEvent(b, fork, 0));
  CHECK(cuStreamDestroy(c));
  CHECK(cuStreamIsCapturing(b, &status));
  WANT(status, CU_STREAM_CAPTURE_STATUS_NONE);
  CHECK(cuStreamDestroy(b));
  CHECK(cuStreamDestroy(blocking));
  CHECK(cuEventDestroy(fork));
  CHECK(cuEventDestroy(joinB));
  CHECK(cuEventDestroy(plain));
}

int main(void) {
  CUdevice device;
  CUstream s;
  openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  step = kernelOf(module, "step");
  CHECK(cuMemAlloc(&memory, 256));
  CHECK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  built(s);
  captured(s);
  CHECK(cuStreamDestroy(s));
  CHECK(cuMemFree(memory));
  CHECK(cuModuleUnload(module));
  return finish();
}
