//===- Types.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/core/Types.h"

namespace hamlet::emu {
namespace {
struct Row {
  const char *name;
  u32 bytes;
};
const Row kTypes[] = {
    {"", 0},       {"pred", 1},  {"b8", 1},    {"b16", 2},    {"b32", 4},
    {"b64", 8},    {"b128", 16}, {"u8", 1},    {"u16", 2},    {"u32", 4},
    {"u64", 8},    {"s8", 1},    {"s16", 2},   {"s32", 4},    {"s64", 8},
    {"f16", 2},    {"f16x2", 4}, {"bf16", 2},  {"bf16x2", 4}, {"tf32", 4},
    {"f32", 4},    {"f64", 8},   {"e4m3", 1},  {"e5m2", 1},   {"e4m3x2", 2},
    {"e5m2x2", 2}, {"u16x2", 4}, {"s16x2", 4}, {"f32x2", 8},  {"s4", 1},
    {"u4", 1},     {"b1", 1},
};
} // namespace

Type typeNamed(std::string_view name) {
  // No register or access has a type below 8 bits.
  for (size_t i = 1; i < static_cast<size_t>(Type::S4); ++i)
    if (name == kTypes[i].name)
      return static_cast<Type>(i);
  return Type::None;
}

const char *typeName(Type type) { return kTypes[static_cast<u8>(type)].name; }
u32 typeBytes(Type type) { return kTypes[static_cast<u8>(type)].bytes; }

bool isSigned(Type t) {
  return t == Type::S8 || t == Type::S16 || t == Type::S32 || t == Type::S64 ||
         t == Type::S16x2;
}

bool isFloat(Type t) {
  return (t >= Type::F16 && t <= Type::E5M2x2) || t == Type::F32x2;
}

const char *spaceName(Space space) {
  static const char *const names[] = {"generic", "global",          "const",
                                      "shared",  "shared::cluster", "local",
                                      "param"};
  return names[static_cast<u8>(space)];
}

} // namespace hamlet::emu
