//===- CaptureApi.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Captures of streams.
#include "emulator/driver/Graph.h"

#include <algorithm>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
bool plain(CUstream s) { return reinterpret_cast<uintptr_t>(s) <= 2; }

CUresult begin(CUstream s, CUgraph graph, std::vector<CUgraphNode> frontier) {
  if (plain(s))
    return kCaptureUnsupported;
  if (!state().streams.count(s))
    return kInvalidHandle;
  if (s->capture)
    return kIllegalState;
  static u64 ids = 0; // under the lock
  auto c = std::make_shared<Capture>();
  c->graph = graph ? graph : new CUgraph_st;
  c->owned = !graph;
  c->origin = s;
  c->streams = {s};
  c->id = ++ids;
  s->capture = std::move(c);
  s->frontier = std::move(frontier);
  return kSuccess;
}

/// Whether all that other streams recorded comes before what `s` has.
bool joined(CUstream s, const Capture &c) {
  std::set<CUgraphNode> before;
  std::vector<CUgraphNode> open = s->frontier;
  while (!open.empty()) {
    CUgraphNode n = open.back();
    open.pop_back();
    if (before.insert(n).second)
      open.insert(open.end(), n->dependencies.begin(), n->dependencies.end());
  }
  return std::ranges::all_of(c.streams, [&](CUstream other) {
    return std::ranges::all_of(
        other->frontier, [&](CUgraphNode n) { return before.count(n) != 0; });
  });
}

CUresult info(CUstream s, int *status, uint64_t *id, CUgraph *graph,
              const CUgraphNode **dependencies, const void **edges,
              size_t *count) {
  if (!status)
    return kInvalidValue;
  if (!validStream(s))
    return kInvalidHandle;
  bool capturing = isCapturing(s);
  *status = !capturing ? 0 : s->capture->invalidated ? 2 : 1;
  if (id)
    *id = capturing ? s->capture->id : 0;
  if (graph)
    *graph = capturing ? s->capture->graph : nullptr;
  if (dependencies)
    *dependencies = capturing ? s->frontier.data() : nullptr;
  if (edges)
    *edges = nullptr; // all of the ordinary kind
  if (count)
    *count = capturing ? s->frontier.size() : 0;
  return kSuccess;
}

CUresult update(CUstream s, CUgraphNode *nodes, size_t n, unsigned flags) {
  constexpr unsigned kAdd = 0, kSet = 1;
  if (!isCapturing(s))
    return kIllegalState;
  if ((n && !nodes) || (flags != kAdd && flags != kSet))
    return kInvalidValue;
  for (size_t i = 0; i < n; ++i)
    if (!state().nodes.count(nodes[i]) || nodes[i]->graph != s->capture->graph)
      return kInvalidValue;
  if (flags == kSet)
    s->frontier.clear();
  for (size_t i = 0; i < n; ++i)
    if (std::ranges::find(s->frontier, nodes[i]) == s->frontier.end())
      s->frontier.push_back(nodes[i]);
  return kSuccess;
}
} // namespace

namespace hamlet::emu::driver {
void endCapture(Capture &capture) {
  for (CUstream s : std::set(capture.streams)) {
    s->frontier.clear();
    s->capture.reset();
  }
  capture.streams.clear();
}

void destroy(CUstream s) {
  if (std::shared_ptr<Capture> capture = s->capture) {
    capture->invalidated = true;
    if (capture->origin == s) {
      endCapture(*capture);
      if (capture->owned)
        destroy(capture->graph);
    } else {
      capture->streams.erase(s);
    }
  }
  // What is left of its tasks belongs to the context.
  state().streams.erase(s);
  delete s;
}
} // namespace hamlet::emu::driver

HAMLET_CUDA cuStreamBeginCapture_v2(CUstream s, int) {
  HAMLET_ENTER(cuStreamBeginCapture_v2, true);
  return begin(s, nullptr, {});
}
HAMLET_CUDA cuStreamBeginCaptureToGraph(CUstream s, CUgraph g,
                                        const CUgraphNode *dependencies,
                                        const void *, size_t n, int) {
  HAMLET_ENTER(cuStreamBeginCaptureToGraph, true);
  if (!state().graphs.count(g) || (n && !dependencies))
    return kInvalidValue;
  std::vector<CUgraphNode> frontier(dependencies, dependencies + n);
  for (CUgraphNode d : frontier)
    if (!state().nodes.count(d) || d->graph != g)
      return kInvalidValue;
  return begin(s, g, std::move(frontier));
}
HAMLET_CUDA cuStreamEndCapture(CUstream s, CUgraph *g) {
  HAMLET_ENTER(cuStreamEndCapture, true);
  if (!state().streams.count(s))
    return kInvalidHandle;
  if (!g)
    return kInvalidValue;
  if (!s->capture)
    return kIllegalState;
  std::shared_ptr<Capture> capture = s->capture;
  if (capture->origin != s)
    return kCaptureUnmatched;
  CUresult r = capture->invalidated  ? kCaptureInvalidated
               : joined(s, *capture) ? kSuccess
                                     : kCaptureUnjoined;
  endCapture(*capture);
  *g = nullptr;
  if (r) {
    if (capture->owned)
      destroy(capture->graph);
    return r;
  }
  *g = capture->graph;
  state().graphs.insert(*g);
  return kSuccess;
}
HAMLET_CUDA cuStreamIsCapturing(CUstream s, int *status) {
  HAMLET_ENTER(cuStreamIsCapturing, true);
  return info(s, status, nullptr, nullptr, nullptr, nullptr, nullptr);
}
HAMLET_CUDA cuStreamGetCaptureInfo_v2(CUstream s, int *status, uint64_t *id,
                                      CUgraph *graph,
                                      const CUgraphNode **dependencies,
                                      size_t *count) {
  HAMLET_ENTER(cuStreamGetCaptureInfo_v2, true);
  return info(s, status, id, graph, dependencies, nullptr, count);
}
HAMLET_CUDA cuStreamGetCaptureInfo_v3(CUstream s, int *status, uint64_t *id,
                                      CUgraph *graph,
                                      const CUgraphNode **dependencies,
                                      const void **edges, size_t *count) {
  HAMLET_ENTER(cuStreamGetCaptureInfo_v3, true);
  return info(s, status, id, graph, dependencies, edges, count);
}
HAMLET_CUDA cuStreamUpdateCaptureDependencies(CUstream s, CUgraphNode *nodes,
                                              size_t n, unsigned flags) {
  HAMLET_ENTER(cuStreamUpdateCaptureDependencies, true);
  return update(s, nodes, n, flags);
}
HAMLET_CUDA cuStreamUpdateCaptureDependencies_v2(CUstream s, CUgraphNode *nodes,
                                                 const void *, size_t n,
                                                 unsigned flags) {
  HAMLET_ENTER(cuStreamUpdateCaptureDependencies_v2, true);
  return update(s, nodes, n, flags);
}
HAMLET_CUDA cuThreadExchangeStreamCaptureMode(int *mode) {
  HAMLET_ENTER(cuThreadExchangeStreamCaptureMode, false);
  thread_local int current = 0; // nothing here depends on it
  if (!mode || *mode < 0 || *mode > 2)
    return kInvalidValue;
  std::swap(current, *mode);
  return kSuccess;
}
