//===- TensorMap.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Tensor maps as this emulator lays them out in their 128 bytes. There is no
// magic number: a map of zeros with every field set by tensormap.replace is
// one.
#pragma once

#include "emulator/core/Types.h"

#include <string>

namespace hamlet::emu {

struct TensorMap {
  u64 base = 0;
  u64 stride[4] = {};       ///< bytes, of dimensions 1 ...
  u32 dim[5] = {};          ///< elements, innermost first
  u16 box[5] = {};          ///< elements
  u8 elementStride[5] = {}; ///< 0 counts as 1
  u8 rankMinusOne = 0;
  u8 type = 0;    ///< CUtensorMapDataType
  u8 swizzle = 0; ///< CUtensorMapSwizzle: none, 32, 64, 128
  u8 interleave = 0;
  u8 nanFill = 0;
  // Of im2col maps: columns of pixels instead of boxes. Corners: of the box of
  // first pixels, from the tensor's own, of dimensions 1 to rank - 2.
  u8 im2col = 0;
  u16 channels = 0, pixels = 0;
  s16 lower[3] = {}, upper[3] = {};
  u8 reserved[30] = {};
};
static_assert(sizeof(TensorMap) == 128);

/// Bytes of an element of CUtensorMapDataType `type`, 0 where unknown.
u32 tensorElementBytes(u32 type);
/// Elements of a box along dimension `i`; steps along dimension 0 are ignored.
inline u32 boxElements(const TensorMap &m, u32 i) {
  u32 step = i && m.elementStride[i] ? m.elementStride[i] : 1;
  return (m.box[i] + step - 1) / step;
}
/// Bytes of a box or a column.
u32 transferBytes(const TensorMap &m);
/// Checks every documented constraint. Empty when the map is valid, else a
/// sentence.
std::string validate(const TensorMap &map);

} // namespace hamlet::emu
