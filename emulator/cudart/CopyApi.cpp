//===- CopyApi.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Copies and fills, of variables as well.
#include "emulator/cudart/Runtime.h"

using namespace hamlet::emu::cudart;

namespace {
enum Kind { kHostToHost, kHostToDevice, kDeviceToHost, kDeviceToDevice, kAny };
enum Side : unsigned { kHostSide = 1, kDeviceSide, kArraySide, kUnifiedSide };

bool validKind(int kind) { return kind >= kHostToHost && kind <= kAny; }
Side sideOf(int kind, bool destination) {
  if (kind == kAny || kind == kHostToHost)
    return kUnifiedSide;
  bool host = kind == (destination ? kDeviceToHost : kHostToDevice);
  return host ? kHostSide : kDeviceSide;
}
/// A call that is not asynchronous waits, unless it is within devices.
cudaError_t finished(cudaError_t r, bool wait, CUstream s) {
  return r || !wait ? r : cuStreamSynchronize(s);
}

cudaError_t copy(void *to, const void *from, size_t bytes, int kind, CUstream s,
                 bool async) {
  if (!validKind(kind))
    return kInvalidDirection;
  s = streamOf(s);
  if (!bytes)
    return kSuccess;
  cudaError_t r =
      kind == kHostToDevice   ? cuMemcpyHtoDAsync_v2(number(to), from, bytes, s)
      : kind == kDeviceToHost ? cuMemcpyDtoHAsync_v2(to, number(from), bytes, s)
      : kind == kDeviceToDevice
          ? cuMemcpyDtoDAsync_v2(number(to), number(from), bytes, s)
          : cuMemcpyAsync(number(to), number(from), bytes, s);
  return finished(r, !async && kind != kDeviceToDevice, s);
}

cudaError_t copyBox(const CUDA_MEMCPY3D &box, int kind, CUstream s,
                    bool async) {
  s = streamOf(s);
  return finished(cuMemcpy3DAsync_v2(&box, s),
                  !async && kind != kDeviceToDevice, s);
}
cudaError_t copyRows(void *to, size_t toPitch, const void *from,
                     size_t fromPitch, size_t width, size_t height, int kind,
                     CUstream s, bool async) {
  if (!validKind(kind))
    return kInvalidDirection;
  if (width > toPitch || width > fromPitch)
    return kInvalidPitch;
  cudaMemcpy3DParms p{};
  p.srcPtr = {const_cast<void *>(from), fromPitch, width, height};
  p.dstPtr = {to, toPitch, width, height};
  p.extent = {width, height, 1};
  p.kind = kind;
  CUDA_MEMCPY3D box;
  cudaError_t r = boxOf(p, box);
  return r ? r : copyBox(box, kind, s, async);
}
cudaError_t copyBox(const cudaMemcpy3DParms *p, CUstream s, bool async) {
  CUDA_MEMCPY3D box;
  if (!p)
    return kInvalidValue;
  cudaError_t r = boxOf(*p, box);
  return r ? r : copyBox(box, p->kind, s, async);
}

cudaError_t copyTo(const void *variable, const void *from, size_t count,
                   size_t offset, int kind, CUstream s, bool async) {
  void *to;
  if (kind != kHostToDevice && kind != kDeviceToDevice && kind != kAny)
    return kInvalidDirection;
  cudaError_t r = partOfVariable(variable, count, offset, to);
  return r ? r : copy(to, from, count, kind, s, async);
}
cudaError_t copyFrom(void *to, const void *variable, size_t count,
                     size_t offset, int kind, CUstream s, bool async) {
  void *from;
  if (kind != kDeviceToHost && kind != kDeviceToDevice && kind != kAny)
    return kInvalidDirection;
  cudaError_t r = partOfVariable(variable, count, offset, from);
  return r ? r : copy(to, from, count, kind, s, async);
}

/// Fills of memory that the host sees are done when the call returns.
bool hostSees(const void *p) {
  unsigned type = 0; // of device memory alone it is not this:
  int managed = 0;
  cuPointerGetAttribute(&type, 2, number(p));
  cuPointerGetAttribute(&managed, 8, number(p));
  return type == kHostSide || managed;
}
cudaError_t fillRows(void *to, size_t pitch, int value, size_t width,
                     size_t height, CUstream s, bool async) {
  s = streamOf(s);
  auto byte = static_cast<unsigned char>(value);
  cudaError_t r = height == 1 ? cuMemsetD8Async(number(to), byte, width, s)
                              : cuMemsetD2D8Async(number(to), pitch, byte,
                                                  width, height, s);
  return finished(r, !async && hostSees(to), s);
}
cudaError_t fillBox(const cudaPitchedPtr &p, int value, const cudaExtent &e,
                    CUstream s, bool async) {
  for (size_t z = 0; z < e.depth; ++z) {
    char *slice = static_cast<char *>(p.ptr) + z * p.pitch * p.ysize;
    if (cudaError_t r =
            fillRows(slice, p.pitch, value, e.width, e.height, s, async))
      return r;
  }
  return kSuccess;
}

cudaError_t copyPeer(void *to, int toDevice, const void *from, int fromDevice,
                     size_t bytes, CUstream s) {
  CUcontext tc = nullptr, fc = nullptr;
  if (cudaError_t r = contextOf(toDevice, tc))
    return r;
  if (cudaError_t r = contextOf(fromDevice, fc))
    return r;
  return cuMemcpyPeerAsync(number(to), tc, number(from), fc, bytes, s);
}
cudaError_t copyBoxPeer(const cudaMemcpy3DPeerParms *p, CUstream s) {
  if (!p)
    return kInvalidValue;
  cudaMemcpy3DParms same{p->srcArray, p->srcPos, p->srcPtr, p->dstArray,
                         p->dstPos,   p->dstPtr, p->extent, kDeviceToDevice};
  return copyBox(&same, s, true);
}
} // namespace

cudaError_t hamlet::emu::cudart::boxOf(const cudaMemcpy3DParms &p,
                                       CUDA_MEMCPY3D &box) {
  if (!validKind(p.kind))
    return kInvalidDirection;
  if (p.srcArray || p.dstArray)
    return kNotSupported; // there are no arrays
  box = {};
  box.srcMemoryType = sideOf(p.kind, false);
  box.srcHost = p.srcPtr.ptr;
  box.srcDevice = number(p.srcPtr.ptr);
  box.srcPitch = p.srcPtr.pitch;
  box.srcHeight = p.srcPtr.ysize;
  box.srcXInBytes = p.srcPos.x;
  box.srcY = p.srcPos.y;
  box.srcZ = p.srcPos.z;
  box.dstMemoryType = sideOf(p.kind, true);
  box.dstHost = p.dstPtr.ptr;
  box.dstDevice = number(p.dstPtr.ptr);
  box.dstPitch = p.dstPtr.pitch;
  box.dstHeight = p.dstPtr.ysize;
  box.dstXInBytes = p.dstPos.x;
  box.dstY = p.dstPos.y;
  box.dstZ = p.dstPos.z;
  box.WidthInBytes = p.extent.width;
  box.Height = p.extent.height;
  box.Depth = p.extent.depth;
  return kSuccess;
}

// What has no stream has the null stream.
HAMLET_CUDART_STREAM(cudaMemcpy, _ptds,
                     (void *to, const void *from, size_t bytes, int kind),
                     (to, from, bytes, kind)) {
  return copy(to, from, bytes, kind, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemcpyAsync, _ptsz,
                     (void *to, const void *from, size_t bytes, int kind,
                      CUstream s),
                     (to, from, bytes, kind, s)) {
  return copy(to, from, bytes, kind, s, true);
}
HAMLET_CUDART_STREAM(cudaMemcpy2D, _ptds,
                     (void *to, size_t toPitch, const void *from,
                      size_t fromPitch, size_t width, size_t height, int kind),
                     (to, toPitch, from, fromPitch, width, height, kind)) {
  return copyRows(to, toPitch, from, fromPitch, width, height, kind, nullptr,
                  false);
}
HAMLET_CUDART_STREAM(cudaMemcpy2DAsync, _ptsz,
                     (void *to, size_t toPitch, const void *from,
                      size_t fromPitch, size_t width, size_t height, int kind,
                      CUstream s),
                     (to, toPitch, from, fromPitch, width, height, kind, s)) {
  return copyRows(to, toPitch, from, fromPitch, width, height, kind, s, true);
}
HAMLET_CUDART_STREAM(cudaMemcpy3D, _ptds, (const cudaMemcpy3DParms *p), (p)) {
  return copyBox(p, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemcpy3DAsync, _ptsz,
                     (const cudaMemcpy3DParms *p, CUstream s), (p, s)) {
  return copyBox(p, s, true);
}
HAMLET_CUDART cudaMemcpyPeer(void *to, int toDevice, const void *from,
                             int fromDevice, size_t bytes) {
  return enter(
      [&] { return copyPeer(to, toDevice, from, fromDevice, bytes, nullptr); });
}
HAMLET_CUDART cudaMemcpyPeerAsync(void *to, int toDevice, const void *from,
                                  int fromDevice, size_t bytes, CUstream s) {
  return enter(
      [&] { return copyPeer(to, toDevice, from, fromDevice, bytes, s); });
}
HAMLET_CUDART_STREAM(cudaMemcpy3DPeer, _ptds, (const cudaMemcpy3DPeerParms *p),
                     (p)) {
  return copyBoxPeer(p, nullptr);
}
HAMLET_CUDART_STREAM(cudaMemcpy3DPeerAsync, _ptsz,
                     (const cudaMemcpy3DPeerParms *p, CUstream s), (p, s)) {
  return copyBoxPeer(p, s);
}
HAMLET_CUDART_STREAM(cudaMemcpyToSymbol, _ptds,
                     (const void *variable, const void *from, size_t count,
                      size_t offset, int kind),
                     (variable, from, count, offset, kind)) {
  return copyTo(variable, from, count, offset, kind, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemcpyToSymbolAsync, _ptsz,
                     (const void *variable, const void *from, size_t count,
                      size_t offset, int kind, CUstream s),
                     (variable, from, count, offset, kind, s)) {
  return copyTo(variable, from, count, offset, kind, s, true);
}
HAMLET_CUDART_STREAM(cudaMemcpyFromSymbol, _ptds,
                     (void *to, const void *variable, size_t count,
                      size_t offset, int kind),
                     (to, variable, count, offset, kind)) {
  return copyFrom(to, variable, count, offset, kind, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemcpyFromSymbolAsync, _ptsz,
                     (void *to, const void *variable, size_t count,
                      size_t offset, int kind, CUstream s),
                     (to, variable, count, offset, kind, s)) {
  return copyFrom(to, variable, count, offset, kind, s, true);
}
HAMLET_CUDART_STREAM(cudaMemset, _ptds, (void *to, int value, size_t bytes),
                     (to, value, bytes)) {
  return fillRows(to, 0, value, bytes, 1, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemsetAsync, _ptsz,
                     (void *to, int value, size_t bytes, CUstream s),
                     (to, value, bytes, s)) {
  return fillRows(to, 0, value, bytes, 1, s, true);
}
HAMLET_CUDART_STREAM(cudaMemset2D, _ptds,
                     (void *to, size_t pitch, int value, size_t width,
                      size_t height),
                     (to, pitch, value, width, height)) {
  return fillRows(to, pitch, value, width, height, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemset2DAsync, _ptsz,
                     (void *to, size_t pitch, int value, size_t width,
                      size_t height, CUstream s),
                     (to, pitch, value, width, height, s)) {
  return fillRows(to, pitch, value, width, height, s, true);
}
HAMLET_CUDART_STREAM(cudaMemset3D, _ptds,
                     (cudaPitchedPtr p, int value, cudaExtent e),
                     (p, value, e)) {
  return fillBox(p, value, e, nullptr, false);
}
HAMLET_CUDART_STREAM(cudaMemset3DAsync, _ptsz,
                     (cudaPitchedPtr p, int value, cudaExtent e, CUstream s),
                     (p, value, e, s)) {
  return fillBox(p, value, e, s, true);
}
