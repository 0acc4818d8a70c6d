//===- CopyApi.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Copies and fills.
#include "emulator/driver/Graph.h"

#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
enum MemoryType { kHostSide = 1, kDeviceSide = 2, kUnifiedSide = 4 };

void spend(Running &running, size_t bytes) {
  running.nanoseconds += 500 + static_cast<double>(bytes) / 50;
}

/// Where bytes lie in this process; null: not wholly in one allocation. What
/// is `known` to be the driver's memory may have been freed since.
u8 *place(u64 address, size_t bytes, bool write, bool known) {
  Allocation *a = allocationOf(address);
  if (!a)
    return known || memoryOf(address) || !address
               ? nullptr
               : reinterpret_cast<u8 *>(address);
  if (bytes > a->end - address)
    return nullptr;
  if (write)
    a->markWritten(address, bytes);
  return a->host + (address - a->begin);
}

bool pageable(u64 address) { return !allocationOf(address); }
size_t bytesOf(const Copy &c) { return c.width * c.height * c.depth; }
/// From the first byte to the last; false: beyond all addresses.
bool span(size_t width, size_t height, size_t depth, size_t pitch, size_t slice,
          size_t &bytes) {
  size_t rows, slices;
  return !__builtin_mul_overflow(height - 1, pitch, &rows) &&
         !__builtin_mul_overflow(depth - 1, slice, &slices) &&
         !__builtin_add_overflow(rows, slices, &bytes) &&
         !__builtin_add_overflow(bytes, width, &bytes);
}

Copy flat(u64 to, u64 from, size_t bytes) {
  Copy c;
  c.to = to;
  c.from = from;
  c.width = bytes;
  return c;
}
u64 address(const void *p) { return reinterpret_cast<u64>(p); }
bool isDevice(u64 p, size_t bytes) { return !bytes || allocationOf(p); }

/// A side that the call's name says to be of a device has to be.
CUresult copyFlat(Call &call, u64 to, u64 from, size_t bytes, bool toDevice,
                  bool fromDevice, CUstream stream, bool async) {
  if ((toDevice && !isDevice(to, bytes)) ||
      (fromDevice && !isDevice(from, bytes)))
    return kInvalidValue;
  return copy(call, flat(to, from, bytes), stream, async);
}

template <class T>
CUresult fillFlat(Call &call, CUdeviceptr to, T value, size_t n,
                  CUstream stream) {
  return fill(call, {to, value, sizeof(T), n, 1, 0}, stream);
}

/// One side of a copy's description: the address of its first byte.
bool side(unsigned type, const void *host, CUdeviceptr device, size_t x,
          size_t y, size_t z, size_t pitch, size_t slice, u64 &address) {
  if (type != kHostSide && type != kDeviceSide && type != kUnifiedSide)
    return false;
  address = (type == kHostSide ? reinterpret_cast<u64>(host) : device) + x +
            y * pitch + z * slice;
  return type != kDeviceSide || allocationOf(address);
}
bool readCopy(const CUDA_MEMCPY2D &p, Copy &c) {
  c.width = p.WidthInBytes;
  c.height = p.Height;
  c.toPitch = p.dstPitch ? p.dstPitch : p.WidthInBytes;
  c.fromPitch = p.srcPitch ? p.srcPitch : p.WidthInBytes;
  return side(p.dstMemoryType, p.dstHost, p.dstDevice, p.dstXInBytes, p.dstY, 0,
              c.toPitch, 0, c.to) &&
         side(p.srcMemoryType, p.srcHost, p.srcDevice, p.srcXInBytes, p.srcY, 0,
              c.fromPitch, 0, c.from);
}
CUDA_MEMCPY3D describe(const Copy &c) {
  CUDA_MEMCPY3D p{};
  p.srcMemoryType = p.dstMemoryType = kUnifiedSide;
  p.srcDevice = c.from;
  p.dstDevice = c.to;
  p.srcPitch = c.fromPitch;
  p.dstPitch = c.toPitch;
  p.srcHeight = c.fromPitch ? c.fromSlice / c.fromPitch : 0;
  p.dstHeight = c.toPitch ? c.toSlice / c.toPitch : 0;
  p.WidthInBytes = c.width;
  p.Height = c.height;
  p.Depth = c.depth;
  return p;
}
template <class P>
CUresult copyBox(Call &call, const P *params, CUstream stream, bool async) {
  Copy c;
  if (!params || !readCopy(*params, c))
    return kInvalidValue;
  return copy(call, c, stream, async);
}
} // namespace

namespace hamlet::emu::driver {
bool readCopy(const CUDA_MEMCPY3D &p, Copy &c) {
  c.width = p.WidthInBytes;
  c.height = p.Height;
  c.depth = p.Depth;
  c.toPitch = p.dstPitch ? p.dstPitch : p.WidthInBytes;
  c.fromPitch = p.srcPitch ? p.srcPitch : p.WidthInBytes;
  c.toSlice = c.toPitch * (p.dstHeight ? p.dstHeight : p.Height);
  c.fromSlice = c.fromPitch * (p.srcHeight ? p.srcHeight : p.Height);
  return !p.srcLOD && !p.dstLOD &&
         side(p.dstMemoryType, p.dstHost, p.dstDevice, p.dstXInBytes, p.dstY,
              p.dstZ, c.toPitch, c.toSlice, c.to) &&
         side(p.srcMemoryType, p.srcHost, p.srcDevice, p.srcXInBytes, p.srcY,
              p.srcZ, c.fromPitch, c.fromSlice, c.from);
}

CUresult check(const Copy &c) {
  size_t to, from;
  if (!c.width || !c.height || !c.depth)
    return kSuccess;
  if ((c.height > 1 && (c.toPitch < c.width || c.fromPitch < c.width)) ||
      !span(c.width, c.height, c.depth, c.toPitch, c.toSlice, to) ||
      !span(c.width, c.height, c.depth, c.fromPitch, c.fromSlice, from) ||
      !place(c.to, to, false, false) || !place(c.from, from, false, false))
    return kInvalidValue;
  return kSuccess;
}
CUresult check(const Fill &f) {
  size_t row, bytes;
  if (f.elementBytes != 1 && f.elementBytes != 2 && f.elementBytes != 4)
    return kInvalidValue;
  if (f.to & (f.elementBytes - 1) ||
      __builtin_mul_overflow(f.width, f.elementBytes, &row))
    return kInvalidValue;
  if (!row || !f.height)
    return kSuccess;
  if ((f.height > 1 && (f.pitch < row || f.pitch & (f.elementBytes - 1))) ||
      !span(row, f.height, 1, f.pitch, 0, bytes))
    return kInvalidValue;
  Allocation *a = allocationOf(f.to);
  return a && bytes <= a->end - f.to ? kSuccess : kInvalidValue;
}

Work workOf(const Copy &c) {
  bool toKnown = !pageable(c.to), fromKnown = !pageable(c.from);
  return [=](Running &running) -> CUresult {
    for (size_t z = 0; z < c.depth; ++z)
      for (size_t y = 0; y < c.height && c.width; ++y) {
        u8 *to = place(c.to + z * c.toSlice + y * c.toPitch, c.width, true,
                       toKnown),
           *from = place(c.from + z * c.fromSlice + y * c.fromPitch, c.width,
                         false, fromKnown);
        if (!to || !from)
          return kIllegalAddress;
        std::memmove(to, from, c.width);
      }
    spend(running, bytesOf(c));
    return kSuccess;
  };
}
Work workOf(const Fill &f) {
  return [f](Running &running) -> CUresult {
    size_t row = f.width * f.elementBytes;
    for (size_t y = 0; y < f.height && row; ++y) {
      u8 *to = place(f.to + y * f.pitch, row, true, true);
      if (!to)
        return kIllegalAddress;
      if (f.elementBytes == 1)
        std::memset(to, static_cast<int>(f.value), row);
      else
        for (size_t i = 0; i < row; i += f.elementBytes)
          std::memcpy(to + i, &f.value, f.elementBytes);
    }
    spend(running, row * f.height);
    return kSuccess;
  };
}

CUresult copy(Call &call, const Copy &c, CUstream stream, bool async) {
  if (CUresult r = check(c))
    return r;
  if (!validStream(stream))
    return kInvalidHandle;
  bool nothing = !bytesOf(c), captured = isCapturing(stream);
  // Into pageable memory the call returns when the data are there. From it, it
  // returns when they are read: at once where nothing is ahead.
  bool wait = !async || (!nothing && pageable(c.to));
  if (!captured && !wait && !nothing && pageable(c.from)) {
    if (queueOf(stream)->tasks.empty()) {
      wait = true;
    } else {
      auto held = std::make_shared<std::vector<u8>>();
      for (size_t z = 0; z < c.depth; ++z)
        for (size_t y = 0; y < c.height; ++y) {
          auto *row = reinterpret_cast<const u8 *>(c.from + z * c.fromSlice +
                                                   y * c.fromPitch);
          held->insert(held->end(), row, row + c.width);
        }
      Copy packed = c;
      packed.from = reinterpret_cast<u64>(held->data());
      packed.fromPitch = c.width;
      packed.fromSlice = c.width * c.height;
      Contents contents;
      contents.action = {[held, run = workOf(packed)](Running &running) {
                           return run(running);
                         },
                         false, held->size()};
      return enqueue(call, stream, std::move(contents));
    }
  }
  Contents contents;
  contents.type = kCopyNode;
  contents.action.run = workOf(c);
  contents.description = describe(c);
  MarkPointer mark;
  CUresult r = enqueue(call, stream, std::move(contents), &mark);
  return r || !wait || captured ? r : call.wait(mark);
}

CUresult fill(Call &call, const Fill &f, CUstream stream) {
  if (CUresult r = check(f))
    return r;
  Contents contents;
  contents.type = kFillNode;
  contents.action.run = workOf(f);
  contents.description = CUDA_MEMSET_NODE_PARAMS{
      {f.to, f.pitch, f.value, f.elementBytes, f.width, f.height}, nullptr};
  return enqueue(call, stream, std::move(contents));
}
} // namespace hamlet::emu::driver

HAMLET_CUDA cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n) {
  HAMLET_ENTER(cuMemcpyHtoD_v2, true);
  return copyFlat(call, to, address(from), n, true, false, nullptr, false);
}
HAMLET_CUDA cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n) {
  HAMLET_ENTER(cuMemcpyDtoH_v2, true);
  return copyFlat(call, address(to), from, n, false, true, nullptr, false);
}
HAMLET_CUDA cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n) {
  HAMLET_ENTER(cuMemcpyDtoD_v2, true);
  return copyFlat(call, to, from, n, true, true, nullptr, true);
}
HAMLET_CUDA cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n,
                                 CUstream s) {
  HAMLET_ENTER(cuMemcpyHtoDAsync_v2, true);
  return copyFlat(call, to, address(from), n, true, false, s, true);
}
HAMLET_CUDA cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n,
                                 CUstream s) {
  HAMLET_ENTER(cuMemcpyDtoHAsync_v2, true);
  return copyFlat(call, address(to), from, n, false, true, s, true);
}
HAMLET_CUDA cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n,
                                 CUstream s) {
  HAMLET_ENTER(cuMemcpyDtoDAsync_v2, true);
  return copyFlat(call, to, from, n, true, true, s, true);
}
HAMLET_CUDA cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n) {
  HAMLET_ENTER(cuMemcpy, true);
  return copyFlat(call, to, from, n, false, false, nullptr, false);
}
HAMLET_CUDA cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n,
                          CUstream s) {
  HAMLET_ENTER(cuMemcpyAsync, true);
  return copyFlat(call, to, from, n, false, false, s, true);
}
static CUresult copyPeer(Call &call, CUdeviceptr to, CUcontext tc,
                         CUdeviceptr from, CUcontext fc, size_t n, CUstream s) {
  if (!state().contexts.count(tc) || !state().contexts.count(fc))
    return kInvalidContext;
  return copyFlat(call, to, from, n, true, true, s, true);
}
HAMLET_CUDA cuMemcpyPeer(CUdeviceptr to, CUcontext tc, CUdeviceptr from,
                         CUcontext fc, size_t n) {
  HAMLET_ENTER(cuMemcpyPeer, true);
  return copyPeer(call, to, tc, from, fc, n, nullptr);
}
HAMLET_CUDA cuMemcpyPeerAsync(CUdeviceptr to, CUcontext tc, CUdeviceptr from,
                              CUcontext fc, size_t n, CUstream s) {
  HAMLET_ENTER(cuMemcpyPeerAsync, true);
  return copyPeer(call, to, tc, from, fc, n, s);
}
HAMLET_CUDA cuMemcpy2D_v2(const CUDA_MEMCPY2D *params) {
  HAMLET_ENTER(cuMemcpy2D_v2, true);
  return copyBox(call, params, nullptr, false);
}
HAMLET_CUDA cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *params) {
  HAMLET_ENTER(cuMemcpy2DUnaligned_v2, true);
  return copyBox(call, params, nullptr, false);
}
HAMLET_CUDA cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *params, CUstream s) {
  HAMLET_ENTER(cuMemcpy2DAsync_v2, true);
  return copyBox(call, params, s, true);
}
HAMLET_CUDA cuMemcpy3D_v2(const CUDA_MEMCPY3D *params) {
  HAMLET_ENTER(cuMemcpy3D_v2, true);
  return copyBox(call, params, nullptr, false);
}
HAMLET_CUDA cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *params, CUstream s) {
  HAMLET_ENTER(cuMemcpy3DAsync_v2, true);
  return copyBox(call, params, s, true);
}

// Fills of device memory return before they are done, as copies within it do.
HAMLET_CUDA cuMemsetD8_v2(CUdeviceptr p, unsigned char v, size_t n) {
  HAMLET_ENTER(cuMemsetD8_v2, true);
  return fillFlat(call, p, v, n, nullptr);
}
HAMLET_CUDA cuMemsetD16_v2(CUdeviceptr p, unsigned short v, size_t n) {
  HAMLET_ENTER(cuMemsetD16_v2, true);
  return fillFlat(call, p, v, n, nullptr);
}
HAMLET_CUDA cuMemsetD32_v2(CUdeviceptr p, unsigned v, size_t n) {
  HAMLET_ENTER(cuMemsetD32_v2, true);
  return fillFlat(call, p, v, n, nullptr);
}
HAMLET_CUDA cuMemsetD8Async(CUdeviceptr p, unsigned char v, size_t n,
                            CUstream s) {
  HAMLET_ENTER(cuMemsetD8Async, true);
  return fillFlat(call, p, v, n, s);
}
HAMLET_CUDA cuMemsetD16Async(CUdeviceptr p, unsigned short v, size_t n,
                             CUstream s) {
  HAMLET_ENTER(cuMemsetD16Async, true);
  return fillFlat(call, p, v, n, s);
}
HAMLET_CUDA cuMemsetD32Async(CUdeviceptr p, unsigned v, size_t n, CUstream s) {
  HAMLET_ENTER(cuMemsetD32Async, true);
  return fillFlat(call, p, v, n, s);
}
HAMLET_CUDA cuMemsetD2D8_v2(CUdeviceptr p, size_t pitch, unsigned char v,
                            size_t width, size_t height) {
  HAMLET_ENTER(cuMemsetD2D8_v2, true);
  return fill(call, {p, v, 1, width, height, pitch}, nullptr);
}
HAMLET_CUDA cuMemsetD2D32_v2(CUdeviceptr p, size_t pitch, unsigned v,
                             size_t width, size_t height) {
  HAMLET_ENTER(cuMemsetD2D32_v2, true);
  return fill(call, {p, v, 4, width, height, pitch}, nullptr);
}
HAMLET_CUDA cuMemsetD2D8Async(CUdeviceptr p, size_t pitch, unsigned char v,
                              size_t width, size_t height, CUstream s) {
  HAMLET_ENTER(cuMemsetD2D8Async, true);
  return fill(call, {p, v, 1, width, height, pitch}, s);
}
HAMLET_CUDA cuMemsetD2D32Async(CUdeviceptr p, size_t pitch, unsigned v,
                               size_t width, size_t height, CUstream s) {
  HAMLET_ENTER(cuMemsetD2D32Async, true);
  return fill(call, {p, v, 4, width, height, pitch}, s);
}
