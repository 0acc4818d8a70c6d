//===- GraphApi.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Graphs: the driver's, with the runtime's descriptions of kernels and copies.
#include "emulator/cudart/Runtime.h"

using namespace hamlet::emu::cudart;

namespace {
enum NodeType { kKernelNode = 0, kCopyNode = 1 };

cudaError_t kernelParams(const cudaKernelNodeParams *p,
                         CUDA_KERNEL_NODE_PARAMS &out) {
  if (!p)
    return kInvalidValue;
  out = {};
  out.gridDimX = p->gridDim.x;
  out.gridDimY = p->gridDim.y;
  out.gridDimZ = p->gridDim.z;
  out.blockDimX = p->blockDim.x;
  out.blockDimY = p->blockDim.y;
  out.blockDimZ = p->blockDim.z;
  out.sharedMemBytes = p->sharedMemBytes;
  out.kernelParams = p->kernelParams;
  out.extra = p->extra;
  return kernelOf(p->func, out.kern);
}
cudaError_t copyParams(const cudaMemcpy3DParms *p, CUDA_MEMCPY3D &out) {
  return p ? boxOf(*p, out) : int(kInvalidValue);
}
/// A copy of one row.
cudaMemcpy3DParms row(void *to, const void *from, size_t bytes, int kind) {
  cudaMemcpy3DParms p{};
  p.srcPtr = {const_cast<void *>(from), bytes, bytes, 1};
  p.dstPtr = {to, bytes, bytes, 1};
  p.extent = {bytes, 1, 1};
  p.kind = kind;
  return p;
}
/// Of a variable, from `offset`.
cudaError_t symbolRow(void *to, const void *from, const void *symbol,
                      size_t count, size_t offset, int kind,
                      cudaMemcpy3DParms &p) {
  void *place;
  if (cudaError_t r = partOfVariable(symbol, count, offset, place))
    return r;
  p = row(to ? to : place, from ? from : place, count, kind);
  return kSuccess;
}
CUDA_MEMSET_NODE_PARAMS_v1 fillParams(const cudaMemsetParams &p) {
  return {number(p.dst), p.pitch, p.value, p.elementSize, p.width, p.height};
}
CUcontext current() {
  CUcontext c = nullptr;
  cuCtxGetCurrent(&c);
  return c;
}

/// Parameters of any node; those not named here lie as the driver's do.
cudaError_t nodeParams(const cudaGraphNodeParams *p, CUgraphNodeParams &out) {
  if (!p)
    return kInvalidValue;
  out = {};
  out.type = p->type;
  switch (p->type) {
  case kKernelNode:
    return kernelParams(&p->kernel, out.kernel);
  case kCopyNode:
    return copyParams(&p->memcpy.copyParams, out.memcpy.copyParams);
  default:
    for (int i = 0; i < 29; ++i)
      out.reserved1[i] = p->reserved1[i];
    return kSuccess;
  }
}
/// `f` with what `convert` makes of the runtime's description.
template <class D, class P, class F>
cudaError_t with(const P *p, cudaError_t (*convert)(const P *, D &), F f) {
  return enter([&] {
    D d;
    cudaError_t r = convert(p, d);
    return r ? r : f(&d);
  });
}
} // namespace

HAMLET_CUDART cudaGraphCreate(CUgraph *g, unsigned flags) {
  return enter([&] { return cuGraphCreate(g, flags); });
}
HAMLET_CUDART cudaGraphDestroy(CUgraph g) {
  return enter([&] { return cuGraphDestroy(g); });
}
HAMLET_CUDART cudaGraphClone(CUgraph *clone, CUgraph g) {
  return enter([&] { return cuGraphClone(clone, g); });
}
HAMLET_CUDART cudaGraphNodeFindInClone(CUgraphNode *found, CUgraphNode original,
                                       CUgraph clone) {
  return enter([&] { return cuGraphNodeFindInClone(found, original, clone); });
}

// ---- kernels ----
HAMLET_CUDART cudaGraphAddKernelNode(CUgraphNode *out, CUgraph g,
                                     const CUgraphNode *after, size_t n,
                                     const cudaKernelNodeParams *p) {
  return with<CUDA_KERNEL_NODE_PARAMS>(p, kernelParams, [&](auto *d) {
    return cuGraphAddKernelNode_v2(out, g, after, n, d);
  });
}
HAMLET_CUDART cudaGraphKernelNodeGetParams(CUgraphNode node,
                                           cudaKernelNodeParams *p) {
  return enter([&]() -> cudaError_t {
    CUDA_KERNEL_NODE_PARAMS d{};
    if (!p)
      return kInvalidValue;
    if (CUresult r = cuGraphKernelNodeGetParams_v2(node, &d))
      return r;
    CUkernel k = d.kern ? d.kern : reinterpret_cast<CUkernel>(d.func);
    *p = {hostFunctionOf(k),
          {d.gridDimX, d.gridDimY, d.gridDimZ},
          {d.blockDimX, d.blockDimY, d.blockDimZ},
          d.sharedMemBytes,
          d.kernelParams,
          d.extra};
    return kSuccess;
  });
}
HAMLET_CUDART cudaGraphKernelNodeSetParams(CUgraphNode node,
                                           const cudaKernelNodeParams *p) {
  return with<CUDA_KERNEL_NODE_PARAMS>(p, kernelParams, [&](auto *d) {
    return cuGraphKernelNodeSetParams_v2(node, d);
  });
}
HAMLET_CUDART cudaGraphExecKernelNodeSetParams(CUgraphExec e, CUgraphNode node,
                                               const cudaKernelNodeParams *p) {
  return with<CUDA_KERNEL_NODE_PARAMS>(p, kernelParams, [&](auto *d) {
    return cuGraphExecKernelNodeSetParams_v2(e, node, d);
  });
}

// ---- copies ----
HAMLET_CUDART cudaGraphAddMemcpyNode(CUgraphNode *out, CUgraph g,
                                     const CUgraphNode *after, size_t n,
                                     const cudaMemcpy3DParms *p) {
  return with<CUDA_MEMCPY3D>(p, copyParams, [&](auto *d) {
    return cuGraphAddMemcpyNode(out, g, after, n, d, current());
  });
}
HAMLET_CUDART cudaGraphAddMemcpyNode1D(CUgraphNode *out, CUgraph g,
                                       const CUgraphNode *after, size_t n,
                                       void *to, const void *from, size_t bytes,
                                       int kind) {
  cudaMemcpy3DParms p = row(to, from, bytes, kind);
  return cudaGraphAddMemcpyNode(out, g, after, n, &p);
}
HAMLET_CUDART cudaGraphMemcpyNodeGetParams(CUgraphNode node,
                                           cudaMemcpy3DParms *p) {
  return enter([&]() -> cudaError_t {
    CUDA_MEMCPY3D d;
    if (!p)
      return kInvalidValue;
    if (CUresult r = cuGraphMemcpyNodeGetParams(node, &d))
      return r;
    auto place = [](unsigned type, const void *host, CUdeviceptr device) {
      return type == 1 ? const_cast<void *>(host)
                       : reinterpret_cast<void *>(device);
    };
    *p = {};
    p->srcPos = {d.srcXInBytes, d.srcY, d.srcZ};
    p->srcPtr = {place(d.srcMemoryType, d.srcHost, d.srcDevice), d.srcPitch,
                 d.WidthInBytes, d.srcHeight};
    p->dstPos = {d.dstXInBytes, d.dstY, d.dstZ};
    p->dstPtr = {place(d.dstMemoryType, d.dstHost, d.dstDevice), d.dstPitch,
                 d.WidthInBytes, d.dstHeight};
    p->extent = {d.WidthInBytes, d.Height, d.Depth};
    p->kind = 4; // cudaMemcpyDefault
    return kSuccess;
  });
}
HAMLET_CUDART cudaGraphMemcpyNodeSetParams(CUgraphNode node,
                                           const cudaMemcpy3DParms *p) {
  return with<CUDA_MEMCPY3D>(p, copyParams, [&](auto *d) {
    return cuGraphMemcpyNodeSetParams(node, d);
  });
}
HAMLET_CUDART cudaGraphMemcpyNodeSetParams1D(CUgraphNode node, void *to,
                                             const void *from, size_t bytes,
                                             int kind) {
  cudaMemcpy3DParms p = row(to, from, bytes, kind);
  return cudaGraphMemcpyNodeSetParams(node, &p);
}
HAMLET_CUDART cudaGraphExecMemcpyNodeSetParams(CUgraphExec e, CUgraphNode node,
                                               const cudaMemcpy3DParms *p) {
  return with<CUDA_MEMCPY3D>(p, copyParams, [&](auto *d) {
    return cuGraphExecMemcpyNodeSetParams(e, node, d, current());
  });
}
HAMLET_CUDART cudaGraphExecMemcpyNodeSetParams1D(CUgraphExec e,
                                                 CUgraphNode node, void *to,
                                                 const void *from, size_t bytes,
                                                 int kind) {
  cudaMemcpy3DParms p = row(to, from, bytes, kind);
  return cudaGraphExecMemcpyNodeSetParams(e, node, &p);
}

// ---- copies of variables ----
#define HAMLET_SYMBOL_COPY(to, from)                                           \
  cudaMemcpy3DParms p;                                                         \
  if (cudaError_t r = enter([&] {                                              \
        return symbolRow(to, from, symbol, count, offset, kind, p);            \
      }))                                                                      \
  return r
HAMLET_CUDART cudaGraphAddMemcpyNodeToSymbol(CUgraphNode *out, CUgraph g,
                                             const CUgraphNode *after, size_t n,
                                             const void *symbol,
                                             const void *from, size_t count,
                                             size_t offset, int kind) {
  HAMLET_SYMBOL_COPY(nullptr, from);
  return cudaGraphAddMemcpyNode(out, g, after, n, &p);
}
HAMLET_CUDART cudaGraphAddMemcpyNodeFromSymbol(CUgraphNode *out, CUgraph g,
                                               const CUgraphNode *after,
                                               size_t n, void *to,
                                               const void *symbol, size_t count,
                                               size_t offset, int kind) {
  HAMLET_SYMBOL_COPY(to, nullptr);
  return cudaGraphAddMemcpyNode(out, g, after, n, &p);
}
HAMLET_CUDART cudaGraphMemcpyNodeSetParamsToSymbol(CUgraphNode node,
                                                   const void *symbol,
                                                   const void *from,
                                                   size_t count, size_t offset,
                                                   int kind) {
  HAMLET_SYMBOL_COPY(nullptr, from);
  return cudaGraphMemcpyNodeSetParams(node, &p);
}
HAMLET_CUDART cudaGraphMemcpyNodeSetParamsFromSymbol(CUgraphNode node, void *to,
                                                     const void *symbol,
                                                     size_t count,
                                                     size_t offset, int kind) {
  HAMLET_SYMBOL_COPY(to, nullptr);
  return cudaGraphMemcpyNodeSetParams(node, &p);
}
HAMLET_CUDART cudaGraphExecMemcpyNodeSetParamsToSymbol(
    CUgraphExec e, CUgraphNode node, const void *symbol, const void *from,
    size_t count, size_t offset, int kind) {
  HAMLET_SYMBOL_COPY(nullptr, from);
  return cudaGraphExecMemcpyNodeSetParams(e, node, &p);
}
HAMLET_CUDART cudaGraphExecMemcpyNodeSetParamsFromSymbol(
    CUgraphExec e, CUgraphNode node, void *to, const void *symbol, size_t count,
    size_t offset, int kind) {
  HAMLET_SYMBOL_COPY(to, nullptr);
  return cudaGraphExecMemcpyNodeSetParams(e, node, &p);
}

// ---- fills ----
static cudaError_t fillOf(const cudaMemsetParams *p,
                          CUDA_MEMSET_NODE_PARAMS_v1 &out) {
  if (!p)
    return kInvalidValue;
  out = fillParams(*p);
  return kSuccess;
}
HAMLET_CUDART cudaGraphAddMemsetNode(CUgraphNode *out, CUgraph g,
                                     const CUgraphNode *after, size_t n,
                                     const cudaMemsetParams *p) {
  return with<CUDA_MEMSET_NODE_PARAMS_v1>(p, fillOf, [&](auto *d) {
    return cuGraphAddMemsetNode(out, g, after, n, d, current());
  });
}
HAMLET_CUDART cudaGraphMemsetNodeGetParams(CUgraphNode node,
                                           cudaMemsetParams *p) {
  return enter([&]() -> cudaError_t {
    CUDA_MEMSET_NODE_PARAMS_v1 d;
    if (!p)
      return kInvalidValue;
    if (CUresult r = cuGraphMemsetNodeGetParams(node, &d))
      return r;
    *p = {reinterpret_cast<void *>(d.dst),
          d.pitch,
          d.value,
          d.elementSize,
          d.width,
          d.height};
    return kSuccess;
  });
}
HAMLET_CUDART cudaGraphMemsetNodeSetParams(CUgraphNode node,
                                           const cudaMemsetParams *p) {
  return with<CUDA_MEMSET_NODE_PARAMS_v1>(
      p, fillOf, [&](auto *d) { return cuGraphMemsetNodeSetParams(node, d); });
}
HAMLET_CUDART cudaGraphExecMemsetNodeSetParams(CUgraphExec e, CUgraphNode node,
                                               const cudaMemsetParams *p) {
  return with<CUDA_MEMSET_NODE_PARAMS_v1>(p, fillOf, [&](auto *d) {
    return cuGraphExecMemsetNodeSetParams(e, node, d, current());
  });
}

// ---- host functions, children, events ----
HAMLET_CUDART cudaGraphAddHostNode(CUgraphNode *out, CUgraph g,
                                   const CUgraphNode *after, size_t n,
                                   const CUDA_HOST_NODE_PARAMS *p) {
  return enter([&] { return cuGraphAddHostNode(out, g, after, n, p); });
}
HAMLET_CUDART cudaGraphHostNodeGetParams(CUgraphNode node,
                                         CUDA_HOST_NODE_PARAMS *p) {
  return enter([&] { return cuGraphHostNodeGetParams(node, p); });
}
HAMLET_CUDART cudaGraphHostNodeSetParams(CUgraphNode node,
                                         const CUDA_HOST_NODE_PARAMS *p) {
  return enter([&] { return cuGraphHostNodeSetParams(node, p); });
}
HAMLET_CUDART cudaGraphExecHostNodeSetParams(CUgraphExec e, CUgraphNode node,
                                             const CUDA_HOST_NODE_PARAMS *p) {
  return enter([&] { return cuGraphExecHostNodeSetParams(e, node, p); });
}
HAMLET_CUDART cudaGraphAddChildGraphNode(CUgraphNode *out, CUgraph g,
                                         const CUgraphNode *after, size_t n,
                                         CUgraph child) {
  return enter(
      [&] { return cuGraphAddChildGraphNode(out, g, after, n, child); });
}
HAMLET_CUDART cudaGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *g) {
  return enter([&] { return cuGraphChildGraphNodeGetGraph(node, g); });
}
HAMLET_CUDART cudaGraphAddEmptyNode(CUgraphNode *out, CUgraph g,
                                    const CUgraphNode *after, size_t n) {
  return enter([&] { return cuGraphAddEmptyNode(out, g, after, n); });
}
HAMLET_CUDART cudaGraphAddEventRecordNode(CUgraphNode *out, CUgraph g,
                                          const CUgraphNode *after, size_t n,
                                          CUevent e) {
  return enter([&] { return cuGraphAddEventRecordNode(out, g, after, n, e); });
}
HAMLET_CUDART cudaGraphAddEventWaitNode(CUgraphNode *out, CUgraph g,
                                        const CUgraphNode *after, size_t n,
                                        CUevent e) {
  return enter([&] { return cuGraphAddEventWaitNode(out, g, after, n, e); });
}
HAMLET_CUDART cudaGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent *e) {
  return enter([&] { return cuGraphEventRecordNodeGetEvent(node, e); });
}
HAMLET_CUDART cudaGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent *e) {
  return enter([&] { return cuGraphEventWaitNodeGetEvent(node, e); });
}

// ---- nodes of any kind, edges ----
HAMLET_CUDART cudaGraphAddNode(CUgraphNode *out, CUgraph g,
                               const CUgraphNode *after,
                               const CUgraphEdgeData *edges, size_t n,
                               cudaGraphNodeParams *p) {
  return with<CUgraphNodeParams>(
      const_cast<const cudaGraphNodeParams *>(p), nodeParams,
      [&](auto *d) { return cuGraphAddNode_v2(out, g, after, edges, n, d); });
}
HAMLET_CUDART cudaGraphNodeSetParams(CUgraphNode node, cudaGraphNodeParams *p) {
  return with<CUgraphNodeParams>(
      const_cast<const cudaGraphNodeParams *>(p), nodeParams,
      [&](auto *d) { return cuGraphNodeSetParams(node, d); });
}
HAMLET_CUDART cudaGraphExecNodeSetParams(CUgraphExec e, CUgraphNode node,
                                         cudaGraphNodeParams *p) {
  return with<CUgraphNodeParams>(
      const_cast<const cudaGraphNodeParams *>(p), nodeParams,
      [&](auto *d) { return cuGraphExecNodeSetParams(e, node, d); });
}
HAMLET_CUDART cudaGraphDestroyNode(CUgraphNode node) {
  return enter([&] { return cuGraphDestroyNode(node); });
}
HAMLET_CUDART cudaGraphNodeGetType(CUgraphNode node, int *type) {
  return enter([&] { return cuGraphNodeGetType(node, type); });
}
HAMLET_CUDART cudaGraphGetNodes(CUgraph g, CUgraphNode *nodes, size_t *n) {
  return enter([&] { return cuGraphGetNodes(g, nodes, n); });
}
HAMLET_CUDART cudaGraphGetRootNodes(CUgraph g, CUgraphNode *nodes, size_t *n) {
  return enter([&] { return cuGraphGetRootNodes(g, nodes, n); });
}
HAMLET_CUDART cudaGraphGetEdges(CUgraph g, CUgraphNode *from, CUgraphNode *to,
                                CUgraphEdgeData *data, size_t *n) {
  return enter([&] { return cuGraphGetEdges_v2(g, from, to, data, n); });
}
HAMLET_CUDART cudaGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes,
                                           CUgraphEdgeData *data, size_t *n) {
  return enter(
      [&] { return cuGraphNodeGetDependencies_v2(node, nodes, data, n); });
}
HAMLET_CUDART cudaGraphNodeGetDependentNodes(CUgraphNode node,
                                             CUgraphNode *nodes,
                                             CUgraphEdgeData *data, size_t *n) {
  return enter(
      [&] { return cuGraphNodeGetDependentNodes_v2(node, nodes, data, n); });
}
HAMLET_CUDART cudaGraphAddDependencies(CUgraph g, const CUgraphNode *from,
                                       const CUgraphNode *to,
                                       const CUgraphEdgeData *data, size_t n) {
  return enter([&] { return cuGraphAddDependencies_v2(g, from, to, data, n); });
}
HAMLET_CUDART cudaGraphRemoveDependencies(CUgraph g, const CUgraphNode *from,
                                          const CUgraphNode *to,
                                          const CUgraphEdgeData *data,
                                          size_t n) {
  return enter(
      [&] { return cuGraphRemoveDependencies_v2(g, from, to, data, n); });
}

// ---- what is launched ----
HAMLET_CUDART cudaGraphInstantiate(CUgraphExec *e, CUgraph g,
                                   unsigned long long flags) {
  return enter([&] { return cuGraphInstantiateWithFlags(e, g, flags); });
}
HAMLET_CUDART cudaGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g,
                                            unsigned long long flags) {
  return enter([&] { return cuGraphInstantiateWithFlags(e, g, flags); });
}
HAMLET_CUDART_STREAM(cudaGraphInstantiateWithParams, _ptsz,
                     (CUgraphExec * e, CUgraph g,
                      CUDA_GRAPH_INSTANTIATE_PARAMS *p),
                     (e, g, p)) {
  return cuGraphInstantiateWithParams(e, g, p);
}
HAMLET_CUDART cudaGraphExecGetFlags(CUgraphExec e, uint64_t *flags) {
  return enter([&] { return cuGraphExecGetFlags(e, flags); });
}
HAMLET_CUDART cudaGraphExecUpdate(CUgraphExec e, CUgraph g,
                                  CUgraphExecUpdateResultInfo *info) {
  return enter([&] { return cuGraphExecUpdate_v2(e, g, info); });
}
HAMLET_CUDART cudaGraphExecDestroy(CUgraphExec e) {
  return enter([&] { return cuGraphExecDestroy(e); });
}
HAMLET_CUDART_STREAM(cudaGraphUpload, _ptsz, (CUgraphExec e, CUstream s),
                     (e, s)) {
  return cuGraphUpload(e, streamOf(s));
}
HAMLET_CUDART_STREAM(cudaGraphLaunch, _ptsz, (CUgraphExec e, CUstream s),
                     (e, s)) {
  return cuGraphLaunch(e, streamOf(s));
}
