//===- Float.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_FLOAT_H
#define HAMLET_RUNTIME_FLOAT_H

#include <bit>
#include <cstdint>

/// Conversions between the stored float types: widening is exact, narrowing
/// rounds to nearest, ties to even; not-a-number stays one.
namespace hamlet::runtime {

inline float widenBf16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

inline float widenF16(uint16_t bits) {
  constexpr uint32_t kExponent = 0x7c00u << 13; // f16's exponent, in place
  uint32_t value = (bits & 0x7fffu) << 13;
  uint32_t exponent = value & kExponent;
  value += (127 - 15) << 23;
  if (exponent == kExponent) { // infinite or not a number
    value += (128 - 16) << 23;
  } else if (exponent == 0) { // zero or denormal
    value += 1 << 23;
    value = std::bit_cast<uint32_t>(std::bit_cast<float>(value) -
                                    std::bit_cast<float>(113u << 23));
  }
  return std::bit_cast<float>(value | (bits & 0x8000u) << 16);
}

inline uint16_t narrowBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

inline uint16_t narrowF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u)
    return sign | 0x7e00;
  if (bits >= 0x47800000u) // 65536 and above
    return sign | 0x7c00;
  if (bits < 0x38800000u) { // below the smallest normal f16, 2^-14
    // Adding 0.5 leaves the f16 denormal, rounded to even, in the low bits.
    float shifted = std::bit_cast<float>(bits) + 0.5f;
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(shifted) -
                                        std::bit_cast<uint32_t>(0.5f));
  }
  bits += 0xfffu + (bits >> 13 & 1);
  return sign |
         static_cast<uint16_t>((bits - (uint32_t(127 - 15) << 23)) >> 13);
}

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_FLOAT_H
