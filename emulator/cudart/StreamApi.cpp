//===- StreamApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Streams, events and captures.
#include "emulator/cudart/Runtime.h"

using namespace hamlet::emu::cudart;

HAMLET_CUDART cudaStreamCreate(CUstream *s) {
  return enter([&] { return cuStreamCreate(s, 0); });
}
HAMLET_CUDART cudaStreamCreateWithFlags(CUstream *s, unsigned flags) {
  return enter([&] { return cuStreamCreate(s, flags); });
}
HAMLET_CUDART cudaStreamCreateWithPriority(CUstream *s, unsigned flags,
                                           int priority) {
  return enter([&] { return cuStreamCreateWithPriority(s, flags, priority); });
}
HAMLET_CUDART cudaStreamDestroy(CUstream s) {
  return enter([&] { return cuStreamDestroy_v2(s); });
}
HAMLET_CUDART_STREAM(cudaStreamGetPriority, _ptsz, (CUstream s, int *priority),
                     (s, priority)) {
  return cuStreamGetPriority(streamOf(s), priority);
}
HAMLET_CUDART_STREAM(cudaStreamGetFlags, _ptsz, (CUstream s, unsigned *flags),
                     (s, flags)) {
  return cuStreamGetFlags(streamOf(s), flags);
}
HAMLET_CUDART_STREAM(cudaStreamGetId, _ptsz,
                     (CUstream s, unsigned long long *id), (s, id)) {
  return cuStreamGetId(streamOf(s), id);
}
HAMLET_CUDART_STREAM(cudaStreamGetDevice, _ptsz, (CUstream s, int *device),
                     (s, device)) {
  return cuStreamGetDevice(streamOf(s), device);
}
HAMLET_CUDART_STREAM(cudaStreamWaitEvent, _ptsz,
                     (CUstream s, CUevent e, unsigned flags), (s, e, flags)) {
  return cuStreamWaitEvent(streamOf(s), e, flags);
}
HAMLET_CUDART_STREAM(cudaStreamAddCallback, _ptsz,
                     (CUstream s, CUstreamCallback callback, void *data,
                      unsigned flags),
                     (s, callback, data, flags)) {
  return cuStreamAddCallback(streamOf(s), callback, data, flags);
}
HAMLET_CUDART_STREAM(cudaStreamSynchronize, _ptsz, (CUstream s), (s)) {
  return cuStreamSynchronize(streamOf(s));
}
HAMLET_CUDART_STREAM(cudaStreamQuery, _ptsz, (CUstream s), (s)) {
  return cuStreamQuery(streamOf(s));
}

// ---- captures ----
HAMLET_CUDART_STREAM(cudaStreamBeginCapture, _ptsz, (CUstream s, int mode),
                     (s, mode)) {
  return cuStreamBeginCapture_v2(streamOf(s), mode);
}
HAMLET_CUDART_STREAM(cudaStreamBeginCaptureToGraph, _ptsz,
                     (CUstream s, CUgraph g, const CUgraphNode *nodes,
                      const CUgraphEdgeData *edges, size_t n, int mode),
                     (s, g, nodes, edges, n, mode)) {
  return cuStreamBeginCaptureToGraph(streamOf(s), g, nodes, edges, n, mode);
}
HAMLET_CUDART_STREAM(cudaStreamEndCapture, _ptsz, (CUstream s, CUgraph *g),
                     (s, g)) {
  return cuStreamEndCapture(streamOf(s), g);
}
HAMLET_CUDART_STREAM(cudaStreamIsCapturing, _ptsz, (CUstream s, int *status),
                     (s, status)) {
  return cuStreamIsCapturing(streamOf(s), status);
}
HAMLET_CUDART_STREAM(cudaStreamGetCaptureInfo, _ptsz,
                     (CUstream s, int *status, unsigned long long *id,
                      CUgraph *g, const CUgraphNode **nodes, const void **edges,
                      size_t *n),
                     (s, status, id, g, nodes, edges, n)) {
  return cuStreamGetCaptureInfo_v3(streamOf(s), status,
                                   reinterpret_cast<uint64_t *>(id), g, nodes,
                                   edges, n);
}
HAMLET_CUDART_STREAM(cudaStreamUpdateCaptureDependencies, _ptsz,
                     (CUstream s, CUgraphNode *nodes, const void *edges,
                      size_t n, unsigned flags),
                     (s, nodes, edges, n, flags)) {
  return cuStreamUpdateCaptureDependencies_v2(streamOf(s), nodes, edges, n,
                                              flags);
}
HAMLET_CUDART cudaThreadExchangeStreamCaptureMode(int *mode) {
  return enter(Needs::Driver,
               [&] { return cuThreadExchangeStreamCaptureMode(mode); });
}

// ---- events ----
HAMLET_CUDART cudaEventCreate(CUevent *e) {
  return enter([&] { return cuEventCreate(e, 0); });
}
HAMLET_CUDART cudaEventCreateWithFlags(CUevent *e, unsigned flags) {
  return enter([&] { return cuEventCreate(e, flags); });
}
HAMLET_CUDART cudaEventDestroy(CUevent e) {
  return enter([&] { return cuEventDestroy_v2(e); });
}
HAMLET_CUDART_STREAM(cudaEventRecord, _ptsz, (CUevent e, CUstream s), (e, s)) {
  return cuEventRecord(e, streamOf(s));
}
HAMLET_CUDART_STREAM(cudaEventRecordWithFlags, _ptsz,
                     (CUevent e, CUstream s, unsigned flags), (e, s, flags)) {
  return cuEventRecordWithFlags(e, streamOf(s), flags);
}
HAMLET_CUDART cudaEventQuery(CUevent e) {
  return enter([&] { return cuEventQuery(e); });
}
HAMLET_CUDART cudaEventSynchronize(CUevent e) {
  return enter([&] { return cuEventSynchronize(e); });
}
HAMLET_CUDART cudaEventElapsedTime(float *ms, CUevent a, CUevent b) {
  return enter([&] { return cuEventElapsedTime_v2(ms, a, b); });
}
