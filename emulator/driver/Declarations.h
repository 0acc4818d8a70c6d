//===- Declarations.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Declarations of the entry points that the table takes addresses of.
#pragma once

#include "emulator/driver/Api.h"

HAMLET_CUDA cuInit(unsigned flags);
HAMLET_CUDA cuDriverGetVersion(int *version);
HAMLET_CUDA cuDeviceGetCount(int *n);
HAMLET_CUDA cuDeviceGet(CUdevice *d, int ordinal);
HAMLET_CUDA cuDeviceGetName(char *name, int length, CUdevice d);
HAMLET_CUDA cuDeviceGetUuid(CUuuid *uuid, CUdevice d);
HAMLET_CUDA cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d);
HAMLET_CUDA cuDeviceTotalMem_v2(size_t *bytes, CUdevice d);
HAMLET_CUDA cuDeviceGetAttribute(int *value, int id, CUdevice d);
HAMLET_CUDA cuDeviceGetPCIBusId(char *text, int length, CUdevice d);
HAMLET_CUDA cuDeviceCanAccessPeer(int *can, CUdevice a, CUdevice b);
HAMLET_CUDA cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d);
HAMLET_CUDA cuDevicePrimaryCtxRelease_v2(CUdevice d);
HAMLET_CUDA cuDevicePrimaryCtxReset_v2(CUdevice d);
HAMLET_CUDA cuDevicePrimaryCtxGetState(CUdevice d, unsigned *flags,
                                       int *active);
HAMLET_CUDA cuDevicePrimaryCtxSetFlags_v2(CUdevice d, unsigned);
HAMLET_CUDA cuCtxCreate_v2(CUcontext *c, unsigned, CUdevice d);
HAMLET_CUDA cuCtxCreate_v3(CUcontext *c, void *, int, unsigned, CUdevice d);
HAMLET_CUDA cuCtxCreate_v4(CUcontext *c, void *, unsigned, CUdevice d);
HAMLET_CUDA cuCtxDestroy_v2(CUcontext c);
HAMLET_CUDA cuCtxPushCurrent_v2(CUcontext c);
HAMLET_CUDA cuCtxPopCurrent_v2(CUcontext *c);
HAMLET_CUDA cuCtxSetCurrent(CUcontext c);
HAMLET_CUDA cuCtxGetCurrent(CUcontext *c);
HAMLET_CUDA cuCtxGetDevice(CUdevice *d);
HAMLET_CUDA cuCtxGetDevice_v2(CUdevice *d, CUcontext c);
HAMLET_CUDA cuCtxSynchronize();
HAMLET_CUDA cuCtxSynchronize_v2(CUcontext c);
HAMLET_CUDA cuCtxSetLimit(int, size_t);
HAMLET_CUDA cuCtxGetLimit(size_t *value, int limit);
HAMLET_CUDA cuCtxGetStreamPriorityRange(int *least, int *greatest);
HAMLET_CUDA cuCtxGetApiVersion(CUcontext, unsigned *version);
HAMLET_CUDA cuCtxEnablePeerAccess(CUcontext peer, unsigned flags);
HAMLET_CUDA cuCtxDisablePeerAccess(CUcontext peer);
HAMLET_CUDA cuGetExportTable(const void **table, const CUuuid *id);
HAMLET_CUDA cuGetErrorName(CUresult code, const char **name);
HAMLET_CUDA cuGetErrorString(CUresult code, const char **text);
HAMLET_CUDA cuMemAlloc_v2(CUdeviceptr *p, size_t bytes);
HAMLET_CUDA cuMemFree_v2(CUdeviceptr p);
HAMLET_CUDA cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream stream);
HAMLET_CUDA cuMemAllocFromPoolAsync(CUdeviceptr *p, size_t bytes, CUmemoryPool,
                                    CUstream stream);
HAMLET_CUDA cuMemFreeAsync(CUdeviceptr p, CUstream stream);
HAMLET_CUDA cuMemGetInfo_v2(size_t *free, size_t *total);
HAMLET_CUDA cuMemHostAlloc(void **p, size_t bytes, unsigned);
HAMLET_CUDA cuMemAllocHost_v2(void **p, size_t bytes);
HAMLET_CUDA cuMemFreeHost(void *p);
HAMLET_CUDA cuMemHostRegister_v2(void *p, size_t bytes, unsigned);
HAMLET_CUDA cuMemHostUnregister(void *p);
HAMLET_CUDA cuMemHostGetDevicePointer_v2(CUdeviceptr *, void *, unsigned);
HAMLET_CUDA cuPointerGetAttribute(void *out, int id, CUdeviceptr p);
HAMLET_CUDA cuDeviceGetDefaultMemPool(CUmemoryPool *p, CUdevice d);
HAMLET_CUDA cuDeviceGetMemPool(CUmemoryPool *p, CUdevice d);
HAMLET_CUDA cuMemPoolSetAttribute(CUmemoryPool p, int, void *value);
HAMLET_CUDA cuMemPoolGetAttribute(CUmemoryPool p, int, void *value);
HAMLET_CUDA cuMemPoolTrimTo(CUmemoryPool p, size_t);
HAMLET_CUDA cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n);
HAMLET_CUDA cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n);
HAMLET_CUDA cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n);
HAMLET_CUDA cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n,
                                 CUstream s);
HAMLET_CUDA cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n,
                                 CUstream s);
HAMLET_CUDA cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n,
                                 CUstream s);
HAMLET_CUDA cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n);
HAMLET_CUDA cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n,
                          CUstream s);
HAMLET_CUDA cuMemcpyPeerAsync(CUdeviceptr to, CUcontext tc, CUdeviceptr from,
                              CUcontext fc, size_t n, CUstream s);
HAMLET_CUDA cuMemsetD8_v2(CUdeviceptr p, unsigned char v, size_t n);
HAMLET_CUDA cuMemsetD16_v2(CUdeviceptr p, unsigned short v, size_t n);
HAMLET_CUDA cuMemsetD32_v2(CUdeviceptr p, unsigned v, size_t n);
HAMLET_CUDA cuMemsetD8Async(CUdeviceptr p, unsigned char v, size_t n,
                            CUstream s);
HAMLET_CUDA cuMemsetD16Async(CUdeviceptr p, unsigned short v, size_t n,
                             CUstream s);
HAMLET_CUDA cuMemsetD32Async(CUdeviceptr p, unsigned v, size_t n, CUstream s);
HAMLET_CUDA cuModuleLoadData(CUmodule *m, const void *image);
HAMLET_CUDA cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n,
                               int *options, void **values);
HAMLET_CUDA cuModuleLoad(CUmodule *m, const char *path);
HAMLET_CUDA cuModuleUnload(CUmodule m);
HAMLET_CUDA cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name);
HAMLET_CUDA cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                                 CUmodule m, const char *name);
HAMLET_CUDA cuFuncSetAttribute(CUfunction f, int id, int value);
HAMLET_CUDA cuFuncGetAttribute(int *value, int id, CUfunction f);
HAMLET_CUDA cuFuncSetCacheConfig(CUfunction f, int);
HAMLET_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                        CUfunction f,
                                                        int threads,
                                                        size_t shared);
HAMLET_CUDA cuOccupancyMaxActiveClusters(int *clusters, CUfunction f,
                                         const CUlaunchConfig *config);
HAMLET_CUDA cuOccupancyMaxPotentialBlockSize(int *grid, int *block,
                                             CUfunction f,
                                             size_t (*sharedOf)(int),
                                             size_t shared, int limit);
HAMLET_CUDA cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
                           unsigned bx, unsigned by, unsigned bz,
                           unsigned shared, CUstream stream, void **params,
                           void **extra);
HAMLET_CUDA cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy,
                                      unsigned gz, unsigned bx, unsigned by,
                                      unsigned bz, unsigned shared,
                                      CUstream stream, void **params);
HAMLET_CUDA cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction f,
                             void **params, void **extra);
HAMLET_CUDA cuLaunchHostFunc(CUstream stream, CUhostFn fn, void *data);
HAMLET_CUDA cuTensorMapEncodeTiled(void *map, int type, unsigned rank,
                                   void *address, const uint64_t *dims,
                                   const uint64_t *strides, const uint32_t *box,
                                   const uint32_t *elementStrides,
                                   int interleave, int swizzle, int, int fill);
HAMLET_CUDA cuTensorMapEncodeIm2col(void *, int, unsigned, void *,
                                    const uint64_t *, const uint64_t *,
                                    const int *, const int *, unsigned,
                                    unsigned, const uint32_t *, int, int, int,
                                    int);
HAMLET_CUDA cuStreamCreate(CUstream *s, unsigned flags);
HAMLET_CUDA cuStreamCreateWithPriority(CUstream *s, unsigned flags,
                                       int priority);
HAMLET_CUDA cuStreamDestroy_v2(CUstream s);
HAMLET_CUDA cuStreamSynchronize(CUstream s);
HAMLET_CUDA cuStreamQuery(CUstream s);
HAMLET_CUDA cuStreamWaitEvent(CUstream s, CUevent e, unsigned);
HAMLET_CUDA cuStreamGetPriority(CUstream s, int *priority);
HAMLET_CUDA cuEventCreate(CUevent *e, unsigned flags);
HAMLET_CUDA cuEventDestroy_v2(CUevent e);
HAMLET_CUDA cuEventRecord(CUevent e, CUstream s);
HAMLET_CUDA cuEventQuery(CUevent e);
HAMLET_CUDA cuEventSynchronize(CUevent e);
HAMLET_CUDA cuEventElapsedTime(float *ms, CUevent a, CUevent b);
HAMLET_CUDA cuEventElapsedTime_v2(float *ms, CUevent a, CUevent b);
HAMLET_CUDA cuStreamBeginCapture_v2(CUstream s, int);
HAMLET_CUDA cuStreamEndCapture(CUstream s, CUgraph *g);
HAMLET_CUDA cuStreamIsCapturing(CUstream s, int *status);
HAMLET_CUDA cuStreamGetCaptureInfo_v2(CUstream s, int *status, uint64_t *id,
                                      CUgraph *graph, const void **,
                                      size_t *dependencies);
HAMLET_CUDA cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g,
                                        unsigned long long);
HAMLET_CUDA cuGraphExecUpdate_v2(CUgraphExec e, CUgraph g,
                                 CUgraphExecUpdateResultInfo *info);
HAMLET_CUDA cuGraphLaunch(CUgraphExec e, CUstream s);
HAMLET_CUDA cuGraphExecDestroy(CUgraphExec e);
HAMLET_CUDA cuGraphDestroy(CUgraph g);
HAMLET_CUDA cuGetProcAddress_v2(const char *name, void **pfn, int version,
                                uint64_t flags, int *status);
HAMLET_CUDA cuModuleLoadFatBinary(CUmodule *m, const void *image);
HAMLET_CUDA cuModuleGetLoadingMode(int *mode);
HAMLET_CUDA cuModuleGetFunctionCount(unsigned *count, CUmodule m);
HAMLET_CUDA cuModuleEnumerateFunctions(CUfunction *functions, unsigned n,
                                       CUmodule m);
HAMLET_CUDA cuFuncGetModule(CUmodule *m, CUfunction handle);
HAMLET_CUDA cuFuncGetName(const char **name, CUfunction handle);
HAMLET_CUDA cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset,
                               size_t *bytes);
HAMLET_CUDA cuFuncIsLoaded(int *loaded, CUfunction handle);
HAMLET_CUDA cuFuncLoad(CUfunction handle);
HAMLET_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, CUfunction f, int threads, size_t shared, unsigned);
HAMLET_CUDA cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes,
                                                    CUfunction handle,
                                                    int blocks, int threads);
HAMLET_CUDA cuOccupancyMaxPotentialClusterSize(int *size, CUfunction handle,
                                               const CUlaunchConfig *config);
HAMLET_CUDA cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block,
                                                      CUfunction f,
                                                      size_t (*sharedOf)(int),
                                                      size_t shared, int most,
                                                      unsigned);
HAMLET_CUDA cuLibraryLoadData(CUlibrary *l, const void *image, int *options,
                              void **values, unsigned n, int *, void **,
                              unsigned);
HAMLET_CUDA cuLibraryLoadFromFile(CUlibrary *l, const char *path, int *options,
                                  void **values, unsigned n, int *, void **,
                                  unsigned);
HAMLET_CUDA cuLibraryUnload(CUlibrary l);
HAMLET_CUDA cuLibraryGetKernel(CUkernel *k, CUlibrary l, const char *name);
HAMLET_CUDA cuLibraryGetKernelCount(unsigned *count, CUlibrary l);
HAMLET_CUDA cuLibraryEnumerateKernels(CUkernel *kernels, unsigned n,
                                      CUlibrary l);
HAMLET_CUDA cuLibraryGetModule(CUmodule *m, CUlibrary l);
HAMLET_CUDA cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, CUlibrary l,
                               const char *name);
HAMLET_CUDA cuLibraryGetManaged(CUdeviceptr *, size_t *, CUlibrary l,
                                const char *name);
HAMLET_CUDA cuLibraryGetUnifiedFunction(void **, CUlibrary l, const char *name);
HAMLET_CUDA cuKernelGetFunction(CUfunction *f, CUkernel k);
HAMLET_CUDA cuKernelGetLibrary(CUlibrary *l, CUkernel k);
HAMLET_CUDA cuKernelGetName(const char **name, CUkernel k);
HAMLET_CUDA cuKernelGetAttribute(int *value, int id, CUkernel k, CUdevice d);
HAMLET_CUDA cuKernelSetAttribute(int id, int value, CUkernel k, CUdevice d);
HAMLET_CUDA cuKernelSetCacheConfig(CUkernel k, int, CUdevice d);
HAMLET_CUDA cuKernelGetParamInfo(CUkernel k, size_t index, size_t *offset,
                                 size_t *bytes);
HAMLET_CUDA cuStreamGetFlags(CUstream s, unsigned *flags);
HAMLET_CUDA cuStreamGetId(CUstream s, unsigned long long *id);
HAMLET_CUDA cuStreamGetCtx(CUstream s, CUcontext *c);
HAMLET_CUDA cuStreamGetDevice(CUstream s, CUdevice *d);
HAMLET_CUDA cuStreamAddCallback(CUstream s, CUstreamCallback callback,
                                void *data, unsigned flags);
HAMLET_CUDA cuEventRecordWithFlags(CUevent e, CUstream s, unsigned flags);
HAMLET_CUDA cuStreamWaitValue32_v2(CUstream s, CUdeviceptr p, uint32_t value,
                                   unsigned flags);
HAMLET_CUDA cuStreamWaitValue64_v2(CUstream s, CUdeviceptr p, uint64_t value,
                                   unsigned flags);
HAMLET_CUDA cuStreamWriteValue32_v2(CUstream s, CUdeviceptr p, uint32_t value,
                                    unsigned flags);
HAMLET_CUDA cuStreamWriteValue64_v2(CUstream s, CUdeviceptr p, uint64_t value,
                                    unsigned flags);
HAMLET_CUDA cuGraphCreate(CUgraph *g, unsigned flags);
HAMLET_CUDA cuGraphClone(CUgraph *clone, CUgraph g);
HAMLET_CUDA cuGraphNodeFindInClone(CUgraphNode *found, CUgraphNode original,
                                   CUgraph clone);
HAMLET_CUDA cuGraphAddNode(CUgraphNode *out, CUgraph g,
                           const CUgraphNode *dependencies, size_t n,
                           CUgraphNodeParams *params);
HAMLET_CUDA cuGraphAddNode_v2(CUgraphNode *out, CUgraph g,
                              const CUgraphNode *dependencies, const void *,
                              size_t n, CUgraphNodeParams *params);
HAMLET_CUDA cuGraphAddKernelNode_v2(CUgraphNode *out, CUgraph g,
                                    const CUgraphNode *dependencies, size_t n,
                                    const CUDA_KERNEL_NODE_PARAMS *params);
HAMLET_CUDA cuGraphAddMemcpyNode(CUgraphNode *out, CUgraph g,
                                 const CUgraphNode *dependencies, size_t n,
                                 const CUDA_MEMCPY3D *params, CUcontext);
HAMLET_CUDA cuGraphAddMemsetNode(CUgraphNode *out, CUgraph g,
                                 const CUgraphNode *dependencies, size_t n,
                                 const CUDA_MEMSET_NODE_PARAMS_v1 *params,
                                 CUcontext context);
HAMLET_CUDA cuGraphAddHostNode(CUgraphNode *out, CUgraph g,
                               const CUgraphNode *dependencies, size_t n,
                               const CUDA_HOST_NODE_PARAMS *params);
HAMLET_CUDA cuGraphAddChildGraphNode(CUgraphNode *out, CUgraph g,
                                     const CUgraphNode *dependencies, size_t n,
                                     CUgraph child);
HAMLET_CUDA cuGraphAddEmptyNode(CUgraphNode *out, CUgraph g,
                                const CUgraphNode *dependencies, size_t n);
HAMLET_CUDA cuGraphAddEventRecordNode(CUgraphNode *out, CUgraph g,
                                      const CUgraphNode *dependencies, size_t n,
                                      CUevent e);
HAMLET_CUDA cuGraphAddEventWaitNode(CUgraphNode *out, CUgraph g,
                                    const CUgraphNode *dependencies, size_t n,
                                    CUevent e);
HAMLET_CUDA cuGraphDestroyNode(CUgraphNode node);
HAMLET_CUDA cuGraphNodeGetType(CUgraphNode node, int *type);
HAMLET_CUDA cuGraphKernelNodeGetParams_v2(CUgraphNode node,
                                          CUDA_KERNEL_NODE_PARAMS *params);
HAMLET_CUDA cuGraphMemcpyNodeGetParams(CUgraphNode node, CUDA_MEMCPY3D *params);
HAMLET_CUDA cuGraphMemsetNodeGetParams(CUgraphNode node,
                                       CUDA_MEMSET_NODE_PARAMS_v1 *params);
HAMLET_CUDA cuGraphHostNodeGetParams(CUgraphNode node,
                                     CUDA_HOST_NODE_PARAMS *params);
HAMLET_CUDA cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *g);
HAMLET_CUDA cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent *e);
HAMLET_CUDA cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent *e);
HAMLET_CUDA
cuGraphKernelNodeSetParams_v2(CUgraphNode node,
                              const CUDA_KERNEL_NODE_PARAMS *params);
HAMLET_CUDA cuGraphMemcpyNodeSetParams(CUgraphNode node,
                                       const CUDA_MEMCPY3D *params);
HAMLET_CUDA
cuGraphMemsetNodeSetParams(CUgraphNode node,
                           const CUDA_MEMSET_NODE_PARAMS_v1 *params);
HAMLET_CUDA cuGraphHostNodeSetParams(CUgraphNode node,
                                     const CUDA_HOST_NODE_PARAMS *params);
HAMLET_CUDA cuGraphNodeSetParams(CUgraphNode node, CUgraphNodeParams *params);
HAMLET_CUDA
cuGraphExecKernelNodeSetParams_v2(CUgraphExec e, CUgraphNode node,
                                  const CUDA_KERNEL_NODE_PARAMS *params);
HAMLET_CUDA cuGraphExecMemcpyNodeSetParams(CUgraphExec e, CUgraphNode node,
                                           const CUDA_MEMCPY3D *params,
                                           CUcontext);
HAMLET_CUDA
cuGraphExecMemsetNodeSetParams(CUgraphExec e, CUgraphNode node,
                               const CUDA_MEMSET_NODE_PARAMS_v1 *params,
                               CUcontext context);
HAMLET_CUDA cuGraphExecHostNodeSetParams(CUgraphExec e, CUgraphNode node,
                                         const CUDA_HOST_NODE_PARAMS *params);
HAMLET_CUDA cuGraphExecNodeSetParams(CUgraphExec e, CUgraphNode node,
                                     CUgraphNodeParams *params);
HAMLET_CUDA cuGraphGetNodes(CUgraph g, CUgraphNode *nodes, size_t *count);
HAMLET_CUDA cuGraphGetRootNodes(CUgraph g, CUgraphNode *nodes, size_t *count);
HAMLET_CUDA cuGraphGetEdges(CUgraph g, CUgraphNode *from, CUgraphNode *to,
                            size_t *count);
HAMLET_CUDA cuGraphGetEdges_v2(CUgraph g, CUgraphNode *from, CUgraphNode *to,
                               CUgraphEdgeData *data, size_t *count);
HAMLET_CUDA cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes,
                                       size_t *count);
HAMLET_CUDA cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *nodes,
                                          CUgraphEdgeData *data, size_t *count);
HAMLET_CUDA cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes,
                                         size_t *count);
HAMLET_CUDA cuGraphNodeGetDependentNodes_v2(CUgraphNode node,
                                            CUgraphNode *nodes,
                                            CUgraphEdgeData *data,
                                            size_t *count);
HAMLET_CUDA cuGraphAddDependencies(CUgraph g, const CUgraphNode *from,
                                   const CUgraphNode *to, size_t n);
HAMLET_CUDA cuGraphAddDependencies_v2(CUgraph g, const CUgraphNode *from,
                                      const CUgraphNode *to,
                                      const CUgraphEdgeData *, size_t n);
HAMLET_CUDA cuGraphRemoveDependencies(CUgraph g, const CUgraphNode *from,
                                      const CUgraphNode *to, size_t n);
HAMLET_CUDA cuGraphRemoveDependencies_v2(CUgraph g, const CUgraphNode *from,
                                         const CUgraphNode *to,
                                         const CUgraphEdgeData *, size_t n);
HAMLET_CUDA cuGraphInstantiateWithParams(CUgraphExec *e, CUgraph g,
                                         CUDA_GRAPH_INSTANTIATE_PARAMS *p);
HAMLET_CUDA cuGraphExecGetFlags(CUgraphExec e, uint64_t *flags);
HAMLET_CUDA cuGraphUpload(CUgraphExec e, CUstream s);
HAMLET_CUDA cuMemcpyPeer(CUdeviceptr to, CUcontext tc, CUdeviceptr from,
                         CUcontext fc, size_t n);
HAMLET_CUDA cuMemcpy2D_v2(const CUDA_MEMCPY2D *params);
HAMLET_CUDA cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *params);
HAMLET_CUDA cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *params, CUstream s);
HAMLET_CUDA cuMemcpy3D_v2(const CUDA_MEMCPY3D *params);
HAMLET_CUDA cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *params, CUstream s);
HAMLET_CUDA cuMemsetD2D8_v2(CUdeviceptr p, size_t pitch, unsigned char v,
                            size_t width, size_t height);
HAMLET_CUDA cuMemsetD2D32_v2(CUdeviceptr p, size_t pitch, unsigned v,
                             size_t width, size_t height);
HAMLET_CUDA cuMemsetD2D8Async(CUdeviceptr p, size_t pitch, unsigned char v,
                              size_t width, size_t height, CUstream s);
HAMLET_CUDA cuMemsetD2D32Async(CUdeviceptr p, size_t pitch, unsigned v,
                               size_t width, size_t height, CUstream s);
HAMLET_CUDA cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes,
                                    CUdeviceptr p);
HAMLET_CUDA cuMemHostGetFlags(unsigned *flags, void *p);
HAMLET_CUDA cuPointerGetAttributes(unsigned n, int *ids, void **out,
                                   CUdeviceptr p);
HAMLET_CUDA cuStreamBeginCaptureToGraph(CUstream s, CUgraph g,
                                        const CUgraphNode *dependencies,
                                        const void *, size_t n, int);
HAMLET_CUDA cuStreamGetCaptureInfo_v3(CUstream s, int *status, uint64_t *id,
                                      CUgraph *graph,
                                      const CUgraphNode **dependencies,
                                      const void **edges, size_t *count);
HAMLET_CUDA cuStreamUpdateCaptureDependencies(CUstream s, CUgraphNode *nodes,
                                              size_t n, unsigned flags);
HAMLET_CUDA cuStreamUpdateCaptureDependencies_v2(CUstream s, CUgraphNode *nodes,
                                                 const void *, size_t n,
                                                 unsigned flags);
HAMLET_CUDA cuThreadExchangeStreamCaptureMode(int *mode);
HAMLET_CUDA cuMemAllocPitch_v2(CUdeviceptr *p, size_t *pitch, size_t width,
                               size_t height, unsigned element);
HAMLET_CUDA cuMemAllocManaged(CUdeviceptr *p, size_t bytes, unsigned flags);
HAMLET_CUDA cuStreamAttachMemAsync(CUstream s, CUdeviceptr p, size_t bytes,
                                   unsigned flags);
HAMLET_CUDA cuMemPrefetchAsync(CUdeviceptr p, size_t bytes, CUdevice d,
                               CUstream s);
HAMLET_CUDA cuMemPrefetchAsync_v2(CUdeviceptr p, size_t bytes, CUmemLocation to,
                                  unsigned flags, CUstream s);
HAMLET_CUDA cuMemAdvise(CUdeviceptr p, size_t bytes, int advice, CUdevice d);
HAMLET_CUDA cuMemAdvise_v2(CUdeviceptr p, size_t bytes, int advice,
                           CUmemLocation where);
HAMLET_CUDA cuDeviceSetMemPool(CUdevice d, CUmemoryPool pool);
HAMLET_CUDA cuMemPoolCreate(CUmemoryPool *p, const CUmemPoolProps *props);
HAMLET_CUDA cuMemPoolDestroy(CUmemoryPool p);
HAMLET_CUDA cuMemPoolSetAccess(CUmemoryPool p, const CUmemAccessDesc *list,
                               size_t n);
HAMLET_CUDA cuMemPoolGetAccess(int *flags, CUmemoryPool p,
                               CUmemLocation *location);
HAMLET_CUDA cuDeviceGetByPCIBusId(CUdevice *d, const char *text);
HAMLET_CUDA cuCtxGetFlags(unsigned *flags);
HAMLET_CUDA cuProfilerStart();
HAMLET_CUDA cuProfilerStop();
