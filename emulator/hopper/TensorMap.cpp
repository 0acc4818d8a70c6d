//===- TensorMap.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/hopper/TensorMap.h"

namespace hamlet::emu {

u32 tensorElementBytes(u32 type) {
  // u8 u16 u32 s32 u64 s64 f16 f32 f64 bf16 f32_ftz tf32 tf32_ftz
  static const u8 bytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  return type < sizeof bytes ? bytes[type] : 0;
}

u32 transferBytes(const TensorMap &m) {
  u32 bytes = tensorElementBytes(m.type);
  if (m.im2col)
    return bytes * m.channels * m.pixels;
  for (u32 i = 0; i <= m.rankMinusOne; ++i)
    bytes *= boxElements(m, i);
  return bytes;
}

namespace {
std::string validateColumns(const TensorMap &m, u32 rank) {
  if (rank < 3)
    return "an im2col map has 3 to 5 dimensions, got " + std::to_string(rank);
  if (m.channels == 0 || m.channels > 256)
    return "channels must be 1 to 256, got " + std::to_string(m.channels);
  if (m.pixels == 0 || m.pixels > 1024)
    return "pixels must be 1 to 1024, got " + std::to_string(m.pixels);
  s32 most = rank == 3 ? 32767 : rank == 4 ? 127 : 15;
  for (u32 i = 0; i + 2 < rank; ++i) {
    if (m.lower[i] > most || m.lower[i] < -most - 1 || m.upper[i] > most ||
        m.upper[i] < -most - 1)
      return "corner " + std::to_string(i) + " must be " +
             std::to_string(-most - 1) + " to " + std::to_string(most);
    if (m.lower[i] > s64(m.dim[i + 1]) - 1 + m.upper[i])
      return "the corners leave no pixels along dimension " +
             std::to_string(i + 1);
  }
  return "";
}
} // namespace

std::string validate(const TensorMap &m) {
  u32 rank = m.rankMinusOne + 1u, bytes = tensorElementBytes(m.type);
  if (!bytes)
    return "data type " + std::to_string(m.type) + " is not supported";
  if (rank > 5)
    return "rank must be 1 to 5, got " + std::to_string(rank);
  if (m.base & 15)
    return "the address must be a multiple of 16";
  if (m.swizzle > 3)
    return "swizzle " + std::to_string(m.swizzle) + " is not supported";
  if (m.interleave)
    return "interleaved layouts are not supported";
  for (u32 i = 0; i < rank; ++i) {
    if (m.dim[i] == 0)
      return "dimension " + std::to_string(i) + " is 0";
    if (!m.im2col && (m.box[i] == 0 || m.box[i] > 256))
      return "box " + std::to_string(i) + " must be 1 to 256, got " +
             std::to_string(m.box[i]);
    if (m.elementStride[i] > 8)
      return "element stride " + std::to_string(i) + " must be 1 to 8";
    if (i && (m.stride[i - 1] & 15))
      return "stride " + std::to_string(i) +
             " must be a multiple of 16 bytes, got " +
             std::to_string(m.stride[i - 1]);
    if (i && m.stride[i - 1] >= (u64(1) << 40))
      return "stride " + std::to_string(i) + " must be below 2^40";
  }
  if (m.im2col)
    if (std::string wrong = validateColumns(m, rank); !wrong.empty())
      return wrong;
  u32 inner = (m.im2col ? m.channels : m.box[0]) * bytes;
  if (inner & 15)
    return "the inner box must be a multiple of 16 bytes, got " +
           std::to_string(inner);
  static const u32 span[] = {~0u, 32, 64, 128};
  if (inner > span[m.swizzle])
    return "the inner box has " + std::to_string(inner) +
           " bytes, more than the swizzle span " +
           std::to_string(span[m.swizzle]);
  return "";
}

} // namespace hamlet::emu
