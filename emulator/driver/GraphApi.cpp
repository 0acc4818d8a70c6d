//===- GraphApi.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Graphs that programs build, change and launch.
#include "emulator/driver/Graph.h"

#include <algorithm>
#include <cstring>
#include <utility>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
bool known(CUgraphNode n) { return state().nodes.count(n) != 0; }
bool known(CUgraphExec e) { return state().executables.count(e) != 0; }
/// A program's graph, or one within a node.
bool known(CUgraph g) {
  return state().graphs.count(g) ||
         std::ranges::any_of(state().nodes, [&](CUgraphNode n) {
           return n->contents.child && n->contents.child.get() == g;
         });
}

/// Nodes given by a caller; false: one is not of `g`, or is there twice.
bool read(CUgraph g, const CUgraphNode *from, size_t n,
          std::vector<CUgraphNode> &nodes) {
  if (n && !from)
    return false;
  for (size_t i = 0; i < n; ++i) {
    if (!known(from[i]) || from[i]->graph != g ||
        std::ranges::find(nodes, from[i]) != nodes.end())
      return false;
    nodes.push_back(from[i]);
  }
  return true;
}

CUresult add(CUgraphNode *out, CUgraph g, const CUgraphNode *dependencies,
             size_t n, Contents contents) {
  std::vector<CUgraphNode> after;
  if (!out || !known(g) || !read(g, dependencies, n, after))
    return kInvalidValue;
  *out = addNode(g, std::move(contents), after);
  return kSuccess;
}

/// Calls `describe` where there are parameters.
template <class P>
CUresult described(CUresult (*describe)(const P &, Contents &), const P *p,
                   Contents &c) {
  return p ? describe(*p, c) : int(kInvalidValue);
}

CUresult eventContents(CUevent e, int type, Contents &c) {
  if (!state().events.count(e))
    return kInvalidHandle;
  c.type = type;
  c.event = e;
  return kSuccess;
}
CUresult childContents(CUgraph child, Contents &c) {
  if (!known(child))
    return kInvalidValue;
  c.type = kChildNode;
  c.child = cloneGraph(*child);
  return kSuccess;
}

CUresult contentsOf(const CUgraphNodeParams &p, Contents &c) {
  switch (p.type) {
  case kKernelNode:
    return describeKernel(p.kernel, c);
  case kCopyNode:
    return describeCopy(p.memcpy.copyParams, c);
  case kFillNode:
    return describeFill(p.memset, c);
  case kHostNode:
    return describeHost(p.host, c);
  case kChildNode:
    return childContents(p.graph.graph, c);
  case kEmptyNode:
    return kSuccess;
  case kEventWaitNode:
  case kEventRecordNode:
    return eventContents(p.event.event, p.type, c);
  default:
    return kNotSupported;
  }
}

/// Adds a node of `describe`d contents, or replaces those of one of its kind.
#define HAMLET_ADD(describe)                                                   \
  Contents c;                                                                  \
  if (CUresult wrong = describe)                                               \
    return wrong;                                                              \
  return add(out, g, dependencies, n, std::move(c))

CUresult replace(Contents &old, Contents c) {
  if (old.type != c.type)
    return kInvalidValue;
  old = std::move(c);
  return kSuccess;
}
CUresult replace(CUgraphNode node, Contents c) {
  return known(node) ? replace(node->contents, std::move(c))
                     : int(kInvalidValue);
}
CUresult replace(CUgraphExec e, CUgraphNode node, Contents c) {
  if (known(e) && known(node))
    for (CUgraphExec_st::Step &s : e->steps)
      if (s.id == node->id)
        return replace(s.contents, std::move(c));
  return kInvalidValue;
}

/// The description of a node, null where it has another.
template <class D> const D *descriptionOf(CUgraphNode n) {
  return known(n) ? std::get_if<D>(&n->contents.description) : nullptr;
}
template <class D> CUresult give(CUgraphNode n, D *out) {
  const D *d = descriptionOf<D>(n);
  if (!d || !out)
    return kInvalidValue;
  *out = *d;
  return kSuccess;
}

/// Puts up to `*count` of `all` into `out`, and how many there are.
CUresult list(const std::vector<CUgraphNode> &all, CUgraphNode *out,
              size_t *count) {
  if (!count)
    return kInvalidValue;
  if (out) {
    size_t room = std::exchange(*count, std::min(*count, all.size()));
    for (size_t i = 0; i < room; ++i)
      out[i] = i < all.size() ? all[i] : nullptr;
  } else {
    *count = all.size();
  }
  return kSuccess;
}
std::vector<CUgraphNode> dependents(CUgraphNode n) {
  std::vector<CUgraphNode> found;
  for (auto &other : n->graph->nodes)
    if (std::ranges::find(other->dependencies, n) != other->dependencies.end())
      found.push_back(other.get());
  return found;
}
CUresult listEdges(CUgraph g, CUgraphNode *from, CUgraphNode *to,
                   size_t *count) {
  if (!known(g) || !count || !from != !to)
    return kInvalidValue;
  std::vector<CUgraphNode> begins, ends;
  for (auto &n : g->nodes)
    for (CUgraphNode d : n->dependencies) {
      begins.push_back(d);
      ends.push_back(n.get());
    }
  size_t room = *count;
  CUresult r = list(begins, from, &room);
  return r ? r : list(ends, to, count);
}

CUresult link(CUgraph g, const CUgraphNode *from, const CUgraphNode *to,
              size_t n, bool remove) {
  if (!known(g) || (n && (!from || !to)))
    return kInvalidValue;
  for (size_t i = 0; i < n; ++i) {
    if (!known(from[i]) || !known(to[i]) || from[i]->graph != g ||
        to[i]->graph != g || from[i] == to[i])
      return kInvalidValue;
    auto &list = to[i]->dependencies;
    bool there = std::ranges::find(list, from[i]) != list.end();
    if (there != remove)
      return kInvalidValue;
    if (remove)
      std::erase(list, from[i]);
    else
      list.push_back(from[i]);
  }
  return kSuccess;
}

/// Appends the nodes of `g` in the order they were made in, as far as their
/// dependencies allow, after the steps `before`. False: there is a cycle.
bool flatten(const CUgraph_st &g, const std::vector<size_t> &before,
             std::vector<CUgraphExec_st::Step> &steps) {
  std::map<CUgraphNode, size_t> placed; // to the step that ends it
  while (placed.size() < g.nodes.size()) {
    size_t had = placed.size();
    for (auto &n : g.nodes) {
      if (placed.count(n.get()) ||
          !std::ranges::all_of(n->dependencies, [&](CUgraphNode d) {
            return placed.count(d) != 0;
          }))
        continue;
      std::vector<size_t> after;
      for (CUgraphNode d : n->dependencies)
        after.push_back(placed[d]);
      if (after.empty())
        after = before;
      if (const auto &child = n->contents.child) {
        size_t first = steps.size();
        if (!flatten(*child, after, steps))
          return false;
        after.clear(); // the step that ends it waits for all of it
        for (size_t i = first; i < steps.size(); ++i)
          after.push_back(i);
      }
      placed[n.get()] = steps.size();
      steps.push_back({n->id, n->contents, std::move(after)});
    }
    if (placed.size() == had)
      return false;
  }
  return true;
}

CUresult instantiate(CUgraphExec *out, CUgraph g, unsigned long long flags) {
  if (!out || !known(g))
    return kInvalidValue;
  auto e = std::make_unique<CUgraphExec_st>();
  e->flags = flags;
  if (!flatten(*g, {}, e->steps))
    return kInvalidValue;
  state().executables.insert(e.get());
  *out = e.release();
  return kSuccess;
}

enum UpdateResult { kUpdated, kUpdateError, kTopologyChanged, kTypeChanged };

CUgraphNode nodeNumbered(const CUgraph_st &g, u64 id) {
  for (auto &n : g.nodes)
    if (n->id == id)
      return n.get();
  return nullptr;
}
} // namespace

HAMLET_CUDA cuGraphCreate(CUgraph *g, unsigned flags) {
  HAMLET_ENTER(cuGraphCreate, false);
  if (!g || flags)
    return kInvalidValue;
  *g = new CUgraph_st;
  state().graphs.insert(*g);
  return kSuccess;
}
HAMLET_CUDA cuGraphDestroy(CUgraph g) {
  HAMLET_ENTER(cuGraphDestroy, false);
  if (!state().graphs.count(g))
    return kInvalidValue;
  for (CUstream s : state().streams)
    if (s->capture && s->capture->graph == g)
      return kIllegalState;
  destroy(g);
  return kSuccess;
}
HAMLET_CUDA cuGraphClone(CUgraph *clone, CUgraph g) {
  HAMLET_ENTER(cuGraphClone, false);
  if (!clone || !known(g))
    return kInvalidValue;
  // The clone is a handle from here on: it owns what its holder gives up.
  *clone = new CUgraph_st;
  std::shared_ptr<CUgraph_st> copy = cloneGraph(*g);
  (*clone)->nodes = std::move(copy->nodes);
  copy->nodes.clear();
  for (auto &n : (*clone)->nodes)
    n->graph = *clone;
  state().graphs.insert(*clone);
  return kSuccess;
}
HAMLET_CUDA cuGraphNodeFindInClone(CUgraphNode *found, CUgraphNode original,
                                   CUgraph clone) {
  HAMLET_ENTER(cuGraphNodeFindInClone, false);
  if (!found || !known(original) || !known(clone))
    return kInvalidValue;
  for (auto &n : clone->nodes)
    if (n->id == original->id) {
      *found = n.get();
      return kSuccess;
    }
  return kInvalidValue;
}

// ---- nodes ----
#define HAMLET_NODE                                                            \
  CUgraphNode *out, CUgraph g, const CUgraphNode *dependencies, size_t n
HAMLET_CUDA cuGraphAddNode(HAMLET_NODE, CUgraphNodeParams *params) {
  HAMLET_ENTER(cuGraphAddNode, true);
  HAMLET_ADD(described<CUgraphNodeParams>(contentsOf, params, c));
}
HAMLET_CUDA cuGraphAddNode_v2(CUgraphNode *out, CUgraph g,
                              const CUgraphNode *dependencies, const void *,
                              size_t n, CUgraphNodeParams *params) {
  HAMLET_ENTER(cuGraphAddNode_v2, true);
  HAMLET_ADD(described<CUgraphNodeParams>(contentsOf, params, c));
}
HAMLET_CUDA cuGraphAddKernelNode_v2(HAMLET_NODE,
                                    const CUDA_KERNEL_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphAddKernelNode_v2, true);
  HAMLET_ADD(described(describeKernel, params, c));
}
HAMLET_CUDA cuGraphAddMemcpyNode(HAMLET_NODE, const CUDA_MEMCPY3D *params,
                                 CUcontext) {
  HAMLET_ENTER(cuGraphAddMemcpyNode, true);
  HAMLET_ADD(described(describeCopy, params, c));
}
HAMLET_CUDA cuGraphAddMemsetNode(HAMLET_NODE,
                                 const CUDA_MEMSET_NODE_PARAMS_v1 *params,
                                 CUcontext context) {
  HAMLET_ENTER(cuGraphAddMemsetNode, true);
  CUDA_MEMSET_NODE_PARAMS full{};
  if (params)
    full = {*params, context};
  HAMLET_ADD(described(describeFill, params ? &full : nullptr, c));
}
HAMLET_CUDA cuGraphAddHostNode(HAMLET_NODE,
                               const CUDA_HOST_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphAddHostNode, true);
  HAMLET_ADD(described(describeHost, params, c));
}
HAMLET_CUDA cuGraphAddChildGraphNode(HAMLET_NODE, CUgraph child) {
  HAMLET_ENTER(cuGraphAddChildGraphNode, true);
  HAMLET_ADD(childContents(child, c));
}
HAMLET_CUDA cuGraphAddEmptyNode(HAMLET_NODE) {
  HAMLET_ENTER(cuGraphAddEmptyNode, true);
  return add(out, g, dependencies, n, {});
}
HAMLET_CUDA cuGraphAddEventRecordNode(HAMLET_NODE, CUevent e) {
  HAMLET_ENTER(cuGraphAddEventRecordNode, true);
  HAMLET_ADD(eventContents(e, kEventRecordNode, c));
}
HAMLET_CUDA cuGraphAddEventWaitNode(HAMLET_NODE, CUevent e) {
  HAMLET_ENTER(cuGraphAddEventWaitNode, true);
  HAMLET_ADD(eventContents(e, kEventWaitNode, c));
}
HAMLET_CUDA cuGraphDestroyNode(CUgraphNode node) {
  HAMLET_ENTER(cuGraphDestroyNode, false);
  if (!known(node))
    return kInvalidValue;
  for (CUgraphNode other : dependents(node))
    std::erase(other->dependencies, node);
  for (CUstream s : state().streams)
    std::erase(s->frontier, node);
  for (CUevent e : state().events)
    std::erase(e->frontier, node);
  state().nodes.erase(node);
  std::erase_if(node->graph->nodes,
                [&](const auto &mine) { return mine.get() == node; });
  return kSuccess;
}

// ---- what nodes are ----
HAMLET_CUDA cuGraphNodeGetType(CUgraphNode node, int *type) {
  HAMLET_ENTER(cuGraphNodeGetType, false);
  if (!type || !known(node))
    return kInvalidValue;
  *type = node->contents.type;
  return kSuccess;
}
HAMLET_CUDA cuGraphKernelNodeGetParams_v2(CUgraphNode node,
                                          CUDA_KERNEL_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphKernelNodeGetParams_v2, false);
  auto *d = descriptionOf<std::shared_ptr<KernelDescription>>(node);
  if (!d || !params)
    return kInvalidValue;
  *params = (*d)->params;
  return kSuccess;
}
HAMLET_CUDA cuGraphMemcpyNodeGetParams(CUgraphNode node,
                                       CUDA_MEMCPY3D *params) {
  HAMLET_ENTER(cuGraphMemcpyNodeGetParams, false);
  return give(node, params);
}
HAMLET_CUDA cuGraphMemsetNodeGetParams(CUgraphNode node,
                                       CUDA_MEMSET_NODE_PARAMS_v1 *params) {
  HAMLET_ENTER(cuGraphMemsetNodeGetParams, false);
  CUDA_MEMSET_NODE_PARAMS full;
  CUresult r = give(node, &full);
  if (!r && params)
    *params = full;
  return params ? r : int(kInvalidValue);
}
HAMLET_CUDA cuGraphHostNodeGetParams(CUgraphNode node,
                                     CUDA_HOST_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphHostNodeGetParams, false);
  return give(node, params);
}
HAMLET_CUDA cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *g) {
  HAMLET_ENTER(cuGraphChildGraphNodeGetGraph, false);
  if (!g || !known(node) || !node->contents.child)
    return kInvalidValue;
  *g = node->contents.child.get();
  return kSuccess;
}
static CUresult eventOf(CUgraphNode node, int type, CUevent *e) {
  if (!e || !known(node) || node->contents.type != type)
    return kInvalidValue;
  *e = node->contents.event;
  return kSuccess;
}
HAMLET_CUDA cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent *e) {
  HAMLET_ENTER(cuGraphEventRecordNodeGetEvent, false);
  return eventOf(node, kEventRecordNode, e);
}
HAMLET_CUDA cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent *e) {
  HAMLET_ENTER(cuGraphEventWaitNodeGetEvent, false);
  return eventOf(node, kEventWaitNode, e);
}

// ---- changes, of a graph and of what was instantiated ----
#define HAMLET_CHANGE(describe, ...)                                           \
  Contents c;                                                                  \
  if (CUresult wrong = describe)                                               \
    return wrong;                                                              \
  return replace(__VA_ARGS__, std::move(c))

HAMLET_CUDA
cuGraphKernelNodeSetParams_v2(CUgraphNode node,
                              const CUDA_KERNEL_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphKernelNodeSetParams_v2, true);
  HAMLET_CHANGE(described(describeKernel, params, c), node);
}
HAMLET_CUDA cuGraphMemcpyNodeSetParams(CUgraphNode node,
                                       const CUDA_MEMCPY3D *params) {
  HAMLET_ENTER(cuGraphMemcpyNodeSetParams, true);
  HAMLET_CHANGE(described(describeCopy, params, c), node);
}
HAMLET_CUDA
cuGraphMemsetNodeSetParams(CUgraphNode node,
                           const CUDA_MEMSET_NODE_PARAMS_v1 *params) {
  HAMLET_ENTER(cuGraphMemsetNodeSetParams, true);
  CUDA_MEMSET_NODE_PARAMS full{};
  if (params)
    full = {*params, nullptr};
  HAMLET_CHANGE(described(describeFill, params ? &full : nullptr, c), node);
}
HAMLET_CUDA cuGraphHostNodeSetParams(CUgraphNode node,
                                     const CUDA_HOST_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphHostNodeSetParams, true);
  HAMLET_CHANGE(described(describeHost, params, c), node);
}
HAMLET_CUDA cuGraphNodeSetParams(CUgraphNode node, CUgraphNodeParams *params) {
  HAMLET_ENTER(cuGraphNodeSetParams, true);
  HAMLET_CHANGE(described<CUgraphNodeParams>(contentsOf, params, c), node);
}
HAMLET_CUDA
cuGraphExecKernelNodeSetParams_v2(CUgraphExec e, CUgraphNode node,
                                  const CUDA_KERNEL_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphExecKernelNodeSetParams_v2, true);
  HAMLET_CHANGE(described(describeKernel, params, c), e, node);
}
HAMLET_CUDA cuGraphExecMemcpyNodeSetParams(CUgraphExec e, CUgraphNode node,
                                           const CUDA_MEMCPY3D *params,
                                           CUcontext) {
  HAMLET_ENTER(cuGraphExecMemcpyNodeSetParams, true);
  HAMLET_CHANGE(described(describeCopy, params, c), e, node);
}
HAMLET_CUDA
cuGraphExecMemsetNodeSetParams(CUgraphExec e, CUgraphNode node,
                               const CUDA_MEMSET_NODE_PARAMS_v1 *params,
                               CUcontext context) {
  HAMLET_ENTER(cuGraphExecMemsetNodeSetParams, true);
  CUDA_MEMSET_NODE_PARAMS full{};
  if (params)
    full = {*params, context};
  HAMLET_CHANGE(described(describeFill, params ? &full : nullptr, c), e, node);
}
HAMLET_CUDA cuGraphExecHostNodeSetParams(CUgraphExec e, CUgraphNode node,
                                         const CUDA_HOST_NODE_PARAMS *params) {
  HAMLET_ENTER(cuGraphExecHostNodeSetParams, true);
  HAMLET_CHANGE(described(describeHost, params, c), e, node);
}
HAMLET_CUDA cuGraphExecNodeSetParams(CUgraphExec e, CUgraphNode node,
                                     CUgraphNodeParams *params) {
  HAMLET_ENTER(cuGraphExecNodeSetParams, true);
  HAMLET_CHANGE(described<CUgraphNodeParams>(contentsOf, params, c), e, node);
}

// ---- the structure ----
HAMLET_CUDA cuGraphGetNodes(CUgraph g, CUgraphNode *nodes, size_t *count) {
  HAMLET_ENTER(cuGraphGetNodes, false);
  if (!known(g))
    return kInvalidValue;
  std::vector<CUgraphNode> all;
  for (auto &n : g->nodes)
    all.push_back(n.get());
  return list(all, nodes, count);
}
HAMLET_CUDA cuGraphGetRootNodes(CUgraph g, CUgraphNode *nodes, size_t *count) {
  HAMLET_ENTER(cuGraphGetRootNodes, false);
  if (!known(g))
    return kInvalidValue;
  std::vector<CUgraphNode> roots;
  for (auto &n : g->nodes)
    if (n->dependencies.empty())
      roots.push_back(n.get());
  return list(roots, nodes, count);
}
HAMLET_CUDA cuGraphGetEdges(CUgraph g, CUgraphNode *from, CUgraphNode *to,
                            size_t *count) {
  HAMLET_ENTER(cuGraphGetEdges, false);
  return listEdges(g, from, to, count);
}
HAMLET_CUDA cuGraphGetEdges_v2(CUgraph g, CUgraphNode *from, CUgraphNode *to,
                               CUgraphEdgeData *data, size_t *count) {
  HAMLET_ENTER(cuGraphGetEdges_v2, false);
  CUresult r = listEdges(g, from, to, count);
  if (!r && data)
    std::memset(data, 0, *count * sizeof *data);
  return r;
}
HAMLET_CUDA cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes,
                                       size_t *count) {
  HAMLET_ENTER(cuGraphNodeGetDependencies, false);
  return known(node) ? list(node->dependencies, nodes, count)
                     : int(kInvalidValue);
}
HAMLET_CUDA cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *nodes,
                                          CUgraphEdgeData *data,
                                          size_t *count) {
  HAMLET_ENTER(cuGraphNodeGetDependencies_v2, false);
  CUresult r =
      known(node) ? list(node->dependencies, nodes, count) : int(kInvalidValue);
  if (!r && data)
    std::memset(data, 0, *count * sizeof *data);
  return r;
}
HAMLET_CUDA cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes,
                                         size_t *count) {
  HAMLET_ENTER(cuGraphNodeGetDependentNodes, false);
  return known(node) ? list(dependents(node), nodes, count)
                     : int(kInvalidValue);
}
HAMLET_CUDA cuGraphNodeGetDependentNodes_v2(CUgraphNode node,
                                            CUgraphNode *nodes,
                                            CUgraphEdgeData *data,
                                            size_t *count) {
  HAMLET_ENTER(cuGraphNodeGetDependentNodes_v2, false);
  CUresult r =
      known(node) ? list(dependents(node), nodes, count) : int(kInvalidValue);
  if (!r && data)
    std::memset(data, 0, *count * sizeof *data);
  return r;
}
#define HAMLET_EDGES CUgraph g, const CUgraphNode *from, const CUgraphNode *to
HAMLET_CUDA cuGraphAddDependencies(HAMLET_EDGES, size_t n) {
  HAMLET_ENTER(cuGraphAddDependencies, false);
  return link(g, from, to, n, false);
}
HAMLET_CUDA cuGraphAddDependencies_v2(HAMLET_EDGES, const CUgraphEdgeData *,
                                      size_t n) {
  HAMLET_ENTER(cuGraphAddDependencies_v2, false);
  return link(g, from, to, n, false);
}
HAMLET_CUDA cuGraphRemoveDependencies(HAMLET_EDGES, size_t n) {
  HAMLET_ENTER(cuGraphRemoveDependencies, false);
  return link(g, from, to, n, true);
}
HAMLET_CUDA cuGraphRemoveDependencies_v2(HAMLET_EDGES, const CUgraphEdgeData *,
                                         size_t n) {
  HAMLET_ENTER(cuGraphRemoveDependencies_v2, false);
  return link(g, from, to, n, true);
}

// ---- instances ----
HAMLET_CUDA cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g,
                                        unsigned long long flags) {
  HAMLET_ENTER(cuGraphInstantiateWithFlags, true);
  return instantiate(e, g, flags);
}
HAMLET_CUDA cuGraphInstantiateWithParams(CUgraphExec *e, CUgraph g,
                                         CUDA_GRAPH_INSTANTIATE_PARAMS *p) {
  HAMLET_ENTER(cuGraphInstantiateWithParams, true);
  if (!p)
    return kInvalidValue;
  CUresult r = instantiate(e, g, p->flags);
  p->errorNode = nullptr;
  p->result = r ? 2 : 0; // an invalid structure
  return r;
}
HAMLET_CUDA cuGraphExecGetFlags(CUgraphExec e, uint64_t *flags) {
  HAMLET_ENTER(cuGraphExecGetFlags, false);
  if (!flags || !known(e))
    return kInvalidValue;
  *flags = e->flags;
  return kSuccess;
}
HAMLET_CUDA cuGraphExecUpdate_v2(CUgraphExec e, CUgraph g,
                                 CUgraphExecUpdateResultInfo *info) {
  HAMLET_ENTER(cuGraphExecUpdate_v2, true);
  if (!info || !known(e) || !known(g))
    return kInvalidValue;
  *info = {kUpdated, nullptr, nullptr};
  std::vector<CUgraphExec_st::Step> steps;
  if (!flatten(*g, {}, steps))
    return kInvalidValue;
  auto refuse = [&](UpdateResult why, size_t step) {
    info->result = why;
    info->errorNode =
        step < steps.size() ? nodeNumbered(*g, steps[step].id) : nullptr;
    return kGraphExecUpdateFailure;
  };
  if (steps.size() != e->steps.size())
    return refuse(kTopologyChanged, steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].after != e->steps[i].after)
      return refuse(kTopologyChanged, i);
    if (steps[i].contents.type != e->steps[i].contents.type)
      return refuse(kTypeChanged, i);
  }
  // The instance answers to the nodes that it was made of.
  for (size_t i = 0; i < steps.size(); ++i)
    e->steps[i].contents = std::move(steps[i].contents);
  return kSuccess;
}
HAMLET_CUDA cuGraphUpload(CUgraphExec e, CUstream s) {
  HAMLET_ENTER(cuGraphUpload, true);
  if (!known(e))
    return kInvalidValue;
  return validStream(s) ? kSuccess : kInvalidHandle;
}
HAMLET_CUDA cuGraphLaunch(CUgraphExec e, CUstream s) {
  HAMLET_ENTER(cuGraphLaunch, true);
  if (!known(e))
    return kInvalidValue;
  if (!validStream(s))
    return kInvalidHandle;
  call.throttle(queueOf(s));
  if (!known(e) || !validStream(s))
    return kInvalidValue;
  // One after the other: an order that every dependency allows.
  for (const CUgraphExec_st::Step &step : e->steps) {
    bool event = step.contents.event != nullptr;
    if (event && !state().events.count(step.contents.event))
      return kInvalidValue;
    std::vector<MarkPointer> after;
    if (step.contents.type == kEventWaitNode)
      after.push_back(step.contents.event->mark);
    MarkPointer mark;
    if (CUresult r = enqueueNow(s, step.contents, std::move(after), &mark))
      return r;
    if (step.contents.type == kEventRecordNode && mark)
      step.contents.event->mark = mark;
  }
  return kSuccess;
}
HAMLET_CUDA cuGraphExecDestroy(CUgraphExec e) {
  HAMLET_ENTER(cuGraphExecDestroy, false);
  if (!state().executables.erase(e))
    return kInvalidValue;
  delete e;
  return kSuccess;
}
