//===- TensorMapApi.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Tensor maps: 128 bytes that kernels copy boxes with.
#include "emulator/driver/State.h"

#include "emulator/hopper/TensorMap.h"

#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
/// What both kinds of tensor map have. False: a number is out of range.
bool encodeMap(TensorMap &m, int type, unsigned rank, void *address,
               const uint64_t *dims, const uint64_t *strides,
               const uint32_t *elementStrides, int interleave, int swizzle,
               int fill) {
  auto byte = [](int v) { return v >= 0 && v < 256; };
  if (!dims || !elementStrides || rank < 1 || rank > 5 ||
      (rank > 1 && !strides) || !byte(type) || !byte(swizzle) ||
      !byte(interleave) || fill < 0 || fill > 1)
    return false;
  m.base = reinterpret_cast<u64>(address);
  m.rankMinusOne = static_cast<u8>(rank - 1);
  m.type = static_cast<u8>(type);
  m.swizzle = static_cast<u8>(swizzle);
  m.interleave = static_cast<u8>(interleave);
  m.nanFill = static_cast<u8>(fill);
  for (unsigned i = 0; i < rank; ++i) {
    if (dims[i] > 0xffffffff || elementStrides[i] < 1 || elementStrides[i] > 8)
      return false;
    m.dim[i] = static_cast<u32>(dims[i]);
    m.elementStride[i] = static_cast<u8>(elementStrides[i]);
    if (i)
      m.stride[i - 1] = strides[i - 1];
  }
  return true;
}

CUresult writeMap(void *to, const TensorMap &m) {
  if (!to || (reinterpret_cast<uintptr_t>(to) & 63) || !validate(m).empty())
    return kInvalidValue;
  std::memcpy(to, &m, sizeof m);
  return kSuccess;
}
} // namespace

HAMLET_CUDA cuTensorMapEncodeTiled(void *map, int type, unsigned rank,
                                   void *address, const uint64_t *dims,
                                   const uint64_t *strides, const uint32_t *box,
                                   const uint32_t *elementStrides,
                                   int interleave, int swizzle, int, int fill) {
  HAMLET_ENTER(cuTensorMapEncodeTiled, false);
  TensorMap m;
  if (!box || !encodeMap(m, type, rank, address, dims, strides, elementStrides,
                         interleave, swizzle, fill))
    return kInvalidValue;
  for (unsigned i = 0; i < rank; ++i) {
    if (box[i] > 256)
      return kInvalidValue;
    m.box[i] = static_cast<u16>(box[i]);
  }
  return writeMap(map, m);
}

HAMLET_CUDA
cuTensorMapEncodeIm2col(void *map, int type, unsigned rank, void *address,
                        const uint64_t *dims, const uint64_t *strides,
                        const int *lower, const int *upper, unsigned channels,
                        unsigned pixels, const uint32_t *elementStrides,
                        int interleave, int swizzle, int, int fill) {
  HAMLET_ENTER(cuTensorMapEncodeIm2col, false);
  TensorMap m;
  if (!lower || !upper || rank < 3 || channels > 256 || pixels > 1024 ||
      !encodeMap(m, type, rank, address, dims, strides, elementStrides,
                 interleave, swizzle, fill))
    return kInvalidValue;
  m.im2col = 1;
  m.channels = static_cast<u16>(channels);
  m.pixels = static_cast<u16>(pixels);
  for (unsigned i = 0; i + 2 < rank; ++i) {
    if (lower[i] != s16(lower[i]) || upper[i] != s16(upper[i]))
      return kInvalidValue;
    m.lower[i] = static_cast<s16>(lower[i]);
    m.upper[i] = static_cast<s16>(upper[i]);
  }
  return writeMap(map, m);
}
