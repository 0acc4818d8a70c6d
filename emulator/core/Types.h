//===- Types.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Scalar types of the PTX language and the error that every stage throws.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hamlet::emu {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;

/// A PTX text, operand or launch that cannot be used. `line` is the line of the
/// PTX text, 0 where there is none.
class PtxError : public std::runtime_error {
public:
  PtxError(u32 line, const std::string &message)
      : std::runtime_error(
            line ? "line " + std::to_string(line) + ": " + message : message),
        line(line) {}
  u32 line;
};

enum class Type : u8 {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  TF32,
  F32,
  F64,
  E4M3,
  E5M2,
  E4M3x2,
  E5M2x2,
  U16x2,
  S16x2,
  F32x2,
  S4, ///< of matrices only, as U4 and B1
  U4,
  B1,
};

inline u64 alignUp(u64 v, u64 a) { return (v + a - 1) / a * a; }

/// The type written `name` (without the dot), None where it is no type.
Type typeNamed(std::string_view name);
const char *typeName(Type type);
/// Bytes of one element in memory; a predicate counts 1.
u32 typeBytes(Type type);
bool isSigned(Type type);
bool isFloat(Type type);
inline bool isInteger(Type t) {
  return (t >= Type::U8 && t <= Type::S64) || (t >= Type::B8 && t <= Type::B64);
}
/// Bytes that one lane of a register of this type takes in the arena: 4 up to
/// 32 bits, else 8 or 16.
inline u32 laneBytes(Type type) {
  u32 bytes = typeBytes(type);
  return bytes <= 4 ? 4 : bytes;
}

enum class Space : u8 {
  Generic,
  Global,
  Const,
  Shared,
  SharedCluster,
  Local,
  Param,
};
const char *spaceName(Space space);

} // namespace hamlet::emu
