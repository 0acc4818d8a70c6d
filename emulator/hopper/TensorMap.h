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
  u8 reserved[48] = {};
};
static_assert(sizeof(TensorMap) == 128);

/// Bytes of an element of CUtensorMapDataType `type`, 0 where unknown.
u32 tensorElementBytes(u32 type);
/// Checks every documented constraint. Empty when the map is valid, else a
/// sentence.
std::string validate(const TensorMap &map);

} // namespace hamlet::emu
