//===- Graph.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/driver/Graph.h"

#include <algorithm>
#include <cstring>

namespace hamlet::emu::driver {
namespace {
u64 nextId() {
  static u64 last = 0; // under the lock, as everything here
  return ++last;
}

Contents contentsOf(int type, Work work, Description description) {
  Contents c;
  c.type = type;
  c.action.run = std::move(work);
  c.description = std::move(description);
  return c;
}

/// The legacy stream would wait for what is only recorded.
bool dependsOnCapture(const Queue &queue) {
  CUcontext c = queue.context;
  if (&queue != c->legacy.get())
    return false;
  for (CUstream s : state().streams)
    if (s->context == c && s->capture && s->queue->blocking) {
      invalidate(s);
      return true;
    }
  return false;
}
} // namespace

CUresult describeKernel(const CUDA_KERNEL_NODE_PARAMS &p, Contents &c) {
  LaunchRequest request;
  request.function = p.func ? p.func : reinterpret_cast<CUfunction>(p.kern);
  request.config.grid = {p.gridDimX, p.gridDimY, p.gridDimZ};
  request.config.block = {p.blockDimX, p.blockDimY, p.blockDimZ};
  request.config.sharedBytes = p.sharedMemBytes;
  request.params = p.kernelParams;
  request.extra = p.extra;
  auto k = std::make_shared<Kernel>();
  if (CUresult r = prepare(request, *k))
    return r;
  c = contentsOf(std::move(k), request.function);
  return kSuccess;
}

Contents contentsOf(std::shared_ptr<Kernel> k, CUfunction function) {
  auto d = std::make_shared<KernelDescription>();
  const LaunchConfig &config = k->config;
  d->params.func = function;
  d->params.gridDimX = config.grid.x;
  d->params.gridDimY = config.grid.y;
  d->params.gridDimZ = config.grid.z;
  d->params.blockDimX = config.block.x;
  d->params.blockDimY = config.block.y;
  d->params.blockDimZ = config.block.z;
  d->params.sharedMemBytes = config.sharedBytes;
  d->bytes = config.params;
  for (const ParamSlot &p : k->program->params)
    d->pointers.push_back(d->bytes.data() + p.offset);
  d->params.kernelParams = d->pointers.data();
  Contents c = contentsOf(
      kKernelNode, [k](Running &running) { return execute(*k, running); }, d);
  c.action.kernel = true;
  return c;
}

CUresult describeCopy(const CUDA_MEMCPY3D &params, Contents &c) {
  Copy copy;
  if (!readCopy(params, copy))
    return kInvalidValue;
  if (CUresult r = check(copy))
    return r;
  c = contentsOf(kCopyNode, workOf(copy), params);
  return kSuccess;
}

CUresult describeFill(const CUDA_MEMSET_NODE_PARAMS &p, Contents &c) {
  Fill fill{p.dst, p.value, p.elementSize, p.width, p.height, p.pitch};
  if (CUresult r = check(fill))
    return r;
  c = contentsOf(kFillNode, workOf(fill), p);
  return kSuccess;
}

CUresult describeHost(const CUDA_HOST_NODE_PARAMS &p, Contents &c) {
  if (!p.fn)
    return kInvalidValue;
  c = contentsOf(
      kHostNode,
      [p](Running &) {
        callHostFunction(p.fn, p.userData);
        return int(kSuccess);
      },
      p);
  return kSuccess;
}

CUgraphNode addNode(CUgraph g, Contents contents,
                    const std::vector<CUgraphNode> &dependencies) {
  auto n = std::make_unique<CUgraphNode_st>();
  n->graph = g;
  n->id = nextId();
  n->contents = std::move(contents);
  n->dependencies = dependencies;
  g->nodes.push_back(std::move(n));
  state().nodes.insert(g->nodes.back().get());
  return g->nodes.back().get();
}

std::shared_ptr<CUgraph_st> cloneGraph(const CUgraph_st &g) {
  std::shared_ptr<CUgraph_st> clone(new CUgraph_st,
                                    [](CUgraph_st *c) { destroy(c); });
  std::map<CUgraphNode, CUgraphNode> copies;
  for (auto &n : g.nodes) {
    CUgraphNode copy = copies[n.get()] = addNode(clone.get(), n->contents, {});
    copy->id = n->id;
    if (n->contents.child)
      copy->contents.child = cloneGraph(*n->contents.child);
  }
  for (auto &n : g.nodes)
    for (CUgraphNode d : n->dependencies)
      copies[n.get()]->dependencies.push_back(copies[d]);
  return clone;
}

void destroy(CUgraph g) {
  for (auto &n : g->nodes)
    state().nodes.erase(n.get());
  state().graphs.erase(g);
  delete g;
}

void invalidate(CUstream stream) {
  if (stream->capture)
    stream->capture->invalidated = true;
}

CUresult enqueueNow(CUstream stream, Contents contents,
                    std::vector<MarkPointer> after, MarkPointer *mark) {
  if (isCapturing(stream)) {
    if (stream->capture->invalidated)
      return kCaptureInvalidated;
    CUgraphNode n =
        addNode(stream->capture->graph, std::move(contents), stream->frontier);
    stream->frontier = {n};
    return kSuccess;
  }
  QueuePointer queue = queueOf(stream);
  if (dependsOnCapture(*queue))
    return kCaptureImplicit;
  if (CUresult sticky = queue->context->sticky)
    return sticky;
  for (MarkPointer &m : implicitOrder(*queue))
    after.push_back(std::move(m));
  MarkPointer m = state().scheduler.submit(queue, std::move(contents.action),
                                           std::move(after));
  if (mark)
    *mark = m;
  return kSuccess;
}

CUresult enqueue(Call &call, CUstream stream, Contents contents,
                 MarkPointer *mark) {
  if (!validStream(stream))
    return kInvalidHandle;
  QueuePointer queue = queueOf(stream);
  call.throttle(queue);
  if (!state().contexts.count(queue->context))
    return kContextDestroyed;
  if (!validStream(stream))
    return kInvalidHandle;
  return enqueueNow(stream, std::move(contents), {}, mark);
}
} // namespace hamlet::emu::driver
